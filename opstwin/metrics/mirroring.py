"""A store whose samples are also sent somewhere else, without ever waiting for that."""

import asyncio
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from opstwin.clock import Clock
from opstwin.domain.series import Sample, Series, SeriesQuery, Statistics
from opstwin.errors import OpstwinError, Rejected
from opstwin.logs import logger
from opstwin.metrics.ports import Holding, SampleSink, SampleStore

MOST_WAITING: Final = 200_000
"""Samples that wait for a sink that is away, about two minutes of 2,000 a second; beyond it the oldest go."""

BATCH: Final = 5_000
LONGEST_PAUSE_S: Final = 60.0


class MirroredSamples:
    """See the port. Reads come from `store`; what the sink refuses for good is dropped, and the log says so."""

    def __init__(self, store: SampleStore, sink: SampleSink, clock: Clock) -> None:
        self.store, self._sink, self._clock = store, sink, clock
        self._waiting: deque[Sample] = deque(maxlen=MOST_WAITING)
        self._sending: asyncio.Task[None] | None = None

    async def write(self, samples: Sequence[Sample]) -> None:
        """See the port."""
        await self.store.write(samples)
        self._waiting.extend(samples)
        if self._waiting and (self._sending is None or self._sending.done()):
            self._sending = asyncio.create_task(self._send_all())

    async def read(self, query: SeriesQuery) -> tuple[Series, ...]:
        """See the port."""
        return await self.store.read(query)

    async def pooled(self, query: SeriesQuery) -> Statistics | None:
        """See the port."""
        return await self.store.pooled(query)

    async def holding(self) -> Holding:
        """See the port."""
        return await self.store.holding()

    async def sent(self) -> None:
        """Wait until nothing waits to be sent any more."""
        if self._sending is not None:
            await self._sending

    async def close(self) -> None:
        """See the port."""
        if self._sending is not None:
            self._sending.cancel()
            with suppress(asyncio.CancelledError):
                await self._sending
        await self.store.close()

    async def _send_all(self) -> None:
        """Send what waits, oldest first, until nothing does."""
        failures = 0
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]
            try:
                await self._sink.send(batch)
                failures = 0
            except Rejected as error:
                logger().warning("remote_write_refused", samples=len(batch), reason=error.message)
            except OpstwinError as error:
                failures += 1
                if failures == 1:
                    logger().warning("remote_write_waits", reason=error.message, next_step=error.next_step)
                room = MOST_WAITING - len(self._waiting)
                self._waiting.extendleft(reversed(batch[-room:] if room else ()))
                await self._clock.sleep(min(LONGEST_PAUSE_S, 2.0 ** min(failures, 6)))
