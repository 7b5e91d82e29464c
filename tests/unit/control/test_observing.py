"""Observing: what a target shows becomes the observed side of the twin, and nothing else changes."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest

from opstwin.clock import VirtualClock
from opstwin.control.ids import SeededIds
from opstwin.control.ledger import Ledger
from opstwin.control.observing import Observer
from opstwin.domain.audit import AuditEntry
from opstwin.domain.event import Event
from opstwin.domain.resource import Desired, Health, Link, Observed, Presence
from opstwin.domain.target import Target
from opstwin.domain.values import ResourceId, Spec, resource_id
from opstwin.errors import Conflict, Forbidden, NotFound, Rejected, TargetError, Timeout, Unreachable
from opstwin.targets.ports import LogLine, Previewer, Reader, Renderer, Sighting, TargetEvent, TargetInfo, UsageReading
from opstwin.targets.sim.faults import Fault, FaultKind
from opstwin.twin.memory import MemoryStore
from opstwin.twin.store import Commit, Put, Receipt, Remove
from tests.rig import ANNA, LOCAL, Rig

WEB = resource_id(LOCAL, "container", "web")


@pytest.fixture
async def rig() -> Rig:
    rig = await Rig().ready()
    rig.world.run("web", "app:1")
    rig.clock.advance(1)
    return rig


async def kept(rig: Rig, resource: ResourceId = WEB) -> Observed:
    return await rig.ledger.need(Observed, resource)


async def types(rig: Rig) -> list[str]:
    return [event.type async for event in rig.ledger.each(Event)]


@pytest.mark.req("S1.22")
async def test_a_discovery_writes_what_is_there_with_the_time_it_was_seen(rig: Rig) -> None:
    rig.clock.advance(5)
    found = await rig.observer.discover(LOCAL, ANNA)
    row = await kept(rig)
    assert WEB in found.new
    assert (row.presence, row.revision, row.observed_at) == (Presence.PRESENT, 1, rig.clock.now())
    assert row.spec is not None
    assert row.spec["image"] == "app:1"
    assert found.found == len([item async for item in rig.ledger.each(Observed) if item.presence is Presence.PRESENT])


async def test_a_discovery_never_touches_what_is_desired_and_needs_no_audit_entry(rig: Rig) -> None:
    audit = len(await rig.audit())
    await rig.observer.discover(LOCAL, ANNA)
    assert await rig.ledger.all(Desired) == []
    assert len(await rig.audit()) == audit


async def test_a_second_discovery_without_a_change_writes_nothing(rig: Rig) -> None:
    await rig.observer.discover(LOCAL, ANNA)
    before, events = await rig.ledger.all(Observed), await types(rig)
    rig.clock.advance(30)
    found = await rig.observer.discover(LOCAL, ANNA)
    assert (found.new, found.changed, found.gone, found.unknown) == ((), (), (), ())
    assert await rig.ledger.all(Observed) == before
    assert await types(rig) == events


async def test_an_aged_time_is_refreshed_without_a_new_revision(rig: Rig) -> None:
    await rig.observer.discover(LOCAL, ANNA)
    rig.clock.advance(60)
    await rig.observer.discover(LOCAL, ANNA)
    row = await kept(rig)
    assert (row.observed_at, row.revision) == (rig.clock.now(), 1)


async def test_a_time_in_the_future_is_put_right_after_the_clock_went_back(rig: Rig) -> None:
    await rig.observer.discover(LOCAL, ANNA)
    rig.clock.set_back(7200)
    await rig.observer.discover(LOCAL, ANNA)
    assert (await kept(rig)).observed_at == rig.clock.now()


async def test_a_changed_spec_is_a_new_revision_and_an_event(rig: Rig) -> None:
    await rig.observer.discover(LOCAL, ANNA)
    rig.world.edit("web", memory_bytes=64 * 1024 * 1024)
    found = await rig.observer.discover(LOCAL, ANNA)
    assert found.changed == (WEB,)
    assert (await kept(rig)).revision == 2
    assert (await types(rig))[-1] == "resource.changed"


async def test_another_container_of_the_same_name_and_spec_is_a_new_revision(rig: Rig) -> None:
    await rig.observer.discover(LOCAL, ANNA)
    rig.world.remove("web")
    rig.world.run("web", "app:1")
    await rig.observer.discover(LOCAL, ANNA)
    assert (await kept(rig)).revision == 2


async def test_health_alone_is_written_but_is_no_new_revision(rig: Rig) -> None:
    await rig.observer.discover(LOCAL, ANNA)
    rig.world.ail("web")
    await rig.observer.discover(LOCAL, ANNA)
    row = await kept(rig)
    assert (row.health, row.revision) == (Health.UNHEALTHY, 1)
    assert (await types(rig))[-1] == "resource.health"


async def test_what_a_complete_discovery_no_longer_shows_is_absent(rig: Rig) -> None:
    await rig.observer.discover(LOCAL, ANNA)
    rig.world.remove("web")
    found = await rig.observer.discover(LOCAL, ANNA)
    row = await kept(rig)
    assert found.gone == (WEB,)
    assert (row.presence, row.spec, row.revision) == (Presence.ABSENT, None, 2)
    assert await rig.ledger.all(Link, {"source": WEB}) == []


async def test_what_is_wanted_and_stays_gone_is_as_fresh_as_the_look_that_did_not_show_it(rig: Rig) -> None:
    other = resource_id(LOCAL, "container", "other")
    rig.world.run("other", "app:1")
    await rig.observer.discover(LOCAL, ANNA)
    wanted = Desired(
        id=WEB, target=LOCAL, kind="container", name="web", revision=1, spec={"image": "app:1"}, set_by=ANNA,
        set_at=rig.clock.now(),
    )  # fmt: skip
    await rig.ledger.commit([Put(wanted)], [AuditEntry(action="t", subject=WEB, actor=ANNA)])
    for name in ("web", "other"):
        rig.world.remove(name)
    await rig.observer.discover(LOCAL, ANNA)
    gone_at = rig.clock.now()
    rig.clock.advance(600)
    found = await rig.observer.discover(LOCAL, ANNA)
    row = await kept(rig)
    assert found.gone == ()
    assert (row.presence, row.revision, row.observed_at) == (Presence.ABSENT, 2, rig.clock.now())
    assert (await types(rig)).count("resource.gone") == 2
    nobodys = await rig.ledger.get(Observed, other)
    assert nobodys is not None
    assert nobodys.observed_at == gone_at, "what nobody wants is forgotten in time"


async def test_links_follow_what_a_container_uses(rig: Rig) -> None:
    rig.world.run("db", "app:1", mounts=[{"path": "/data", "volume": "data"}])
    await rig.observer.discover(LOCAL, ANNA)
    db = resource_id(LOCAL, "container", "db")
    links = {(link.relation, link.destination) for link in await rig.ledger.all(Link, {"source": db})}
    assert ("mounts", resource_id(LOCAL, "volume", "data")) in links
    rig.world.remove("db")
    rig.world.run("db", "app:2")
    await rig.observer.discover(LOCAL, ANNA)
    links = {(link.relation, link.destination) for link in await rig.ledger.all(Link, {"source": db})}
    assert "mounts" not in {relation for relation, _ in links}


@pytest.mark.parametrize("kind", [FaultKind.TIMEOUT, FaultKind.UNREACHABLE, FaultKind.REJECT, FaultKind.INCOMPLETE])
@pytest.mark.parametrize("call", ["info", "discover"])
async def test_a_target_that_does_not_answer_makes_everything_unknown_and_nothing_absent(
    rig: Rig, kind: FaultKind, call: str
) -> None:
    if kind is FaultKind.INCOMPLETE and call == "info":
        call = ""
    await rig.observer.discover(LOCAL, ANNA)
    before = await kept(rig)
    rig.clock.advance(5)
    rig.world.faults.add(Fault(kind=kind, call=call, times=None))
    with pytest.raises(TargetError):
        await rig.observer.discover(LOCAL, ANNA)
    rows = await rig.ledger.all(Observed)
    assert {row.presence for row in rows} == {Presence.UNKNOWN}
    row = await kept(rig)
    assert row.spec == before.spec
    assert row.observed_at == before.observed_at, "it is unknown since it was last seen"


@pytest.mark.proves("B4")
async def test_a_partition_of_ten_minutes_is_told_once_and_made_good_without_duplicates(rig: Rig) -> None:
    await rig.observer.discover(LOCAL, ANNA)
    seen_at, events = rig.clock.now(), len(await types(rig))
    cut = rig.world.faults.add(Fault(kind=FaultKind.UNREACHABLE, call="*", times=None))
    for _ in range(40):
        rig.clock.advance(15)
        with pytest.raises(Unreachable):
            await rig.observer.discover(LOCAL, ANNA)
    assert (await kept(rig)).observed_at == seen_at
    rig.world.faults.remove(cut)
    rig.world.remove("web")
    rig.world.run("api", "app:1")
    rig.clock.advance(60)
    found = await rig.observer.discover(LOCAL, ANNA)
    api = resource_id(LOCAL, "container", "api")
    assert (found.new, found.changed, found.gone) == ((api,), (), (WEB,))
    assert (await types(rig))[events:] == [
        "target.unreachable",
        "target.reachable",
        *(await types(rig))[events + 2 :],
    ]
    assert sorted((await types(rig))[events + 2 :]) == ["resource.found", "resource.gone"]
    rows = await rig.ledger.all(Observed)
    assert len(rows) == len({row.id for row in rows})


async def test_coming_back_from_unknown_as_it_was_is_a_new_revision_but_no_change(rig: Rig) -> None:
    await rig.observer.discover(LOCAL, ANNA)
    rig.world.faults.add(Fault(kind=FaultKind.UNREACHABLE, call="discover", times=4))
    with pytest.raises(Unreachable):
        await rig.observer.discover(LOCAL, ANNA)
    found = await rig.observer.discover(LOCAL, ANNA)
    row = await kept(rig)
    assert found.changed == ()
    assert (row.presence, row.revision) == (Presence.PRESENT, 3)


async def test_a_single_look_that_fails_leaves_the_resource_unknown(rig: Rig) -> None:
    await rig.observer.observe([WEB])
    rig.world.faults.add(Fault(kind=FaultKind.TIMEOUT, call="observe"))
    [row] = await rig.observer.observe([WEB])
    assert row == await kept(rig)
    assert (row.presence, row.spec is None) == (Presence.UNKNOWN, False)


async def test_single_looks_come_back_in_order_and_may_find_nothing(rig: Rig) -> None:
    other = resource_id(LOCAL, "container", "ghost")
    rows = await rig.observer.observe([other, WEB, other])
    assert [row.id for row in rows] == [other, WEB]
    assert [row.presence for row in rows] == [Presence.ABSENT, Presence.PRESENT]


@pytest.mark.parametrize("word", ["", "local", "local/container", "local/container/"])
async def test_what_is_no_resource_id_is_not_found(rig: Rig, word: str) -> None:
    with pytest.raises(NotFound):
        await rig.observer.observe([ResourceId(word)])


async def test_the_identity_is_kept_at_first_contact(rig: Rig) -> None:
    target = await rig.ledger.need(Target, LOCAL)
    assert target.identity == rig.world.state.identity
    assert [row.action for row in await rig.audit()].count("target.identity") == 1


async def test_another_machine_at_the_same_address_makes_everything_unknown(rig: Rig) -> None:
    await rig.observer.discover(LOCAL, ANNA)
    target = await rig.ledger.need(Target, LOCAL)
    await rig.put(replace(target, identity="somebody-else"))
    with pytest.raises(Rejected, match="Another machine") as refused:
        await rig.observer.discover(LOCAL, ANNA)
    assert "opstwin targets test local" in refused.value.next_step
    assert {row.presence for row in await rig.ledger.all(Observed)} == {Presence.UNKNOWN}
    assert (await rig.ledger.need(Target, LOCAL)).identity == "somebody-else"


@pytest.mark.req("S2.34")
async def test_an_inactive_target_is_not_discovered(rig: Rig) -> None:
    await rig.put(replace(await rig.ledger.need(Target, LOCAL), is_active=False))
    with pytest.raises(Forbidden, match="switched off"):
        await rig.observer.discover(LOCAL, ANNA)


async def test_what_is_gone_for_long_and_wanted_by_nobody_is_forgotten(rig: Rig) -> None:
    await rig.observer.discover(LOCAL, ANNA)
    rig.world.remove("web")
    await rig.observer.discover(LOCAL, ANNA)
    rig.clock.advance(timedelta(days=7, minutes=-1).total_seconds())
    await rig.observer.discover(LOCAL, ANNA)
    assert await rig.ledger.get(Observed, WEB) is not None
    rig.clock.advance(120)
    await rig.observer.discover(LOCAL, ANNA)
    assert await rig.ledger.get(Observed, WEB) is None


async def test_what_is_gone_but_wanted_is_never_forgotten(rig: Rig) -> None:
    await rig.observer.discover(LOCAL, ANNA)
    rig.world.remove("web")
    await rig.observer.discover(LOCAL, ANNA)
    await rig.put(
        Desired(
            id=WEB, target=LOCAL, kind="container", name="web", spec={"image": "app:1"}, set_by=ANNA,
            set_at=rig.clock.now(),
        )
    )  # fmt: skip
    rig.clock.advance(timedelta(days=30).total_seconds())
    await rig.observer.discover(LOCAL, ANNA)
    assert await rig.ledger.get(Observed, WEB) is not None


async def test_one_that_is_still_wanted_does_not_keep_the_others_from_being_forgotten(rig: Rig) -> None:
    rig.world.run("stray", "app:1")
    await rig.observer.discover(LOCAL, ANNA)
    for name in ("web", "stray"):
        rig.world.remove(name)
    await rig.observer.discover(LOCAL, ANNA)
    await rig.put(
        Desired(
            id=WEB, target=LOCAL, kind="container", name="web", spec={"image": "app:1"}, set_by=ANNA,
            set_at=rig.clock.now(),
        )
    )  # fmt: skip
    rig.clock.advance(timedelta(days=8).total_seconds())
    await rig.observer.discover(LOCAL, ANNA)
    assert [row.id for row in await rig.ledger.all(Observed, {"kind": "container"})] == [WEB]


# Below: a target whose every answer is scripted, for races and sizes.


@dataclass
class Scripted:
    """A reader that shows what it is told to, once the gate, if there is one, is open."""

    sightings: list[Sighting] = field(default_factory=list)
    gate: asyncio.Event | None = None
    looking: asyncio.Event = field(default_factory=asyncio.Event)

    async def info(self) -> TargetInfo:
        return TargetInfo(identity="one", version="1")

    async def discover(self) -> Sequence[Sighting]:
        shown = list(self.sightings)
        self.looking.set()
        if self.gate is not None:
            await self.gate.wait()
        return shown

    async def observe(self, resource: ResourceId) -> Sighting:
        found = {item.resource: item for item in self.sightings}.get(resource)
        return found or Sighting(resource=resource, kind="", name="", presence=Presence.ABSENT)

    async def watch(self) -> AsyncIterator[TargetEvent]:
        raise Timeout("nothing to watch")
        yield

    async def logs(self, resource: ResourceId, *, tail: int, follow: bool) -> AsyncIterator[LogLine]:
        raise NotFound("no logs")
        yield

    async def usage(self, resource: ResourceId) -> UsageReading:
        raise NotFound("no usage")


@dataclass
class One:
    """The same reader for every target."""

    one: Reader

    def reader(self, target: Target) -> Reader:
        return self.one

    def renderer(self, target: Target) -> Renderer:
        raise AssertionError("nobody renders here")

    def previewer(self, target: Target) -> Previewer | None:
        return None


class Counting(MemoryStore):
    """Counts commits and the writes in them; while `contended`, somebody else is always first."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes: list[int] = []
        self.contended = False

    async def commit(self, commit: Commit) -> Receipt:
        self.sizes.append(len(commit.writes))
        if self.contended:
            raise Conflict("somebody else was first")
        return await super().commit(commit)


