"""One resource that cannot be healed does not stop the others, and what cannot be planned is said once."""

from dataclasses import replace

import pytest

from opstwin.control.actors import RECONCILER
from opstwin.control.desired import set_desired
from opstwin.domain.drift import DriftKind
from opstwin.domain.event import Event
from opstwin.domain.plan import Plan, PlanState, Risk
from opstwin.domain.resource import Desired, Observed
from opstwin.domain.target import Mode
from opstwin.domain.values import resource_id
from opstwin.domain.workload import Mount
from opstwin.targets.sim.faults import Fault, FaultKind
from tests.rig import ANNA, LOCAL, ROBOT, Rig, app
from tests.unit.control.reconciling_bench import (
    WEB1,
    WEB2,
    as_desired,
    edit_desired,
    healing,
    once,
    plans,
    reconciler,
    set_mode,
)

DATA = resource_id(LOCAL, "volume", "data")


@pytest.fixture
async def rig() -> Rig:
    return await as_desired()


async def test_what_is_covered_is_healed_and_the_rest_proposed(rig: Rig) -> None:
    loop = await healing(rig)
    await edit_desired(rig, WEB1, ROBOT, memory_bytes=64 * 1024 * 1024)
    rig.world.remove("web-2")
    ticked = await once(loop)
    assert (len(ticked.healed), len(ticked.proposed)) == (1, 1)
    assert sorted(rig.running()) == ["web-1", "web-2"]
    [plan] = await plans(rig, PlanState.PENDING)
    assert [change.resource for change in plan.changes] == [WEB1]
    assert (await once(loop)).proposed == ticked.proposed


async def test_what_needs_something_that_is_not_covered_waits_with_it(rig: Rig) -> None:
    await rig.change_to(app("db", replicas=1), app("api", replicas=1, needs=("db",)))
    loop = await healing(rig)
    await edit_desired(rig, resource_id(LOCAL, "container", "db-1"), ROBOT, memory_bytes=64 * 1024 * 1024)
    for name in ("db-1", "api-1", "web-1"):
        rig.world.remove(name)
    ticked = await once(loop)
    assert len(ticked.healed) == 1
    assert sorted(rig.running()) == ["web-1", "web-2"]
    [plan] = await plans(rig, PlanState.PENDING)
    assert sorted(change.name for change in plan.changes) == ["api-1", "db-1"]


async def test_a_stranger_in_our_place_is_left_alone_said_once_and_stops_nobody(rig: Rig) -> None:
    loop = await healing(rig)
    rig.world.remove("web-1")
    rig.world.run("web-1", "app:2")
    rig.world.remove("web-2")
    assert len((await once(loop)).healed) == 1
    assert rig.running() == {"web-1": "app:2", "web-2": "app:1"}
    audit, stored = len(await rig.audit()), len(await rig.ledger.all(Plan))
    for _ in range(5):
        assert (await once(loop)).proposed == ()
    assert (len(await rig.audit()), len(await rig.ledger.all(Plan))) == (audit, stored)
    [event] = await rig.ledger.all(Event, {"type": "drift.stuck"})
    assert "web-1" in event.message


@pytest.mark.parametrize("mode", [Mode.PROPOSE, Mode.HEAL])
async def test_a_heal_that_cannot_be_planned_is_said_once_and_writes_nothing_more(rig: Rig, mode: Mode) -> None:
    loop = await healing(rig)
    await set_mode(rig, mode)
    await edit_desired(rig, WEB1, env={"PASSWORD": "***"})
    rig.world.remove("web-1")
    await once(loop)
    audit, stored = len(await rig.audit()), len(await rig.ledger.all(Plan))
    for _ in range(5):
        await once(loop)
    assert (len(await rig.audit()), len(await rig.ledger.all(Plan))) == (audit, stored)
    [event] = await rig.ledger.all(Event, {"type": "drift.stuck"})
    assert "never read, as it is secret" in event.message


async def test_the_reconciler_stores_no_plan_without_changes_and_a_person_gets_one(rig: Rig) -> None:
    before = len(await rig.ledger.all(Plan))
    assert (await rig.planner.from_drift(LOCAL, None, RECONCILER)).changes == ()
    assert len(await rig.ledger.all(Plan)) == before
    assert (await rig.planner.from_drift(LOCAL, None, ANNA)).state is PlanState.APPLIED
    assert len(await rig.ledger.all(Plan)) == before + 1


