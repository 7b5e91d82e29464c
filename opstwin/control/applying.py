"""Applying an approved plan: the only module that is ever given a `Writer`.

An execution is driven by whichever worker holds its lease, one journalled step at a time. Each step is marked
`intended`, with its inverse captured, before its effect; a worker that finds an intended step observes before it
repeats it, with the same idempotency key. When a step or the verification fails, the stored inverses run.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final, Protocol

from opstwin.control.apply_settings import ApplySettings, Observing, Recheck
from opstwin.control.command_steps import not_again, run_command
from opstwin.control.drivers import Readers
from opstwin.control.finishing import closing_writes
from opstwin.control.journal import Journal, LeaseLost
from opstwin.control.ledger import Ledger
from opstwin.control.retrying import Backoff, Breakers
from opstwin.control.reversing import back_steps, beyond_undoing, keeps_data, needs_undoing, no_way_back, what_is_kept
from opstwin.control.running import Attempt, Effect, Ran
from opstwin.control.starting import Gate, why_not
from opstwin.control.stepping import failed_before, others_wait_for, ready_steps
from opstwin.control.transcripts import ByLook, Covering
from opstwin.control.verifying import Standing, Verifier, check_base, judge
from opstwin.domain.access import Actor
from opstwin.domain.audit import AuditEntry
from opstwin.domain.command import Command
from opstwin.domain.execution import FINISHED, Execution, ExecutionState, Phase, Step, StepState
from opstwin.domain.plan import Change, Op, Plan, inverse
from opstwin.domain.read_only import why_not_read_only
from opstwin.domain.resource import Presence
from opstwin.domain.target import Target
from opstwin.domain.values import ResourceId
from opstwin.errors import (
    Cancelled,
    Conflict,
    Forbidden,
    InvalidInput,
    NotApproved,
    OpstwinError,
    Rejected,
    RequestError,
    StalePlan,
    TargetError,
    Timeout,
    Unreachable,
    Unverified,
)
from opstwin.targets.ports import Order, Reader, Renderer, Sighting, Writer
from opstwin.twin.store import Put

__all__ = ["LATER_S", "Applier", "ApplySettings", "Writers"]


class Writers(Protocol):
    """Where the writer of a target comes from. Wiring implements it and hands it to the `Applier` alone."""

    def writer(self, target: Target) -> Writer:
        """The writer of a target. Raises `InvalidInput` when no driver for its backend is installed."""
        ...


_TRIES: Final = 5
"""How often the end of an execution is written anew when somebody changes one of its records at that moment."""

LATER_S: Final = 5.0
"""How long an execution whose target stays away rests before a worker takes it up again."""


@dataclass(frozen=True, slots=True)
class Applier:
    """Starts, drives and resumes executions. `owner` names this worker in leases."""

    ledger: Ledger
    gate: Gate
    readers: Readers
    writers: Writers
    observing: Observing
    breakers: Breakers
    backoff: Backoff
    owner: str
    settings: ApplySettings = field(default_factory=ApplySettings)
    recheck: Recheck | None = None
    veil: Covering = field(default_factory=ByLook)
    _away: dict[str, tuple[int, float]] = field(default_factory=dict, init=False)
    _driving: set[str] = field(default_factory=set, init=False)

    async def start(self, plan_id: str, actor: Actor) -> Execution:
        """The execution of an approved plan; see `Gate.start`. Its steps are done by `run`."""
        if self.recheck is not None:
            plan = await self.ledger.need(Plan, plan_id, next_step="List plans: opstwin get plans")
            if plan.execution_id is None:
                await self._look_again(plan, actor)
        return await self.gate.start(plan_id, actor)

    async def run(self, execution_id: str) -> Execution:
        """Drive an execution to its end and return it; safe to call again after any crash.

        Raises `LeaseLost` when another worker has it, and `TargetError` when its target cannot be reached for now: the
        execution then stays open and is taken up again.
        """
        execution = await self.ledger.need(Execution, execution_id)
        if execution.state in FINISHED:
            return execution
        if execution_id in self._driving:
            raise LeaseLost
        self._driving.add(execution_id)
        try:
            return await self._run(execution)
        finally:
            self._driving.discard(execution_id)

    async def look(self, resource: ResourceId, command: Command, actor: Actor) -> Ran:
        """Run a command that only reads, at once, with its transcript in the audit.

        Raises `NotApproved` for any other command: it needs a plan. Raises `NotFound`, `Forbidden` (the target is
        switched off), `TargetError`, and `StoreError` when the audit cannot be written.
        """
        why = why_not_read_only(command.argv)
        if why:
            raise NotApproved(f"This command needs an approval: {why}.", next_step="Ask for a plan of it.")
        target = await self.ledger.need(Target, resource.split("/", 1)[0], next_step="List them: opstwin targets list")
        if not target.is_active:
            raise Forbidden(f"Target {target.id} is switched off.", next_step="Switch it on first.")
        self.breakers.check(target.id)
        effect = _effect_of(self.writers.writer(target), resource, command)
        attempt = Attempt(ledger=self.ledger, resource=resource, command=command, actor=actor, veil=self.veil)
        try:
            ran = await attempt.at_once(effect)
        except Unreachable:
            self.breakers.record(target.id, ok=False)
            raise
        self.breakers.record(target.id, ok=True)
        return ran

    async def abandon(self, execution_id: str, why: str) -> Execution:
        """End an execution that cannot go on, so that a person looks at it and its target is free again."""
        execution = await self.ledger.need(Execution, execution_id)
        if execution.state in FINISHED:
            return execution
        journal = await Journal.take(self.ledger, execution, self.owner, self.settings.lease_s, self.veil)
        error = Rejected(
            f"It could not go on: {why}", next_step="See what is there: opstwin drift. The hub's log says more."
        )
        await self._end(journal, ExecutionState.NEEDS_HUMAN, error)
        return journal.execution

    async def _run(self, execution: Execution) -> Execution:
        lease_s = self.settings.step_s + self.settings.lease_s
        journal = await Journal.take(self.ledger, execution, self.owner, lease_s, self.veil)
        refusal = await why_not(self.ledger, execution)
        if refusal is not None:
            await self._end(journal, ExecutionState.NEEDS_HUMAN, refusal)
            return journal.execution
        try:
            await self._drive(journal, await self._worker(journal))
        except InvalidInput as missing:
            await self._end(journal, ExecutionState.NEEDS_HUMAN, missing)
        except Unreachable as away:
            await self._put_off(journal, away)
        return journal.execution

    async def _worker(self, journal: Journal) -> "_Worker":
        """What works on the target. Raises `InvalidInput` without a driver, or when another machine answers there."""
        target = await self.ledger.need(Target, journal.execution.target)
        reader, renderer = self.readers.reader(target), self.readers.renderer(target)
        try:
            found = await reader.info()
        except Timeout as silent:
            raise _away(silent) from silent
        if target.identity and found.identity != target.identity:
            raise InvalidInput(
                f"Another machine answers as {target.id}.",
                field="identity",
                next_step=f"Look at it: opstwin targets test {target.id}",
                details={"target": target.id},
            )
        return _Worker(self, journal, reader, renderer, self.writers.writer(target))

    async def _look_again(self, plan: Plan, actor: Actor) -> None:
        assert self.recheck is not None
        try:
            await self.recheck(plan)
        except RequestError as refusal:
            await self.gate.refuse(plan, actor, refusal)
            raise

    async def release(self, execution: Execution) -> None:
        """End the lease on an execution whose worker is known to be dead."""
        entry = AuditEntry(
            action="execution.lease", subject=execution.id, actor=execution.started_by, plan_id=execution.plan_id,
            digest=execution.digest, execution_id=execution.id, reason="taken over after a restart",
        )  # fmt: skip
        await self.ledger.commit([Put(replace(execution, lease_expires_at=self.ledger.clock.now()))], [entry])

    async def cancel(self, execution_id: str, actor: Actor) -> Execution:
        """Ask the worker to stop before the next step and roll back. Raises `Conflict` when it has ended already."""
        execution = await self.ledger.need(Execution, execution_id, next_step="List them: opstwin get executions")
        if execution.state in FINISHED:
            raise Conflict(f"Execution {execution_id} has ended.", next_step=f"See it: opstwin show {execution_id}")
        asked = replace(execution, cancel_requested_by=actor.id)
        entry = AuditEntry(
            action="execution.cancel", subject=execution.id, actor=actor, plan_id=execution.plan_id,
            digest=execution.digest, execution_id=execution.id,
        )  # fmt: skip
        await self.ledger.commit([Put(asked)], [entry])
        return replace(asked, version=asked.version + 1)

    async def _drive(self, journal: Journal, worker: "_Worker") -> None:
        try:
            if journal.execution.state is ExecutionState.APPLYING:
                await worker.forward()
                await journal.move(ExecutionState.VERIFYING)
            if journal.execution.state is ExecutionState.VERIFYING:
                await worker.verify(Phase.FORWARD)
                await self._end(journal, ExecutionState.SUCCEEDED)
        except (Rejected, Unverified, StalePlan, Cancelled, Timeout) as failure:
            await self._turn_back(journal, failure)
        if journal.execution.state is ExecutionState.ROLLING_BACK:
            await self._go_back(journal, worker)
        await self.observing.observe([step.change.resource for step in journal.of(Phase.FORWARD)])

    async def _turn_back(self, journal: Journal, failure: OpstwinError) -> None:
        forward = journal.of(Phase.FORWARD)
        lost = beyond_undoing(forward)
        if lost:
            await self._end(journal, ExecutionState.NEEDS_HUMAN, no_way_back(failure, lost))
            return
        await journal.move(
            ExecutionState.ROLLING_BACK, reason=failure.message, error=failure, new_steps=back_steps(forward)
        )

    async def _go_back(self, journal: Journal, worker: "_Worker") -> None:
        try:
            await worker.back()
            await worker.verify(Phase.BACK)
            remains = await worker.still_ailing() or what_is_kept(journal)
        except (Rejected, Unverified, StalePlan, Timeout) as failure:
            error = Rejected(
                f"The roll-back did not finish: {failure.message}",
                next_step="Decide by hand: opstwin drift shows what differs; then plan again.",
            )
            await self._end(journal, ExecutionState.NEEDS_HUMAN, error)
            return
        await self._end(journal, ExecutionState.ROLLED_BACK, remains)

    async def _end(self, journal: Journal, end: ExecutionState, error: OpstwinError | None = None) -> None:
        reason = error.message if error else str((journal.execution.error or {}).get("message", ""))
        for attempt in range(_TRIES):
            writes = await closing_writes(self.ledger, journal.execution, end)
            try:
                await journal.move(end, reason=reason, error=error, writes=writes)
                break
            except Conflict:  # somebody changed a record of the closing in this moment
                if attempt == _TRIES - 1:
                    raise
        self._away.pop(journal.execution.id, None)

    async def _put_off(self, journal: Journal, away: Unreachable) -> None:
        """Leave the execution for later; after `give_up_s` without the target, hand it to a person."""
        away_s = self._away_s(journal)
        if away_s < self.settings.give_up_s:
            await journal.renew(LATER_S)
            raise away
        error = Unreachable(
            f"{journal.execution.target} stayed away for {away_s:.0f} s. {away.message}",
            next_step="When it is back: opstwin drift shows what differs; then plan again.",
        )
        await self._end(journal, ExecutionState.NEEDS_HUMAN, error)

    def _away_s(self, journal: Journal) -> float:
        """How long this worker has found the target away, since the last step that was done."""
        now_s = self.ledger.clock.monotonic_s()
        done = sum(step.state is StepState.DONE for step in journal.steps.values())
        known = self._away.get(journal.execution.id)
        if known is None or known[0] != done:
            known = self._away[journal.execution.id] = done, now_s
        return now_s - known[1]


@dataclass(frozen=True, slots=True)
class _Worker:
    """The effects of one execution on its target."""

    applier: Applier
    journal: Journal
    reader: Reader
    renderer: Renderer
    writer: Writer

    async def forward(self) -> None:
        """Do every step that is not done, as many at the same time as the plan's order and the settings allow."""
        running: set[asyncio.Task[None]] = set()
        failures: list[BaseException] = [*failed_before(self.journal, Phase.FORWARD)]
        try:
            await self._all_steps(running, failures)
        finally:
            await _ended(running)
        if failures:
            raise next((item for item in failures if not isinstance(item, OpstwinError)), failures[0])
        if self._cancelled():
            raise Cancelled(
                f"{self.journal.execution.cancel_requested_by} asked to stop.", next_step="It is rolled back."
            )
        undone = [step for step in self.journal.of(Phase.FORWARD) if step.state is not StepState.DONE]
        if undone:
            raise Rejected(f"{undone[0].change.resource} could not be reached in the plan's order.")

    async def _all_steps(self, running: set[asyncio.Task[None]], failures: list[BaseException]) -> None:
        while True:
            ready = [] if failures or self._cancelled() else ready_steps(self.journal)
            free = self.applier.settings.parallel - len(running)
            busy = {task.get_name() for task in running}
            batch = [step for step in ready if step.id not in busy][: max(free, 0)]
            if batch:
                running |= await self._launch(batch, failures)
            if not running:
                return
            ended, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            running -= ended
            failures += [error for task in ended if (error := task.exception()) is not None]

    async def back(self) -> None:
        """Undo, one step after the other, last first."""
        for failed in failed_before(self.journal, Phase.BACK):
            raise failed
        for step in self.journal.of(Phase.BACK):
            if step.state not in (StepState.PENDING, StepState.INTENDED):
                continue
            seen = await self._see(step.change.resource)
            kept = keeps_data(step, self.journal.of(Phase.FORWARD))
            if kept or not needs_undoing(step, seen, self.renderer):
                reached = step.state is StepState.INTENDED and not kept
                await self.journal.settle(step, StepState.DONE if reached else StepState.SKIPPED)
                continue
            [intended] = await self.journal.intend([step], self._lease_s())
            found = seen.spec if seen.presence is Presence.PRESENT else None
            await self._effect(intended, found)

    async def verify(self, phase: Phase) -> None:
        """Prove that what the steps promised is there; forward also that it stays healthy."""
        done = [step for step in self.journal.of(phase) if step.state is StepState.DONE]
        seen = [step.change for step in done if step.change.command is None]
        changes = [change for change in seen if phase is Phase.FORWARD or change.after is not None]
        if done and not seen:  # commands leave nothing behind that was promised
            return
        clock = self.applier.ledger.clock
        verifier = Verifier(clock, self.reader, self.renderer, self.applier.settings.patience)
        keep = self._keep if phase is Phase.BACK else self._keep_or_stop
        await verifier.hold(changes, keep, want_health=phase is Phase.FORWARD)

    async def still_ailing(self) -> OpstwinError | None:
        """What a person must know of a roll-back that put everything back, but not in good health; else None."""
        put_back = [step.change for step in self.journal.of(Phase.BACK) if step.state is StepState.DONE]
        changes = [change for change in put_back if change.after is not None]
        clock, patience = self.applier.ledger.clock, self.applier.settings.patience
        try:
            await Verifier(clock, self.reader, self.renderer, patience).hold(changes, self._keep)
        except Unverified as ill:
            failed = str((self.journal.execution.error or {}).get("message", ""))
            return Unverified(
                f"{failed} What ran before is back, but not well: {ill.message}",
                next_step="Look at it: opstwin get, opstwin logs",
            )
        return None

    async def _launch(self, batch: list[Step], failures: list[BaseException]) -> set[asyncio.Task[None]]:
        try:
            prepared = await asyncio.gather(*(self._prepared(step) for step in batch))
            intended = await self.journal.intend(prepared, self._lease_s(prepared))
        except (OpstwinError, LeaseLost) as failure:
            failures.append(failure)
            return set()
        if self._cancelled():  # asked for while the intents were written: nothing has been done yet
            return set()
        return {asyncio.create_task(self._forward_step(step), name=step.id) for step in intended}

    async def _prepared(self, step: Step) -> Step:
        """The step with its inverse captured from what is there now. Raises `StalePlan` when that is not the base."""
        if step.state is StepState.INTENDED:
            return await not_again(self.journal, step)
        seen = await self._see(step.change.resource)
        found = seen.spec if seen.presence is Presence.PRESENT else None
        check_base(step.change, found, self.renderer)
        return replace(step, inverse=inverse(step.change, found))

    async def _forward_step(self, step: Step) -> None:
        if step.change.command is not None:
            effect = _effect_of(self.writer, step.change.resource, step.change.command)
            await run_command(self.journal, step, step.change.command, effect)
            return
        found = step.inverse.after if step.inverse else step.change.before
        await self._effect(step, found)

    async def _effect(self, step: Step, found: object) -> None:
        order = Order(
            change=step.change, key=step.key, fence=self.journal.execution.fence,
            deadline_s=self.applier.settings.step_s, found=found if isinstance(found, dict) else step.change.before,
        )  # fmt: skip
        try:
            await self._until_done(step, order)
            if step.phase is Phase.FORWARD and others_wait_for(self.journal, step.change.resource):
                await self._until_healthy(step.change)
        except (Rejected, Unverified, Timeout) as failure:
            await self.journal.settle(step, StepState.FAILED, failure)
            raise
        await self.journal.settle(step, StepState.DONE)

    async def _until_done(self, step: Step, order: Order) -> None:
        settings, target = self.applier.settings, step.change.target
        for attempt in range(settings.attempts):
            # Outside: a call that the breaker refused is no failure of the target, and must not keep it open.
            self.applier.breakers.check(target)
            if attempt:
                await self.journal.renew(self._lease_s())
            try:
                await self.writer.apply(order)
            except Rejected:
                self.applier.breakers.record(target, ok=True)
                raise
            except (Unreachable, Timeout) as failure:
                self.applier.breakers.record(target, ok=False)
                if isinstance(failure, Timeout) and await self._already_there(step):
                    return
                if attempt == settings.attempts - 1:
                    raise _away(failure) from failure
                await self.applier.backoff.pause(attempt)
            else:
                self.applier.breakers.record(target, ok=True)
                return

    async def _already_there(self, step: Step) -> bool:
        """Whether the effect of a step whose outcome is unknown is there to see."""
        if step.change.op is Op.RESTART:
            return False
        seen = await self.reader.observe(step.change.resource)
        standing, _ = judge(step.change, seen, self.renderer, want_health=False)
        mine = step.change.after is None or seen.facts.get("step") in (None, step.key)
        return standing is Standing.GOOD and mine

    async def _until_healthy(self, change: Change) -> None:
        """Before the next replica is touched, this one must be healthy for the whole hold time."""
        clock, patience = self.applier.ledger.clock, self.applier.settings.patience
        await Verifier(clock, self.reader, self.renderer, patience).hold([change], self._keep)

    async def _see(self, resource: ResourceId) -> Sighting:
        """One resource for certain; tries again while the target does not say. Raises `Unreachable`."""
        for attempt in range(self.applier.settings.attempts - 1):
            seen = await self.reader.observe(resource)
            if seen.presence is not Presence.UNKNOWN:
                return seen
            await self.applier.backoff.pause(attempt)
        seen = await self.reader.observe(resource)
        if seen.presence is Presence.UNKNOWN:
            raise Unreachable(f"{resource} cannot be seen: {seen.error}", next_step="Check it: opstwin targets test")
        return seen

    def _cancelled(self) -> bool:
        return self.journal.execution.cancel_requested_by is not None

    def _lease_s(self, steps: Sequence[Step] = ()) -> float:
        commands = [step.change.command.timeout_s for step in steps if step.change.command is not None]
        return max([self.applier.settings.step_s, *commands]) + self.applier.settings.lease_s

    async def _keep_or_stop(self) -> None:
        """As `_keep`; raises `Cancelled` when somebody asked to stop."""
        await self._keep()
        latest = await self.applier.ledger.need(Execution, self.journal.execution.id)
        if latest.cancel_requested_by is not None:
            raise Cancelled(f"{latest.cancel_requested_by} asked to stop.", next_step="It is rolled back.")

    async def _keep(self) -> None:
        """Renew the lease when less than half of it is left."""
        left = self.journal.execution.lease_expires_at - self.applier.ledger.clock.now()
        if left.total_seconds() < self._lease_s() / 2:
            await self.journal.renew(self._lease_s())


async def _ended(tasks: set[asyncio.Task[None]]) -> None:
    """Steps whose worker is told to go: no effect may begin after it went."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _effect_of(writer: Writer, resource: ResourceId, command: Command) -> Effect:
    """Runs this very command there; for one attempt."""
    return partial(writer.exec, resource, command.argv, timeout_s=command.timeout_s, limit_bytes=command.output_bytes)


def _away(failure: TargetError) -> Unreachable:
    return Unreachable(failure.message, next_step=failure.next_step, details=failure.details)
