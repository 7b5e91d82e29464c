"""Wakes whoever waits for the next event."""

import asyncio
import threading


class EventBell:
    """The newest event sequence number, and those who wait for a higher one. `ring` may be called from any thread."""

    def __init__(self, newest: int = 0) -> None:
        self._newest = newest
        self._lock = threading.Lock()
        self._waiting: dict[asyncio.Future[None], asyncio.AbstractEventLoop] = {}

    @property
    def newest(self) -> int:
        """The highest number that was rung."""
        return self._newest

    def ring(self, seq: int) -> None:
        """Say that events up to `seq` are stored."""
        with self._lock:
            if seq <= self._newest:
                return
            self._newest = seq
            woken, self._waiting = self._waiting, {}
        for waiter, loop in woken.items():
            if not loop.is_closed():
                loop.call_soon_threadsafe(_wake, waiter)

    async def above(self, after: int, timeout_s: float) -> int:
        """The newest number, as soon as it is above `after` or when `timeout_s` is over."""
        try:
            async with asyncio.timeout(max(0.0, timeout_s)):
                await self._rung(after)
        except TimeoutError:
            pass
        return self._newest

    async def _rung(self, after: int) -> None:
        loop = asyncio.get_running_loop()
        while True:
            waiter: asyncio.Future[None] = loop.create_future()
            with self._lock:
                if self._newest > after:
                    return
                self._waiting[waiter] = loop
            try:
                await waiter
            finally:
                with self._lock:
                    self._waiting.pop(waiter, None)


def _wake(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
