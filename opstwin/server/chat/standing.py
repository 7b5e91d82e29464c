"""Threads in the twin: begun, noted and found again; and what a thread waits for."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from opstwin.control.confiding import confided
from opstwin.control.ledger import Ledger
from opstwin.domain.access import Scope
from opstwin.domain.audit import AuditEntry
from opstwin.domain.plan import Plan, PlanState
from opstwin.domain.spoken_secrets import without_spoken
from opstwin.domain.thread import Remark, Thread, id_of_thread, title_of, with_remarks
from opstwin.domain.values import PlanId
from opstwin.errors import Conflict, NotFound
from opstwin.server.chat.heard import CLOSING, WAITS, Heard
from opstwin.tools.chat_views import ThreadRow, ThreadView, Turn, WaitView
from opstwin.tools.plan_briefs import approve_command
from opstwin.tools.plan_views import approve_url
from opstwin.tools.registry import Caller
from opstwin.tools.services import Services
from opstwin.tools.views import row
from opstwin.tools.waiting import NAMED, still_needed
from opstwin.twin.store import Put, Remove

RUNNING: Final = "running"
_OPEN: Final = frozenset({PlanState.PENDING, PlanState.APPROVED})
_TRIES: Final = 3

Change = Callable[[Thread], Thread]


@dataclass(frozen=True, slots=True)
class Standing:
    """The threads of everybody, each seen by its owner alone."""

    services: Services

    @property
    def ledger(self) -> Ledger:
        """Where they are kept."""
        return self.services.ledger

    def cover(self, text: str) -> str:
        """`text` without the secrets that the twin knows."""
        return self.services.veil.over(text)

    async def find(self, caller: Caller, name: str) -> Thread | None:
        """The caller's thread of this name."""
        return await self.ledger.get(Thread, id_of_thread(caller.principal.id, name))

    async def need(self, caller: Caller, name: str) -> Thread:
        """The same; raises `NotFound` where there is none of the caller's."""
        found = await self.find(caller, name)
        if found is None:
            raise NotFound(f"There is no thread {name!r}.", next_step="List yours: opstwin chat --list")
        return found

    async def all_of(self, caller: Caller) -> Sequence[Thread]:
        """The caller's threads, the newest first."""
        found = await self.ledger.all(Thread, {"owner": caller.principal.id})
        return sorted(found, key=lambda item: (item.updated_at, item.id), reverse=True)

    async def begin(self, caller: Caller, turn: Turn) -> Thread:
        """The thread with what was just said, without the secrets in it; a new one where there is none.

        Raises `Conflict` when another hub begins a turn in it at this moment.
        """
        now = self.ledger.clock.now()
        said = self.cover(without_spoken(confided(turn.words)))
        known = await self.find(caller, turn.thread)
        thread = known or Thread(
            id=id_of_thread(caller.principal.id, turn.thread), owner=caller.principal.id, name=turn.thread,
            title=title_of(said), created_at=now, updated_at=now,
        )  # fmt: skip
        thread = with_remarks(thread, [Remark(id=turn.words_id or f"{turn.run_id}-user", by="user", text=said, at=now)])
        return await self._put(replace(thread, updated_at=now, outcome="", run_id=turn.run_id))

    async def showed(self, thread: Thread, heard: Heard) -> None:
        """Note at once which plan a turn made, so that a hub that dies here still knows it."""
        await self._changed(thread, lambda now: replace(now, plan_id=PlanId(heard.plan_id), card=heard.card))

    async def ended(self, thread: Thread, heard: Heard, outcome: str, answers: Sequence[tuple[str, str]]) -> Thread:
        """The thread after its turn: what was answered, and whether it waits for a human."""
        at = self.ledger.clock.now()
        over = outcome in CLOSING or await self._is_over(thread.plan_id)
        said = [
            Remark(id=id, by="assistant", text=self.cover(confided(text)), at=at, plan_id=heard.plan_id)
            for id, text in answers
        ]

        def closed(now: Thread) -> Thread:
            plan_id = None if over else now.plan_id
            if outcome == WAITS and heard.plan_id:
                plan_id = PlanId(heard.plan_id)
            card = (heard.card or now.card) if plan_id is not None else {}
            return replace(with_remarks(now, said), updated_at=at, outcome=outcome, plan_id=plan_id, card=card)

        return await self._changed(thread, closed)

    async def forget(self, thread: Thread, caller: Caller) -> None:
        """Remove a thread; that it was removed stays in the audit."""
        entry = AuditEntry(action="thread.delete", subject=thread.name, actor=caller.actor)
        await self.ledger.commit([Remove(thread)], [entry])

    async def waits_for(self, thread: Thread, caller: Caller) -> WaitView | None:
        """What a human must decide before the thread goes on; None when nothing waits, or it ran out."""
        plan = await self.ledger.get(Plan, thread.plan_id) if thread.plan_id is not None else None
        if plan is None or plan.state not in _OPEN or self.ledger.clock.now() >= plan.expires_at:
            return None
        able = await still_needed(self.services, plan)
        return WaitView(
            plan_id=plan.id, digest=plan.digest, expires_at=plan.expires_at, approve_url=approve_url(plan, caller),
            approve_command=approve_command(plan.id), approvers=tuple(able[:NAMED]),
            may_approve=caller.is_person and Scope.APPROVE in caller.scopes and caller.principal.id in able,
        )  # fmt: skip

    async def view(self, thread: Thread, caller: Caller, *, running: bool) -> ThreadView:
        """One thread as its owner sees it."""
        seen = row_of(thread, running=running)
        return row(
            ThreadView, thread, id=seen.id, outcome=seen.outcome, plan=thread.card,
            waiting=await self.waits_for(thread, caller),
        )  # fmt: skip

    async def _is_over(self, plan_id: PlanId | None) -> bool:
        """Whether a plan has come to its end, however the turn that watched it ended."""
        plan = await self.ledger.get(Plan, plan_id) if plan_id is not None else None
        return plan is not None and plan.state not in {*_OPEN, PlanState.APPLYING}

    async def _changed(self, thread: Thread, change: Change) -> Thread:
        """`change` put on the newest version; a thread that was deleted meanwhile stays deleted."""
        for _ in range(_TRIES):
            newest = await self.ledger.get(Thread, thread.id)
            if newest is None:
                return change(thread)
            try:
                return await self._put(change(newest))
            except Conflict:
                continue
        return change(thread)

    async def _put(self, thread: Thread) -> Thread:
        await self.ledger.commit([Put(thread)])
        return replace(thread, version=thread.version + 1)


def row_of(thread: Thread, *, running: bool) -> ThreadRow:
    """A thread for a list. One whose turn was cut off by a hub that stopped is `stopped`."""
    return row(ThreadRow, thread, id=thread.name, outcome=RUNNING if running else thread.outcome or "stopped")
