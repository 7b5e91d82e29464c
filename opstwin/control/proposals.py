"""Plans against drift that were made before: which still answer the drift of now, and which are overtaken."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Final

from opstwin.control.actors import RECONCILER
from opstwin.control.ledger import Ledger
from opstwin.control.starting import moved_since
from opstwin.domain.audit import AuditEntry
from opstwin.domain.event import Event
from opstwin.domain.plan import Origin, Plan, PlanState
from opstwin.domain.values import PlanId, ResourceId, TargetId
from opstwin.errors import Conflict
from opstwin.twin.store import Put, Query

HEALING: Final = (Origin.DRIFT, Origin.DESIRED)
"""The origins of plans that bring the observed side back to desired."""

LOOK_BACK: Final = 100
"""Rejected plans that are read to respect them; an older one holds only if nothing has moved since, which is rare."""


@dataclass(frozen=True, slots=True)
class Proposals:
    """Reads the drift plans of a target and marks those that no longer hold."""

    ledger: Ledger

    async def rejected(self, target: TargetId) -> set[ResourceId]:
        """The resources that a person said to leave as they are, as long as nothing about them has moved."""
        found: set[ResourceId] = set()
        for origin in HEALING:
            where = {"target": str(target), "state": PlanState.REJECTED.value, "origin": origin.value}
            page = await self.ledger.store.find(Query(Plan, where, limit=LOOK_BACK, newest_first=True))
            for plan in page.items:
                if await self._holds(plan):
                    found |= {change.resource for change in plan.changes}
        return found

    async def overtake(self, target: TargetId, current: Collection[PlanId]) -> tuple[PlanId, ...]:
        """Mark waiting plans stale: those too old, those whose world has moved, and ours that are not in `current`."""
        marked: list[PlanId] = []
        for origin in HEALING:
            where = {"target": str(target), "state": PlanState.PENDING.value, "origin": origin.value}
            waiting = [plan for plan in await self.ledger.all(Plan, where) if plan.id not in current]
            marked += [plan.id for plan in waiting if await self._is_over(plan) and await self._mark(plan)]
        return tuple(marked)

    async def _is_over(self, plan: Plan) -> bool:
        mine = plan.requested_by.id == RECONCILER.id
        return mine or self.ledger.clock.now() >= plan.expires_at or not await self._holds(plan)

    async def _mark(self, plan: Plan) -> bool:
        entry = AuditEntry(
            action="plan.stale", subject=plan.id, actor=RECONCILER, plan_id=plan.id, digest=plan.digest,
            reason="what it was made for has changed",
        )  # fmt: skip
        event = Event(
            at=self.ledger.clock.now(), type="plan.stale", target=plan.target, plan_id=plan.id,
            message="Overtaken: what it was made for has changed.",
        )  # fmt: skip
        try:
            await self.ledger.commit([Put(replace(plan, state=PlanState.STALE))], [entry], [event])
        except Conflict:
            return False
        return True

    async def _holds(self, plan: Plan) -> bool:
        return not await moved_since(self.ledger, plan)
