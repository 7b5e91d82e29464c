"""The history of deployments: what was used after each of them."""

import asyncio
from datetime import datetime, timedelta
from itertools import pairwise

import pytest

from opstwin.control.history import History
from opstwin.control.usage import usage_of
from opstwin.domain.audit import AuditEntry
from opstwin.domain.deployment import Deployment, UsageSample
from opstwin.domain.values import ExecutionId, PlanId
from opstwin.errors import InvalidInput
from opstwin.targets.sim.faults import Fault, FaultKind
from opstwin.twin.store import Put
from tests.rig import ANNA, LOCAL, Rig, app

DAY = timedelta(days=1)
MIB = 1024 * 1024


@pytest.fixture
async def rig() -> Rig:
    return await Rig().ready()


def history(rig: Rig) -> History:
    assert rig.places is not None
    return History(rig.ledger, rig.places)


def deployment(id: str, at: datetime, *, name: str = "web", success: bool = True) -> Deployment:
    return Deployment(
        id=id, service_name=name, image_name="app", image_tag="1", replicas=1, target_cluster=LOCAL, deployed_at=at,
        success=success, outcome="succeeded" if success else "rolled_back", plan_id=PlanId("plan_1"),
        execution_id=ExecutionId("exec_1"), workload=app(name),
    )  # fmt: skip


def sample(at: datetime, cpu: float, memory: int, *, name: str = "web", replica: int = 1) -> UsageSample:
    resource = f"{LOCAL}/container/{name}-{replica}"
    return UsageSample(
        id=f"{resource}@{at.isoformat()}", resource=resource, target=LOCAL, workload=name, at=at, cpu_millicores=cpu,
        memory_bytes=memory,
    )  # fmt: skip


async def put(rig: Rig, *records: Deployment | UsageSample) -> None:
    entry = AuditEntry(action="test.put", subject="test", actor=ANNA)
    for place in range(0, len(records), 1000):
        await rig.ledger.commit([Put(item) for item in records[place : place + 1000]], [entry])


@pytest.mark.req("S5.69", "S5.G5")
async def test_seven_days_of_samples_become_the_averages_and_percentiles_of_a_deployment(rig: Rig) -> None:
    began = rig.clock.now()
    hours = [began + timedelta(hours=hour) for hour in range(8 * 24)]
    within = hours[: 7 * 24]
    await put(rig, deployment("d1", began))
    await put(rig, *[sample(at, float(number), number * MIB) for number, at in enumerate(hours)])
    rig.clock.advance(7.5 * DAY.total_seconds())
    assert await history(rig).backfill() == 1
    row = await rig.ledger.need(Deployment, "d1")
    count = len(within)
    assert row.usage is not None
    assert row.usage.samples == count
    assert row.actual_cpu_millicores == row.usage.cpu_mean == pytest.approx(sum(range(count)) / count)
    assert row.actual_memory_bytes == pytest.approx(sum(range(count)) / count * MIB)
    assert (row.usage.cpu_p50, row.usage.cpu_p95, row.usage.cpu_max) == (83.0, 159.0, 167.0)
    assert (row.usage.memory_p50, row.usage.memory_p95, row.usage.memory_max) == (83.0 * MIB, 159.0 * MIB, 167.0 * MIB)


@pytest.mark.req("S5.69")
async def test_samples_belong_to_the_deployment_that_ran_when_they_were_taken(rig: Rig) -> None:
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
        await put(rig, sample(at, 100.0 if at < began + 2 * DAY else 500.0, MIB), sample(at, 7.0, MIB, name="api"))
    rig.clock.advance(4 * DAY.total_seconds())
    await history(rig).backfill()
    means = {item.id: item.actual_cpu_millicores for item in await rig.ledger.all(Deployment)}
    assert means == {"old": 100.0, "failed": None, "new": 500.0, "other": 7.0}


@pytest.mark.req("S5.69")
async def test_a_second_computation_without_new_samples_writes_nothing(rig: Rig) -> None:
    began = rig.clock.now()
    await put(rig, deployment("d1", began), sample(began, 5.0, MIB))
    rig.clock.advance(60)
    assert await history(rig).backfill() == 1
    audit = len(await rig.audit())
    assert await history(rig).backfill() == 0
    assert len(await rig.audit()) == audit


