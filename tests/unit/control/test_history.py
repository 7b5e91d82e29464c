"""The history of deployments: what was used after each of them."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from opstwin.control.history import History
from opstwin.control.sampling import Sampler
from opstwin.domain.audit import AuditEntry
from opstwin.domain.deployment import Deployment
from opstwin.domain.series import Metric, Sample
from opstwin.domain.values import ExecutionId, PlanId, resource_id
from opstwin.errors import InvalidInput, StoreError
from opstwin.metrics.files import FileSamples
from opstwin.metrics.levels import Retention
from opstwin.metrics.ports import SampleStore
from opstwin.twin.memory import MemoryStore
from opstwin.twin.store import Page, Put, Query, S
from tests.rig import ANNA, LOCAL, Rig, app

DAY = timedelta(days=1)
MIB = 1024 * 1024


@pytest.fixture
async def rig() -> Rig:
    return await Rig().ready()


@pytest.fixture
async def store(rig: Rig, tmp_path: Path) -> AsyncIterator[FileSamples]:
    made = FileSamples(tmp_path, Retention(), rig.clock)
    yield made
    await made.close()


def history(rig: Rig, store: SampleStore) -> History:
    return History(rig.ledger, store)


def deployment(id: str, at: datetime, *, name: str = "web", success: bool = True) -> Deployment:
    return Deployment(
        id=id, service_name=name, image_name="app", image_tag="1", replicas=1, target_cluster=LOCAL, deployed_at=at,
        success=success, outcome="succeeded" if success else "rolled_back", plan_id=PlanId("plan_1"),
        execution_id=ExecutionId("exec_1"), workload=app(name),
    )  # fmt: skip


def readings(
    at: datetime, cpu: float, memory: int, *, name: str = "web", throttled: float | None = None
) -> list[Sample]:
    """What is measured of the first replica of a workload."""
    resource, labels = resource_id(LOCAL, "container", f"{name}-1"), (("workload", name),)
    values = {Metric.CPU_MILLICORES: cpu, Metric.MEMORY_BYTES: float(memory), Metric.THROTTLED_PERIODS: throttled}
    return [
        Sample(resource=resource, metric=metric, at=at, value=value, labels=labels)
        for metric, value in values.items() if value is not None
    ]  # fmt: skip


async def put(rig: Rig, *records: Deployment) -> None:
    entry = AuditEntry(action="test.put", subject="test", actor=ANNA)
    await rig.ledger.commit([Put(item) for item in records], [entry])


@pytest.mark.req("S5.69", "S5.G5")
async def test_seven_days_of_samples_become_the_averages_and_percentiles_of_a_deployment(
    rig: Rig, store: FileSamples
) -> None:
    """Samples as they come and their seals: the first days are there as minutes only."""
    began = rig.clock.now()
    count = 7 * 24
    await put(rig, deployment("d1", began))
    for number in range(8 * 24):
        await store.write(readings(rig.clock.now(), float(number), number * MIB))
        await store.upkeep()
        rig.clock.advance(3600)
    assert await history(rig, store).backfill() == 1
    row = await rig.ledger.need(Deployment, "d1")
    assert row.usage is not None
    assert row.usage.samples == count
    assert row.actual_cpu_millicores == row.usage.cpu_mean == pytest.approx(sum(range(count)) / count)
    assert row.actual_memory_bytes == pytest.approx(sum(range(count)) / count * MIB)
    assert (row.usage.cpu_p50, row.usage.cpu_p95, row.usage.cpu_max) == (83.0, 159.0, 167.0)
    assert (row.usage.memory_p50, row.usage.memory_p95, row.usage.memory_max) == (83.0 * MIB, 159.0 * MIB, 167.0 * MIB)


@pytest.mark.req("S5.71")
async def test_what_limits_held_back_is_counted_into_the_deployment(rig: Rig, store: FileSamples) -> None:
    """Also over a container that began anew; what was counted before the deployment is not its own."""
    began = rig.clock.now()
    await put(rig, deployment("d1", began))
    for number, throttled in enumerate((40.0, 50.0, 55.0, 3.0, 3.0)):
        await store.write(readings(began + timedelta(seconds=15 * number), 1.0, MIB, throttled=throttled))
    rig.clock.advance(3600)
    await history(rig, store).backfill()
    assert (await rig.ledger.need(Deployment, "d1")).throttle_events == 10 + 5 + 3


@pytest.mark.req("S5.69")
async def test_samples_belong_to_the_deployment_that_ran_when_they_were_taken(rig: Rig, store: FileSamples) -> None:
    began = rig.clock.now()
    await put(
        rig,
        deployment("old", began),
        deployment("failed", began + DAY, success=False),
        deployment("new", began + 2 * DAY),
        deployment("other", began, name="api"),
    )
    for hour in range(4 * 24):
        at = began + timedelta(hours=hour)
        web = readings(at, 100.0 if at < began + 2 * DAY else 500.0, MIB)
        rig.clock.advance(3600)
        await store.write([*web, *readings(at, 7.0, MIB, name="api")])
    await history(rig, store).backfill()
    means = {item.id: item.actual_cpu_millicores for item in await rig.ledger.all(Deployment)}
    assert means == {"old": 100.0, "failed": None, "new": 500.0, "other": 7.0}


@pytest.mark.req("S5.69")
async def test_a_second_computation_without_new_samples_writes_nothing(rig: Rig, store: FileSamples) -> None:
    began = rig.clock.now()
    await put(rig, deployment("d1", began))
    await store.write(readings(began, 5.0, MIB))
    rig.clock.advance(60)
    assert await history(rig, store).backfill() == 1
    audit = len(await rig.audit())
    assert await history(rig, store).backfill() == 0
    assert len(await rig.audit()) == audit


async def test_without_samples_nothing_is_made_up(rig: Rig, store: FileSamples) -> None:
    await put(rig, deployment("d1", rig.clock.now()))
    assert await history(rig, store).backfill() == 0
    assert (await rig.ledger.need(Deployment, "d1")).usage is None


async def test_the_list_is_newest_first_and_can_be_narrowed_and_paged(rig: Rig, store: FileSamples) -> None:
    began = rig.clock.now()
    await put(rig, *[deployment(f"d{n}", began + n * DAY, success=n != 2) for n in range(4)])
    await put(rig, deployment("api", began, name="api"))
    page = await history(rig, store).deployments(workload="web", limit=2)
    assert [item.id for item in page.items] == ["d3", "d2"]
    page = await history(rig, store).deployments(workload="web", limit=2, after=page.next)
    assert [item.id for item in page.items] == ["d1", "d0"]
    assert [item.id for item in (await history(rig, store).deployments(success=False)).items] == ["d2"]
    with pytest.raises(InvalidInput):
        await history(rig, store).deployments(after="nonsense")


class Shaky(MemoryStore):
    """Gives no answer the first times that deployments are asked for."""

    failures = 3

    async def find(self, query: Query[S]) -> Page[S]:
        if query.kind is Deployment and self.failures:
            self.failures -= 1
            raise StoreError("The twin is away.")
        return await super().find(query)


async def test_the_loop_computes_the_figures_and_goes_on_after_a_failure(store: FileSamples) -> None:
    rig = await Rig(store=Shaky()).ready()
    await put(rig, deployment("d1", rig.clock.now()))
    await store.write(readings(rig.clock.now(), 5.0, MIB))
    rig.clock.advance(60)
    task = asyncio.create_task(history(rig, store).run(60.0, 600.0))
    try:
        async with asyncio.timeout(10):
            while (await rig.ledger.get(Deployment, "d1")).usage is None:  # type: ignore[union-attr]
                await asyncio.sleep(0)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_what_the_sampler_measures_becomes_the_figures(rig: Rig, store: FileSamples) -> None:
    await rig.change_to(app(replicas=2))
    assert rig.places is not None
    rig.world.use("web-1", cpu_millicores=40.0, memory_bytes=3 * MIB)
    rig.world.use("web-2", cpu_millicores=60.0, memory_bytes=5 * MIB)
    rig.clock.advance(5)
    assert await Sampler(rig.ledger, rig.places, rig.breakers, store).once() == 2
    rig.clock.advance(5)
    await history(rig, store).backfill()
    [row] = await rig.ledger.all(Deployment)
    assert row.usage is not None
    assert (row.usage.samples, row.usage.cpu_mean, row.usage.memory_max) == (2, 50.0, 5 * MIB)
