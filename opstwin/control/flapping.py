"""The guard against a fight: what keeps being changed back is healed a few times, then left to a person."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from opstwin.control.actors import RECONCILER
from opstwin.control.ledger import Ledger
from opstwin.domain.access import Actor, ActorKind
from opstwin.domain.audit import AuditEntry
from opstwin.domain.event import Event
from opstwin.domain.healing import FLIP_WINDOW, MAX_FLIPS, HealRecord
from opstwin.domain.plan import Plan
from opstwin.domain.values import ResourceId, TargetId
from opstwin.errors import Forbidden
from opstwin.twin.store import Put


@dataclass(frozen=True, slots=True)
class FlapGuard:
    """Counts the heals of each resource, in the twin, so that a restart does not forget them."""

    ledger: Ledger

    async def paused(self, target: TargetId, resources: Iterable[ResourceId]) -> set[ResourceId]:
        """The resources that must not be healed now; pauses those that were healed too often lately."""
        found: set[ResourceId] = set()
        for resource in resources:
            record = await self.ledger.get(HealRecord, resource) or HealRecord(id=resource, target=target)
            if not record.paused and len(record.recent(self.ledger.clock.now())) >= MAX_FLIPS:
                await self._pause(record)
                found.add(resource)
            elif record.paused:
                found.add(resource)
        return found

    async def count(self, plan: Plan, resources: Sequence[ResourceId]) -> None:
        """Write down, before it happens, that these resources are healed by `plan`."""
        now = self.ledger.clock.now()
        records: list[HealRecord] = []
        for resource in resources:
            record = await self.ledger.get(HealRecord, resource) or HealRecord(id=resource, target=plan.target)
            records.append(replace(record, healed_at=(*record.recent(now), now)))
        entry = AuditEntry(
            action="healing.start", subject=plan.id, actor=RECONCILER, plan_id=plan.id, digest=plan.digest,
            details={"resources": [str(item) for item in resources]},
        )  # fmt: skip
        await self.ledger.commit([Put(record) for record in records], [entry])

    async def resume(self, resource: ResourceId, actor: Actor) -> HealRecord:
        """Let a resource be healed again, counting from nothing. Raises `Forbidden` for all but people, `NotFound`."""
        if actor.kind is not ActorKind.PERSON:
            raise Forbidden(
                "Only a person can let healing go on.",
                next_step=f"Ask a person to run: opstwin resume {resource}",
                details={"resource": resource},
            )
        record = await self.ledger.need(HealRecord, resource, next_step="See what differs: opstwin drift")
        if not record.paused:
            return record
        free = replace(record, paused=False, paused_at=None, healed_at=())
        entry = AuditEntry(action="healing.resume", subject=resource, actor=actor)
        event = Event(
            at=self.ledger.clock.now(), type="healing.resumed", target=record.target, resource=resource,
            message=f"{actor.id} lets {resource} be healed again.",
        )  # fmt: skip
        await self.ledger.commit([Put(free)], [entry], [event])
        return replace(free, version=free.version + 1)

    async def _pause(self, record: HealRecord) -> None:
        now = self.ledger.clock.now()
        why = (
            f"{record.id} was healed {len(record.recent(now))} times within {FLIP_WINDOW.seconds // 60} minutes and "
            "changed back each time. Healing is paused."
        )
        entry = AuditEntry(action="healing.pause", subject=record.id, actor=RECONCILER, reason=why)
        event = Event(at=now, type="healing.paused", target=record.target, resource=record.id, message=why)
        await self.ledger.commit([Put(replace(record, paused=True, paused_at=now))], [entry], [event])
