"""Following a target: events reach the live feed and lead to a new look, whatever gets lost on the way."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest

from opstwin.control.following import Follower
from opstwin.domain.deployment import Deployment
from opstwin.domain.event import Event
from opstwin.domain.resource import Observed, Presence
from opstwin.domain.target import Target
from opstwin.domain.values import ResourceId, resource_id
from opstwin.errors import NotFound, StoreError, Unreachable
from opstwin.targets.ports import Reader, TargetEvent
from opstwin.targets.sim.faults import Fault, FaultKind
from tests.rig import LOCAL, Rig, app

WEB = resource_id(LOCAL, "container", "web")


FIRST = resource_id(LOCAL, "container", "first")


@pytest.fixture
async def rig() -> Rig:
    rig = await Rig().ready()
    rig.world.run("first", "app:1")
    return rig


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    """Return as soon as `holds`; fail after ten seconds."""
    async with asyncio.timeout(10):
        while not await holds():
            await asyncio.sleep(0)


@asynccontextmanager
async def running(work: Awaitable[None]) -> AsyncIterator["asyncio.Task[None]"]:
    task = asyncio.ensure_future(work)
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def feed(rig: Rig, type: str) -> list[Event]:
    return await rig.ledger.all(Event, {"type": type})


async def presence(rig: Rig, resource: ResourceId = WEB) -> Presence | None:
    row = await rig.ledger.get(Observed, resource)
    return row.presence if row else None


@pytest.mark.req("S5.16")
async def test_an_event_is_in_the_feed_and_its_resource_observed_within_a_second(rig: Rig) -> None:
    async def there() -> bool:
        return await presence(rig) is Presence.PRESENT and bool(await feed(rig, "container.start"))

    async with running(rig.observer.follow(LOCAL)):
        await until(lambda: _listens(rig))
        began_s = rig.clock.monotonic_s()
        rig.world.run("web", "app:1")
        await until(there)
        assert rig.clock.monotonic_s() - began_s < 1
    [event] = await feed(rig, "container.start")
    assert (event.target, event.resource) == (LOCAL, WEB)


async def _listens(rig: Rig) -> bool:
    """Whether the look that every stream begins with was made: what happens from now on is in the stream."""
    return await presence(rig, FIRST) is Presence.PRESENT


async def test_a_removal_is_seen_without_waiting_for_the_next_discovery(rig: Rig) -> None:
    rig.world.run("web", "app:1")
    async with running(rig.observer.follow(LOCAL)):
        await until(lambda: _is(rig, Presence.PRESENT))
        rig.world.remove("web")
        await until(lambda: _is(rig, Presence.ABSENT))


async def _is(rig: Rig, wanted: Presence) -> bool:
    return await presence(rig) is wanted


async def test_what_happened_during_a_gap_is_found_by_a_full_look(rig: Rig) -> None:
    async with running(rig.observer.follow(LOCAL)):
        await until(lambda: _listens(rig))
        rig.world.faults.add(Fault(kind=FaultKind.GAP))
        rig.world.run("web", "app:1")
        await until(lambda: _is(rig, Presence.PRESENT))
    assert await feed(rig, "container.start") == []


async def test_a_target_that_is_away_is_waited_for(rig: Rig) -> None:
    away = rig.world.faults.add(Fault(kind=FaultKind.UNREACHABLE, call="*", times=None))
    async with running(rig.observer.follow(LOCAL)) as following:
        await until(lambda: _struck(rig, 20))
        rig.world.faults.remove(away)
        rig.world.run("web", "app:1")
        await until(lambda: _is(rig, Presence.PRESENT))
        assert not following.done()


async def _struck(rig: Rig, times: int) -> bool:
    return len(rig.world.faults.struck) >= times


@pytest.mark.req("S2.34")
async def test_following_ends_when_the_target_is_switched_off(rig: Rig) -> None:
    async with running(rig.observer.follow(LOCAL)) as following:
        await until(lambda: _listens(rig))
        await rig.put(replace(await rig.ledger.need(Target, LOCAL), is_active=False))
        rig.world.run("web", "app:1")
        await asyncio.wait_for(following, 10)
    assert await presence(rig) is None


# Below: a scripted stream, to say exactly what comes when.


@dataclass
class Stream:
    """A reader whose events are put in by the test; an error put in breaks the stream."""

    queue: "asyncio.Queue[TargetEvent | Exception]" = field(default_factory=asyncio.Queue)
    opened: int = 0

    async def watch(self) -> AsyncIterator[TargetEvent]:
        self.opened += 1
        while True:
            item = await self.queue.get()
            if isinstance(item, Exception):
                raise item
            yield item


@dataclass
class Looks:
    """Remembers what it was asked to look at, and fails as often as it is told to."""

    observed: list[tuple[ResourceId, ...]] = field(default_factory=list)
    discovered: int = 0
    errors: list[Exception] = field(default_factory=list)

    async def discover(self, target_id: str) -> object:
        if self.errors:
            raise self.errors.pop(0)
        self.discovered += 1
        return None

    async def observe(self, resource_ids: Iterable[ResourceId]) -> object:
        if self.errors:
            raise self.errors.pop(0)
        self.observed.append(tuple(resource_ids))
        return None


def follower(rig: Rig, stream: Stream, looks: Looks) -> Follower:
    reader: Reader = stream  # type: ignore[assignment]
    return Follower(rig.ledger, looks, reader, LOCAL)


def happening(rig: Rig, type: str, name: str = "web", *, after_s: float = 0.0, **details: object) -> TargetEvent:
    at = rig.clock.now() + timedelta(seconds=after_s)
    return TargetEvent(resource=resource_id(LOCAL, "container", name), type=type, at=at, details=details)  # type: ignore[arg-type]


async def test_a_burst_is_looked_at_once_and_told_in_full(rig: Rig) -> None:
    stream, looks = Stream(), Looks()
    for number in range(300):
        stream.queue.put_nowait(happening(rig, "container.die", f"web-{number % 3}"))
    async with running(follower(rig, stream, looks).run()):
        await until(lambda: _told(rig, "container.die", 300))
        await until(lambda: _true(len({item for group in looks.observed for item in group}) == 3))
    assert sum(len(group) for group in looks.observed) < 30


async def _told(rig: Rig, type: str, count: int) -> bool:
    return len(await feed(rig, type)) >= count


async def _true(value: bool) -> bool:
    return value


async def test_a_broken_stream_is_opened_again_and_counts_as_a_gap(rig: Rig) -> None:
    stream, looks = Stream(), Looks()
    stream.queue.put_nowait(Unreachable("cut"))
    async with running(follower(rig, stream, looks).run()):
        await until(lambda: _true(looks.discovered == 1 and stream.opened == 2))
        stream.queue.put_nowait(happening(rig, "container.start"))
        await until(lambda: _true(looks.observed == [(WEB,)]))


async def test_a_look_that_fails_is_repeated_but_the_events_are_told_once(rig: Rig) -> None:
    stream, looks = Stream(), Looks(errors=[StoreError("locked"), StoreError("locked")])
    stream.queue.put_nowait(happening(rig, "container.start"))
    async with running(follower(rig, stream, looks).run()):
        await until(lambda: _true(looks.observed == [(WEB,)]))
    assert len(await feed(rig, "container.start")) == 1


async def test_an_event_about_what_cannot_be_looked_at_leads_to_a_full_look(rig: Rig) -> None:
    stream, looks = Stream(), Looks(errors=[NotFound("no such kind")])
    stream.queue.put_nowait(happening(rig, "plugin.enable"))
    async with running(follower(rig, stream, looks).run()):
        await until(lambda: _true(looks.discovered == 1))


async def test_details_from_the_world_are_cut_and_carry_no_secrets(rig: Rig) -> None:
    stream = Stream()
    token = "opt_" + "a" * 43
    event = happening(rig, "container.die", note=f"see {token}", password="hunter2", long="x" * 5000, deep={"a": 1})
    stream.queue.put_nowait(event)
    async with running(follower(rig, stream, Looks()).run()):
        await until(lambda: _told(rig, "container.die", 1))
    [row] = await feed(rig, "container.die")
    assert row.details == {"note": "see ***", "password": "***", "long": "x" * 256}


async def test_a_bug_in_the_stream_is_not_swallowed(rig: Rig) -> None:
    stream = Stream()
    stream.queue.put_nowait(ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        await asyncio.wait_for(follower(rig, stream, Looks()).run(), 10)


@pytest.mark.req("S5.71")
async def test_an_out_of_memory_kill_is_counted_into_the_newest_deployment_of_its_workload(rig: Rig) -> None:
    await rig.change_to(app(replicas=1))
    await rig.change_to(app(image="app:2", replicas=1))
    stream = Stream()
    stream.queue.put_nowait(happening(rig, "container.oom", "web-1"))
    async with running(follower(rig, stream, Looks()).run()):
        await until(lambda: _ooms(rig, [0, 1]))
        stream.queue.put_nowait(happening(rig, "container.oom", "web-1", after_s=1))
        await until(lambda: _ooms(rig, [0, 2]))
    assert [row.action for row in await rig.audit()].count("deployment.oom") == 2


async def _ooms(rig: Rig, wanted: list[int]) -> bool:
    return [item.oom_events for item in await rig.ledger.all(Deployment)] == wanted


@pytest.mark.req("S5.71")
async def test_a_kill_that_is_told_twice_is_counted_once(rig: Rig) -> None:
    await rig.change_to(app(replicas=1))
    stream = Stream()
    kill = happening(rig, "container.oom", "web-1")
    for event in (kill, kill, happening(rig, "container.oom", "stranger"), kill):
        stream.queue.put_nowait(event)
    async with running(follower(rig, stream, Looks()).run()):
        await until(lambda: _told(rig, "container.oom", 4))
        stream.queue.put_nowait(kill)
        stream.queue.put_nowait(happening(rig, "container.die", "web-1"))
        await until(lambda: _told(rig, "container.die", 1))
    assert await _ooms(rig, [1])
