"""The sampler: what it measures, what it leaves out, and how it leaves a target alone that is away."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest

from opstwin.control.sampling import AT_ONCE, LONGEST_PAUSE_S, Sampler, usage_readings
from opstwin.domain.resource import Health, Observed
from opstwin.domain.series import Metric, Series, SeriesQuery
from opstwin.domain.target import Target
from opstwin.domain.values import ResourceId
from opstwin.metrics.memory import MemorySamples
from opstwin.targets.sim.faults import Fault, FaultKind
from tests.rig import LOCAL, Rig, app

WEB1, WEB2 = ResourceId("local/container/web-1"), ResourceId("local/container/web-2")


@pytest.fixture
async def rig() -> Rig:
    ready = await Rig().ready()
    await ready.change_to(app())
    return ready


def sampler_of(rig: Rig) -> Sampler:
    assert rig.places is not None
    return Sampler(rig.ledger, rig.places, rig.breakers, MemorySamples())


async def series(
    rig: Rig, sampler: Sampler, resource: ResourceId = WEB1, metric: Metric = Metric.MEMORY_BYTES
) -> Series:
    start = rig.clock.now() - timedelta(hours=1)
    [found] = await sampler.store.read(
        SeriesQuery(metric=metric, resources=(resource,), start_at=start, step_s=60, steps=61)
    )
    return found


async def test_cpu_and_memory_of_every_managed_container_are_kept(rig: Rig) -> None:
    rig.world.use("web-1", cpu_millicores=120.0, memory_bytes=64 << 20)
    sampler = sampler_of(rig)
    assert await sampler.once() == 2
    memory, cpu = await series(rig, sampler), await series(rig, sampler, metric=Metric.CPU_MILLICORES)
    assert memory.statistics is not None
    assert cpu.statistics is not None
    assert (memory.statistics.last, cpu.statistics.last) == (64 << 20, 120.0)


async def test_what_opstwin_does_not_manage_is_not_measured(rig: Rig) -> None:
    rig.world.run("stranger", "app:1")
    await rig.observer.discover(LOCAL)
    assert await sampler_of(rig).measured(LOCAL) == [WEB1, WEB2]


async def test_a_stopped_container_leaves_a_gap_and_no_zero(rig: Rig) -> None:
    rig.world.edit("web-1", running=False)
    await rig.observer.discover(LOCAL)
    sampler = sampler_of(rig)
    assert await sampler.once() == 1
    assert (await series(rig, sampler)).statistics is None
    assert (await series(rig, sampler, WEB2)).statistics is not None


async def test_what_a_driver_calls_stopped_is_left_out_whatever_else_it_says(rig: Rig) -> None:
    seen = await rig.ledger.need(Observed, WEB1)
    await rig.put(replace(seen, facts={}, health=Health.STOPPED))
    assert await sampler_of(rig).measured(LOCAL) == [WEB2]


async def test_one_that_cannot_be_measured_stops_no_other(rig: Rig) -> None:
    rig.world.faults.add(Fault(call="usage", kind=FaultKind.REJECT, resource=WEB1))
    sampler = sampler_of(rig)
    assert await sampler.once() == 1
    assert (await series(rig, sampler, WEB2)).statistics is not None


async def test_a_target_that_is_away_is_asked_less_and_less_often_and_at_once_again_when_it_answers(rig: Rig) -> None:
    down = rig.world.faults.add(Fault(call="usage", kind=FaultKind.UNREACHABLE, times=None))
    sampler = sampler_of(rig)
    asked: list[float] = []
    for _ in range(200):
        before = len(rig.world.faults.struck)
        await sampler.once(15.0)
        if len(rig.world.faults.struck) > before:
            asked.append(rig.clock.monotonic_s())
        rig.clock.advance(15)
    pauses = [later - earlier for earlier, later in pairwise(asked)]
    assert pauses == sorted(pauses)
    assert (pauses[0], pauses[-1]) == (30, LONGEST_PAUSE_S)
    rig.world.faults.remove(down)
    rig.clock.advance(LONGEST_PAUSE_S)
    assert await sampler.once(15.0) == 2
    rig.clock.advance(15)
    assert await sampler.once(15.0) == 2
    rig.world.faults.add(down)
    assert await sampler.once(15.0) == 0
    rig.world.faults.remove(down)
    rig.clock.advance(30)
    assert await sampler.once(15.0) == 2


async def test_the_first_sign_that_a_target_is_away_ends_the_round(rig: Rig) -> None:
    rig.world.faults.add(Fault(call="usage", kind=FaultKind.UNREACHABLE, times=None))
    assert rig.places is not None
    reader = rig.places.reader(await rig.ledger.need(Target, LOCAL))
    assert await usage_readings(reader, [WEB1, WEB2] * 50) == ({}, True)
    assert len(rig.world.faults.struck) <= AT_ONCE


async def test_a_target_behind_an_open_breaker_is_not_asked(rig: Rig) -> None:
    for _ in range(5):
        rig.breakers.record(LOCAL, ok=False)
    assert await sampler_of(rig).once(15.0) == 0


async def test_it_measures_again_and_again_until_it_is_stopped(rig: Rig) -> None:
    sampler = sampler_of(rig)
    running = asyncio.create_task(sampler.run(15.0))
    began_s = rig.clock.monotonic_s()
    while rig.clock.monotonic_s() < began_s + 600:
        await asyncio.sleep(0)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    found = await series(rig, sampler)
    assert found.statistics is not None
    assert found.statistics.samples >= 5
    sampled = found.statistics.samples
    rig.clock.advance(60)
    await asyncio.sleep(0)
    after = (await series(rig, sampler)).statistics
    assert after is not None
    assert after.samples == sampled


async def test_measuring_changes_nothing_on_the_target_and_nothing_in_the_twin(rig: Rig) -> None:
    effects, rows = rig.world.effects, await rig.audit()
    await sampler_of(rig).once()
    assert (rig.world.effects, await rig.audit()) == (effects, rows)


async def test_one_reading_can_be_taken_now(rig: Rig) -> None:
    sampler = sampler_of(rig)
    assert await sampler.take([WEB2]) == 1
    assert (await series(rig, sampler, WEB2)).statistics is not None
    assert await sampler.take([ResourceId("nowhere/container/x")]) == 0
