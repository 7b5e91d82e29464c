"""What is a fight and what is only drift, and how the pause after a fight ends by itself."""

from datetime import timedelta

import pytest

from opstwin.control.reconciling import Reconciler
from opstwin.domain.audit import AuditRow
from opstwin.domain.event import Event
from opstwin.domain.healing import FIRST_PAUSE, FLIP_WINDOW, LONGEST_PAUSE, MAX_HEALS, HealRecord
from tests.rig import LOCAL, Rig
from tests.unit.control.reconciling_bench import WEB1, as_desired, healing, once


@pytest.fixture
async def rig() -> Rig:
    return await as_desired()


def put_back(rig: Rig, value: int = 99) -> None:
    rig.world.edit("web-1", memory_bytes=value * 1024 * 1024)


async def fight(rig: Rig, loop: Reconciler) -> HealRecord:
    """Undo heals until healing is paused."""
    for _ in range(3):
        put_back(rig)
        assert len((await once(loop)).healed) == 1
    put_back(rig)
    assert (await once(loop)).paused == (WEB1,)
    return await rig.ledger.need(HealRecord, WEB1)


def until_over(rig: Rig, record: HealRecord) -> timedelta:
    assert record.paused_until is not None
    return record.paused_until - rig.clock.now()


@pytest.mark.proves("C7")
async def test_who_sets_the_same_field_to_another_value_each_time_fights_too(rig: Rig) -> None:
    loop = await healing(rig)
    for value in (91, 92, 93):
        put_back(rig, value)
        assert len((await once(loop)).healed) == 1
        rig.clock.advance(60)
    put_back(rig, 94)
    assert (await once(loop)).paused == (WEB1,)
    [row] = await rig.ledger.all(AuditRow, {"action": "healing.pause"})
    assert row.details["over"] == ["memory_bytes"]


async def test_drift_that_has_nothing_to_do_with_the_heal_before_is_no_fight(rig: Rig) -> None:
    loop = await healing(rig)
    for number in range(2):
        put_back(rig)
        assert len((await once(loop)).healed) == 1
        rig.world.remove("web-1")
        assert len((await once(loop)).healed) == 1
        rig.world.edit("web-1", cpu_millicores=100 + number)
        assert len((await once(loop)).healed) == 1
    assert (await rig.ledger.need(HealRecord, WEB1)).paused is False


async def test_what_differs_somewhere_else_each_time_is_paused_when_it_never_ends(rig: Rig) -> None:
    loop = await healing(rig)
    for number in range(MAX_HEALS):
        rig.world.edit("web-1", env={f"NAME_{number}": "1"})
        assert len((await once(loop)).healed) == 1
    rig.world.edit("web-1", env={"LAST": "1"})
    assert (await once(loop)).paused == (WEB1,)


async def test_two_fields_in_turn_are_a_fight_over_the_first_that_was_put_back_three_times(rig: Rig) -> None:
    loop = await healing(rig)
    for _ in range(3):
        put_back(rig)
        assert len((await once(loop)).healed) == 1
        rig.world.remove("web-1")
        assert len((await once(loop)).healed) == 1
    put_back(rig)
    assert (await once(loop)).paused == (WEB1,)
    assert (await rig.ledger.need(HealRecord, WEB1)).contested == ("memory_bytes",)


async def test_a_pause_ends_by_itself_and_what_nobody_changes_back_then_stays_healed(rig: Rig) -> None:
    loop = await healing(rig)
    record = await fight(rig, loop)
    assert until_over(rig, record) == FIRST_PAUSE
    rig.clock.advance(FIRST_PAUSE.total_seconds() - 1)
    assert (await once(loop)).paused == (WEB1,)
    rig.clock.advance(1)
    ticked = await once(loop)
    assert (len(ticked.healed), ticked.paused) == (1, ())
    assert (await once(loop)).drifts == ()
    assert [item.resource for item in await rig.ledger.all(Event, {"type": "healing.resumed"})] == [WEB1]


@pytest.mark.proves("C7")
async def test_a_fight_that_goes_on_is_tried_once_after_each_pause_and_each_pause_is_twice_as_long(rig: Rig) -> None:
    loop = await healing(rig)
    record = await fight(rig, loop)
    expected = FIRST_PAUSE
    for _ in range(8):
        assert until_over(rig, record) == expected
        rig.clock.advance(expected.total_seconds())
        assert len((await once(loop)).healed) == 1
        rig.clock.advance(60)
        put_back(rig)
        effects = len(rig.world.effects)
        assert (await once(loop)).paused == (WEB1,)
        assert len(rig.world.effects) == effects
        record = await rig.ledger.need(HealRecord, WEB1)
        expected = min(expected * 2, LONGEST_PAUSE)
    assert expected == LONGEST_PAUSE
    assert len(await rig.ledger.all(Event, {"type": "healing.paused"})) == 9


async def test_after_a_quiet_window_a_fight_is_forgotten(rig: Rig) -> None:
    loop = await healing(rig)
    await fight(rig, loop)
    rig.clock.advance(FIRST_PAUSE.total_seconds())
    await once(loop)
    rig.clock.advance(FLIP_WINDOW.total_seconds() + 1)
    assert until_over(rig, await fight(rig, loop)) == FIRST_PAUSE


async def test_other_drift_after_a_pause_is_healed_at_once(rig: Rig) -> None:
    loop = await healing(rig)
    await fight(rig, loop)
    rig.clock.advance(FIRST_PAUSE.total_seconds())
    await once(loop)
    rig.world.remove("web-1")
    assert len((await once(loop)).healed) == 1


async def test_a_pause_of_what_is_as_desired_again_is_over_in_its_time(rig: Rig) -> None:
    loop = await healing(rig)
    await fight(rig, loop)
    rig.world.edit("web-1", memory_bytes=None)
    rig.clock.advance(FIRST_PAUSE.total_seconds())
    assert (await once(loop)).paused == ()
    assert (await rig.ledger.need(HealRecord, WEB1)).paused is False


async def test_a_pause_from_before_pauses_had_an_end_waits_for_a_person(rig: Rig) -> None:
    loop = await healing(rig)
    await rig.put(HealRecord(id=WEB1, target=LOCAL, paused=True, paused_at=rig.clock.now()))
    put_back(rig)
    rig.clock.advance(86_400)
    assert (await once(loop)).paused == (WEB1,)
