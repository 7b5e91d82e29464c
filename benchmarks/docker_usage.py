"""What measuring 50 containers costs the hub and the engine: calls once a round, beside a stream for each container.

The streams are read as cheaply as Python can: no thread, no library, and only the line that a round needs is parsed.
Figures are CPU milliseconds a second, the engine's without what it uses anyway, and how long one round takes.

`python -m benchmarks.docker_usage`: needs a Docker Engine on this machine, and its image of the tests
(`opstwin-test/busybox:1`) or another one (`BENCH_USAGE_IMAGE`) that has /bin/sleep.
"""

import asyncio
import json
import os
import secrets
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import docker

from opstwin.control.sampling import usage_readings
from opstwin.domain.values import resource_id
from opstwin.targets.docker.usage import Counters, counters_of
from opstwin.targets.ports import Driver
from tests.e2e.docker.spot import TARGET, address, driver_at

CONTAINERS: Final = 50
SPAN_S: Final = 45.0
ROUNDS: Final = 2
IMAGE: Final = os.environ.get("BENCH_USAGE_IMAGE", "opstwin-test/busybox:1")
Round = Callable[[], Awaitable[int]]


class Streams:
    """One stream of statistics for each container; the last line of each is kept as it came."""

    def __init__(self, ids: Sequence[str]) -> None:
        self._ids = ids
        self._last: dict[str, bytes] = {}
        self.bytes = 0

    async def read(self, id: str) -> None:
        """Read until cancelled."""
        reader, writer = await asyncio.open_unix_connection(address().removeprefix("unix://"), limit=1 << 20)
        writer.write(f"GET /v1.41/containers/{id}/stats?stream=1 HTTP/1.1\r\nHost: docker\r\n\r\n".encode())
        try:
            while line := await reader.readline():
                self.bytes += len(line)
                if line.startswith(b"{"):
                    self._last[id] = line
        finally:
            writer.close()

    async def once(self) -> int:
        """Parse what came last; how many containers could be measured."""
        found: list[Counters | None] = [counters_of(json.loads(line)) for line in self._last.values()]
        return sum(item is not None for item in found)


@asynccontextmanager
async def streaming(ids: Sequence[str]) -> AsyncIterator[Round]:
    """By streams."""
    streams = Streams(ids)
    tasks = [asyncio.create_task(streams.read(id)) for id in ids]
    try:
        await asyncio.sleep(5)
        yield streams.once
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def calling(names: Sequence[str]) -> AsyncIterator[Round]:
    """By the driver's calls."""
    driver: Driver = driver_at(address())
    wanted = [resource_id(TARGET, "container", name) for name in names]

    async def once() -> int:
        found, away = await usage_readings(driver.reader, wanted)
        assert not away
        return len(found)

    try:
        await once()
        yield once
    finally:
        await driver.writer.close()


async def measured(once: Round, every_s: float, engine: int) -> dict[str, float]:
    """CPU of both sides over `SPAN_S` with a round every `every_s` seconds."""
    taken_s: list[float] = []
    began_s, hub_s, engine_s = time.monotonic(), time.process_time(), _cpu_s(engine)
    while (left_s := began_s + SPAN_S - time.monotonic()) > 0:
        round_s = time.monotonic()
        assert await once() == CONTAINERS
        taken_s.append(time.monotonic() - round_s)
        await asyncio.sleep(max(0.0, min(left_s, every_s) - taken_s[-1]))
    span_s = time.monotonic() - began_s
    return {
        "hub": (time.process_time() - hub_s) / span_s * 1000, "engine": (_cpu_s(engine) - engine_s) / span_s * 1000,
        "round_ms": statistics.median(taken_s) * 1000,
    }  # fmt: skip


async def idle(engine: int) -> float:
    """What the engine uses when nobody measures."""
    before_s = _cpu_s(engine)
    await asyncio.sleep(SPAN_S / 2)
    return (_cpu_s(engine) - before_s) / (SPAN_S / 2) * 1000


async def all_figures() -> dict[str, Any]:
    """Both ways in turn, so that other work on the machine falls on both."""
    client = docker.from_env()
    prefix = f"bench-{secrets.token_hex(4)}"
    names = [f"{prefix}-{number}" for number in range(CONTAINERS)]
    engine = int(Path("/var/run/docker.pid").read_text())
    try:
        made = [client.containers.run(IMAGE, ["/bin/sleep", "3600"], name=name, detach=True) for name in names]
        ids = [str(item.id) for item in made]
        found: dict[str, list[dict[str, float]]] = {}
        for _ in range(ROUNDS):
            for label, way, every_s in (
                ("calls_every_15_s", calling(names), 15.0), ("streams_every_15_s", streaming(ids), 15.0),
                ("calls_every_5_s", calling(names), 5.0), ("streams_every_5_s", streaming(ids), 5.0),
            ):  # fmt: skip
                own = await idle(engine)
                async with way as once:
                    figures = await measured(once, every_s, engine)
                found.setdefault(label, []).append({**figures, "engine": figures["engine"] - own, "idle": own})
        return {"docker_usage": {label: _middle(runs) for label, runs in found.items()}}
    finally:
        for item in client.containers.list(all=True, filters={"name": prefix}):
            item.remove(force=True)


def _middle(runs: Sequence[dict[str, float]]) -> dict[str, float]:
    return {key: round(statistics.median(run[key] for run in runs), 1) for key in runs[0]}


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    print(json.dumps(asyncio.run(all_figures()), indent=2))