def seen(number: int, spec: Spec | None = None) -> Sighting:
    resource = resource_id(LOCAL, "container", f"c{number}")
    image = resource_id(LOCAL, "image", "app:1")
    return Sighting(
        resource=resource, kind="container", name=f"c{number}", presence=Presence.PRESENT,
        spec=spec or {"image": "app:1", "env": {"A": "1"}, "ports": [{"container": 80}], "running": True},
        facts={"id": f"id-{number}"}, health=Health.HEALTHY, managed=True, links=(("runs", image),),
    )  # fmt: skip


async def scripted(reader: Scripted) -> tuple[Ledger, Observer, Counting, VirtualClock]:
    store, clock = Counting(), VirtualClock()
    ledger = Ledger(store, clock, SeededIds(0))
    target = Target(
        id=LOCAL, display_name="Local", backend_type="sim", agent_endpoint="sim://local", identity="one",
        created_at=clock.now(),
    )  # fmt: skip
    await ledger.commit([Put(target)], [AuditEntry(action="test.put", subject=LOCAL, actor=ANNA)])
    store.sizes.clear()
    return ledger, Observer(ledger, One(reader)), store, clock


async def test_many_resources_are_written_in_commits_of_at_most_a_thousand() -> None:
    ledger, observer, store, _ = await scripted(Scripted([seen(number) for number in range(1200)]))
    await observer.discover(LOCAL)
    assert sum(store.sizes) == 2400
    assert max(store.sizes) <= 1000
    assert len(store.sizes) == 3
    assert len(await ledger.all(Observed)) == 1200


