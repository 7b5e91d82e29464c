"""The store of measurements beside Prometheus and VictoriaMetrics, on the same series in the same run.

250 agents tell 40 metrics every 5 s: 2,000 samples a second, in virtual time. Figures: bytes a sample on disk with
index, journal and roll-ups; the share of one core that 2,000 samples a second take (CPU seconds a second of samples);
and how long queries take that see one series. The others get the samples by remote write, in requests of one reading of
all agents, and tell their CPU time and their files themselves.
"""

import asyncio
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from shutil import which
from typing import Any

from benchmarks.metrics_series import AGENTS, INTERVAL_MS, METRICS, START_MS, Agents
from opstwin.domain.series import Aggregate, Sample, SeriesQuery
from opstwin.domain.values import ResourceId
from opstwin.metrics.buckets import statistics as numbers
from opstwin.metrics.buckets import step_values
from opstwin.metrics.depot import Depot
from opstwin.metrics.levels import Retention
from opstwin.metrics.prometheus import Prometheus
from opstwin.metrics.remote_write import RemoteWrite
from tests.plugins.metric_servers import SERVERS, MetricServer

HOURS = float(os.environ.get("BENCH_METRICS_HOURS", "0.25"))
DAYS = 7
QUERIES = 40
EVERY = 60
"""Readings of all agents between two looks at the memory: 5 minutes of samples."""

RESOURCES = [ResourceId(f"lan/host/agent-{number}") for number in range(AGENTS)]
A_SECOND = AGENTS * len(METRICS) * 1000 / INTERVAL_MS


def readings(agents: Agents) -> list[list[Sample]]:
    """One reading of each agent."""
    return [
        [
            Sample(resource=resource, metric=metric, at=datetime.fromtimestamp(at_ms / 1000, UTC), value=value)
            for metric, value in zip(METRICS, values, strict=True)
        ]
        for resource, (at_ms, values) in zip(RESOURCES, agents.next(), strict=True)
    ]


def rounds() -> Iterator[list[list[Sample]]]:
    """All readings of the benchmark."""
    agents = Agents()
    for _ in range(int(HOURS * 3_600_000 / INTERVAL_MS)):
        yield readings(agents)


def ours() -> dict[str, Any]:
    """The store on disk. Making the readings is not counted."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        depot = Depot(folder, Retention(), time.time)
        list(depot.open())
        count, cpu_s, longest_s = 0, 0.0, 0.0
        memory_mib: list[float] = []
        for number, reading in enumerate(rounds()):
            if number % EVERY == 0:
                memory_mib.append(_resident_mib())
            begin_s = time.process_time()
            for samples in reading:
                depot.write(samples)
                count += len(samples)
            depot.sync()
            cpu_s += time.process_time() - begin_s
            slices = _slices_s(depot) if depot.is_due else []
            cpu_s, longest_s = cpu_s + sum(slices), max([longest_s, *slices])
        cpu_s += sum(_slices_s(depot))
        by_kind = _bytes(folder)
        found = {
            "samples": count, "bytes_a_sample": round(sum(by_kind.values()) / count, 3),
            "bytes_a_sample_of": {kind: round(size / count, 3) for kind, size in sorted(by_kind.items())},
            "cpu_percent_of_a_core": round(100 * cpu_s / count * A_SECOND, 2), "limit": "2 bytes, 5 %",
            "longest_pause_ms": round(longest_s * 1000, 1), "gaps": _gaps(depot), **_growth(memory_mib),
            "query_1_h": _timed(_of_depot(depot, 3600, 15)),
        }  # fmt: skip
        depot.close()
        return found


def _resident_mib() -> float:
    """Of this process, with all that makes the readings."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGESIZE") / (1 << 20)


