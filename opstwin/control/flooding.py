"""Too many plans that wait for a decision at once: nobody reads fifty plans well, so no requester may make them."""

import math
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from opstwin.control.ledger import Ledger
from opstwin.domain.access import Actor, ActorKind
from opstwin.domain.audit import AuditEntry
from opstwin.domain.event import Event
from opstwin.domain.plan import Plan, PlanState
from opstwin.domain.values import PlanId
from opstwin.errors import LimitExceeded
from opstwin.logs import logger

WINDOW: Final = timedelta(minutes=10)
"""Only plans of this time count, so that plans which nobody ever decides on do not shut their requester out."""

_BEING_STORED: Final = timedelta(minutes=1)
"""A plan that is not in the twin for so long failed to be stored; a younger one may be on its way there."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    id: PlanId
    made_at: datetime


@dataclass(slots=True)
class Flood:
    """Counts, in this process, the plans that each human has waiting, and apart from them those of all their agents.

    However many an agent makes, its human still plans a stop or a way back. `most` 0 is any number. A schedule is not
    counted: the reconciler proposes a plan once.
    """

    ledger: Ledger
    most: int
    _by_maker: dict[str, deque[_Waiting]] = field(default_factory=dict)
    _told_at: dict[str, datetime] = field(default_factory=dict)

    async def admit(self, plan: Plan) -> None:
        """Count a plan that is about to be stored.

        Raises `LimitExceeded` when its human, or the agents of its human together, have as many waiting as may be.
        """
        actor = plan.requested_by
        if not self.most or actor.kind is ActorKind.SCHEDULE:
            return
        maker = _maker(actor)
        if len(self._recent(maker)) >= self.most:
            await self._look_again(maker)
        waiting = self._recent(maker)
        if len(waiting) >= self.most:
            await self._tell(actor, maker, len(waiting))
            raise self._refusal(maker, waiting)
        waiting.append(_Waiting(plan.id, plan.created_at))

    def _refusal(self, maker: str, waiting: deque[_Waiting]) -> LimitExceeded:
        wait = waiting[len(waiting) - self.most].made_at + WINDOW - self.ledger.clock.now()
        return LimitExceeded(
            f"{len(waiting)} plans that {maker} asked for wait for a decision.",
            next_step="Let a person decide on them first (opstwin get plans; opstwin reject takes several at once). "
            "Put what belongs together into one plan.",
            details={"limit": "waiting_plans", "most": self.most, "waiting": [item.id for item in list(waiting)[:10]]},
            retry_after_s=float(max(1, math.ceil(wait.total_seconds()))),
        )

    async def _look_again(self, maker: str) -> None:
        """Forget those that were decided on, or never stored."""
        for item in list(self._recent(maker)):
            if not await self._waits(item) and item in self._by_maker[maker]:
                self._by_maker[maker].remove(item)

    def _recent(self, maker: str) -> deque[_Waiting]:
        waiting = self._by_maker.setdefault(maker, deque())
        since = self.ledger.clock.now() - WINDOW
        while waiting and waiting[0].made_at <= since:
            waiting.popleft()
        return waiting

    async def _waits(self, item: _Waiting) -> bool:
        plan = await self.ledger.get(Plan, item.id)
        if plan is None:
            return self.ledger.clock.now() - item.made_at < _BEING_STORED
        return plan.state is PlanState.PENDING

    async def _tell(self, actor: Actor, maker: str, count: int) -> None:
        """Alert people, once in the window: an event to see, and an audit row with who asked."""
        now = self.ledger.clock.now()
        told_at = self._told_at.get(maker)
        if told_at is not None and now - told_at < WINDOW:
            return
        self._told_at[maker] = now
        message = f"{count} plans of {maker} wait for a decision; {actor.id} may make no more for now."
        logger().warning("approval_flood", maker=maker, plans=count)
        entry = AuditEntry(
            action="plan.flood", subject=actor.human or actor.id, actor=actor, outcome="refused", reason=message[:500],
            details={"waiting": count, "most": self.most},
        )  # fmt: skip
        await self.ledger.commit([], [entry], [Event(at=now, type="plan.flood", message=message)])


def _maker(actor: Actor) -> str:
    """Who is counted together: a person alone, or all agents of one person."""
    return actor.id if actor.kind is ActorKind.PERSON else f"agents of {actor.human or actor.id}"
