"""The rounds of the sampler: how often, how many questions, and what a cluster-wide answer saves."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import pairwise
from typing import cast

import pytest

from opstwin.clock import VirtualClock
from opstwin.control.drivers import Readers
from opstwin.control.sampling import Sampler
from opstwin.domain.resource import Desired, Health, Observed, Presence
from opstwin.domain.series import Metric, Selector, SeriesQuery
from opstwin.domain.target import Target
from opstwin.domain.values import ResourceId, resource_id
from opstwin.errors import Unreachable
from opstwin.metrics.memory import MemorySamples
from opstwin.targets.ports import UsageReading
from opstwin.twin.memory import MemoryStore
from opstwin.twin.store import Page, Query, S
from tests.rig import ANNA, LOCAL, Rig

WEB = resource_id(LOCAL, "container", "web-1")


class Busy(VirtualClock):
    """Time that goes on only when nobody has anything to do any more."""

    async def sleep(self, seconds: float) -> None:
        until_s = self.monotonic_s() + seconds
        for _ in range(50):
            await asyncio.sleep(0)
        await super().sleep(until_s - self.monotonic_s())


class SlowTwin(MemoryStore):
    """Takes a third of a second of the clock to list the targets."""

    clock: VirtualClock | None = None

    async def find(self, query: Query[S]) -> Page[S]:
        if self.clock is not None and query.kind is Target:
            self.clock.advance(0.3)
        return await super().find(query)


@dataclass
class Slow:
    """A target each of whose answers takes a third of a second of the clock, while others go on."""

    clock: VirtualClock
    asked: list[tuple[float, ResourceId]] = field(default_factory=list)

    def reader(self, _target: Target) -> "Slow":
        return self

    async def usage(self, resource: ResourceId) -> UsageReading:
        self.asked.append((self.clock.monotonic_s(), resource))
        self.clock.advance(0.3)
        return UsageReading(at=self.clock.now(), cpu_millicores=1.23456, memory_bytes=2)


@dataclass
class Cluster(Slow):
    """Tells of all at once."""

    calls: list[Sequence[ResourceId]] = field(default_factory=list)
    is_away: bool = False

    async def usage_of_many(self, resources: Sequence[ResourceId]) -> Mapping[ResourceId, UsageReading]:
        self.calls.append(tuple(resources))
        if self.is_away:
            raise Unreachable("away")
        at: datetime = self.clock.now()
        return {
            name: UsageReading(at=at, cpu_millicores=5.0, memory_bytes=7, throttled_periods=3) for name in resources
        }


async def running(rig: Rig, *resources: ResourceId, workload: str | None = "web") -> None:
    for resource in resources:
        kind, name = resource.split("/", 2)[1:]
        await rig.put(
            Desired(
                id=resource, target=LOCAL, kind=kind, name=name, workload=workload, spec={"image": "app:1"},
                set_by=ANNA, set_at=rig.clock.now(),
            )
        )  # fmt: skip
        await rig.put(
            Observed(
                id=resource, target=LOCAL, kind=kind, name=name, presence=Presence.PRESENT, health=Health.HEALTHY,
                observed_at=rig.clock.now(),
            )
        )  # fmt: skip


async def sampler(rig: Rig, target: Slow) -> Sampler:
    return Sampler(replace(rig.ledger, clock=target.clock), cast(Readers, target), rig.breakers, MemorySamples())


@pytest.mark.req("S5.86")
@pytest.mark.parametrize("interval_s", [2.0, 5.0])
async def test_the_interval_that_is_set_is_kept_whatever_the_answers_take(interval_s: float) -> None:
    twin = SlowTwin()
    rig = await Rig(store=twin).ready()
    await running(rig, WEB)
    target = Slow(Busy(rig.clock.now()))
    twin.clock = target.clock
    task = asyncio.create_task((await sampler(rig, target)).run(interval_s))
    async with asyncio.timeout(10):
        while len(target.asked) < 20:
            await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    moments = [moment for moment, _ in target.asked]
    assert [later - earlier for earlier, later in pairwise(moments)] == pytest.approx([interval_s] * 19, rel=0.1)


async def test_a_cluster_is_asked_once_a_round_however_much_runs_in_it() -> None:
    rig = await Rig().ready()
    pods = [resource_id(LOCAL, "deployment", f"shop/web-{number}") for number in range(30)]
    job, config = resource_id(LOCAL, "job", "shop/once"), resource_id(LOCAL, "configmap", "shop/settings")
    await running(rig, *pods, job, config)
    target = Cluster(VirtualClock(rig.clock.now()))
    measuring = await sampler(rig, target)
    assert await measuring.once() == 31
    assert [sorted(call) for call in target.calls] == [sorted([*pods, job])]
    assert target.asked == []
    found = await measuring.store.read(
        SeriesQuery(
            metric=Metric.THROTTLED_PERIODS, selector=Selector(kind="job", labels=(("workload", "web"),)),
            start_at=target.clock.now(), step_s=60, steps=1,
        )
    )  # fmt: skip
    assert [(item.resource, item.values) for item in found] == [(job, (3,))]


async def test_a_cluster_that_is_away_is_left_alone_for_a_while() -> None:
    rig = await Rig().ready()
    await running(rig, resource_id(LOCAL, "pod", "shop/web-1"))
    target = Cluster(VirtualClock(rig.clock.now()), is_away=True)
    measuring = await sampler(rig, target)
    assert [await measuring.once(5.0), await measuring.once(5.0)] == [0, 0]
    assert len(target.calls) == 1


async def test_cpu_is_kept_to_a_thousandth_of_a_millicore() -> None:
    rig = await Rig().ready()
    await running(rig, WEB)
    target = Slow(VirtualClock(rig.clock.now()))
    measuring = await sampler(rig, target)
    await measuring.once()
    query = SeriesQuery(metric=Metric.CPU_MILLICORES, resources=(WEB,), start_at=rig.clock.now(), step_s=60, steps=1)
    assert [item.values for item in await measuring.store.read(query)] == [(1.235,)]
