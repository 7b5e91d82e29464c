"""Docker stopped before, during and after a step, on an engine of the test's own."""

import asyncio
import signal
import tempfile
from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path

import pytest

from opstwin.domain.plan import Op
from opstwin.domain.resource import Presence
from opstwin.errors import Timeout, Unreachable
from opstwin.targets.specs import BARE_VOLUME
from tests.e2e.docker.second_engine import SecondEngine
from tests.e2e.docker.spot import DEADLINE_S, driver_at, order_for

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(300)]

STEP = order_for("volume", "data", Op.CREATE, "x.0", after=BARE_VOLUME)
RESOURCE = STEP.change.resource


@pytest.fixture
def engine() -> Iterator[SecondEngine]:
    # A path of a Unix socket has at most 107 bytes, which pytest's own folders exceed.
    with tempfile.TemporaryDirectory(prefix="ote-", ignore_cleanup_errors=True) as folder:
        made = SecondEngine(Path(folder))
        try:
            made.start()
            yield made
        finally:
            made.stop()


async def test_an_engine_that_comes_back_is_the_same_target_and_its_watch_goes_on(engine: SecondEngine) -> None:
    driver = driver_at(engine.address)
    before = await driver.reader.info()
    async with aclosing(driver.reader.watch()) as events, asyncio.timeout(4 * DEADLINE_S):  # type: ignore[type-var]
        assert (await anext(events)).gap
        await asyncio.to_thread(engine.stop)
        assert (await driver.reader.observe(RESOURCE)).presence is Presence.UNKNOWN
        with pytest.raises(Unreachable):
            await driver.writer.apply(STEP)
        await asyncio.to_thread(engine.start)
        assert (await anext(events)).gap
        await driver.writer.apply(STEP)
        event = await anext(events)
        assert (event.resource, event.type, event.gap) == (RESOURCE, "volume.create", False)
    assert await driver.reader.info() == before
    await driver.writer.close()


async def test_an_engine_that_dies_during_a_step_leaves_its_outcome_unknown(engine: SecondEngine) -> None:
    driver = driver_at(engine.address)
    await driver.reader.info()
    engine.send(signal.SIGSTOP)
    step = asyncio.create_task(driver.writer.apply(STEP))
    await asyncio.sleep(0.3)
    await asyncio.to_thread(engine.stop, signal.SIGKILL)
    with pytest.raises(Timeout):
        await step
    assert (await driver.reader.observe(RESOURCE)).presence is Presence.UNKNOWN
    await asyncio.to_thread(engine.start)
    assert (await driver.reader.observe(RESOURCE)).presence is Presence.ABSENT
    assert (await driver.writer.apply(STEP)).presence is Presence.PRESENT
    await driver.writer.close()


async def test_what_was_done_before_the_engine_stopped_is_done_when_it_is_back(engine: SecondEngine) -> None:
    driver = driver_at(engine.address)
    made = await driver.writer.apply(STEP)
    await asyncio.to_thread(engine.stop)
    await asyncio.to_thread(engine.start)
    again = await driver.writer.apply(STEP)
    assert again == made
    await driver.writer.close()