async def test_an_empty_volume_never_takes_the_place_of_a_lost_one_without_a_person(rig: Rig) -> None:
    await rig.change_to(app("db", replicas=1, volumes=(Mount(path="/data", volume="data"),)))
    loop = await healing(rig)
    rig.world.remove("db-1")
    rig.world.remove("data", kind="volume")
    rig.world.remove("web-1")
    ticked = await once(loop)
    assert len(ticked.healed) == 1
    assert sorted(rig.running()) == ["web-1", "web-2"]
    [plan] = await plans(rig, PlanState.PENDING)
    assert plan.risk is Risk.HIGH
    assert {change.name: change.reasons for change in plan.changes} == {
        "data": ("an empty volume would hide that its data is gone",),
        "db-1": ("an empty volume would hide that its data is gone",),
    }


async def test_the_container_of_a_lost_volume_is_not_healed_alone(rig: Rig) -> None:
    await rig.change_to(app("db", replicas=1, volumes=(Mount(path="/data", volume="data"),)))
    loop = await healing(rig)
    await rig.put(replace(await rig.ledger.need(Desired, DATA), mode=Mode.OBSERVE))
    rig.world.remove("db-1")
    rig.world.remove("data", kind="volume")
    ticked = await once(loop)
    assert (ticked.healed, len(ticked.proposed)) == ((), 1)
    assert "db-1" not in rig.running()


async def test_a_new_name_that_was_set_directly_is_missing_once_somebody_looked(rig: Rig) -> None:
    box = resource_id(LOCAL, "container", "box")
    await set_desired(rig.ledger, box, {"image": "app:1"}, if_revision=0, actor=ANNA)
    assert await rig.ledger.get(Observed, box) is None
    ticked = await once(reconciler(rig))
    assert [(item.resource, item.kind) for item in ticked.drifts] == [(box, DriftKind.MISSING)]
    [plan] = await plans(rig, PlanState.PENDING)
    assert ticked.proposed == (plan.id,)
    assert [(change.name, change.op.value) for change in plan.changes] == [("box", "create")]


async def test_a_new_name_in_the_dark_stays_unknown(rig: Rig) -> None:
    box = resource_id(LOCAL, "container", "box")
    await set_desired(rig.ledger, box, {"image": "app:1"}, if_revision=0, actor=ANNA)
    rig.world.faults.add(Fault(kind=FaultKind.UNREACHABLE, call="*", times=None))
    [ticked] = (await reconciler(rig).tick(LOCAL)).targets
    assert ticked.error != ""
    assert await plans(rig, PlanState.PENDING) == []


async def test_stopping_one_replica_after_another_is_high_risk_at_the_last(rig: Rig) -> None:
    loop = reconciler(rig)
    await edit_desired(rig, WEB1, running=False)
    await once(loop)
    [first] = await plans(rig, PlanState.PENDING)
    assert first.risk is Risk.LOW
    await rig.carry_out(first)
    await edit_desired(rig, WEB2, running=False)
    await once(loop)
    [last] = await plans(rig, PlanState.PENDING)
    assert last.risk is Risk.HIGH
    assert last.changes[0].reasons == ("nothing of this workload keeps running",)


async def test_a_replica_that_is_to_stop_does_not_count_as_staying(rig: Rig) -> None:
    await rig.observer.discover(LOCAL)
    for resource in (WEB1, WEB2):
        await edit_desired(rig, resource, running=False)
    one = await rig.planner.from_drift(LOCAL, [WEB1], ANNA)
    other = await rig.planner.from_drift(LOCAL, [WEB2], ANNA)
    assert (one.risk, other.risk) == (Risk.HIGH, Risk.HIGH)


async def test_deleting_the_last_one_that_runs_is_high_risk_beside_a_stopped_one(rig: Rig) -> None:
    rig.world.edit("web-1", running=False)
    await rig.observer.discover(LOCAL)
    record = await rig.ledger.need(Desired, WEB2)
    await set_desired(rig.ledger, WEB2, None, if_revision=record.revision, actor=ANNA)
    plan = await rig.planner.from_drift(LOCAL, [WEB2], ANNA)
    assert plan.risk is Risk.HIGH


async def test_containers_without_a_workload_do_not_stand_in_for_each_other(rig: Rig) -> None:
    for name in ("one", "two", "three"):
        box = resource_id(LOCAL, "container", name)
        await set_desired(rig.ledger, box, {"image": "app:1"}, if_revision=0, actor=ANNA)
    loop = reconciler(rig)
    await once(loop)
    [made] = await plans(rig, PlanState.PENDING)
    await rig.carry_out(made)
    one = resource_id(LOCAL, "container", "one")
    await set_desired(rig.ledger, one, None, if_revision=None, actor=ANNA)
    plan = await rig.planner.from_drift(LOCAL, [one], ANNA)
    assert plan.risk is Risk.HIGH
