"""The step journal of one execution, written by the worker that holds its lease.

Every write requires the execution at the version this worker last wrote, so a worker that lost its lease can write
nothing more; the fencing token keeps its late effects out of the targets.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Final

from opstwin.control.ledger import Ledger
from opstwin.control.transcripts import ByLook, Covering, safe_words
from opstwin.domain.access import Actor
from opstwin.domain.audit import AuditEntry
from opstwin.domain.event import Event
from opstwin.domain.execution import MOVES, Execution, ExecutionState, Phase, Step, StepState
from opstwin.domain.plan import Change
from opstwin.domain.values import Json
from opstwin.errors import Cancelled, Conflict, OpstwinError
from opstwin.twin.store import Put, Require, Write

FRESH_S: Final = 1.0
"""The record of an execution grows with its plan: of many small steps not each writes it anew."""


class LeaseLost(Exception):
    """Another worker holds this execution now; this one must stop at once."""


class Journal:
    """One execution and its steps in memory, and every write that moves them on."""

    def __init__(self, ledger: Ledger, execution: Execution, steps: Sequence[Step], owner: str) -> None:
        self.ledger = ledger
        self.execution = execution
        self.steps: dict[str, Step] = {step.id: step for step in steps}
        self.veil: Covering = ByLook()
        self._owner = owner
        self._lock = asyncio.Lock()

    @classmethod
    async def take(
        cls, ledger: Ledger, execution: Execution, owner: str, lease_s: float, veil: Covering | None = None
    ) -> "Journal":
        """Take the lease with a higher fencing token. `veil` covers what is written down of commands.

        Raises `LeaseLost` when another worker was quicker.
        """
        now = ledger.clock.now()
        if execution.lease_owner != owner and now < execution.lease_expires_at:
            raise LeaseLost
        taken = replace(
            execution, lease_owner=owner, lease_expires_at=now + timedelta(seconds=lease_s), fence=execution.fence + 1
        )
        entry = _entry(execution, "execution.lease", execution.started_by, details={"fence": taken.fence})
        try:
            await ledger.commit([Put(taken)], [entry])
        except Conflict as lost:
            raise LeaseLost from lost
        steps = await ledger.all(Step, {"execution_id": execution.id})
        journal = cls(ledger, replace(taken, version=taken.version + 1), steps, owner)
        journal.veil = veil or journal.veil
        return journal

    def of(self, phase: Phase) -> list[Step]:
        """The steps of one phase in order."""
        return [step for step in sorted(self.steps.values(), key=lambda item: item.index) if step.phase is phase]

    @property
    def actor(self) -> Actor:
        """Who started the execution; every effect is recorded in that name."""
        return self.execution.started_by

    async def intend(self, steps: Sequence[Step], lease_s: float) -> list[Step]:
        """Mark steps `intended` with their inverses, and renew the lease, in one write: the effects may now happen.

        A lease that was renewed less than `FRESH_S` ago stays as it is.
        """
        if any(step.change.command is not None for step in steps):
            await self.veil.ready()
        now = self.ledger.clock.now()
        marked = [
            replace(item, state=StepState.INTENDED, attempts=item.attempts + 1, intended_at=now) for item in steps
        ]
        entries = [self._step_entry(step, "step.intended") for step in marked]
        left_s = (self.execution.lease_expires_at - now).total_seconds()
        return await self._write(marked, entries, renew_s=lease_s if left_s < lease_s - FRESH_S else None)

    async def settle(
        self, step: Step, state: StepState, error: OpstwinError | None = None, audit: Sequence[AuditEntry] = ()
    ) -> Step:
        """Record how a step ended, with more rows for the audit in the same write."""
        ended = replace(step, state=state, finished_at=self.ledger.clock.now(), error=_error_json(error))
        outcome = "ok" if error is None else "failed"
        entry = self._step_entry(ended, f"step.{state.value}", outcome=outcome, reason=error.message if error else "")
        [written] = await self._write([ended], [*audit, entry])
        return written

    async def move(
        self,
        state: ExecutionState,
        *,
        reason: str = "",
        error: OpstwinError | None = None,
        writes: Sequence[Write] = (),
        new_steps: Sequence[Step] = (),
        audit: Sequence[AuditEntry] = (),
    ) -> None:
        """Move the execution to another state, with whatever must become true in the same moment."""
        if state not in MOVES[self.execution.state]:
            raise AssertionError(f"no move from {self.execution.state} to {state}")
        now = self.ledger.clock.now()
        finished = now if not MOVES[state] else None
        changed = replace(
            self.execution, state=state, finished_at=finished, error=_error_json(error) or self.execution.error
        )
        entry = _entry(changed, f"execution.{state.value}", self.actor, reason=reason)
        async with self._lock:
            await self._commit(changed, list(writes), new_steps, [entry, *audit], [self._event(changed, reason)])

    async def renew(self, lease_s: float) -> None:
        """Keep the lease for `lease_s` from now."""
        await self._write([], [], renew_s=lease_s)

    async def _write(
        self, steps: Sequence[Step], audit: Sequence[AuditEntry], *, renew_s: float | None = None
    ) -> list[Step]:
        events = [self._step_event(step) for step in steps]
        async with self._lock:
            changed = self.execution if renew_s is None else self._leased(renew_s)
            return await self._commit(changed, [], steps, audit, events)

    def _leased(self, lease_s: float) -> Execution:
        return replace(self.execution, lease_expires_at=self.ledger.clock.now() + timedelta(seconds=lease_s))

    async def _commit(
        self,
        execution: Execution,
        writes: list[Write],
        steps: Sequence[Step],
        audit: Sequence[AuditEntry],
        events: Sequence[Event],
    ) -> list[Step]:
        while True:
            kept = execution == self.execution
            hold: Write = Require(Execution, execution.id, execution.version) if kept else Put(execution)
            entries = audit or [_entry(execution, "execution.lease", self.actor, details={"fence": execution.fence})]
            try:
                await self.ledger.commit([hold, *writes, *map(Put, steps)], entries, events)
            except Conflict as conflict:
                execution = await self._rebased(execution, conflict)
                continue
            self.execution = execution if kept else replace(execution, version=execution.version + 1)
            stored = [replace(step, version=step.version + 1) for step in steps]
            self.steps.update({step.id: step for step in stored})
            return stored

    async def _rebased(self, mine: Execution, conflict: Conflict) -> Execution:
        """My change on top of what somebody else wrote to the execution, which may only be a wish to cancel."""
        latest = await self.ledger.need(Execution, mine.id)
        if latest.lease_owner != self._owner or latest.fence != self.execution.fence:
            raise LeaseLost from conflict
        if latest.version == mine.version:
            raise conflict
        kept = mine == self.execution
        self.execution = latest
        if latest.cancel_requested_by is not None and mine.state is ExecutionState.SUCCEEDED:
            raise Cancelled(f"{latest.cancel_requested_by} asked to stop.", next_step="It is rolled back.")
        if kept:
            return latest
        return replace(mine, version=latest.version, cancel_requested_by=latest.cancel_requested_by)

    def _step_entry(self, step: Step, action: str, *, outcome: str = "ok", reason: str = "") -> AuditEntry:
        change = step.change
        details: dict[str, Json] = {
            "step": step.id, "op": change.op.value, "key": step.key, "phase": step.phase.value,
            "fence": self.execution.fence, "attempt": step.attempts,
        }  # fmt: skip
        if change.command is not None:
            details["argv"] = safe_words(change.command, self.veil.over)
        return replace(
            _entry(self.execution, action, self.actor, details=details),
            subject=change.resource,
            outcome=outcome,
            reason=reason,
        )

    def _step_event(self, step: Step) -> Event:
        return Event(
            at=self.ledger.clock.now(), type="execution.step", target=self.execution.target,
            resource=step.change.resource, plan_id=self.execution.plan_id, execution_id=self.execution.id,
            message=_step_words(step.change, step.state, step.phase),
            details={"step": step.id, "state": step.state.value, "phase": step.phase.value, "op": step.change.op.value,
                     "index": step.index, "of": len(self.of(step.phase)),
                     "error": dict(step.error) if step.error else None},
        )  # fmt: skip

    def _event(self, execution: Execution, reason: str) -> Event:
        return Event(
            at=self.ledger.clock.now(), type=f"execution.{execution.state.value}", target=execution.target,
            plan_id=execution.plan_id, execution_id=execution.id, message=reason or execution.state.value,
        )  # fmt: skip


def _step_words(change: Change, state: StepState, phase: Phase) -> str:
    prefix = "undo: " if phase is Phase.BACK else ""
    return f"{prefix}{change.op.value} {change.resource}: {state.value}"


def _entry(
    execution: Execution, action: str, actor: Actor, *, reason: str = "", details: dict[str, Json] | None = None
) -> AuditEntry:
    return AuditEntry(
        action=action, subject=execution.id, actor=actor, plan_id=execution.plan_id, digest=execution.digest,
        approval_id=",".join(execution.approval_ids), execution_id=execution.id, reason=reason[:500],
        details=details or {},
    )  # fmt: skip


def _error_json(error: OpstwinError | None) -> dict[str, Json] | None:
    if error is None:
        return None
    return {"code": error.code, "message": error.message, "next_step": error.next_step}
