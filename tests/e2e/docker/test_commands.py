"""Commands in a real container: bounded in time and output, and nothing of them left behind."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable

import pytest

from opstwin.errors import Rejected
from opstwin.targets.docker.engine import Engine, Place
from opstwin.targets.docker.sweeping import killed_from_here, killed_from_inside, new_mark
from opstwin.targets.ports import ExecResult
from tests.e2e.docker.spot import Spot, address

DETACHED = "setsid sleep 701 & (setsid sleep 702 &) & setsid setsid sleep 703 & sleep 0.3; "
"""Children that leave their parent in every way there is without a helper."""

GONE_S = 2.0


def running(spot: Spot) -> list[str]:
    """The command lines of every living process in the container, as its engine sees them; the dead stand in []."""
    return sorted(row[-1] for row in spot.client.api.top(spot.name())["Processes"] if not row[-1].startswith("["))


ALONE = ["/bin/sleep 3600"]


async def until(met: Callable[[], bool], seconds: float) -> None:
    """Return as soon as it is so; fails when it takes longer."""
    async with asyncio.timeout(seconds):
        while not await asyncio.to_thread(met):
            await asyncio.sleep(0.02)


async def ran(spot: Spot, *argv: str, timeout_s: float = 20.0, limit_bytes: int = 1000) -> ExecResult:
    return await spot.driver.writer.exec(spot.id(), argv, timeout_s=timeout_s, limit_bytes=limit_bytes)


@pytest.mark.proves("I3")
@pytest.mark.req("S3.83")
async def test_children_that_detach_do_not_outlive_the_command(spot: Spot) -> None:
    await spot.create()
    said = await ran(spot, "/bin/sh", "-c", f"{DETACHED} echo began; exit 5")
    assert (said.exit_code, said.stdout, said.stopped) == (5, "began\n", "")
    assert running(spot) == ALONE


@pytest.mark.proves("I2", "I3")
@pytest.mark.req("S3.83")
async def test_when_its_time_is_over_a_command_is_gone_with_all_its_children(spot: Spot) -> None:
    await spot.create()
    said = await ran(spot, "/bin/sh", "-c", f"{DETACHED} echo began; sleep 600", timeout_s=1.5)
    assert (said.exit_code, said.stdout, said.stopped) == (137, "began\n", "time")
    assert running(spot) == ALONE


@pytest.mark.proves("I7")
async def test_when_the_caller_goes_away_the_command_is_gone_within_two_seconds(spot: Spot) -> None:
    await spot.create()
    asked = asyncio.create_task(ran(spot, "/bin/sh", "-c", f"{DETACHED} sleep 600", timeout_s=60))
    await until(lambda: "sleep 600" in running(spot), 10)
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(asked, GONE_S)
    assert running(spot) == ALONE


async def test_a_caller_who_goes_away_while_the_command_is_being_started_leaves_nothing(spot: Spot) -> None:
    await spot.create()
    for delay_s in (0.0, 0.005, 0.01, 0.02, 0.04):
        asked = asyncio.create_task(ran(spot, "/bin/sleep", "600", timeout_s=60))
        await asyncio.sleep(delay_s)
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(asked, 60)
        assert running(spot) == ALONE


@pytest.mark.proves("I2")
@pytest.mark.req("S3.83")
async def test_a_fork_bomb_is_held_by_the_containers_limit_and_ended(spot: Spot) -> None:
    await asyncio.to_thread(spot.run, pids_limit=64)
    said = await ran(spot, "/bin/sh", "-c", "b() { b | b & }; b & while :; do :; done", timeout_s=1.0)
    assert (said.exit_code, said.stopped) == (137, "time")
    await until(lambda: running(spot) == ALONE, GONE_S)


@pytest.mark.proves("I2")
async def test_each_stream_is_cut_on_its_own(spot: Spot) -> None:
    await spot.create()
    said = await ran(
        spot, "/bin/sh", "-c", "head -c 5000 /dev/zero | tr '\\0' o; head -c 20 /dev/zero | tr '\\0' e >&2"
    )
    assert (said.stdout, said.stderr, said.truncated) == ("o" * 1000, "e" * 20, True)


async def test_a_command_that_closes_its_output_is_waited_for(spot: Spot) -> None:
    await spot.create()
    said = await ran(spot, "/bin/sh", "-c", "exec >&- 2>&-; sleep 0.5; exit 4")
    assert said.exit_code == 4


async def test_a_command_has_no_input_no_terminal_and_no_more_rights_than_its_container(spot: Spot) -> None:
    await spot.create()
    said = await ran(
        spot, "/bin/sh", "-c", "[ -t 0 ] || [ -t 1 ] || echo none; mount -t tmpfs none /tmp || echo refused"
    )
    assert "none" in said.stdout
    assert "refused" in said.stdout


async def test_a_container_that_is_stopped_or_gone_runs_nothing(spot: Spot) -> None:
    await spot.create(spot.spec(running=False))
    with pytest.raises(Rejected):
        await ran(spot, "/bin/true")


@pytest.fixture
async def engine() -> AsyncIterator[Engine]:
    made = Engine(Place(endpoint=address()), on_call=lambda call: None)
    yield made
    await made.close()


def started(spot: Spot, mark: str) -> str:
    """Processes that carry a mark, started as a command is; returns the container's id."""
    container = str(spot.raw()["Id"])
    made = spot.client.api.exec_create(container, ["/bin/sh", "-c", f"{DETACHED} sleep 600"], environment=[mark])
    spot.client.api.exec_start(made["Id"], detach=True)
    deadline_s = time.monotonic() + 10
    while "sleep 600" not in running(spot):
        assert time.monotonic() < deadline_s
        time.sleep(0.02)
    return container


@pytest.mark.proves("I3")
async def test_the_container_itself_can_end_what_carries_the_mark(spot: Spot, engine: Engine) -> None:
    """For an engine on another machine, whose processes cannot be signalled from here."""
    await spot.create()
    mark, other = new_mark(), new_mark()
    container = await asyncio.to_thread(started, spot, mark)
    assert await killed_from_inside(engine, container, other)
    assert "sleep 600" in running(spot)
    assert await killed_from_inside(engine, container, mark)
    await until(lambda: running(spot) == ALONE, GONE_S)


@pytest.mark.proves("I3")
async def test_the_machine_of_the_engine_can_end_what_carries_the_mark(spot: Spot) -> None:
    await spot.create()
    mark = new_mark()
    container = await asyncio.to_thread(started, spot, mark)
    assert killed_from_here(container, new_mark())
    assert "sleep 600" in running(spot)
    assert killed_from_here(container, mark)
    await until(lambda: running(spot) == ALONE, GONE_S)
    assert not killed_from_here("f" * 64, mark), "no such container is to be seen here"
