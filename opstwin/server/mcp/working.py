"""Calls that outlive their caller: a client that lost the stream and calls again finds the first call's answer."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final

KEPT_S: Final = 300.0
"""How long an answer that nobody took waits for the same call."""

MAX_KEPT: Final = 1000

Key = tuple[str, str, str]
"""Whose call of which tool with which input (its digest)."""


@dataclass(slots=True)
class Undelivered:
    """Work under way by key, and the answers that could not be delivered."""

    _tasks: dict[Key, "asyncio.Task[Any]"] = field(default_factory=dict)

    async def once(self, key: Key, work: Callable[[], Awaitable[Any]]) -> Any:
        """The answer of `work`. The same call joins work under way, or takes the answer that an earlier one left.

        When the caller goes away the work goes on. An answer that was delivered is not given again.
        """
        task = self._tasks.get(key)
        if task is None:
            task = asyncio.ensure_future(work())
            self._tasks[key] = task
        try:
            answer = await asyncio.shield(task)
        except asyncio.CancelledError:
            if task.cancelled():
                self._forget(key, task)
            else:
                self._leave(key, task)
            raise
        except BaseException:
            self._forget(key, task)
            raise
        self._forget(key, task)
        return answer

    async def close(self) -> None:
        """Let what is under way end."""
        left = [task for task in self._tasks.values() if not task.done()]
        self._tasks.clear()
        await asyncio.gather(*left, return_exceptions=True)

    def _leave(self, key: Key, task: "asyncio.Task[Any]") -> None:
        while len(self._tasks) > MAX_KEPT:
            self._tasks.pop(next(iter(self._tasks)))
        asyncio.get_running_loop().call_later(KEPT_S, self._forget, key, task)

    def _forget(self, key: Key, task: "asyncio.Task[Any]") -> None:
        if self._tasks.get(key) is task:
            del self._tasks[key]
        if task.done() and not task.cancelled():
            task.exception()
