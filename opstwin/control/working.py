"""The worker that drives executions: those just started, and those that a dead worker left behind."""

import asyncio
from dataclasses import dataclass, field
from typing import Final

from opstwin.control.applying import LATER_S, Applier
from opstwin.control.journal import LeaseLost
from opstwin.control.ledger import Ledger
from opstwin.control.recovering import Recovery
from opstwin.domain.event import Event
from opstwin.domain.execution import FINISHED, Execution, ExecutionState
from opstwin.errors import OpstwinError, StoreError, TargetError
from opstwin.logs import logger

MAX_CRASHES: Final = 3
"""Turns of one execution that may end in an error nobody foresaw, before it is handed to a person."""

_LOOK_S: Final = 1.0
"""How often the worker looks for work when nothing woke it."""


@dataclass(frozen=True, slots=True)
class Worker:
    """Drives every execution that nobody else drives, each in its own task."""

    ledger: Ledger
    applier: Applier
    recovery: Recovery = field(default_factory=Recovery)
    _tasks: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    _again_s: dict[str, float] = field(default_factory=dict)
    _crashes: dict[str, int] = field(default_factory=dict)
    _told: set[str] = field(default_factory=set)

    async def recover(self, *, sole: bool) -> None:
        """Return when work may begin: after the pause that a crash loop earns, and a look at what was interrupted.

        A hub that is the `sole` one on its twin lets go of every lease first: it can then go on at once, without
        waiting for them to run out. Waits while the twin is away.
        """
        await self.recovery.wait()
        while not self.recovery.looked:
            try:
                await self.look_back(sole=sole)
            except StoreError as away:
                logger().warning("worker_waits", code=away.code, reason=away.message)
                await self.ledger.clock.sleep(_LOOK_S)

    async def look_back(self, *, sole: bool) -> None:
        """Note what an earlier process left open and nobody drives; see `recover`."""
        open_ones = await self._open()
        held = [item for item in open_ones if self.ledger.clock.now() < item.lease_expires_at]
        for execution in held if sole else ():
            await self.applier.release(execution)
        self.recovery.look(item.id for item in open_ones if sole or item not in held)

    async def run(self) -> None:
        """Look for work until cancelled; wakes up at every event of the twin, and waits while the twin is away."""
        seen = 0
        try:
            while True:
                try:
                    await self.tick()
                    seen = await self.ledger.store.wait(seen, _LOOK_S)
                except StoreError as away:
                    logger().warning("worker_waits", code=away.code, reason=away.message)
                    await self.ledger.clock.sleep(_LOOK_S)
        finally:
            await self._stop()

    async def tick(self) -> None:
        """Start a task for each execution that is open and not held, or that this worker put off and is due again."""
        for key in [key for key, task in self._tasks.items() if task.done()]:
            del self._tasks[key]
        open_ones = await self._open()
        self.recovery.only(execution.id for execution in open_ones)
        for execution in open_ones:
            if execution.id not in self._tasks and self._is_due(execution):
                self._tasks[execution.id] = asyncio.create_task(self._drive(execution), name=execution.id)

    async def settle(self) -> None:
        """Drive everything that is open now to where it ends or waits; for tests, the demo and one-shot use."""
        await self.tick()
        while self._tasks:
            await asyncio.wait(self._tasks.values())
            self._tasks.clear()

    def _is_due(self, execution: Execution) -> bool:
        """Whether the time has come. What this worker put off itself waits for neither its own lease nor wall clock."""
        again_s = self._again_s.get(execution.id)
        if again_s is not None:
            return self.ledger.clock.monotonic_s() >= again_s
        return self.ledger.clock.now() >= execution.lease_expires_at

    async def _drive(self, execution: Execution) -> None:
        self._again_s.pop(execution.id, None)
        try:
            await self.applier.run(execution.id)
            self.recovery.taken_up(execution.id)
            self._told.discard(execution.id)
        except LeaseLost:
            self.recovery.taken_up(execution.id)
            logger().info("lease_lost", execution_id=execution.id)
        except OpstwinError as error:
            away_s = error.retry_after_s if isinstance(error, TargetError) else None
            if isinstance(error, TargetError):
                self.recovery.taken_up(execution.id)
                await self._tell_waiting(execution, error)
            self._again(execution, away_s or LATER_S)
            logger().warning("execution_waits", execution_id=execution.id, code=error.code, reason=error.message)
            if not isinstance(error, StoreError | TargetError):
                await self._count_crash(execution, error)
        except Exception as error:  # the outermost loop of an execution: the others must go on
            self._again(execution, LATER_S)
            logger().exception("execution_crashed", execution_id=execution.id)
            await self._count_crash(execution, error)

    async def _tell_waiting(self, execution: Execution, error: TargetError) -> None:
        """Say once, to whoever watches, why nothing happens."""
        if execution.id in self._told:
            return
        target = execution.target
        waiting = Event(
            at=self.ledger.clock.now(), type="execution.waiting", target=target, plan_id=execution.plan_id,
            execution_id=execution.id, message=f"{error.message[:800]} It goes on as soon as {target} answers.",
        )  # fmt: skip
        try:
            await self.ledger.commit(events=[waiting])
        except StoreError:
            return  # the next turn says it
        self._told.add(execution.id)

    def _again(self, execution: Execution, later_s: float) -> None:
        self._again_s[execution.id] = self.ledger.clock.monotonic_s() + later_s

    async def _count_crash(self, execution: Execution, error: Exception) -> None:
        """After a few turns that end in the same surprise, a person must look: trying for ever helps nobody."""
        count = self._crashes[execution.id] = self._crashes.get(execution.id, 0) + 1
        if count < MAX_CRASHES:
            return
        try:
            await self.applier.abandon(execution.id, f"{type(error).__name__}: {error}"[:300])
        except (OpstwinError, LeaseLost) as still:
            logger().warning("execution_not_abandoned", execution_id=execution.id, reason=str(still))

    async def _open(self) -> list[Execution]:
        states = [state for state in ExecutionState if state not in FINISHED]
        found = [await self.ledger.all(Execution, {"state": state.value}) for state in states]
        return [execution for group in found for execution in group]

    async def _stop(self) -> None:
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
