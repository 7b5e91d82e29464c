"""Logs, usage, commands and events of every driver of something that runs containers."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from opstwin.domain.resource import Presence
from opstwin.domain.values import ResourceId
from opstwin.domain.workload import Resources
from opstwin.errors import NotFound
from opstwin.targets.ports import LogLine, TargetEvent
from tests.contract.targets.engines import Can, Place
from tests.contract.targets.steps import (
    DEADLINE_S,
    create,
    created,
    measured,
    rich_workload,
    running,
)


async def heard(events: AsyncIterator[TargetEvent], *resources: ResourceId) -> TargetEvent:
    """The event with which all of these were heard of."""
    left = set(resources)
    async with asyncio.timeout(DEADLINE_S):
        async for event in events:
            left -= {event.resource} if event.resource else set()
            if not left:
                return event
    raise AssertionError("the watch ended")


async def collected(lines: AsyncIterator[LogLine], count: int) -> list[str]:
    found: list[str] = []
    async with asyncio.timeout(DEADLINE_S):
        async for line in lines:
            found.append(line.text)
            if len(found) == count:
                break
    return found


async def test_logs_give_the_last_lines(place: Place) -> None:
    item = await created(place)
    for text in ("one", "two", "<b>three</b> 삼"):
        place.hands.say(item.name, text)
    async with aclosing(place.driver.reader.logs(item.resource, tail=2, follow=False)) as lines:  # type: ignore[type-var]
        assert await collected(lines, 99) == ["two", "<b>three</b> 삼"]


async def test_following_logs_gives_new_lines_as_they_come(place: Place) -> None:
    item = await created(place)
    place.hands.say(item.name, "early")
    async with aclosing(place.driver.reader.logs(item.resource, tail=1, follow=True)) as lines:  # type: ignore[type-var]
        assert await collected(lines, 1) == ["early"]
        waiting = asyncio.create_task(collected(lines, 1))
        await asyncio.to_thread(place.hands.say, item.name, "late")
        assert await waiting == ["late"]


async def test_usage_is_measured(place: Place) -> None:
    item = await running(place, resources=Resources(memory_bytes=32 * 1024 * 1024))
    reading = await measured(place, item.resource)
    assert 0 < reading.memory_bytes <= 32 * 1024 * 1024
    assert reading.cpu_millicores >= 0
    assert reading.at.tzinfo is not None


async def test_what_is_absent_has_no_logs_no_usage_and_runs_no_command(place: Place) -> None:
    resource = place.id("container", "nothing")
    with pytest.raises(NotFound):
        await collected(place.driver.reader.logs(resource, tail=1, follow=False), 1)
    with pytest.raises(NotFound):
        await place.driver.reader.usage(resource)
    with pytest.raises(NotFound):
        await place.driver.writer.exec(resource, ["/bin/true"], timeout_s=5, limit_bytes=100)


async def test_a_command_runs_inside_and_gives_its_exit_code(place: Place) -> None:
    item = await running(place)
    said = await place.driver.writer.exec(item.resource, ["/bin/echo", "hello"], timeout_s=30, limit_bytes=1000)
    assert (said.exit_code, said.stdout, said.stderr, said.truncated) == (0, "hello\n", "", False)
    failed = await place.driver.writer.exec(item.resource, ["/bin/false"], timeout_s=30, limit_bytes=1000)
    assert failed.exit_code == 1


@pytest.mark.proves("E2")
async def test_a_command_meets_no_shell(place: Place) -> None:
    item = await running(place)
    words = ["/bin/echo", "$(id)", "; exit 3", "`id`", "a\nb"]
    said = await place.driver.writer.exec(item.resource, words, timeout_s=30, limit_bytes=1000)
    assert said.stdout == " ".join(words[1:]) + "\n"


async def test_the_output_of_a_command_is_cut_at_the_limit(place: Place) -> None:
    item = await running(place)
    said = await place.driver.writer.exec(item.resource, ["/bin/echo", "x" * 50], timeout_s=30, limit_bytes=10)
    assert (said.stdout, said.truncated) == ("x" * 10, True)


@pytest.mark.proves("I2")
@pytest.mark.needs(Can.TIMED, Can.ENDS)
async def test_a_command_that_takes_too_long_is_ended_and_says_so(place: Place) -> None:
    item = await running(place)
    said = await place.driver.writer.exec(item.resource, ["/bin/sleep", "60"], timeout_s=0.3, limit_bytes=100)
    assert (said.exit_code, said.stopped) == (137, "time")
    after = await place.driver.writer.exec(item.resource, ["/bin/true"], timeout_s=30, limit_bytes=100)
    assert (after.exit_code, after.stopped) == (0, "")


async def test_a_program_that_is_not_there_is_told_by_its_exit_code(place: Place) -> None:
    item = await running(place)
    said = await place.driver.writer.exec(item.resource, ["/bin/no-such-program"], timeout_s=30, limit_bytes=1000)
    assert said.exit_code in (126, 127)


async def test_a_watch_begins_with_a_gap_and_sees_a_removal_behind_opstwins_back(place: Place) -> None:
    item = await created(place)
    async with aclosing(place.driver.reader.watch()) as events:  # type: ignore[type-var]
        first = await anext(events)
        assert first.gap
        place.hands.remove(item.name)
        event = await heard(events, item.resource)
        assert event.at.tzinfo is not None
    assert (await place.driver.reader.observe(item.resource)).presence is Presence.ABSENT


async def test_a_watch_sees_what_opstwin_does_too(place: Place) -> None:
    async with aclosing(place.driver.reader.watch()) as events:  # type: ignore[type-var]
        assert (await anext(events)).gap
        made = await create(place, rich_workload(place))
        await heard(events, *(item.resource for item in made))
