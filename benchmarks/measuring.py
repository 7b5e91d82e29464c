"""How figures are taken: several runs, the median, and a baseline in turn with what is measured."""

import statistics
import time
from collections.abc import Awaitable, Callable
from typing import Any


def figure(values_s: list[float], **more: Any) -> dict[str, Any]:
    """Median, least and greatest of some durations, in milliseconds."""
    return {
        "median_ms": round(statistics.median(values_s) * 1000, 3),
        "min_ms": round(min(values_s) * 1000, 3),
        "max_ms": round(max(values_s) * 1000, 3),
        "runs": len(values_s),
        **more,
    }


def compared(measured_s: list[float], baseline_s: list[float], *, baseline: str, limit: str) -> dict[str, Any]:
    """A figure beside its baseline, with the ratio of the medians."""
    ratio = statistics.median(measured_s) / statistics.median(baseline_s)
    return figure(measured_s, baseline=baseline, baseline_median_ms=round(statistics.median(baseline_s) * 1000, 3),
                  ratio=round(ratio, 3), limit=limit)  # fmt: skip


async def timed(call: Callable[[], Awaitable[object]]) -> float:
    """How long one call takes, in seconds."""
    begin = time.perf_counter()
    await call()
    return time.perf_counter() - begin


def timed_sync(call: Callable[[], object]) -> float:
    """How long one blocking call takes, in seconds."""
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


async def in_turn(
    measured: Callable[[], Awaitable[object]], baseline: Callable[[], Awaitable[object]], runs: int
) -> tuple[list[float], list[float]]:
    """Both timed `runs` times, one after the other in turn, after one warm-up of each."""
    await measured()
    await baseline()
    ours, theirs = [], []
    for _ in range(runs):
        theirs.append(await timed(baseline))
        ours.append(await timed(measured))
    return ours, theirs
