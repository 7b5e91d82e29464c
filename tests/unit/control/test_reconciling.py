"""The reconciler: it starts from what is there now, proposes once, heals where allowed, and stops a fight."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from opstwin.control.reconciling import Reconciler, TargetTick
from opstwin.domain.access import Actor, ActorKind
from opstwin.domain.approval import Approval
from opstwin.domain.audit import AuditEntry
from opstwin.domain.drift import DriftKind
from opstwin.domain.event import Event
from opstwin.domain.execution import Execution, ExecutionState
from opstwin.domain.healing import HealRecord, Mandate
from opstwin.domain.plan import Plan, PlanState
from opstwin.domain.resource import Desired, Observed, Presence
from opstwin.domain.target import Mode, Target
from opstwin.domain.values import ResourceId, TargetId, resource_id
from opstwin.errors import Forbidden, NotFound
from opstwin.targets.ports import Reader
from opstwin.targets.sim.faults import Fault, FaultKind
from opstwin.targets.sim.world import World
from opstwin.twin.store import Put
from tests.rig import ANNA, BEN, LOCAL, ROBOT, Rig, SimPlaces, app

WEB1, WEB2 = (resource_id(LOCAL, "container", f"web-{number}") for number in (1, 2))


def reconciler(rig: Rig) -> Reconciler:
    return Reconciler(rig.ledger, rig.observer, rig.planner, rig.approver, rig.applier, rig.breakers)


@pytest.fixture
async def rig() -> Rig:
    """One target with the workload web of two replicas, as desired."""
    rig = await Rig().ready()
    await rig.change_to(app())
    return rig


async def set_mode(rig: Rig, mode: Mode) -> None:
    await rig.put(replace(await rig.ledger.need(Target, LOCAL), mode=mode))


async def mandate(rig: Rig, resource: ResourceId | None = None, *, days: float = 30) -> Mandate:
    now = rig.clock.now()
    given = Mandate(
        id=rig.ledger.ids.new("mand"), target=LOCAL, resource=resource, given_by=BEN, reason="keep it up",
        given_at=now, expires_at=now + timedelta(days=days),
    )  # fmt: skip
    await rig.put(given)
    return given


async def healing(rig: Rig) -> Reconciler:
    await set_mode(rig, Mode.HEAL)
    await mandate(rig)
    return reconciler(rig)


async def once(loop: Reconciler, target: str = LOCAL) -> TargetTick:
    [ticked] = (await loop.tick(target)).targets
    assert ticked.error == ""
    return ticked


async def plans(rig: Rig, state: PlanState) -> list[Plan]:
    return await rig.ledger.all(Plan, {"state": state.value})


async def edit_desired(rig: Rig, resource: ResourceId, actor: Actor = ANNA, **fields: object) -> Desired:
    """What the desired state becomes when somebody writes the row itself."""
    old = await rig.ledger.need(Desired, resource)
    spec = {**(old.spec or {}), **fields}
    new = replace(old, spec=spec, revision=old.revision + 1, set_by=actor, plan_id=None, set_at=rig.clock.now())  # type: ignore[arg-type]
    await rig.put(new)
    return new


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
    rig.world.run("web-1", "app:2")
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


async def test_heal_without_a_mandate_only_proposes(rig: Rig) -> None:
    await set_mode(rig, Mode.HEAL)
    rig.world.remove("web-1")
    ticked = await once(reconciler(rig))
    assert (len(ticked.proposed), ticked.healed) == (1, ())
    assert "web-1" not in rig.running()


async def test_heal_stands_on_an_approval_in_the_name_of_who_gave_the_mandate(rig: Rig) -> None:
    loop = await healing(rig)
    rig.world.remove("web-1")
    [plan_id] = (await once(loop)).healed
    [approval] = await rig.ledger.all(Approval, {"plan_id": plan_id})
    assert (approval.decided_by, approval.mandate_id is not None, approval.used_by is not None) == (BEN, True, True)
    assert rig.running() == {"web-1": "app:1", "web-2": "app:1"}
    assert (await once(loop)).drifts == ()


@pytest.mark.parametrize("days", [0.0001, 30])
async def test_an_expired_or_revoked_mandate_heals_nothing(rig: Rig, days: float) -> None:
    await set_mode(rig, Mode.HEAL)
    given = await mandate(rig, days=days)
    rig.clock.advance(60)
    if days == 30:
        await rig.put(replace(given, version=1, revoked_at=rig.clock.now()))
    rig.world.remove("web-1")
    ticked = await once(reconciler(rig))
    assert (len(ticked.proposed), ticked.healed) == (1, ())


async def test_a_mandate_that_is_over_does_not_hide_one_that_holds(rig: Rig) -> None:
    await set_mode(rig, Mode.HEAL)
    await mandate(rig, days=0.0001)
    await mandate(rig, WEB1)
    rig.clock.advance(60)
    rig.world.remove("web-1")
    assert len((await once(reconciler(rig))).healed) == 1


async def test_a_mandate_for_one_resource_heals_that_one_and_proposes_the_other(rig: Rig) -> None:
    await set_mode(rig, Mode.HEAL)
    await mandate(rig, WEB1)
    rig.world.remove("web-1")
    rig.world.remove("web-2")
    ticked = await once(reconciler(rig))
    assert (len(ticked.healed), len(ticked.proposed)) == (1, 1)
    assert rig.running() == {"web-1": "app:1"}
    [plan] = await plans(rig, PlanState.PENDING)
    assert [change.resource for change in plan.changes] == [WEB2]


async def test_the_mode_of_a_resource_goes_before_that_of_its_target(rig: Rig) -> None:
    loop = await healing(rig)
    await rig.put(replace(await rig.ledger.need(Desired, WEB1), mode=Mode.OBSERVE))
    await rig.put(replace(await rig.ledger.need(Desired, WEB2), mode=Mode.PROPOSE))
    rig.world.remove("web-1")
    rig.world.remove("web-2")
    ticked = await once(loop)
    assert (ticked.healed, len(ticked.proposed)) == ((), 1)
    assert [change.resource for change in (await plans(rig, PlanState.PENDING))[0].changes] == [WEB2]


async def test_what_a_mandate_does_not_cover_waits_for_a_person_and_is_asked_about_once(rig: Rig) -> None:
    loop = await healing(rig)
    await edit_desired(rig, WEB1, ROBOT, memory_bytes=64 * 1024 * 1024)
    first = await once(loop)
    assert (first.healed, len(first.proposed)) == ((), 1)
    audit = len(await rig.audit())
    for _ in range(4):
        assert (await once(loop)).proposed == first.proposed
    assert len(await rig.audit()) == audit
    assert [item for item in await rig.audit() if item.outcome == "refused"] != []


async def test_a_heal_that_a_crash_cut_short_after_its_approval_goes_on(rig: Rig) -> None:
    loop = await healing(rig)
    rig.world.remove("web-1")
    await rig.observer.discover(LOCAL)
    plan = await rig.planner.from_drift(LOCAL, [WEB1], ANNA)
    [given] = await rig.ledger.all(Mandate)
    await rig.approver.approve_by_mandate(plan, given)
    assert (await once(loop)).healed == (plan.id,)
    assert "web-1" in rig.running()


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
    task = asyncio.create_task(loop.run(15))
    try:
        await edit_desired(rig, WEB1, memory_bytes=64 * 1024 * 1024)
        await until(lambda: _memory(rig, 64 * 1024 * 1024))
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _memory(rig: Rig, amount: int) -> bool:
    return rig.world.containers()["web-1"].spec["memory_bytes"] == amount


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    """Return as soon as `holds`; fail after ten seconds."""
    async with asyncio.timeout(10):
        while not await holds():
            await asyncio.sleep(0)


@pytest.mark.proves("C7")
async def test_a_human_who_keeps_undoing_a_heal_stops_it_after_three_and_is_reported(rig: Rig) -> None:
    loop = await healing(rig)
    for _ in range(3):
        rig.world.edit("web-1", memory_bytes=99 * 1024 * 1024)
        assert len((await once(loop)).healed) == 1
        rig.clock.advance(60)
    rig.world.edit("web-1", memory_bytes=99 * 1024 * 1024)
    effects, audit = len(rig.world.effects), len(await rig.audit())
    for _ in range(10):
        ticked = await once(loop)
        assert (ticked.healed, ticked.proposed, ticked.paused) == ((), (), (WEB1,))
        rig.clock.advance(60)
    assert len(rig.world.effects) == effects
    assert [row.action for row in (await rig.audit())[audit:]] == ["healing.pause"]
    [event] = await rig.ledger.all(Event, {"type": "healing.paused"})
    assert event.resource == WEB1
    assert "3 times" in event.message


@pytest.mark.proves("C7")
async def test_a_restart_does_not_forget_a_fight_and_others_are_healed_on(rig: Rig) -> None:
    loop = await healing(rig)
    for _ in range(4):
        rig.world.remove("web-1")
        ticked = await once(loop)
        rig.clock.advance(30)
    assert ticked.paused == (WEB1,)
    rig.world.remove("web-2")
    ticked = await once(reconciler(rig))
    assert (ticked.paused, len(ticked.healed)) == ((WEB1,), 1)
    assert rig.running() == {"web-2": "app:1"}


@pytest.mark.proves("C7")
async def test_only_a_person_lets_healing_go_on(rig: Rig) -> None:
    loop = await healing(rig)
    for _ in range(4):
        rig.world.remove("web-1")
        await once(loop)
    for actor in (ROBOT, Actor(kind=ActorKind.SCHEDULE, id="reconciler")):
        with pytest.raises(Forbidden, match="person"):
            await loop.resume_healing(WEB1, actor)
    assert (await once(loop)).healed == ()
    resumed = await loop.resume_healing(WEB1, ANNA)
    assert resumed == await rig.ledger.need(HealRecord, WEB1)
    assert len((await once(loop)).healed) == 1
    with pytest.raises(NotFound):
        await loop.resume_healing(WEB2, ANNA)


async def test_heals_that_lie_far_apart_are_no_fight(rig: Rig) -> None:
    loop = await healing(rig)
    for _ in range(8):
        rig.world.remove("web-1")
        assert len((await once(loop)).healed) == 1
        rig.clock.advance(301)


async def test_a_heal_that_keeps_failing_is_paused_too(rig: Rig) -> None:
    loop = await healing(rig)
    rig.world.forget_image("app:1")
    rig.world.remove("web-1")
    for _ in range(6):
        ticked = await once(loop)
    assert ticked.paused == (WEB1,)
    assert len(await rig.ledger.all(Execution)) == 4


async def test_nothing_is_done_about_what_is_unknown(rig: Rig) -> None:
    loop = await healing(rig)
    rig.world.remove("web-1")
    rig.world.faults.add(Fault(kind=FaultKind.UNREACHABLE, call="discover", times=None))
    effects = len(rig.world.effects)
    [ticked] = (await loop.tick(LOCAL)).targets
    assert ticked.error != ""
    assert len(rig.world.effects) == effects
    assert await plans(rig, PlanState.PENDING) == []


async def test_a_target_that_keeps_failing_is_left_alone_until_it_may_be_tried_again(rig: Rig) -> None:
    loop = await healing(rig)
    away = rig.world.faults.add(Fault(kind=FaultKind.UNREACHABLE, call="info", times=None))
    for _ in range(2):
        await loop.tick(LOCAL)
    asked = len(rig.world.faults.struck)
    assert (await once(loop)).skipped == "away"
    assert len(rig.world.faults.struck) == asked
    rig.world.faults.remove(away)
    rig.clock.advance(60)
    assert (await once(loop)).skipped == ""


@pytest.mark.req("S2.34")
async def test_an_inactive_target_is_never_reconciled(rig: Rig) -> None:
    loop = await healing(rig)
    await rig.put(replace(await rig.ledger.need(Target, LOCAL), is_active=False))
    rig.world.remove("web-1")
    rig.world.faults.add(Fault(kind=FaultKind.UNREACHABLE, call="*", times=None))
    [ticked] = (await loop.tick()).targets
    assert (ticked.skipped, ticked.drifts) == ("inactive", ())
    assert rig.world.faults.struck == []


async def test_a_target_on_which_an_execution_runs_is_left_to_it(rig: Rig) -> None:
    loop = await healing(rig)
    plan = await rig.approved(await rig.plan_workloads(app(image="app:2")))
    await rig.applier.start(plan.id, ANNA)
    rig.world.remove("web-1")
    assert (await once(loop)).skipped == "busy"
    await rig.put(replace((await rig.ledger.all(Execution))[-1], state=ExecutionState.NEEDS_HUMAN))
    assert (await once(loop)).skipped == ""


async def test_a_target_that_does_not_exist_is_not_found(rig: Rig) -> None:
    with pytest.raises(NotFound):
        await reconciler(rig).tick("nowhere")


# Below: several targets, one of them bad.


@dataclass(frozen=True)
class OneBroken(SimPlaces):
    """The reader of the target `bad` raises what no driver should."""

    def reader(self, target: Target) -> Reader:
        if target.id == "bad":
            raise ZeroDivisionError("a bug in a driver")
        return super().reader(target)


async def many(places: type[SimPlaces]) -> Rig:
    rig = Rig()
    worlds = {"local": rig.world, "bad": World(), "far": World()}
    rig = Rig(world=rig.world, clock=rig.clock, places=places(worlds, rig.clock))
    for name in ("bad", "far"):
        target = Target(
            id=TargetId(name), display_name=name, backend_type="sim",
            agent_endpoint=f"sim://{name}", created_at=rig.clock.now(),
        )  # fmt: skip
        await rig.ledger.commit([Put(target)], [AuditEntry(action="test.put", subject=name, actor=ANNA)])
    return await rig.ready()


async def test_one_target_that_is_away_does_not_keep_the_others_from_being_looked_at() -> None:
    rig = await many(SimPlaces)
    assert rig.places is not None
    rig.places.worlds["bad"].faults.add(Fault(kind=FaultKind.TIMEOUT, call="*", times=None))
    ticks = {item.target: item for item in (await reconciler(rig).tick()).targets}
    assert {key: bool(item.error) for key, item in ticks.items()} == {"bad": True, "far": False, "local": False}


async def test_a_bug_in_one_driver_does_not_stop_the_loop_for_the_others() -> None:
    rig = await many(OneBroken)
    rig.world.run("web", "app:1")

    async def seen() -> bool:
        rows = await rig.ledger.all(Observed, {"kind": "container"})
        return {row.presence for row in rows} == {Presence.PRESENT} and len(rows) == count

    count = 1
    with capture_logs() as logs:
        task = asyncio.create_task(reconciler(rig).run(15))
        try:
            await until(seen)
            rig.world.run("more", "app:1")
            count = 2
            await until(seen)
            assert not task.done()
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
    assert {(item["event"], item["target"]) for item in logs} == {("reconcile_failed", "bad")}
