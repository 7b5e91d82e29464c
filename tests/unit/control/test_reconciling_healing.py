"""Healing: only where a person allowed it, and no longer when it turns into a fight."""

from dataclasses import replace

import pytest

from opstwin.domain.access import Actor, ActorKind
from opstwin.domain.approval import Approval
from opstwin.domain.event import Event
from opstwin.domain.execution import Execution
from opstwin.domain.healing import HealRecord, Mandate
from opstwin.domain.plan import PlanState
from opstwin.domain.resource import Desired
from opstwin.domain.target import Mode
from opstwin.errors import Forbidden, NotFound
from tests.rig import ANNA, BEN, LOCAL, ROBOT, Rig
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
)


@pytest.fixture
async def rig() -> Rig:
    return await as_desired()


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
    assert await rig.ledger.all(Approval, {"plan_id": first.proposed[0]}) == []


async def test_a_heal_that_a_crash_cut_short_after_its_approval_goes_on(rig: Rig) -> None:
    loop = await healing(rig)
    rig.world.remove("web-1")
    await rig.observer.discover(LOCAL)
    plan = await rig.planner.from_drift(LOCAL, [WEB1], ANNA)
    [given] = await rig.ledger.all(Mandate)
    await rig.approver.approve_by_mandate(plan, given)
    assert (await once(loop)).healed == (plan.id,)
    assert "web-1" in rig.running()


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
