"""Running a command and writing down what became of it. What does the effect is given by `opstwin.control.applying`.

The row that says what is about to run is in the audit before it runs; the whole transcript is there afterwards. A
command whose caller went away is ended, and recorded as cancelled, its outcome unknown.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

from opstwin.control.ledger import Ledger
from opstwin.control.transcripts import ByLook, Covering, safe_words, transcript
from opstwin.domain.access import Actor
from opstwin.domain.audit import AuditEntry
from opstwin.domain.command import Command
from opstwin.domain.execution import Execution
from opstwin.domain.values import Json, ResourceId
from opstwin.errors import Cancelled, OpstwinError, Rejected, TargetError, Timeout
from opstwin.targets.ports import ExecResult
from opstwin.targets.surely import surely

INTENDED: Final = "exec.intended"
FINISHED: Final = "exec.finished"
FAILED: Final = "exec.failed"
CANCELLED: Final = "cancelled, outcome unknown"
_LOOK_S: Final = 0.5
"""How often a running command looks whether somebody asked for its execution to stop."""

Effect = Callable[[], Awaitable[ExecResult]]
"""Does it, once. Raises what `Writer.exec` raises."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """A command that was run: its end, and how long it took."""

    resource: ResourceId
    command: Command
    result: ExecResult
    duration_s: float

    def failure(self) -> Rejected | None:
        """Why it is not taken for a success: it was stopped, or ended with another code than 0."""
        if self.result.stopped:
            return Rejected(
                f"{self.command.program} was stopped ({_WHY[self.result.stopped]}); what it did is not known.",
                next_step="See what it said and look at the resource before you run it again.",
            )
        if self.result.exit_code:
            return Rejected(
                f"{self.command.program} ended with exit code {self.result.exit_code}.",
                next_step="See what it said: opstwin watch shows the execution with its output.",
            )
        return None


_WHY: Final = {
    "time": "its time was over", "output": "it wrote too much", "memory": "it used too much memory",
    "cancelled": "it was cancelled",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One command that is about to run, and the audit rows about it. `execution` is what it belongs to, if any."""

    ledger: Ledger
    resource: ResourceId
    command: Command
    actor: Actor
    execution: Execution | None = None
    veil: Covering = field(default_factory=ByLook)

    async def at_once(self, effect: Effect) -> Ran:
        """Run a command that only reads, with the intent before it and the transcript after it in the audit."""
        await self.veil.ready()
        await self.ledger.commit([], [self.intended()])
        try:
            ran = await self.timed(effect)
        except asyncio.CancelledError:
            await surely(self._note(self.entry(FAILED, outcome="failed", reason=CANCELLED)))
            raise
        except OpstwinError as failure:
            await surely(self._note(self.failed(failure)))
            raise
        await surely(self._note_end(ran))
        return ran

    async def or_stopped(self, effect: Effect) -> Ran:
        """Run a command of an execution, until somebody asks for the execution to stop. Raises `Cancelled` then."""
        running = asyncio.ensure_future(self.timed(effect))
        asked = asyncio.ensure_future(self._stop_asked())
        try:
            await asyncio.wait({running, asked}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            was_running = not running.done()
            running.cancel()
            asked.cancel()
            await asyncio.gather(running, asked, return_exceptions=True)
        if was_running:
            raise Cancelled(f"The command was {CANCELLED}.", next_step="Look at the resource before you run it again.")
        return running.result()

    async def timed(self, effect: Effect) -> Ran:
        """The outcome with how long it took."""
        clock = self.ledger.clock
        began_s = clock.monotonic_s()
        result = await effect()
        return Ran(
            resource=self.resource, command=self.command, result=result, duration_s=clock.monotonic_s() - began_s
        )

    def intended(self) -> AuditEntry:
        """What is about to run."""
        words = safe_words(self.command, self.veil.over)
        return self.entry(INTENDED, details={"argv": words, "timeout_s": self.command.timeout_s})

    async def finished(self, ran: Ran) -> AuditEntry:
        """What ran, and everything it said, without secrets; megabytes of it are gone through beside the event loop."""
        await self.veil.ready()
        failure = ran.failure()
        said = await asyncio.to_thread(transcript, self.command, ran.result, ran.duration_s, self.veil.over)
        return self.entry(
            FINISHED, outcome="failed" if failure else "ok", reason=failure.message if failure else "", details=said
        )

    def failed(self, failure: OpstwinError) -> AuditEntry:
        """What was not run, or of which nobody knows whether it ran."""
        reason = failure.message if not isinstance(failure, Timeout) else f"outcome unknown: {failure.message}"
        return self.entry(FAILED, outcome="failed", reason=reason)

    def entry(
        self, action: str, *, outcome: str = "ok", reason: str = "", details: dict[str, Json] | None = None
    ) -> AuditEntry:
        """A row about this command."""
        of = self.execution
        return AuditEntry(
            action=action, subject=self.resource, actor=self.actor, outcome=outcome, reason=reason[:500],
            plan_id=of.plan_id if of else None, digest=of.digest if of else None,
            approval_id=",".join(of.approval_ids) if of else None, execution_id=of.id if of else None,
            details=details if details is not None else {"argv": safe_words(self.command, self.veil.over)},
        )  # fmt: skip

    async def _note_end(self, ran: Ran) -> None:
        await self._note(await self.finished(ran))

    async def _note(self, entry: AuditEntry) -> None:
        await self.ledger.commit([], [entry])

    async def _stop_asked(self) -> None:
        """Return when somebody asks for the execution to stop."""
        assert self.execution is not None
        newest = await self.ledger.store.wait(0, 0)
        while (await self.ledger.need(Execution, self.execution.id)).cancel_requested_by is None:
            newest = await self.ledger.store.wait(newest, _LOOK_S)


def as_refusal(failure: OpstwinError) -> OpstwinError:
    """A failure of a command as one that ends its execution: nothing is tried again, nothing is waited for."""
    if isinstance(failure, Timeout | Rejected | Cancelled):
        return failure
    words = "could not be reached" if isinstance(failure, TargetError) else "refused"
    return Rejected(
        f"The command was not run: the resource {words}. {failure.message}",
        next_step="Mend the cause, then ask for the command again.", details=failure.details,
    )  # fmt: skip


def outcome_unknown(command: Command) -> Timeout:
    """The error for a command that a worker was about to run when it died."""
    return Timeout(
        f"Whether {command.program} ran is not known: its worker ended in that moment. It is not run again.",
        next_step="Look at the resource, then ask for the command again if it is needed.",
    )
