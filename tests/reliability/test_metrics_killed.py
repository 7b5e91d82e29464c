"""A hub that is killed at any moment, again and again, keeps every sample whose writing had returned."""

import random
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

from opstwin.clock import SystemClock
from opstwin.domain.series import SeriesQuery
from opstwin.metrics.files import FileSamples
from opstwin.metrics.levels import Retention
from tests.reliability.metrics_writer import RESOURCES, SEAL_EVERY, START

ROUNDS = 6


def killed_after(folder: Path, first: int, lines: int) -> int:
    """Start a writer, kill it some lines later in the middle of whatever it does; the last second it told."""
    command = [sys.executable, "-m", "tests.reliability.metrics_writer", str(folder), str(first)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        told = [int(writer.stdout.readline()) for _ in range(lines)]
        writer.kill()
        told += [int(line) for line in writer.stdout.read().splitlines()]
    return told[-1]


async def test_kill_9_at_any_moment_loses_no_sample_that_was_written(tmp_path: Path) -> None:
    chance = random.Random(11)
    last = -1
    for _ in range(ROUNDS):
        last = killed_after(tmp_path, last + 1, chance.randrange(1, 3 * SEAL_EVERY))
    store = FileSamples(tmp_path, Retention(), SystemClock())
    query = SeriesQuery(metric="m", resources=RESOURCES, start_at=START, step_s=1, steps=last + 1)
    for series in await store.read(query):
        assert series.values == tuple(float(second) for second in range(last + 1))
        assert series.statistics is not None
        assert series.statistics.last_at == START + timedelta(seconds=last)
    await store.close()
