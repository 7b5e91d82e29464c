"""Writes samples to a store on disk until it is killed; prints each second of samples when it is written.

python -m tests.reliability.metrics_writer FOLDER FIRST
"""

import asyncio
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from opstwin.clock import SystemClock
from opstwin.domain.series import Sample
from opstwin.domain.values import ResourceId
from opstwin.metrics.files import FileSamples
from opstwin.metrics.levels import Retention

START = datetime(2026, 1, 5, tzinfo=UTC)
RESOURCES = tuple(ResourceId(f"local/container/c-{number}") for number in range(20))
SEAL_EVERY = 25


async def main(folder: Path, first: int) -> None:
    store = FileSamples(folder, Retention(), SystemClock())
    for second in range(first, first + 100_000):
        at = START + timedelta(seconds=second)
        await store.write([Sample(resource=name, metric="m", at=at, value=float(second)) for name in RESOURCES])
        sys.stdout.write(f"{second}\n")
        sys.stdout.flush()
        if second % SEAL_EVERY == 0:
            await store.upkeep()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
