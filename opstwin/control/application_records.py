"""The deployment records of applications that were given as manifests, not as Workloads."""

from collections.abc import Iterator, Mapping, Sequence
from math import ceil
from typing import Final

from opstwin.domain.access import ActorKind
from opstwin.domain.deployment import Deployment, image_parts, purpose_of
from opstwin.domain.draft_origin import confidence_in
from opstwin.domain.kinds import runs
from opstwin.domain.plan import Change, Op, Plan
from opstwin.domain.values import ExecutionId, Json, Spec
from opstwin.manifests.quantities import amount_of

_FIRST: Final = ("deployment", "statefulset", "daemonset", "cronjob", "job", "pod")
"""Of several things that run, the one that stands for the application."""


def applications_of(plan: Plan) -> Iterator[Deployment]:
    """One record, not ended yet, for each application of manifests that a plan changes and that runs something."""
    told = {item.name for item in plan.workloads}
    groups: dict[str, list[Change]] = {}
    for change in plan.changes:
        manifest = change.after or change.before or {}
        if change.workload and change.workload not in told and runs(change.kind) and "apiVersion" in manifest:
            groups.setdefault(change.workload, []).append(change)
    for name, changes in groups.items():
        yield _record(plan, name, min(changes, key=_rank))


def _rank(change: Change) -> tuple[int, str]:
    return (_FIRST.index(change.kind) if change.kind in _FIRST else len(_FIRST)), change.name


def _record(plan: Plan, name: str, change: Change) -> Deployment:
    spec = change.after or change.before or {}
    container = next(iter(_containers(spec)), {})
    image = str(container.get("image") or "")
    amounts = _Amounts(container)
    bare, tag = image_parts(image)
    confidence = confidence_in(plan.drafts, name)
    return Deployment(
        id="", service_name=name, image_name=bare, image_tag=tag, service_type=purpose_of(image),
        cpu_request=amounts.cpu("requests"), cpu_limit=amounts.cpu("limits"),
        memory_request=amounts.memory("requests"), memory_limit=amounts.memory("limits"),
        replicas=0 if change.op is Op.DELETE else _replicas(spec), target_cluster=plan.target,
        namespace=change.name.rpartition("/")[0], deployed_at=plan.created_at, success=False, outcome="",
        ai_generated=confidence is not None or plan.requested_by.kind is ActorKind.AGENT, ai_confidence=confidence,
        plan_id=plan.id, execution_id=ExecutionId(""),
        workload=None,
    )  # fmt: skip


def limits_of(spec: Spec) -> tuple[int | None, int | None]:
    """The limits of what a manifest runs, of CPU in millicores and of memory in bytes; None where it sets none."""
    amounts = _Amounts(next(iter(_containers(spec)), {}))
    return amounts.cpu("limits"), amounts.memory("limits")


class _Amounts:
    """What the main container requests and may use."""

    def __init__(self, container: Mapping[str, Json]) -> None:
        self._resources = _object(container, "resources")

    def cpu(self, side: str) -> int | None:
        """In millicores, rounded up; None where nothing is said."""
        return self._whole(side, "cpu", 1000)

    def memory(self, side: str) -> int | None:
        """In bytes; None where nothing is said."""
        return self._whole(side, "memory", 1)

    def _whole(self, side: str, name: str, factor: int) -> int | None:
        amount = amount_of(_object(self._resources, side).get(name))
        return None if amount is None else ceil(amount * factor)


def _containers(spec: Spec) -> Sequence[Mapping[str, Json]]:
    inner = _object(spec, "spec")
    if "jobTemplate" in inner:
        inner = _object(_object(inner, "jobTemplate"), "spec")
    pod = _object(_object(inner, "template"), "spec") if "template" in inner else inner
    found = pod.get("containers")
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def _replicas(spec: Spec) -> int:
    said = _object(spec, "spec").get("replicas", 1)
    return said if isinstance(said, int) and not isinstance(said, bool) else 1


def _object(value: Mapping[str, Json], key: str) -> Mapping[str, Json]:
    found = value.get(key)
    return found if isinstance(found, dict) else {}
