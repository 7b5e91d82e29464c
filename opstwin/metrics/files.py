"""The store of samples on disk, behind the port: what a hub measures is there after a restart and a crash."""

import asyncio
import fcntl
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

from opstwin.clock import Clock
from opstwin.domain.series import Sample, Series, SeriesQuery, Statistics
from opstwin.domain.values import ResourceId
from opstwin.errors import StoreError
from opstwin.logs import logger
from opstwin.metrics.buckets import Bucket, statistics, step_values
from opstwin.metrics.depot import Depot
from opstwin.metrics.levels import Retention
from opstwin.metrics.ports import Holding

SYNC_S: Final = 5.0
"""What a crash of the host may lose at most; a crash of the hub loses nothing that was written."""

T = TypeVar("T")


class FileSamples:
    """See the port. One process may hold a folder; the files are read when they are first needed.

    Raises `StoreError` when the folder cannot be used or another process holds it.
    """

    def __init__(self, folder: Path, retention: Retention, clock: Clock) -> None:
        self._retention, self._clock = retention, clock
        self._lock = _claimed(folder)
        self._depot = Depot(folder, retention, lambda: clock.now().timestamp())
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="metrics")
        self._is_open = False
        self._upkeep: asyncio.Task[None] | None = None
        self._synced_s = clock.monotonic_s()

    async def write(self, samples: Sequence[Sample]) -> None:
        """See the port."""
        await self._do(lambda: self._depot.write(samples))
        if self._clock.monotonic_s() - self._synced_s >= SYNC_S:
            self._synced_s = self._clock.monotonic_s()
            await self._do(self._depot.sync)
        if self._depot.is_due and (self._upkeep is None or self._upkeep.done()):
            self._upkeep = asyncio.create_task(self.upkeep())

    async def read(self, query: SeriesQuery) -> tuple[Series, ...]:
        """See the port."""
        chosen = await self._do(lambda: self._depot.chosen(query))
        return tuple([await self._do(partial(self._series, query, *pair)) for pair in chosen])

    async def pooled(self, query: SeriesQuery) -> Statistics | None:
        """See the port."""
        buckets: list[Bucket] = []
        for _, numbers in await self._do(lambda: self._depot.chosen(query)):
            buckets += await self._do(partial(self._known, query, numbers))
        return await self._do(lambda: statistics(sorted(buckets, key=lambda item: item.at_s)))

    async def holding(self) -> Holding:
        """See the port."""
        series, size, oldest_ms = await self._do(self._depot.counted)
        oldest_at = None if oldest_ms is None else datetime.fromtimestamp(oldest_ms / 1000, UTC)
        return Holding(
            series=series, bytes=size, oldest_at=oldest_at, raw_s=float(self._retention.raw_s),
            minutes_s=float(self._retention.minute_s), kept_s=float(self._retention.hour_s),
        )  # fmt: skip

    async def upkeep(self) -> None:
        """Seal, roll up and drop what is due now. Other calls are served in between."""
        steps = await self._do(self._depot.upkeep)
        while await self._do(lambda: next(steps, self) is not self):
            pass

    async def close(self) -> None:
        """See the port."""
        if self._upkeep is not None:
            self._upkeep.cancel()
            with suppress(asyncio.CancelledError):
                await self._upkeep
        if self._is_open:
            await self._do(self._depot.close)
        self._worker.shutdown()
        os.close(self._lock)

    def _series(self, query: SeriesQuery, resource: str, numbers: Sequence[int]) -> Series:
        known = self._depot.buckets(query, numbers) if numbers else []
        begin_s = query.start_at.timestamp()
        inside = [item for item in known if item.at_s + max(item.length_s, 0.001) > begin_s]
        return Series(resource=ResourceId(resource), values=step_values(query, known), statistics=statistics(inside))

    def _known(self, query: SeriesQuery, numbers: Sequence[int]) -> list[Bucket]:
        return self._depot.buckets(query, numbers) if numbers else []

    async def _do(self, call: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._worker, self._opened, call)

    def _opened(self, call: Callable[[], T]) -> T:
        if not self._is_open:
            try:
                for _ in self._depot.open():
                    pass
            except OSError as error:
                raise _unusable(error) from error
            self._is_open = True
        return call()


def _claimed(folder: Path) -> int:
    """The lock of a folder, which is made when it is not there."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise _unusable(error) from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(handle)
        raise StoreError(
            "Another process keeps measurements in this data folder.", next_step="Give each hub its own data_dir."
        ) from error
    return handle


def _unusable(error: OSError) -> StoreError:
    logger().warning("metrics_unusable", reason=str(error))
    return StoreError(
        f"Measurements cannot be kept on disk: {error}.", next_step="Make the folder metrics in data_dir writable."
    )