async def test_a_discovery_of_a_thousand_unchanged_resources_commits_nothing() -> None:
    _, observer, store, clock = await scripted(Scripted([seen(number) for number in range(1000)]))
    await observer.discover(LOCAL)
    store.sizes.clear()
    clock.advance(15)
    await observer.discover(LOCAL)
    assert store.sizes == []


async def test_two_discoveries_at_once_lose_nothing() -> None:
    reader = Scripted([seen(number) for number in range(50)])
    ledger, observer, _, _ = await scripted(reader)
    await asyncio.gather(*(observer.discover(LOCAL) for _ in range(4)))
    rows = await ledger.all(Observed)
    assert len(rows) == 50
    assert {row.revision for row in rows} == {1}


async def test_a_slow_discovery_does_not_undo_what_a_later_look_saw() -> None:
    reader = Scripted([seen(1), seen(2)], gate=asyncio.Event())
    ledger, observer, _, clock = await scripted(reader)
    slow = asyncio.create_task(observer.discover(LOCAL))
    await reader.looking.wait()
    clock.advance(1)
    newer = {"image": "app:2", "running": True}
    reader.sightings = [seen(1, newer), seen(3)]
    await observer.observe([seen(number).resource for number in (1, 2, 3)])
    assert reader.gate is not None
    reader.gate.set()
    await slow
    rows = {row.name: row for row in await ledger.all(Observed)}
    assert rows["c1"].spec == newer
    assert rows["c2"].presence is Presence.ABSENT
    assert rows["c3"].presence is Presence.PRESENT, "it was made after the slow discovery began: not absent"


