"""A target that is away: for a moment it is asked again after pauses, for long it is left alone."""

from pathlib import Path

import pytest

from opstwin.control.retrying import BASE_S, COOL_DOWN_S, FAILURES
from opstwin.targets.sim.faults import Fault, FaultKind
from tests.interaction.house import House
from tests.unit.control.test_retrying import Sleeps

DISCOVER = "/targets/local:discover"


@pytest.mark.req("S5.116")
async def test_a_target_that_fails_for_a_moment_is_asked_again_after_pauses(tmp_path: Path) -> None:
    clock = Sleeps()
    house = await House(tmp_path, clock=clock).furnish()
    house.world.faults.add(Fault(kind=FaultKind.UNREACHABLE, call="info", times=3))
    clock.waited.clear()
    async with house.caller() as client:
        assert (await client.post(DISCOVER)).status_code == 200
    assert len(house.world.faults.struck) == 3
    pauses = [waited for waited in clock.waited if waited > 0]
    assert len(pauses) == 3
    assert all(pause <= BASE_S * 2**attempt for attempt, pause in enumerate(pauses))


@pytest.mark.req("S5.117")
async def test_a_target_that_keeps_failing_is_left_alone_until_a_probe_finds_it_again(house: House) -> None:
    away = house.world.faults.add(Fault(kind=FaultKind.UNREACHABLE, call="info", times=None))
    async with house.caller() as client:
        for _ in range(3):
            answer = await client.post(DISCOVER)
            assert answer.status_code == 424
        assert len(house.world.faults.struck) == FAILURES
        assert "paused" in answer.json()["detail"]
        assert 0 < answer.json()["retry_after_s"] <= COOL_DOWN_S
        house.world.faults.remove(away)
        assert (await client.post(DISCOVER)).status_code == 424, "it answers again, but nobody asks it yet"
        house.clock.advance(COOL_DOWN_S)
        assert (await client.post(DISCOVER)).status_code == 200
        assert (await client.get("/targets/local")).json()["breaker"] == "closed"
