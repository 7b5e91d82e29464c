"""What is wanted of a resource, compared with what is there. Pure, given a `Scene`."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from opstwin.control.scene import Scene
from opstwin.domain.diff import apply
from opstwin.domain.kinds import SHARED
from opstwin.domain.plan import Change, Op
from opstwin.domain.reasons import reason
from opstwin.domain.values import ResourceId, Spec, TargetId
from opstwin.errors import Conflict, InvalidInput
from opstwin.targets.ports import Renderer
from opstwin.targets.spec_reading import masked_values


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One resource as it should be; `spec` None says that it should not exist."""

    resource: ResourceId
    kind: str
    name: str
    workload: str | None
    spec: Spec | None
    needs: tuple[ResourceId, ...] = ()


def compared(scene: Scene, renderer: Renderer, wanted: Iterable[Wanted]) -> Iterator[Change]:
    """One change for each resource that is not as wanted. Raises `Conflict` for what is there and not ours."""
    for item in wanted:
        change = change_of(scene, renderer, item)
        if change is not None:
            yield change


def change_of(scene: Scene, renderer: Renderer, wanted: Wanted) -> Change | None:
    """What makes one resource as wanted, None when it is so already and the twin wants nothing else either."""
    found = scene.seen(wanted.resource)
    if found is not None and not scene.ours(wanted.resource):
        _refuse_foreign(scene, wanted)
        return None
    _refuse_other_owner(scene, wanted)
    if wanted.spec is None:
        return _change(wanted, Op.DELETE, found)
    if found is None:
        return _change(wanted, Op.CREATE, None)
    return _difference(scene, renderer, wanted, found)


def _difference(scene: Scene, renderer: Renderer, wanted: Wanted, found: Spec) -> Change | None:
    assert wanted.spec is not None
    after = wanted.spec
    back = renderer.difference(wanted.kind, after, found)
    before = apply(after, back)
    if not back:
        record = scene.desired.get(wanted.resource)
        noted = record is not None and record.spec is not None
        if noted and record is not None and not renderer.difference(wanted.kind, record.spec or {}, after):
            return None
        return _change(wanted, Op.UPDATE, before, reason("only_desired"))
    forced = renderer.must_replace(wanted.kind, before, after)
    if forced:
        because = reason("not_in_place", fields=", ".join(forced))
        return _change(wanted, Op.REPLACE, before, because, *_settings_lost(scene, wanted.resource))
    return _change(wanted, Op.UPDATE, before)


def _settings_lost(scene: Scene, resource: ResourceId) -> tuple[str, ...]:
    """What a container that was not made here has beyond its spec, so that a new one would lack it."""
    found = scene.observed.get(resource)
    lost = found.facts.get("not_in_spec") if found is not None else None
    if not isinstance(lost, list) or not lost:
        return ()
    return (reason("by_hand_lost", names=", ".join(map(str, lost))),)


def _change(wanted: Wanted, op: Op, before: Spec | None, *reasons: str) -> Change:
    hidden, wanted_hidden = masked_values(before), masked_values(wanted.spec)
    if op in (Op.CREATE, Op.REPLACE):
        _refuse_masked(wanted, [key for key, value in wanted_hidden.items() if hidden.get(key) != value])
    lost = sorted(set(hidden) - set(wanted_hidden))
    if lost and op in (Op.REPLACE, Op.DELETE):
        reasons = (*reasons, reason("value_unknown", names=", ".join(lost)))
    target = TargetId(wanted.resource.split("/", 1)[0])
    return Change(
        resource=wanted.resource, target=target, kind=wanted.kind, name=wanted.name, op=op, workload=wanted.workload,
        before=before, after=wanted.spec, needs=wanted.needs, reasons=reasons,
    )  # fmt: skip


def _refuse_masked(wanted: Wanted, hidden: Sequence[str]) -> None:
    """A mask is no value: only a driver that replaces a container can carry the value over from the old one."""
    if hidden:
        raise InvalidInput(
            f"{wanted.name} cannot be made: the value of {', '.join(hidden)} was never read, as it is secret.",
            field="env",
            next_step="Give a reference for it in the workload's secret_env, such as env:NAME, and plan again.",
            details={"resource": wanted.resource, "variables": list(hidden)},
        )


def _refuse_foreign(scene: Scene, wanted: Wanted) -> None:
    if wanted.kind in SHARED:
        return
    record = scene.desired.get(wanted.resource)
    taken = record is not None and record.spec is not None
    raise Conflict(
        f"A {wanted.kind} named {wanted.name} is on {scene.target.id} already, and Opstwin did not make it.",
        next_step=(
            f"It took the name of one of ours: rename or remove it by hand, then opstwin discover {scene.target.id}."
            if taken
            else f"Take it over with opstwin adopt {wanted.resource}, or use another name."
        ),
        details={"field": "name", "resource": wanted.resource},
    )


def _refuse_other_owner(scene: Scene, wanted: Wanted) -> None:
    record = scene.desired.get(wanted.resource)
    if wanted.kind in SHARED or record is None or record.spec is None:
        return
    if record.workload in (None, wanted.workload):
        return
    raise Conflict(
        f"{wanted.kind.capitalize()} {wanted.name} belongs to workload {record.workload}.",
        next_step="Use another name.",
        details={"field": "name", "resource": wanted.resource},
    )
