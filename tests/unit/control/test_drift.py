"""Explaining drift, and planning back to desired."""

from dataclasses import replace

import pytest

from opstwin.control.desired import set_desired
from opstwin.control.drift import explain
from opstwin.domain.drift import DriftKind
from opstwin.domain.plan import Origin, PlanState, Risk
from opstwin.domain.resource import Desired
from opstwin.domain.values import Spec
from opstwin.domain.workload import Mount, Resources
from opstwin.errors import NotFound
from tests.unit.control.planning_bench import ANNA, BEN, LOCAL, RECONCILER, Bench, change, container, needs, ops, web


@pytest.fixture
async def bench() -> Bench:
    """With three replicas of `web`, deployed and as desired."""
    ready = await Bench().ready()
    await ready.deployed(web(3, resources=Resources(memory_bytes=64 << 20)))
    return ready


async def kinds(bench: Bench) -> dict[str, DriftKind]:
    await bench.observer.discover(LOCAL)
    return {item.resource.rsplit("/", 1)[-1]: item.kind for item in await explain(bench.ledger, bench.places, LOCAL)}


async def test_nothing_drifts_after_a_deployment(bench: Bench) -> None:
    assert await kinds(bench) == {}


async def test_each_change_made_behind_our_back_is_explained(bench: Bench) -> None:
    bench.world.remove("web-1")
    bench.world.edit("web-2", memory_bytes=32 << 20)
    bench.world.edit("web-3", running=False)
    assert await kinds(bench) == {
        "web-1": DriftKind.MISSING, "web-2": DriftKind.CHANGED, "web-3": DriftKind.STOPPED,
    }  # fmt: skip


async def test_drift_says_since_when(bench: Bench) -> None:
    bench.later(minutes=10)
    bench.world.edit("web-2", memory_bytes=32 << 20)
    await bench.observer.discover(LOCAL)
    seen_at = bench.clock.now()
    bench.later(minutes=10)
    await bench.observer.discover(LOCAL)
    [drift] = await explain(bench.ledger, bench.places)
    assert drift.since == seen_at


async def test_explaining_reads_the_twin_and_asks_no_target(bench: Bench) -> None:
    bench.world.remove("web-1")
    assert await explain(bench.ledger, bench.places, LOCAL) == ()
    with pytest.raises(NotFound):
        await explain(bench.ledger, bench.places, "nowhere")


async def test_the_plan_against_drift_brings_each_resource_back(bench: Bench) -> None:
    bench.world.remove("web-1")
    bench.world.edit("web-2", memory_bytes=32 << 20)
    bench.world.edit("web-3", running=False)
    await bench.observer.discover(LOCAL)
    plan = await bench.planner.from_drift(LOCAL, None, RECONCILER)
    assert ops(plan) == {"web-1": "create", "web-2": "update", "web-3": "update"}
    assert needs(plan, "web-2") == {"web-1"}
    assert needs(plan, "web-3") == {"web-2"}
    assert [item.path for item in change(plan, "web-2").fields] == [("memory_bytes",)]
    assert (plan.origin, plan.risk, plan.workloads) == (Origin.DRIFT, Risk.LOW, ())
    await bench.carry_out(plan)
    assert await kinds(bench) == {}


async def test_only_the_resources_asked_for_are_healed(bench: Bench) -> None:
    bench.world.remove("web-1")
    bench.world.remove("web-2")
    await bench.observer.discover(LOCAL)
    plan = await bench.planner.from_drift(LOCAL, [container("web-2")], RECONCILER)
    assert ops(plan) == {"web-2": "create"}


async def test_without_drift_the_plan_has_no_changes(bench: Bench) -> None:
    plan = await bench.planner.from_drift(LOCAL, None, RECONCILER)
    assert (plan.changes, plan.state, plan.risk) == ((), PlanState.APPLIED, Risk.NONE)


async def test_what_is_unknown_or_merely_unhealthy_is_left_alone_and_said(bench: Bench) -> None:
    await bench.blind(container("web-1"))
    record = await bench.ledger.need(Desired, container("web-2"))
    bench.world.ail("web-2")
    bench.later(minutes=1)
    await bench.observer.observe([container("web-2")])
    assert record.spec is not None
    plan = await bench.planner.from_drift(LOCAL, None, RECONCILER)
    assert plan.changes == ()
    assert any("web-1 is left alone" in note for note in plan.notes)


