"""The guard against a fight: what keeps being changed back is healed a few times, then with growing pauses."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from opstwin.control.actors import RECONCILER
from opstwin.control.ledger import Ledger
from opstwin.domain.access import Actor, ActorKind
from opstwin.domain.audit import AuditEntry
from opstwin.domain.drift import Drift
from opstwin.domain.event import Event
from opstwin.domain.healing import FLIP_WINDOW, HealRecord
from opstwin.domain.plan import Plan
from opstwin.domain.values import Json, ResourceId, TargetId
from opstwin.errors import Forbidden
from opstwin.twin.store import Put

Over = Mapping[ResourceId, tuple[str, ...]]
"""What of each resource differs: see `Drift.over`."""


@dataclass(frozen=True, slots=True)
class FlapGuard:
    """Counts the heals of each resource, in the twin, so that a restart does not forget them."""

    ledger: Ledger

    async def release(self, target: TargetId) -> None:
        """End the pauses whose time is over: what differs there is healed again, once."""
        now = self.ledger.clock.now()
        paused = await self.ledger.all(HealRecord, {"target": target, "paused": True})
        over = [record for record in paused if record.paused_until is not None and record.paused_until <= now]
        if not over:
            return
        entries = [AuditEntry(action="healing.resume", subject=item.id, actor=RECONCILER) for item in over]
        events = [
            Event(
                at=now, type="healing.resumed", target=target, resource=item.id,
                message=f"The pause is over: {item.id} is healed again.",
            )
            for item in over
        ]  # fmt: skip
        await self.ledger.commit([Put(replace(item, paused=False)) for item in over], entries, events)

    async def paused(self, target: TargetId, drifts: Iterable[Drift]) -> set[ResourceId]:
        """The resources that must not be healed now; pauses those that are changed back again and again."""
        found: set[ResourceId] = set()
        now = self.ledger.clock.now()
        drifts = list(drifts)
        records = await self._of(target, [drift.resource for drift in drifts])
        for drift in drifts:
            record = records[drift.resource]
            fight = () if record.paused else record.fought_over(drift.over, now)
            if fight:
                await self._pause(record, fight)
            if fight or record.paused:
                found.add(drift.resource)
        return found

    async def count(self, plan: Plan, over: Over) -> None:
        """Write down, before it happens, that these resources are healed by `plan`, and what is put back of each."""
        now = self.ledger.clock.now()
        before = await self._of(plan.target, over)
        records = [before[item].healed(what, now) for item, what in over.items()]
        entry = AuditEntry(
            action="healing.start", subject=plan.id, actor=RECONCILER, plan_id=plan.id, digest=plan.digest,
            details={"resources": [str(item) for item in over]},
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
        free = HealRecord(id=record.id, target=record.target, version=record.version)
        entry = AuditEntry(action="healing.resume", subject=resource, actor=actor)
        event = Event(
            at=self.ledger.clock.now(), type="healing.resumed", target=record.target, resource=resource,
            message=f"{actor.id} lets {resource} be healed again.",
        )  # fmt: skip
        await self.ledger.commit([Put(free)], [entry], [event])
        return replace(free, version=free.version + 1)

    async def _of(self, target: TargetId, resources: Iterable[ResourceId]) -> dict[ResourceId, HealRecord]:
        resources = list(resources)
        found = await self.ledger.some(HealRecord, resources)
        return {item: found.get(item) or HealRecord(id=item, target=target) for item in resources}

    async def _pause(self, record: HealRecord, fight: tuple[str, ...]) -> None:
        now = self.ledger.clock.now()
        held = record.pausing(fight, now)
        until = held.paused_until.isoformat(timespec="minutes") if held.paused_until else ""
        why = (
            f"{record.id} was healed {_times(len(record.recent_over(fight, now)))} within "
            f"{FLIP_WINDOW.seconds // 60} minutes and changed back each time in {', '.join(fight[:5])}. "
            f"Healing is paused until {until}."
        )
        details: dict[str, Json] = {"over": list(fight), "until": until, "pauses": held.rounds}
        entry = AuditEntry(
            action="healing.pause", subject=record.id, actor=RECONCILER, reason=why, details=details
        )  # fmt: skip
        event = Event(
            at=now, type="healing.paused", target=record.target, resource=record.id, message=why, details=details
        )  # fmt: skip
        await self.ledger.commit([Put(held)], [entry], [event])


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
