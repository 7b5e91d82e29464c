"""Whose a container or pod is, when a command is to change something in it."""

import pytest

from opstwin.control.command_owners import check_ours
from opstwin.control.scene import scene_of
from opstwin.domain.resource import Desired, Link, Observed, Presence
from opstwin.domain.values import ResourceId
from opstwin.errors import Forbidden
from tests.unit.control.planning_bench import ANNA, LOCAL, Bench

POD = ResourceId("local/pod/default/nightly-29001-x")
JOB = ResourceId("local/job/default/nightly-29001")
CRON = ResourceId("local/cronjob/default/nightly")


@pytest.fixture
async def bench() -> Bench:
    """A target on which a pod is made by a job."""
    ready = await Bench().ready()
    await seen(ready, POD)
    await seen(ready, JOB)
    await ready.put(Link(id="1", source=POD, relation="part-of", destination=JOB))
    return ready


async def seen(bench: Bench, id: ResourceId, *, ours: bool = False) -> None:
    _, kind, name = id.split("/", 2)
    now = bench.clock.now()
    await bench.put(
        Observed(
            id=id, target=LOCAL, kind=kind, name=name, presence=Presence.PRESENT, spec={}, managed=ours, observed_at=now
        )
    )  # fmt: skip
    if ours:
        await bench.put(
            Desired(id=id, target=LOCAL, kind=kind, name=name, spec={}, set_by=ANNA, set_at=now, workload="nightly")
        )


async def check(bench: Bench, id: ResourceId) -> None:
    await check_ours(bench.ledger, await scene_of(bench.ledger, LOCAL), id)


async def test_what_a_job_of_our_cron_job_runs_is_ours(bench: Bench) -> None:
    await seen(bench, CRON, ours=True)
    for id in (POD, JOB, CRON):
        await check(bench, id)


async def test_what_a_strangers_cron_job_runs_is_its_owners_to_be_adopted(bench: Bench) -> None:
    await seen(bench, CRON)
    for id in (POD, JOB, CRON):
        with pytest.raises(Forbidden) as refused:
            await check(bench, id)
        assert refused.value.details["adopt"] == CRON


async def test_a_pod_that_nothing_made_and_a_job_without_a_cron_job_are_adopted_themselves(bench: Bench) -> None:
    alone = ResourceId("local/pod/default/alone")
    await seen(bench, alone)
    for id, whom in ((alone, alone), (JOB, JOB), (POD, JOB)):
        with pytest.raises(Forbidden, match="did not make") as refused:
            await check(bench, id)
        assert refused.value.next_step.endswith(f"opstwin adopt {whom}")


async def test_of_a_pod_whose_maker_nobody_sees_nobody_says_that_it_is_a_strangers(bench: Bench) -> None:
    pod = ResourceId("local/pod/default/rollout-1")
    await seen(bench, pod)
    await bench.put(
        Link(id="2", source=pod, relation="part-of", destination=ResourceId("local/rollout/default/rollout"))
    )
    await check(bench, pod)


async def test_a_pod_of_a_strangers_custom_resource_is_its_owners_to_be_adopted(bench: Bench) -> None:
    pod, widget = ResourceId("local/pod/default/one-0"), ResourceId("local/widget.example.com/default/one")
    await seen(bench, pod)
    await seen(bench, widget)
    await bench.put(Link(id="3", source=pod, relation="part-of", destination=widget))
    with pytest.raises(Forbidden, match="did not make") as refused:
        await check(bench, pod)
    assert refused.value.details["adopt"] == widget


async def test_a_pod_of_our_custom_resource_is_ours(bench: Bench) -> None:
    pod, widget = ResourceId("local/pod/default/one-0"), ResourceId("local/widget.example.com/default/one")
    await seen(bench, pod)
    await seen(bench, widget, ours=True)
    await bench.put(Link(id="3", source=pod, relation="part-of", destination=widget))
    await check(bench, pod)


@pytest.mark.parametrize("is_seen", [True, False])
async def test_what_a_node_runs_by_itself_is_nobodys_to_change_whether_or_not_the_node_is_seen(
    bench: Bench, is_seen: bool
) -> None:
    pod, node = ResourceId("local/pod/kube-system/etcd-cp1"), ResourceId("local/node/cp1")
    await seen(bench, pod)
    if is_seen:
        await seen(bench, node)
    await bench.put(Link(id="4", source=pod, relation="part-of", destination=node))
    with pytest.raises(Forbidden, match="from a file on that machine") as refused:
        await check(bench, pod)
    assert refused.value.details["node"] == node
    assert "adopt" not in refused.value.next_step
