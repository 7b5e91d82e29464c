"""The series of the benchmark of the sample store: what 250 agents tell of their hosts, 40 metrics every 5 s.

Each value is what a Linux host would tell, in the form that it would: bytes in pages, counters that only rise, percents
with two decimals, temperatures in steps of a half degree, and some that hardly ever change.
"""

import random
from collections.abc import Callable, Iterator
from typing import Final

AGENTS: Final = 250
INTERVAL_MS: Final = 5_000
START_MS: Final = 1_767_600_000_000

Make = Callable[[random.Random], Iterator[float]]


def percent(level: float, spread: float) -> Make:
    """A share in percent with two decimals that moves about a level."""

    def made(chance: random.Random) -> Iterator[float]:
        value = level
        while True:
            value += 0.2 * (level - value) + chance.gauss(0, spread)
            yield round(min(100.0, max(0.0, value)), 2)

    return made


def load(minutes: int) -> Make:
    """A load average."""

    def made(chance: random.Random) -> Iterator[float]:
        value, share = 0.6, 5 / (60 * minutes)
        while True:
            value += share * (chance.expovariate(1.6) - value)
            yield round(value, 2)

    return made


def pages(level: int, spread: int, moves: float) -> Make:
    """Bytes in whole pages of 4 KiB that change in a share of the readings."""

    def made(chance: random.Random) -> Iterator[float]:
        value = level
        while True:
            if chance.random() < moves:
                value = max(0, value + 4096 * round(chance.gauss(0, spread)))
            yield float(value)

    return made


def counter(a_step: float, busy: float) -> Make:
    """What only rises, in a share of the readings."""

    def made(chance: random.Random) -> Iterator[float]:
        value = chance.randrange(1 << 34)
        while True:
            if chance.random() < busy:
                value += round(chance.expovariate(1 / a_step))
            yield float(value)

    return made


def number(level: int, moves: float) -> Make:
    """A number of things that changes by one now and then."""

    def made(chance: random.Random) -> Iterator[float]:
        value = level
        while True:
            if chance.random() < moves:
                value = max(0, value + chance.choice((-1, 1)))
            yield float(value)

    return made


def degrees(level: float) -> Make:
    """A temperature in steps of a half degree."""

    def made(chance: random.Random) -> Iterator[float]:
        value = level
        while True:
            value += 0.1 * (level - value) + chance.gauss(0, 0.25)
            yield round(value * 2) / 2

    return made


def same(value: float) -> Make:
    """What never changes."""

    def made(_chance: random.Random) -> Iterator[float]:
        while True:
            yield value

    return made


def seconds_up(chance: random.Random) -> Iterator[float]:
    """Seconds since the start of a host."""
    value = float(chance.randrange(10_000_000))
    while True:
        value += 5
        yield value


MIB: Final = 1 << 20

METRICS: Final[dict[str, Make]] = {
    "cpu_percent": percent(23, 4), "cpu_user_percent": percent(15, 3), "cpu_system_percent": percent(6, 1),
    "cpu_iowait_percent": percent(0.8, 0.4), "cpu_steal_percent": same(0.0), "cpu_mhz": same(2400.0),
    "load_1": load(1), "load_5": load(5), "load_15": load(15),
    "memory_used_bytes": pages(3000 * MIB, 300, 0.9), "memory_cached_bytes": pages(2000 * MIB, 60, 0.5),
    "memory_buffers_bytes": pages(90 * MIB, 4, 0.2), "memory_total_bytes": same(8192.0 * MIB),
    "swap_used_bytes": pages(12 * MIB, 2, 0.01), "swap_total_bytes": same(2048.0 * MIB),
    "disk_used_bytes": pages(31_000 * MIB, 8, 0.3), "disk_total_bytes": same(100_000.0 * MIB),
    "disk_inodes_used": number(412_000, 0.2),
    "disk_read_bytes": counter(40_000, 0.1), "disk_written_bytes": counter(180_000, 0.6),
    "disk_reads": counter(4, 0.1), "disk_writes": counter(12, 0.6), "disk_io_ms": counter(30, 0.6),
    "net_received_bytes": counter(60_000, 1), "net_sent_bytes": counter(45_000, 1),
    "net_received_packets": counter(200, 1), "net_sent_packets": counter(160, 1),
    "net_errors": same(0.0), "net_dropped": counter(2, 0.01),
    "tcp_connections": number(84, 0.4), "processes": number(212, 0.3), "threads": number(690, 0.4),
    "open_files": number(3100, 0.5), "context_switches": counter(14_000, 1), "interrupts": counter(9_000, 1),
    "temperature_cpu_c": degrees(54), "temperature_disk_c": degrees(38), "fan_rpm": number(1480, 0.3),
    "containers_running": same(7.0), "uptime_s": seconds_up,
}  # fmt: skip


class Agents:
    """Gives one reading of all agents after the other: `(at_ms of each agent, values by agent and metric)`."""

    def __init__(self, agents: int = AGENTS, seed: int = 7) -> None:
        self._chance = random.Random(seed)
        self._series = [
            [make(random.Random(f"{seed}/{agent}/{name}")) for name, make in METRICS.items()] for agent in range(agents)
        ]
        self._offsets = [self._chance.randrange(INTERVAL_MS) for _ in range(agents)]
        self._round = 0

    def next(self) -> list[tuple[int, list[float]]]:
        """The next reading of each agent; timers of real hosts are some milliseconds late."""
        begin = START_MS + self._round * INTERVAL_MS
        self._round += 1
        return [
            (begin + offset + int(self._chance.expovariate(0.5)), [next(series) for series in one])
            for offset, one in zip(self._offsets, self._series, strict=True)
        ]