def _growth(memory_mib: Sequence[float]) -> dict[str, Any]:
    """How memory grows with the hours of samples, after the first one: the slope of the line nearest to it."""
    steady = memory_mib[60 * 60 * 1000 // (EVERY * INTERVAL_MS) :]
    if len(steady) < 12:
        return {}
    hours = [number * EVERY * INTERVAL_MS / 3_600_000 for number in range(len(steady))]
    slope, _ = statistics.linear_regression(hours, steady)
    return {
        "memory_mib": {"first": round(steady[0], 1), "last": round(steady[-1], 1), "most": round(max(memory_mib), 1)},
        "memory_mib_an_hour": round(slope, 2),
    }  # fmt: skip


def _gaps(depot: Depot) -> int:
    """Of all series of ten agents: readings that are not told, and stretches of two intervals without any."""
    found, hours = 0, max(1, int(HOURS))
    for resource in RESOURCES[:: AGENTS // 10]:
        for metric in METRICS:
            query = SeriesQuery(
                metric=metric, resources=(resource,), start_at=datetime.fromtimestamp(START_MS / 1000 - 3600, UTC),
                step_s=15, steps=(hours + 2) * 240,
            )  # fmt: skip
            [(_, series)] = depot.chosen(query)
            at_s = [bucket.at_s for bucket in depot.buckets(query, series)]
            found += int(HOURS * 3_600_000 / INTERVAL_MS) - len(at_s)
            found += sum(after - before > 2 * INTERVAL_MS / 1000 for before, after in pairwise(at_s))
    return found


def seven_days() -> dict[str, Any]:
    """One agent for a week: raw for two days, minutes before, hours for whole hours."""
    with tempfile.TemporaryDirectory() as name:
        depot = Depot(Path(name), Retention(), time.time)
        list(depot.open())
        agents = Agents(1)
        for number in range(DAYS * 86_400_000 // INTERVAL_MS):
            [(at_ms, values)] = agents.next()
            at = datetime.fromtimestamp(at_ms / 1000, UTC)
            depot.write(
                [Sample(resource=RESOURCES[0], metric=m, at=at, value=v) for m, v in zip(METRICS, values, strict=True)]
            )
            if depot.is_due:
                list(depot.upkeep())
            if number % 720 == 0:
                depot.sync()
        list(depot.upkeep())
        found = {
            "query_7_d_by_hours": _timed(_of_depot(depot, DAYS * 86_400, 3600, last_s=DAYS * 86_400)),
            "query_7_d_by_minutes": _timed(_of_depot(depot, DAYS * 86_400, 1200, last_s=DAYS * 86_400)),
        }
        depot.close()
        return found


def _of_depot(depot: Depot, span_s: int, step_s: int, last_s: float = HOURS * 3600) -> Callable[[int], object]:
    def ask(number: int) -> object:
        end_s = (START_MS // 1000 + int(last_s)) // step_s * step_s
        query = SeriesQuery(
            metric="cpu_percent", resources=(RESOURCES[number % AGENTS if span_s <= 3600 else 0],), step_s=step_s,
            start_at=datetime.fromtimestamp(end_s - span_s, UTC), steps=span_s // step_s, aggregate=Aggregate.MEAN,
        )  # fmt: skip
        [(_, series)] = depot.chosen(query)
        known = depot.buckets(query, series)
        assert known
        return step_values(query, known), numbers(known)

    return ask


async def theirs(name: str) -> dict[str, Any]:
    """A server by remote write, on an empty folder."""
    with tempfile.TemporaryDirectory() as folder, SERVERS[name](Path(folder)) as server:
        begin_s, count = _cpu_s(server.pid), 0
        sink = RemoteWrite(server.write_url)
        for reading in rounds():
            for place in range(0, len(reading), 50):
                batch = [sample for samples in reading[place : place + 50] for sample in samples]
                await sink.send(batch)
                count += len(batch)
        server.flush()
        cpu_s = _cpu_s(server.pid) - begin_s
        return {
            "samples": count, "bytes_a_sample": round(server.bytes / count, 3),
            "bytes_without_log_a_sample": round(_without_log(server) / count, 3),
            "cpu_percent_of_a_core": round(100 * cpu_s / count * A_SECOND, 2),
            "query_1_h": await _asked(Prometheus(server.url)),
        }  # fmt: skip


async def _asked(prom: Prometheus) -> dict[str, float]:
    taken = []
    end_s = START_MS // 1000 + int(HOURS * 3600)
    start, end = datetime.fromtimestamp(end_s - 3600, UTC), datetime.fromtimestamp(end_s, UTC)
    for number in range(QUERIES):
        expression = f'avg_over_time(opstwin_cpu_percent{{resource="{RESOURCES[number]}"}}[15s])'
        begin_s = time.perf_counter()
        assert await prom.range(expression, start, end, 15)
        taken.append(time.perf_counter() - begin_s)
    return _spread(taken)


def _slices_s(depot: Depot) -> list[float]:
    steps, taken = depot.upkeep(), []
    while True:
        begin_s = time.process_time()
        done = next(steps, depot) is depot
        taken.append(time.process_time() - begin_s)
        if done:
            return taken


def _timed(ask: Callable[[int], object]) -> dict[str, float]:
    taken = []
    for number in range(QUERIES):
        begin_s = time.perf_counter()
        ask(number)
        taken.append(time.perf_counter() - begin_s)
    return _spread(taken)


def _spread(taken_s: Sequence[float]) -> dict[str, float]:
    return {
        "median_ms": round(statistics.median(taken_s) * 1000, 2),
        "p95_ms": round(sorted(taken_s)[int(0.95 * len(taken_s)) - 1] * 1000, 2),
    }


def _bytes(folder: Path) -> dict[str, int]:
    found: dict[str, int] = {}
    for path in folder.iterdir():
        kind = path.name.split("-", maxsplit=1)[0]
        found[kind] = found.get(kind, 0) + path.stat().st_size
    return found


def _without_log(server: MetricServer) -> int:
    return sum(path.stat().st_size for path in server.folder.rglob("*") if path.is_file() and "wal" not in path.parts)


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def all_figures() -> dict[str, Any]:
    """Our store, and those of the other servers that are installed."""
    found = await asyncio.to_thread(lambda: {"opstwin": ours() | seven_days()})
    for name in SERVERS:
        if which(name) is not None:
            found[name] = await theirs(name)
    return {"metrics_store": found}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(all_figures()), indent=2))
