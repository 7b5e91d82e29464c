"""What the twin holds about one target at the moment a plan is made. Unknown is never read as absent."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from opstwin.control.drivers import Readers
from opstwin.control.ledger import Ledger
from opstwin.control.observing import Observer
from opstwin.domain.audit import AuditRow
from opstwin.domain.kinds import SHARED, STAYS, runs
from opstwin.domain.plan import Base
from opstwin.domain.resource import Desired, Observed, Presence, WorkloadRecord
from opstwin.domain.target import Target
from opstwin.domain.values import ResourceId, Spec, TargetId, resource_id
from opstwin.domain.workload import Workload
from opstwin.errors import InvalidInput, Unreachable
from opstwin.twin.store import Query

ADOPTED: Final = "resource.adopt"
"""The audit action that says that a container was taken over; `details["identity"]` is which one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Desired, observed and workloads of one target, by id (workloads by name).

    `taken_over` are the containers without Opstwin's mark that a person adopted and that are still the same ones.
    """

    target: Target
    desired: Mapping[ResourceId, Desired]
    observed: Mapping[ResourceId, Observed]
    records: Mapping[str, WorkloadRecord]
    taken_over: frozenset[ResourceId] = frozenset()

    def workload(self, name: str) -> Workload | None:
        """The Workload of that name as it should be, None when there is none or it was taken down."""
        record = self.records.get(name)
        return record.workload if record else None

    def live(self) -> Mapping[ResourceId, Desired]:
        """What should exist."""
        return {key: item for key, item in self.desired.items() if item.spec is not None}

    def runners_of(self, workload: str) -> Sequence[Desired]:
        """What runs of a workload, as far as it should exist."""
        return [item for item in self.parts_of(workload) if runs(item.kind)]

    def parts_of(self, workload: str) -> Sequence[Desired]:
        """What should exist of a workload and goes with it: all but what holds data and what others may use."""
        stay = SHARED | STAYS
        return [item for item in self.live().values() if item.workload == workload and item.kind not in stay]

    def seen(self, resource: ResourceId) -> Spec | None:
        """The observed spec of what is there, None when it is absent."""
        found = self.observed.get(resource)
        return found.spec or {} if found is not None and found.presence is Presence.PRESENT else None

    def ours(self, resource: ResourceId) -> bool:
        """Whether Opstwin owns what is there: it made it (its mark is on it), or a person adopted this very container.

        A desired record alone does not make a thing ours: somebody else may have taken the name meanwhile.
        """
        record, found = self.desired.get(resource), self.observed.get(resource)
        if record is None:
            return False
        if found is None or found.presence is not Presence.PRESENT:
            return record.spec is not None
        return found.managed or (record.spec is not None and resource in self.taken_over)

    def adopted(self, resource: ResourceId) -> bool:
        """Whether it is ours because it was adopted: what is there does not carry Opstwin's mark."""
        return self.seen(resource) is not None and not self.observed[resource].managed and self.ours(resource)

    def unsure(self, resources: Iterable[ResourceId]) -> list[ResourceId]:
        """Those of which nobody can say whether they are there."""
        known = (Presence.PRESENT, Presence.ABSENT)
        return [item for item in resources if item not in self.observed or self.observed[item].presence not in known]

    def base(self, resource: ResourceId) -> Base:
        """The revisions of a resource that a plan made now stands on."""
        record, found = self.desired.get(resource), self.observed.get(resource)
        return Base(
            resource=resource,
            desired_revision=record.revision if record else 0,
            observed_revision=found.revision if found else 0,
        )

    def workload_base(self, name: str) -> Base:
        """The revision of a workload that a plan made now stands on."""
        record = self.records.get(name)
        key = resource_id(self.target.id, "workload", name)
        return Base(resource=key, desired_revision=record.revision if record else 0, observed_revision=0)


async def scene_of(ledger: Ledger, target_id: str) -> Scene:
    """Everything the twin holds about a target. Raises `NotFound`, and `InvalidInput` for one that is switched off."""
    target = await ledger.need(Target, target_id, next_step="List targets: opstwin targets list")
    if not target.is_active:
        raise InvalidInput(
            f"Target {target.id} is switched off.",
            field="target",
            next_step=f"Switch it on: opstwin targets update {target.id} --active",
        )
    where: dict[str, str | bool | None] = {"target": target.id}
    desired = {item.id: item for item in await ledger.all(Desired, where)}
    observed = {item.id: item for item in await ledger.all(Observed, where)}
    unmarked = [observed[key] for key, item in desired.items() if item.spec is not None and _is_unmarked(observed, key)]
    return Scene(
        target=target,
        desired=desired,
        observed=observed,
        records={item.name: item for item in await ledger.all(WorkloadRecord, where)},
        taken_over=frozenset([item.id for item in unmarked if await was_taken_over(ledger, item)]),
    )


async def was_taken_over(ledger: Ledger, found: Observed) -> bool:
    """Whether a person adopted this very container, and not one that had its name before."""
    page = await ledger.store.find(Query(AuditRow, {"action": ADOPTED, "subject": found.id}, newest_first=True))
    row = next((item for item in page.items if item.outcome == "ok"), None)
    return row is not None and row.details.get("identity", found.facts.get("id")) == found.facts.get("id")


def _is_unmarked(observed: Mapping[ResourceId, Observed], resource: ResourceId) -> bool:
    found = observed.get(resource)
    return found is not None and found.presence is Presence.PRESENT and not found.managed


async def made_sure(ledger: Ledger, readers: Readers, scene: Scene, resources: Iterable[ResourceId]) -> Scene:
    """`scene` after looking at those of `resources` that were never seen or are unknown.

    Raises `Unreachable` naming what still cannot be told: a plan is never made on unknown.
    """
    open_questions = scene.unsure(resources)
    if not open_questions:
        return scene
    looked = await Observer(ledger, readers).observe(open_questions)
    clearer = replace(scene, observed={**scene.observed, **{item.id: item for item in looked}})
    still = clearer.unsure(open_questions)
    if still:
        raise _cannot_tell(scene.target.id, still)
    return clearer


def _cannot_tell(target: TargetId, resources: Sequence[ResourceId]) -> Unreachable:
    names = ", ".join(item.split("/", 2)[2] for item in resources[:5])
    return Unreachable(
        f"Cannot tell whether {names} {'is' if len(resources) == 1 else 'are'} there: {target} did not say.",
        next_step=f"Observe first: opstwin discover {target}, then plan again.",
        details={"target": target, "unknown": list(resources)},
    )
