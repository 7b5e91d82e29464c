"""A target that cannot be reached for ten minutes: known to be unknown, said once, and made good without duplicates."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from opstwin.control.drift import explain
from opstwin.control.modes import Setting, set_mode
from opstwin.control.reconciling import Reconciler
from opstwin.control.retrying import COOL_DOWN_S
from opstwin.domain.drift import DriftKind
from opstwin.domain.event import Event
from opstwin.domain.execution import Execution, ExecutionState
from opstwin.domain.healing import HealRecord
from opstwin.domain.plan import Plan
from opstwin.domain.resource import Observed, Presence
from opstwin.domain.target import Mode
from opstwin.errors import Unreachable
from opstwin.targets.sim.faults import Fault, FaultKind
from tests.reliability.accounting import account_for
from tests.rig import ANNA, BEN, LOCAL, QUICK, Rig, app

TEN_MINUTES_S = 600
LOOK_S = 15
CUTS = [FaultKind.UNREACHABLE, FaultKind.HANG]


@pytest.fixture
async def rig() -> Rig:
    """Two workloads that run, on a target that is healed without asking."""
    rig = await Rig().ready()
    await rig.change_to(app(), app("api", replicas=1))
    given = Setting(mode=Mode.HEAL, reason="keep it up", expires_at=rig.clock.now() + timedelta(days=1))
    await set_mode(rig.ledger, LOCAL, given, BEN)
    return rig


def reconciler(rig: Rig) -> Reconciler:
    return Reconciler(rig.ledger, rig.observer, rig.planner, rig.approver, rig.applier, rig.breakers)


def cut(rig: Rig, kind: FaultKind) -> Fault:
    """From now on nothing gets through."""
    return rig.world.faults.add(Fault(kind=kind, call="*", times=None))


async def pass_time(rig: Rig, seconds: float, *loops: Callable[[], Awaitable[object]]) -> None:
    """Let time pass while the loops of a hub go round."""
    end_s = rig.clock.monotonic_s() + seconds
    while rig.clock.monotonic_s() < end_s:
        for loop in loops:
            await loop()
        rig.clock.advance(LOOK_S)


async def told(rig: Rig, after: int = 0) -> list[str]:
    """The types of the events, in their order."""
    return [event.type for event in await rig.ledger.all(Event) if (event.seq or 0) > after]


@pytest.mark.proves("B4")
@pytest.mark.parametrize("kind", CUTS)
async def test_ten_minutes_without_a_target_are_told_once_and_change_nothing(rig: Rig, kind: FaultKind) -> None:
    loop = reconciler(rig)
    await loop.tick()
    stood, effects, plans = dict(rig.world.containers()), rig.world.effects, await rig.ledger.all(Plan)
    known = {item.id: item for item in await rig.ledger.all(Observed)}
    events = len(await told(rig))
    fault = cut(rig, kind)
    await pass_time(rig, TEN_MINUTES_S, loop.tick)
    # Everything is unknown since it was last seen; what it was is still known.
    for item in await rig.ledger.all(Observed):
        before = known[item.id]
        if before.presence is Presence.PRESENT:
            assert (item.presence, item.spec, item.observed_at) == (Presence.UNKNOWN, before.spec, before.observed_at)
    assert {drift.kind for drift in await explain(rig.ledger, rig.observer.readers)} == {DriftKind.UNKNOWN}
    assert await told(rig, events) == ["target.unreachable"]
    with pytest.raises(Unreachable):
        await rig.plan("scale web to 3")
    rig.world.faults.remove(fault)
    await pass_time(rig, COOL_DOWN_S + 2 * LOOK_S, loop.tick)
    assert (
        (await told(rig, events)).count("target.unreachable")
        == (await told(rig, events)).count("target.reachable")
        == 1
    )
    assert not {"resource.found", "resource.gone", "resource.changed"} & set(await told(rig, events))
    assert (dict(rig.world.containers()), rig.world.effects) == (stood, effects)
    assert await rig.ledger.all(Plan) == plans
    assert await rig.ledger.all(HealRecord) == []
    for item in known.values():
        assert (await rig.ledger.need(Observed, item.id)).presence is item.presence


@pytest.mark.proves("B4", "K4")
@pytest.mark.parametrize("kind", CUTS)
@pytest.mark.parametrize("at", [1, 4, 8, 12, 16, 20, 24, 28])
async def test_an_execution_that_is_cut_off_for_ten_minutes_goes_on_alone_with_one_effect_for_each_step(
    rig: Rig, kind: FaultKind, at: int
) -> None:
    loop = reconciler(rig)
    plan = await rig.approved(await rig.plan_workloads(app(image="app:2", replicas=3)), BEN)
    execution = await rig.applier.start(plan.id, ANNA)
    fault = rig.world.faults.add(Fault(kind=kind, call="*", nth=at, times=None))
    await pass_time(rig, TEN_MINUTES_S, rig.worker.settle, loop.tick)
    waiting = await rig.ledger.need(Execution, execution.id)
    assert waiting.state in (ExecutionState.APPLYING, ExecutionState.VERIFYING)
    observed = await rig.ledger.all(Observed)
    assert {item.presence for item in observed if item.spec is not None} == {Presence.UNKNOWN}
    rig.world.faults.remove(fault)
    await pass_time(rig, COOL_DOWN_S + 4 * LOOK_S, rig.worker.settle, loop.tick)
    ended = await rig.ledger.need(Execution, execution.id)
    assert ended.state is ExecutionState.SUCCEEDED, ended.error
    assert rig.running() == {"api-1": "app:1", **{f"web-{number}": "app:2" for number in (1, 2, 3)}}
    assert (await told(rig)).count("target.unreachable") == 1
    await account_for(rig.world.effects, rig.ledger)


async def test_an_outage_that_is_shorter_than_the_hub_was_down_does_not_end_an_execution(rig: Rig) -> None:
    plan = await rig.approved(await rig.plan_workloads(app(image="app:2")), BEN)
    execution = await rig.applier.start(plan.id, ANNA)
    rig.clock.advance(8 * 3600)
    later = Rig(store=rig.store, clock=rig.clock, world=rig.world, seed=9, owner="later")
    fault = cut(later, FaultKind.UNREACHABLE)
    await later.worker.settle()
    assert (await later.ledger.need(Execution, execution.id)).state is ExecutionState.APPLYING
    later.world.faults.remove(fault)
    await pass_time(later, COOL_DOWN_S + 2 * LOOK_S, later.worker.settle)
    assert (await later.ledger.need(Execution, execution.id)).state is ExecutionState.SUCCEEDED


async def test_the_patience_with_a_target_begins_anew_with_each_step_that_is_done(rig: Rig) -> None:
    rig.applier = replace(rig.applier, settings=replace(QUICK, give_up_s=120))
    worker = replace(rig.worker, applier=rig.applier)
    plan = await rig.approved(await rig.plan_workloads(app(image="app:2", replicas=3)), BEN)
    execution = await rig.applier.start(plan.id, ANNA)
    for _ in range(3):
        fault = rig.world.faults.add(Fault(kind=FaultKind.UNREACHABLE, call="apply", nth=2, times=None))
        await pass_time(rig, 90, worker.settle)
        rig.world.faults.remove(fault)
        await pass_time(rig, COOL_DOWN_S, worker.settle)
    await pass_time(rig, 60, worker.settle)
    assert (await rig.ledger.need(Execution, execution.id)).state is ExecutionState.SUCCEEDED


async def test_a_target_that_never_comes_back_ends_with_a_person_who_is_told_how_long(rig: Rig) -> None:
    plan = await rig.approved(await rig.plan_workloads(app(image="app:2")), BEN)
    execution = await rig.applier.start(plan.id, ANNA)
    cut(rig, FaultKind.UNREACHABLE)
    await pass_time(rig, QUICK.give_up_s + COOL_DOWN_S + 2 * LOOK_S, rig.worker.settle)
    ended = await rig.ledger.need(Execution, execution.id)
    assert ended.state is ExecutionState.NEEDS_HUMAN
    assert "stayed away for 9" in str((ended.error or {}).get("message"))
