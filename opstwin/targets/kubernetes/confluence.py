"""Lines of several streams as one; streams may join while it flows."""

import asyncio
from collections.abc import AsyncGenerator, Coroutine
from contextlib import aclosing
from typing import Final

from opstwin.errors import OpstwinError
from opstwin.targets.ports import LogLine

MAX_WAITING: Final = 1000
"""Lines that wait for their reader; who writes faster waits."""


class Confluence:
    """Ends when all that joined has ended; raises what ends one of them."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[LogLine | OpstwinError | None] = asyncio.Queue(MAX_WAITING)
        self._tasks: set[asyncio.Task[None]] = set()
        self._left = 0

    def __len__(self) -> int:
        """How many have joined and not ended."""
        return self._left

    def add(self, part: AsyncGenerator[LogLine, None]) -> None:
        """Let a stream join."""
        self.await_too(self._poured(part))

    def await_too(self, work: Coroutine[None, None, None]) -> None:
        """Let something join that brings no lines itself."""
        self._left += 1
        task = asyncio.create_task(self._guarded(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def lines(self) -> AsyncGenerator[LogLine, None]:
        """The lines of all as they come."""
        try:
            while self._left:
                item = await self._queue.get()
                if isinstance(item, LogLine):
                    yield item
                    continue
                if item is not None:
                    raise item
                self._left -= 1
        finally:
            tasks = [*self._tasks]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _poured(self, part: AsyncGenerator[LogLine, None]) -> None:
        async with aclosing(part) as lines:
            async for line in lines:
                await self._queue.put(line)

    async def _guarded(self, work: Coroutine[None, None, None]) -> None:
        end: OpstwinError | None = None
        try:
            await work
        except OpstwinError as error:
            end = error
        await self._queue.put(end)
