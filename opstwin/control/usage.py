"""What containers used: statistics over samples. Pure."""

from collections.abc import Sequence
from math import ceil, fsum
from typing import Final

from opstwin.domain.deployment import Usage, UsageSample

MEDIAN: Final = 0.5
P95: Final = 0.95


def usage_of(samples: Sequence[UsageSample]) -> Usage | None:
    """Mean, median, 95th percentile and peak per replica; None without samples.

    The mean alone misleads: memory needs its peak and CPU its percentile, so all are kept.
    """
    if not samples:
        return None
    cpu = sorted(sample.cpu_millicores for sample in samples)
    memory = sorted(float(sample.memory_bytes) for sample in samples)
    return Usage(
        samples=len(samples), cpu_mean=mean(cpu), cpu_p50=percentile(cpu, MEDIAN), cpu_p95=percentile(cpu, P95),
        cpu_max=cpu[-1], memory_mean=mean(memory), memory_p50=percentile(memory, MEDIAN),
        memory_p95=percentile(memory, P95), memory_max=memory[-1],
    )  # fmt: skip


def mean(values: Sequence[float]) -> float:
    """The arithmetic mean of at least one value."""
    return fsum(values) / len(values)


def percentile(ordered: Sequence[float], share: float) -> float:
    """The nearest-rank percentile of sorted values: the least value that at least this share does not exceed."""
    return ordered[max(0, ceil(share * len(ordered)) - 1)]