async def test_without_samples_nothing_is_made_up(rig: Rig) -> None:
    await put(rig, deployment("d1", rig.clock.now()))
    assert await history(rig).backfill() == 0
    assert (await rig.ledger.need(Deployment, "d1")).usage is None
    assert usage_of([]) is None


def test_one_sample_is_its_own_mean_and_peak(rig: Rig) -> None:
    usage = usage_of([sample(rig.clock.now(), 3.0, 4)])
    assert usage is not None
    assert (usage.cpu_mean, usage.cpu_p50, usage.cpu_p95, usage.cpu_max, usage.memory_max) == (3.0, 3.0, 3.0, 3.0, 4.0)


async def test_every_running_container_of_a_workload_is_sampled_and_nothing_else(rig: Rig) -> None:
    rig.world.run("stranger", "app:1")
    await rig.change_to(app(replicas=2))
    rig.world.use("web-1", cpu_millicores=40.0, memory_bytes=3 * MIB)
    rig.world.edit("web-2", running=False)
    await rig.observer.discover(LOCAL)
    assert await history(rig).sample() == 1
    [row] = await rig.ledger.all(UsageSample)
    assert (row.resource, row.workload, row.cpu_millicores, row.memory_bytes) == (
        "local/container/web-1", "web", 40.0, 3 * MIB,
    )  # fmt: skip
    assert row.at == rig.clock.now()


@pytest.mark.parametrize("kind", [FaultKind.UNREACHABLE, FaultKind.TIMEOUT, FaultKind.REJECT])
async def test_what_cannot_be_measured_leaves_a_gap_and_no_zero(rig: Rig, kind: FaultKind) -> None:
    await rig.change_to(app(replicas=2))
    rig.world.faults.add(Fault(kind=kind, call="usage", times=None))
    assert await history(rig).sample() == 0
    assert await rig.ledger.all(UsageSample) == []


async def test_a_target_that_is_away_is_asked_only_once_in_a_round(rig: Rig) -> None:
    await rig.change_to(app(replicas=20))
    rig.world.faults.add(Fault(kind=FaultKind.UNREACHABLE, call="usage", times=None))
    await history(rig).sample()
    asked = [item for item in rig.world.faults.struck if item.call == "usage"]
    assert 1 <= len(asked) <= 16


async def test_samples_older_than_eight_days_are_dropped(rig: Rig) -> None:
    began = rig.clock.now()
    await put(rig, *[sample(began + timedelta(minutes=number), 1.0, 1) for number in range(1500)])
    rig.clock.advance((8 * DAY + timedelta(minutes=1200)).total_seconds())
    assert await history(rig).prune() == 1200
    assert len(await rig.ledger.all(UsageSample)) == 300
    assert await history(rig).prune() == 0


async def test_the_list_is_newest_first_and_can_be_narrowed_and_paged(rig: Rig) -> None:
    began = rig.clock.now()
    await put(rig, *[deployment(f"d{n}", began + n * DAY, success=n != 2) for n in range(4)])
    await put(rig, deployment("api", began, name="api"))
    page = await history(rig).deployments(workload="web", limit=2)
    assert [item.id for item in page.items] == ["d3", "d2"]
    page = await history(rig).deployments(workload="web", limit=2, after=page.next)
    assert [item.id for item in page.items] == ["d1", "d0"]
    assert [item.id for item in (await history(rig).deployments(success=False)).items] == ["d2"]
    with pytest.raises(InvalidInput):
        await history(rig).deployments(after="nonsense")


async def test_the_loop_samples_averages_and_goes_on_after_a_failure(rig: Rig) -> None:
    await rig.change_to(app(replicas=1))
    rig.world.faults.add(Fault(kind=FaultKind.UNREACHABLE, call="usage", times=3))
    task = asyncio.create_task(history(rig).run(60.0, 600.0))
    try:
        async with asyncio.timeout(10):
            while not (await rig.ledger.all(Deployment))[0].usage:
                await asyncio.sleep(0)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    moments = [item.at for item in await rig.ledger.all(UsageSample)]
    assert {(later - earlier).total_seconds() for earlier, later in pairwise(moments)} == {60.0}
