"""What containers used: the figures of a deployment from those of its samples. Pure."""

from opstwin.domain.deployment import Usage
from opstwin.domain.series import Statistics


def usage_of(cpu: Statistics, memory: Statistics) -> Usage:
    """Mean, median, 95th percentile and peak per replica.

    The mean alone misleads: memory needs its peak and CPU its percentile, so all are kept.
    """
    return Usage(
        samples=cpu.samples, cpu_mean=cpu.mean, cpu_p50=cpu.p50, cpu_p95=cpu.p95, cpu_max=cpu.max,
        memory_mean=memory.mean, memory_p50=memory.p50, memory_p95=memory.p95, memory_max=memory.max,
    )  # fmt: skip
