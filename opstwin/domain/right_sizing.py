"""What a workload should request, from what it used. Pure.

CPU: a request at the 95th percentile and no limit, since a limit only holds back what has room. Memory: peak plus 15 %,
after a kill for memory plus 25 %, since memory cannot be taken back and the peak was cut off by the limit.
"""

from dataclasses import dataclass
from enum import StrEnum
from math import ceil
from typing import Final

from opstwin.domain.deployment import Usage

LEAST_SAMPLES: Final = 100
"""With fewer measurements a 95th percentile stands on less than five of them: nothing is told."""

HEADROOM: Final = 1.15
AFTER_OOM: Final = 1.25
"""Memory beyond the peak, as usual and after a kill: 15 % is the margin of Kubernetes' vertical autoscaler
(`recommendation-margin-fraction`). Its 20 % after a kill (`oom-bump-up-ratio`) are 25 % here, since each further step
needs somebody's approval."""

MI: Final = 1024 * 1024

LEAST_MEMORY: Final = 16
"""Mebibytes that are never gone below: Docker takes no less than 6, and a start needs more than an idle hour shows."""

LEAST_CPU: Final = 10
"""Millicores that are never gone below: an idle process has a start, too."""


class Silence(StrEnum):
    """Why nothing is told: too few measurements, none at all, or an autoscaler decides."""

    FEW = "few_samples"
    NONE = "not_measured"
    OWNED = "autoscaler"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What is known of a workload's use over `period_s` seconds, per copy.

    `oom_events` are kills for memory that no later deployment has answered, `killed_at_bytes` the highest limit at
    which one happened. `owned` names what an autoscaler decides: `cpu`, `memory`.
    """

    usage: Usage | None
    period_s: float = 0.0
    oom_events: int = 0
    killed_at_bytes: int = 0
    owned: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """What to request, in millicores and bytes; None where nothing is told, and then `silent` says why.

    There is never a CPU limit. `samples` measurements over `period_s` seconds stand behind it, `factor` is what the
    memory's peak was multiplied with.
    """

    cpu_request: int | None = None
    memory_limit: int | None = None
    samples: int = 0
    period_s: float = 0.0
    factor: float = HEADROOM
    oom_events: int = 0
    owned: frozenset[str] = frozenset()
    silent: Silence | None = None


def right_size(measured: Measured) -> Advice:
    """What the measurements say."""
    factor = AFTER_OOM if measured.oom_events else HEADROOM
    usage = measured.usage
    known = Advice(
        samples=usage.samples if usage else 0, period_s=measured.period_s, factor=factor,
        oom_events=measured.oom_events, owned=measured.owned, silent=_silence(measured),
    )  # fmt: skip
    if usage is None or known.silent is not None:
        return known
    return Advice(
        cpu_request=None if "cpu" in measured.owned else cpu_of(usage),
        memory_limit=None if "memory" in measured.owned else memory_of(usage, measured),
        samples=known.samples, period_s=known.period_s, factor=factor, oom_events=known.oom_events, owned=known.owned,
    )  # fmt: skip


def _silence(measured: Measured) -> Silence | None:
    if {"cpu", "memory"} <= measured.owned:
        return Silence.OWNED
    if measured.usage is None or not measured.usage.samples:
        return Silence.NONE
    return Silence.FEW if measured.usage.samples < LEAST_SAMPLES else None


def cpu_of(usage: Usage) -> int:
    """Millicores: the 95th percentile, or `LEAST_CPU`."""
    return max(LEAST_CPU, ceil(usage.cpu_p95))


def above_kill(limit_bytes: float) -> float:
    """Bytes to give what was killed for memory at `limit_bytes`, where nothing else is known of its need."""
    return limit_bytes * AFTER_OOM


def above_peak(peak_bytes: float) -> float:
    """Bytes to give what was measured to use `peak_bytes` at most, and was not killed."""
    return peak_bytes * HEADROOM


def memory_of(usage: Usage, measured: Measured) -> int:
    """Bytes, in whole mebibytes: the peak and what is added to it, or `LEAST_MEMORY`.

    After a kill the peak is at least the limit at which it happened: it wanted more and could not have it.
    """
    wanted = above_peak(usage.memory_max)
    if measured.oom_events:
        wanted = above_kill(max(usage.memory_max, measured.killed_at_bytes))
    return max(LEAST_MEMORY, ceil(round(wanted / MI, 6))) * MI