async def test_a_resource_that_came_back_after_it_was_deleted_is_removed_again(bench: Bench) -> None:
    await bench.deployed(web(2, resources=Resources(memory_bytes=64 << 20)))
    earlier = bench.world.snapshot()
    await bench.carry_out(await bench.plan(remove=("web",)), approver=BEN)
    bench.world.restore(earlier)
    await bench.observer.discover(LOCAL)
    assert set((await kinds(bench)).values()) == {DriftKind.EXTRA}
    plan = await bench.planner.from_drift(LOCAL, None, RECONCILER)
    assert ops(plan) == {"web-1": "delete", "web-2": "delete"}


async def test_the_same_drift_gives_the_same_waiting_plan_and_more_drift_a_new_one(bench: Bench) -> None:
    bench.world.remove("web-1")
    await bench.observer.discover(LOCAL)
    first = await bench.planner.from_drift(LOCAL, None, RECONCILER)
    await bench.observer.discover(LOCAL)
    assert (await bench.planner.from_drift(LOCAL, None, RECONCILER)).id == first.id
    bench.world.remove("web-2")
    await bench.observer.discover(LOCAL)
    assert (await bench.planner.from_drift(LOCAL, None, RECONCILER)).id != first.id


async def test_a_rejected_or_expired_plan_against_drift_is_not_given_again(bench: Bench) -> None:
    bench.world.remove("web-1")
    await bench.observer.discover(LOCAL)
    first = await bench.planner.from_drift(LOCAL, None, RECONCILER)
    await bench.approver.decide(first.id, BEN, "reject", "no")
    second = await bench.planner.from_drift(LOCAL, None, RECONCILER)
    assert second.id != first.id
    bench.later(hours=25)
    assert (await bench.planner.from_drift(LOCAL, None, RECONCILER)).id != second.id


async def test_a_desired_state_set_directly_is_a_difference_without_any_event(bench: Bench) -> None:
    record = await bench.ledger.need(Desired, container("web-1"))
    await set_desired(
        bench.ledger,
        record.id,
        {**(record.spec or {}), "memory_bytes": 96 << 20},
        if_revision=record.revision,
        actor=ANNA,
    )
    plan = await bench.planner.from_drift(LOCAL, None, RECONCILER)
    assert plan.origin is Origin.DESIRED
    assert [(item.path, item.after) for item in change(plan, "web-1").fields] == [(("memory_bytes",), 96 << 20)]
    assert set(ops(plan)) == {"web-1"}


async def test_a_row_edited_in_the_store_is_a_difference_too(bench: Bench) -> None:
    record = await bench.ledger.need(Desired, container("web-1"))
    edited: Spec = {**(record.spec or {}), "image": "app:2"}
    await bench.put(replace(record, spec=edited, revision=record.revision + 1))
    assert ops(await bench.planner.from_drift(LOCAL, None, RECONCILER)) == {"web-1": "replace"}


async def test_a_missing_volume_is_made_before_the_container_that_mounts_it() -> None:
    bench = await Bench().ready()
    await bench.deployed(web(1, volumes=(Mount(path="/data", volume="data"),), networks=("back",)))
    for kind, name in (("container", "web-1"), ("volume", "data"), ("network", "back")):
        bench.world.remove(name, kind)
    await bench.observer.discover(LOCAL)
    plan = await bench.planner.from_drift(LOCAL, None, RECONCILER)
    assert needs(plan, "web-1") == {"data", "back"}


async def test_a_stranger_in_the_place_of_our_container_is_not_replaced_without_a_human(bench: Bench) -> None:
    bench.world.remove("web-1")
    bench.world.run("web-1", "app:2")
    await bench.observer.discover(LOCAL)
    plan = await bench.planner.from_drift(LOCAL, None, RECONCILER)
    assert ops(plan) == {}
    assert any("Opstwin did not make it" in note for note in plan.notes)
