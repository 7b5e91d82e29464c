"""CPU and memory from the engine's counters. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from opstwin.targets.docker.sightings import moment
from opstwin.targets.ports import UsageReading


@dataclass(frozen=True, slots=True, kw_only=True)
class Counters:
    """One reading: CPU time ever used in nanoseconds, memory in use without the page cache that can be dropped.

    `throttled_periods`: how often the CPU limit held it back so far.
    """

    at: datetime
    cpu_ns: int
    memory_bytes: int
    throttled_periods: int | None = None


def counters_of(stats: Mapping[str, Any]) -> Counters | None:
    """The counters in an engine's answer; None when the container does not run."""
    at = moment(stats.get("read"))
    memory: Mapping[str, Any] = stats.get("memory_stats") or {}
    if at is None or "usage" not in memory:
        return None
    cpu = ((stats.get("cpu_stats") or {}).get("cpu_usage") or {}).get("total_usage") or 0
    held_back = ((stats.get("cpu_stats") or {}).get("throttling_data") or {}).get("throttled_periods")
    return Counters(
        at=datetime.fromisoformat(at), cpu_ns=int(cpu), memory_bytes=_in_use(memory),
        throttled_periods=None if held_back is None else int(held_back),
    )  # fmt: skip


def between(before: Counters, after: Counters) -> UsageReading:
    """Use over the time between two readings: 1000 millicores is one CPU kept busy."""
    elapsed_ns = (after.at - before.at).total_seconds() * 1e9
    used_ns = max(0, after.cpu_ns - before.cpu_ns)
    millicores = used_ns / elapsed_ns * 1000 if elapsed_ns > 0 else 0.0
    return UsageReading(
        at=after.at, cpu_millicores=millicores, memory_bytes=after.memory_bytes,
        throttled_periods=after.throttled_periods,
    )  # fmt: skip


def _in_use(memory: Mapping[str, Any]) -> int:
    """As `docker stats` counts: cgroup v1 tells the inactive file cache as a total, v2 by its own name."""
    details: Mapping[str, Any] = memory.get("stats") or {}
    cache = int(details.get("total_inactive_file", details.get("inactive_file", 0)) or 0)
    used = int(memory["usage"])
    return used - cache if cache < used else used
