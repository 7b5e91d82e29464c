"""Out-of-memory kills land in the deployment that they hit, also one that failed because of them."""

import asyncio
from datetime import timedelta

import pytest

from opstwin.control.memory_kills import count_oom, recount
from opstwin.domain.deployment import Deployment
from opstwin.domain.event import Event
from opstwin.domain.values import ResourceId, resource_id
from opstwin.twin.memory import MemoryStore
from opstwin.twin.store import Commit, Receipt
from tests.rig import ANNA, LOCAL, Rig, app

WEB1 = resource_id(LOCAL, "container", "web-1")


class Slow(MemoryStore):
    """Lets others come between what was read and what is written."""

    async def commit(self, commit: Commit) -> Receipt:
        await asyncio.sleep(0)
        return await super().commit(commit)


@pytest.fixture
async def rig() -> Rig:
    rig = await Rig().ready()
    await rig.change_to(app(replicas=1))
    rig.clock.advance(60)
    return rig


async def told(rig: Rig, resource: ResourceId = WEB1) -> None:
    """A kill as it comes from the target: an event in the feed, counted at once where that is possible."""
    event = Event(at=rig.clock.now(), type="container.oom", target=LOCAL, resource=resource)
    await rig.ledger.commit(events=[event])
    await count_oom(rig.ledger, resource)


async def counts(rig: Rig) -> list[int]:
    return [item.oom_events for item in await rig.ledger.all(Deployment)]


@pytest.mark.req("S5.71")
async def test_kills_counted_at_the_same_moment_are_all_counted() -> None:
    rig = await Rig(store=Slow()).ready()
    await rig.change_to(app(replicas=2))
    resources = [resource_id(LOCAL, "container", f"web-{number}") for number in (1, 2)]
    assert await asyncio.gather(*(count_oom(rig.ledger, item) for item in resources)) == [True, True]
    assert await counts(rig) == [2]


async def test_a_kill_of_what_nobody_deployed_is_counted_nowhere(rig: Rig) -> None:
    await told(rig, ResourceId("local/container/stranger"))
    assert await recount(rig.ledger, rig.clock.now() - timedelta(days=8)) == 0
    assert await counts(rig) == [0]


@pytest.mark.req("S5.71")
async def test_a_kill_during_a_roll_out_counts_for_the_new_deployment_and_not_for_the_one_before(rig: Rig) -> None:
    plan = await rig.approved(await rig.plan_workloads(app(image="app:bad", replicas=1)))
    execution = await rig.applier.start(plan.id, ANNA)
    rig.clock.advance(1)
    await told(rig)
    assert await counts(rig) == [0]
    await rig.applier.run(execution.id)
    assert await recount(rig.ledger, rig.clock.now() - timedelta(days=8)) == 1
    rows = await rig.ledger.all(Deployment)
    assert [(item.success, item.oom_events) for item in rows] == [(True, 0), (False, 1)]


@pytest.mark.req("S5.71")
async def test_counting_again_counts_nothing_twice_and_writes_nothing(rig: Rig) -> None:
    for _ in range(3):
        await told(rig)
        rig.clock.advance(10)
    audit = len(await rig.audit())
    for _ in range(2):
        assert await recount(rig.ledger, rig.clock.now() - timedelta(days=8)) == 0
    assert await counts(rig) == [3]
    assert len(await rig.audit()) == audit


async def test_an_event_that_is_told_twice_is_one_kill(rig: Rig) -> None:
    event = Event(at=rig.clock.now(), type="container.oom", target=LOCAL, resource=WEB1)
    await rig.ledger.commit(events=[event, event])
    await recount(rig.ledger, rig.clock.now() - timedelta(days=8))
    assert await counts(rig) == [1]


async def test_each_kill_counts_for_the_deployment_that_ran_then(rig: Rig) -> None:
    await told(rig)
    rig.clock.advance(1)
    await rig.change_to(app(image="app:2", replicas=1))
    rig.clock.advance(5)
    for _ in range(2):
        await told(rig)
        rig.clock.advance(1)
    await recount(rig.ledger, rig.clock.now() - timedelta(days=8))
    assert await counts(rig) == [1, 2]
