"""The reconciler starts from what is there now, reports what differs, and proposes each drift once."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import pytest

from opstwin.control.observing import Observer
from opstwin.domain.drift import DriftKind
from opstwin.domain.event import Event
from opstwin.domain.plan import Plan, PlanState
from opstwin.domain.resource import Desired, Observed, Presence
from opstwin.domain.target import Mode, Target
from opstwin.targets.ports import Reader, Sighting
from tests.rig import ANNA, LOCAL, Rig, SimPlaces, app
from tests.unit.control.reconciling_bench import (
    WEB1,
    WEB2,
    as_desired,
    edit_desired,
    healing,
    mandate,
    once,
    plans,
    reconciler,
    set_mode,
    until,
)


@pytest.fixture
async def rig() -> Rig:
    return await as_desired()


@pytest.mark.req("S1.20")
async def test_a_row_edited_in_the_database_is_noticed_in_the_next_tick_without_any_event(rig: Rig) -> None:
    loop = reconciler(rig)
    assert (await once(loop)).drifts == ()
    await edit_desired(rig, WEB1, memory_bytes=64 * 1024 * 1024)
    [drift] = (await once(loop)).drifts
    assert (drift.resource, drift.kind) == (WEB1, DriftKind.CHANGED)
    assert [item.path for item in drift.fields] == [("memory_bytes",)]


@pytest.mark.req("S1.20")
async def test_drift_is_told_once_when_it_begins_and_once_when_it_ends(rig: Rig) -> None:
    await set_mode(rig, Mode.OBSERVE)
    loop = reconciler(rig)
    rig.world.edit("web-1", running=False)
    for _ in range(3):
        await once(loop)
    assert len(await rig.ledger.all(Event, {"type": "drift.found"})) == 1
    rig.world.edit("web-1", running=True)
    rig.clock.advance(5)
    for _ in range(3):
        await once(loop)
    assert len(await rig.ledger.all(Event, {"type": "drift.gone"})) == 1


@pytest.mark.req("S1.47")
async def test_the_reconciler_reads_what_is_desired_and_writes_what_is_observed_and_what_it_decided(rig: Rig) -> None:
    loop = await healing(rig)
    rig.world.remove("web-2")
    desired = await rig.ledger.all(Desired)
    ticked = await once(loop)
    observed = await rig.ledger.need(Observed, WEB2)
    assert observed.presence is Presence.PRESENT
    assert [drift.kind for drift in ticked.drifts] == [DriftKind.MISSING]
    [plan] = [await rig.ledger.need(Plan, item) for item in ticked.healed]
    assert plan.state is PlanState.APPLIED
    assert [(item.id, item.spec) for item in await rig.ledger.all(Desired)] == [(i.id, i.spec) for i in desired]


@pytest.mark.parametrize("mode", list(Mode))
async def test_a_converged_target_costs_reads_alone(rig: Rig, mode: Mode) -> None:
    await set_mode(rig, mode)
    await mandate(rig)
    loop = reconciler(rig)
    await once(loop)
    before = (len(await rig.audit()), len(await rig.ledger.all(Event)), await rig.ledger.all(Observed))
    for _ in range(20):
        rig.clock.advance(2)
        ticked = await once(loop)
        assert (ticked.drifts, ticked.proposed, ticked.healed, ticked.overtaken) == ((), (), (), ())
    assert (len(await rig.audit()), len(await rig.ledger.all(Event)), await rig.ledger.all(Observed)) == before


async def test_observe_reports_drift_and_does_nothing_about_it(rig: Rig) -> None:
    await set_mode(rig, Mode.OBSERVE)
    rig.world.remove("web-1")
    effects = len(rig.world.effects)
    ticked = await once(reconciler(rig))
    assert [drift.resource for drift in ticked.drifts] == [WEB1]
    assert await plans(rig, PlanState.PENDING) == []
    assert len(rig.world.effects) == effects


async def test_propose_makes_one_plan_for_one_drift_however_often_it_looks(rig: Rig) -> None:
    loop = reconciler(rig)
    rig.world.remove("web-1")
    effects = len(rig.world.effects)
    first = await once(loop)
    audit = len(await rig.audit())
    for _ in range(5):
        rig.clock.advance(15)
        assert (await once(loop)).proposed == first.proposed
    [plan] = await plans(rig, PlanState.PENDING)
    assert first.proposed == (plan.id,)
    assert len(rig.world.effects) == effects
    assert len(await rig.audit()) == audit


async def test_a_restarted_reconciler_goes_on_with_the_plan_that_waits(rig: Rig) -> None:
    rig.world.remove("web-1")
    first = await once(reconciler(rig))
    assert (await once(reconciler(rig))).proposed == first.proposed
    assert len(await plans(rig, PlanState.PENDING)) == 1


async def test_another_drift_overtakes_the_plan_that_waits(rig: Rig) -> None:
    loop = reconciler(rig)
    rig.world.remove("web-1")
    [first] = (await once(loop)).proposed
    rig.world.remove("web-2")
    ticked = await once(loop)
    assert ticked.overtaken == (first,)
    assert [plan.id for plan in await plans(rig, PlanState.STALE)] == [first]
    [plan] = await plans(rig, PlanState.PENDING)
    assert {change.resource for change in plan.changes} == {WEB1, WEB2}


async def test_a_drift_that_went_away_by_itself_leaves_no_plan_waiting(rig: Rig) -> None:
    loop = reconciler(rig)
    rig.world.edit("web-1", running=False)
    await once(loop)
    rig.world.edit("web-1", running=True)
    rig.clock.advance(5)
    assert (await once(loop)).drifts == ()
    assert await plans(rig, PlanState.PENDING) == []


async def test_a_plan_that_is_too_old_is_replaced_by_a_fresh_one(rig: Rig) -> None:
    loop = reconciler(rig)
    rig.world.remove("web-1")
    [first] = (await once(loop)).proposed
    rig.clock.advance(25 * 3600)
    [second] = (await once(loop)).proposed
    assert second != first
    assert [plan.id for plan in await plans(rig, PlanState.PENDING)] == [second]


async def test_what_a_person_rejected_is_not_proposed_again_until_something_moves(rig: Rig) -> None:
    loop = reconciler(rig)
    rig.world.remove("web-1")
    [first] = (await once(loop)).proposed
    await rig.approver.decide(first, ANNA, "reject", "leave it")
    for _ in range(3):
        assert (await once(loop)).proposed == ()
    await edit_desired(rig, WEB1, memory_bytes=64 * 1024 * 1024)
    assert len((await once(loop)).proposed) == 1


async def test_what_a_person_rejected_is_not_healed_behind_their_back(rig: Rig) -> None:
    rig.world.remove("web-1")
    [first] = (await once(reconciler(rig))).proposed
    await rig.approver.decide(first, ANNA, "reject", "leave it")
    loop = await healing(rig)
    assert (await once(loop)).healed == ()
    assert "web-1" not in rig.running()


async def test_a_plan_that_a_person_made_is_left_waiting_while_it_holds(rig: Rig) -> None:
    rig.world.remove("web-1")
    rig.world.remove("web-2")
    await rig.observer.discover(LOCAL)
    mine = await rig.planner.from_drift(LOCAL, [WEB1], ANNA)
    loop = reconciler(rig)
    await once(loop)
    assert (await rig.ledger.need(Plan, mine.id)).state is PlanState.PENDING
    await rig.carry_out(mine)
    ticked = await once(loop)
    [plan] = await plans(rig, PlanState.PENDING)
    assert ticked.proposed == (plan.id,)
    assert [change.resource for change in plan.changes] == [WEB2]


@pytest.mark.req("S1.24")
async def test_a_change_made_while_nobody_reconciled_is_applied_after_the_start(rig: Rig) -> None:
    await edit_desired(rig, WEB1, memory_bytes=64 * 1024 * 1024)
    rig.world.remove("web-2")
    rig.clock.advance(3 * 24 * 3600)
    loop = await healing(rig)
    [plan_id] = (await once(loop)).healed
    assert (await rig.ledger.need(Plan, plan_id)).state is PlanState.APPLIED
    assert rig.world.containers()["web-1"].spec["memory_bytes"] == 64 * 1024 * 1024
    assert "web-2" in rig.running()
    assert (await once(loop)).drifts == ()


@pytest.mark.req("S1.20", "S1.24")
async def test_the_running_loop_brings_a_directly_edited_row_about_by_itself(rig: Rig) -> None:
    loop = await healing(rig)
    began_at = (await rig.ledger.need(Observed, WEB1)).observed_at
    task = asyncio.create_task(loop.run(15))
    try:
        await until(lambda: _seen_since(rig, began_at))  # what follows is not there at the first look
        await edit_desired(rig, WEB1, memory_bytes=64 * 1024 * 1024)
        await until(lambda: _memory(rig, 64 * 1024 * 1024))
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _memory(rig: Rig, amount: int) -> bool:
    return rig.world.containers()["web-1"].spec["memory_bytes"] == amount


async def _seen_since(rig: Rig, moment: datetime) -> bool:
    return (await rig.ledger.need(Observed, WEB1)).observed_at > moment


@dataclass
class MovesOn:
    """Places where, during the first full look, the target and what is wanted of it move on."""

    places: SimPlaces
    move: Callable[[], Awaitable[object]]
    looks: int = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.places, name)

    def reader(self, target: Target) -> Any:
        return Moving(self.places.reader(target), self)


@dataclass
class Moving:
    """See `MovesOn`."""

    inner: Reader
    around: MovesOn

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    async def discover(self) -> Sequence[Sighting]:
        seen = await self.inner.discover()
        self.around.looks += 1
        if self.around.looks == 1:
            await self.around.move()
        return seen


async def test_what_moved_on_during_the_look_is_told_as_no_drift(rig: Rig) -> None:
    assert rig.places is not None
    moving = MovesOn(rig.places, lambda: rig.change_to(app(image="app:2")))
    loop = replace(reconciler(rig), observer=Observer(rig.ledger, moving))
    assert (await once(loop)).drifts == ()
    assert moving.looks == 1
    assert [event for event in await rig.ledger.all(Event) if event.type == "drift.found"] == []
