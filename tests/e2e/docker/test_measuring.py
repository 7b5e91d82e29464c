"""Measuring containers: many at a time on a slow engine, and what limits do to them on a real one."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from opstwin.control.sampling import usage_readings
from opstwin.domain.values import resource_id
from opstwin.targets.ports import UsageReading
from tests.e2e.docker.spot import TARGET, Spot, driver_at
from tests.e2e.docker.wire import serving

CONTAINERS = 50
DEADLINE_S = 20.0
NAMES = [resource_id(TARGET, "container", f"c-{number}") for number in range(CONTAINERS)]


@dataclass
class SlowEngine:
    """An engine whose statistics all take one and the same time: it gives them to all who wait at once, as a round."""

    address: str = ""
    holds: bool = False
    waiting: int = 0
    answered: int = 0
    rounds: int = 0
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def answer(self, path: str) -> object:
        if path.endswith("/version"):
            return {"ApiVersion": "1.41"}
        if not path.endswith("/stats"):
            name = path.partition("/containers/")[2].partition("/")[0]
            return {"Id": name, "Name": f"/{name}"}
        async with self.changed:
            self.waiting += 1
            self.changed.notify_all()
            mine = self.rounds
            await self.changed.wait_for(lambda: not self.holds or self.rounds > mine)
            self.answered += 1
            second = self.answered
        return {
            "read": f"2026-01-05T09:{second // 60 % 60:02}:{second % 60:02}Z", "memory_stats": {"usage": 1000},
            "cpu_stats": {"cpu_usage": {"total_usage": second}},
        }  # fmt: skip

    async def give_rounds(self, at_once: int) -> None:
        """End a round each time that as many wait as can, until all were answered."""
        left = CONTAINERS
        while left:
            expected = min(at_once, left)
            async with self.changed:
                await self.changed.wait_for(lambda expected=expected: self.waiting >= expected)  # type: ignore[misc]
                left -= self.waiting
                self.waiting = 0
                self.rounds += 1
                self.changed.notify_all()


@asynccontextmanager
async def slow_engine(folder: Path) -> AsyncIterator[SlowEngine]:
    engine = SlowEngine()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            path = head.split(b" ", 2)[1].decode().split("?")[0]
            text = json.dumps(await engine.answer(path))
            writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {len(text)}\r\n\r\n{text}".encode())
            await writer.drain()

    async with serving(folder / "slow.sock", serve) as engine.address:
        try:
            yield engine
        finally:
            engine.holds = False
            async with engine.changed:
                engine.changed.notify_all()


@pytest.mark.req("S5.14", "S5.31", "S5.85")
async def test_fifty_containers_are_measured_in_less_than_three_times_what_one_slow_answer_takes(
    tmp_path: Path,
) -> None:
    """Two rounds are enough for all: none of them waits for more than one other."""
    async with slow_engine(tmp_path) as engine, asyncio.timeout(DEADLINE_S):
        driver = driver_at(engine.address)
        await usage_readings(driver.reader, NAMES)
        engine.holds, engine.waiting = True, 0
        measuring = asyncio.create_task(_measured(driver.reader))
        rounds = asyncio.create_task(engine.give_rounds(25))
        found = await measuring
        await rounds
        await driver.writer.close()
    assert len(found) == CONTAINERS
    assert engine.rounds == 2


async def _measured(reader: object) -> dict[str, UsageReading]:
    found, away = await usage_readings(reader, NAMES)  # type: ignore[arg-type]
    assert not away
    return dict(found)


@pytest.mark.docker
@pytest.mark.req("S5.71")
async def test_a_container_that_its_cpu_limit_holds_back_says_how_often(spot: Spot) -> None:
    spot.run("busy", command=["/bin/sh", "-c", "while :; do :; done"], nano_cpus=50_000_000)
    spot.run("idle")
    async with asyncio.timeout(DEADLINE_S):
        while not (busy := await spot.driver.reader.usage(spot.id(rest="busy"))).throttled_periods:
            await asyncio.sleep(0.1)
        while (
            later := await spot.driver.reader.usage(spot.id(rest="busy"))
        ).throttled_periods == busy.throttled_periods:
            await asyncio.sleep(0.1)
    assert (later.throttled_periods or 0) > busy.throttled_periods
    assert (await spot.driver.reader.usage(spot.id(rest="idle"))).throttled_periods == 0