async def test_an_older_row_of_another_observer_is_written_over_after_reading_again() -> None:
    reader = Scripted([seen(1)])
    ledger, observer, _, clock = await scripted(reader)
    await observer.discover(LOCAL)
    reader.gate, reader.sightings = asyncio.Event(), [seen(1, {"image": "app:2", "running": True})]
    clock.advance(5)
    reader.looking.clear()
    slow = asyncio.create_task(observer.discover(LOCAL))
    await reader.looking.wait()
    row = await ledger.need(Observed, seen(1).resource)
    await ledger.commit([Put(replace(row, health=Health.UNHEALTHY))])
    reader.gate.set()
    await slow
    stored = await ledger.need(Observed, seen(1).resource)
    assert stored.spec == {"image": "app:2", "running": True}
    assert stored.version == 3


async def test_a_row_that_was_forgotten_meanwhile_does_not_come_back_as_unknown() -> None:
    reader = Scripted([seen(1)], gate=None)
    ledger, observer, _, _ = await scripted(reader)
    await observer.discover(LOCAL)
    reader.sightings, reader.gate = [], asyncio.Event()
    reader.looking.clear()
    slow = asyncio.create_task(observer.discover(LOCAL))
    await reader.looking.wait()
    await ledger.commit([Remove(await ledger.need(Observed, seen(1).resource))])
    reader.gate.set()
    await slow
    assert await ledger.all(Observed) == []


async def test_a_row_that_keeps_being_taken_away_ends_in_a_conflict() -> None:
    ledger, observer, store, _ = await scripted(Scripted([seen(1)]))
    store.contended = True
    with pytest.raises(Conflict):
        await observer.discover(LOCAL)
    assert len(store.sizes) == 5
    assert await ledger.all(Observed) == []
