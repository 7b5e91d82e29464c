"""The worker that drives executions: those just started, and those that a dead worker left behind."""

import asyncio
from dataclasses import dataclass, field
from typing import Final

from opstwin.control.applying import Applier
from opstwin.control.journal import LeaseLost
from opstwin.control.ledger import Ledger
from opstwin.domain.execution import FINISHED, Execution, ExecutionState
from opstwin.errors import OpstwinError
from opstwin.logs import logger

_LOOK_S: Final = 1.0
"""How often the worker looks for work when nothing woke it."""


@dataclass(frozen=True, slots=True)
class Worker:
    """Drives every execution that nobody else drives, each in its own task."""

    ledger: Ledger
    applier: Applier
    _tasks: dict[str, asyncio.Task[None]] = field(default_factory=dict)

    async def take_over(self) -> int:
        """Let go of every lease; only for a hub that knows it is the only one on its twin. Returns how many.

        After a crash the next start can then go on at once, without waiting for leases to run out.
        """
        open_ones = await self._open()
        for execution in open_ones:
            await self.applier.release(execution)
        return len(open_ones)

    async def run(self) -> None:
        """Look for work until cancelled; wakes up at every event of the twin."""
        seen = await self.ledger.store.wait(0, 0)
        try:
            while True:
                await self.tick()
                seen = await self.ledger.store.wait(seen, _LOOK_S)
        finally:
            await self._stop()

    async def tick(self) -> None:
        """Start a task for each execution that is open and not held."""
        for key in [key for key, task in self._tasks.items() if task.done()]:
            del self._tasks[key]
        now = self.ledger.clock.now()
        for execution in await self._open():
            if execution.id not in self._tasks and now >= execution.lease_expires_at:
                self._tasks[execution.id] = asyncio.create_task(self._drive(execution), name=execution.id)

    async def settle(self) -> None:
        """Drive everything that is open now to where it ends or waits; for tests, the demo and one-shot use."""
        await self.tick()
        while self._tasks:
            await asyncio.wait(self._tasks.values())
            self._tasks.clear()

    async def _drive(self, execution: Execution) -> None:
        try:
            await self.applier.run(execution.id)
        except LeaseLost:
            logger().info("lease_lost", execution_id=execution.id)
        except OpstwinError as error:
            logger().warning("execution_waits", execution_id=execution.id, code=error.code, reason=error.message)
        except Exception:  # the outermost loop of an execution: the others must go on
            logger().exception("execution_crashed", execution_id=execution.id)

    async def _open(self) -> list[Execution]:
        states = [state for state in ExecutionState if state not in FINISHED]
        found = [await self.ledger.all(Execution, {"state": state.value}) for state in states]
        return [execution for group in found for execution in group]

    async def _stop(self) -> None:
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
