"""The copies of the twin that are kept in memory: after any commits, by whomever, they are what a full read finds."""

import asyncio
import itertools
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from opstwin.clock import VirtualClock
from opstwin.control.mirror import Mirror
from opstwin.control.twin_index import TwinIndex
from opstwin.domain.records import FOLLOWED, Record
from opstwin.domain.resource import Desired, Health, Observed, Presence, WorkloadRecord
from opstwin.domain.standing import standing_of
from opstwin.domain.target import Target
from opstwin.domain.values import ResourceId, TargetId
from opstwin.domain.workload import Workload
from opstwin.errors import StoreError
from opstwin.targets.sim.world import World
from opstwin.twin.memory import MemoryStore
from opstwin.twin.opening import open_store
from opstwin.twin.store import Page, Put, Query, Remove, TwinStore, Write
from opstwin.twin.touching import KEPT
from tests.contract.twin_places import ANNA, AT, TwinPlace, desired, everything, put, write
from tests.rig import SimPlaces

WRITES = st.lists(
    st.tuples(st.sampled_from(FOLLOWED), st.integers(0, 1), st.integers(0, 2), st.booleans()), min_size=1, max_size=5
)
"""Of which kind, which record, what value, and whether it is removed where it is there."""


def record(kind: type[Record], home: str, number: int, value: int) -> Any:
    """A record of a followed kind; `home` is the target of one example."""
    target, name = TargetId(home), f"n{number}"
    id = ResourceId(f"{home}/container/{name}")
    spec: Any = {"image": f"app:{value}", "running": True}
    if kind is Desired:
        return Desired(
            id=id, target=target, kind="container", name=name, spec=spec if value else None, set_by=ANNA, set_at=AT,
            workload=f"n{value % 2}" if value else None,
        )  # fmt: skip
    if kind is Observed:
        return Observed(
            id=id, target=target, kind="container", name=name, presence=list(Presence)[value], spec=spec,
            health=list(Health)[value], managed=True, observed_at=AT,
        )  # fmt: skip
    if kind is WorkloadRecord:
        return WorkloadRecord(
            id=ResourceId(f"{home}/workload/{name}"), target=target, name=name, revision=value, set_by=ANNA, set_at=AT,
            workload=Workload(name=name, image=f"app:{value}") if value else None,
        )  # fmt: skip
    # With value 2 there is no driver for it, and then nothing is said about drift.
    return Target(
        id=TargetId(home if number == 0 else f"{home}-{number}"), display_name=f"v{value}", created_at=AT,
        backend_type="kubernetes" if value == 2 else "sim", agent_endpoint="sim://x",
    )  # fmt: skip


class NoKubernetes(SimPlaces):
    """Simulated targets alone have a driver."""

    def renderer(self, target: Target) -> Any:
        from opstwin.errors import InvalidInput

        if target.backend_type != "sim":
            raise InvalidInput("No driver.", field="backend_type")
        self.worlds.setdefault(target.id, World())
        return super().renderer(target)


def index_on(store: TwinStore) -> TwinIndex:
    return TwinIndex(store, NoKubernetes({}, VirtualClock()))


async def full_read(store: TwinStore) -> Mapping[type[Record], Mapping[str, Any]]:
    """Everything of the followed kinds, from the store."""
    return {kind: {item.id: item for item in await everything(store, kind)} for kind in FOLLOWED}


async def check_index(store: TwinStore, index: TwinIndex) -> None:
    """The index holds what is worked out from a full read."""
    read = await full_read(store)
    twin = await index.now()
    places = NoKubernetes({}, VirtualClock())
    difference = {
        item.id: places.renderer(item).difference for item in read[Target].values() if item.backend_type == "sim"
    }
    wanted = {}
    for id in {*read[Desired], *read[Observed]}:
        sides = read[Desired].get(id), read[Observed].get(id)
        known: Any = sides[0] or sides[1]
        wanted[id] = standing_of(*sides, difference.get(known.target))
    assert twin.by_id == wanted
    assert [item.id for item in twin.standings] == sorted(id for id, item in wanted.items() if item and item.is_there)
    assert {item.id: item for item in twin.targets} == read[Target]
    assert {item.id: item for item in twin.workloads} == read[WorkloadRecord]
    assert twin == await index_on(store).now(), "an index that begins now works out the same"


class Copies(RuleBasedStateMachine):
    """Two hubs on one twin, each with its own copy; each example has a target of its own in the one database."""

    numbers = itertools.count()
    url = ""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.place = TwinPlace(self.url)
        self.stores = [self.runner.run(self.place.open()) for _ in range(2)]
        self.mirrors = [Mirror(store) for store in self.stores]
        self.indexes = [index_on(store) for store in self.stores]
        self.home = f"home-{next(self.numbers)}"
        self.known: dict[tuple[type[Record], str], Any] = {}

    def teardown(self) -> None:
        self.runner.run(self.place.close())
        self.runner.close()

    @rule(hub=st.integers(0, 1), asked=WRITES)
    def commit(self, hub: int, asked: list[tuple[Any, int, int, bool]]) -> None:
        writes: list[Write] = []
        for kind, number, value, removed in asked:
            fresh = record(kind, self.home, number, value)
            old = self.known.get((kind, fresh.id))
            if removed and old is not None:
                writes.append(Remove(self.known.pop((kind, fresh.id))))
            else:
                made = replace(fresh, version=old.version if old else 0)
                writes.append(Put(made))
                self.known[kind, fresh.id] = replace(made, version=made.version + 1)
        self.runner.run(write(self.stores[hub], *writes))

    @rule(hub=st.integers(0, 1))
    def a_mirror_is_what_is_there(self, hub: int) -> None:
        self.runner.run(self.mirrors[hub].refresh())
        read = self.runner.run(full_read(self.stores[1 - hub]))
        assert {kind: dict(self.mirrors[hub].of(kind)) for kind in FOLLOWED} == read

    @rule(hub=st.integers(0, 1))
    def an_index_is_what_is_there(self, hub: int) -> None:
        self.runner.run(check_index(self.stores[1 - hub], self.indexes[hub]))


def test_no_sequence_of_commits_by_two_hubs_makes_a_copy_differ_from_a_full_read(twin_url: str) -> None:
    machine = type("CopiesHere", (Copies,), {"url": twin_url, "numbers": itertools.count()})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=30, stateful_step_count=15, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )


async def test_each_call_sees_what_was_committed_before_it_while_others_write_and_read(twin_place: TwinPlace) -> None:
    """Calls that share one look must not share one that began before their own commit."""
    stores = [await twin_place.open() for _ in range(2)]
    indexes = [index_on(store) for store in stores]
    await put(stores[0], record(Target, "home", 0, 0))

    async def one(number: int) -> None:
        id = f"home/container/n{number}"
        for version in range(6):
            spec: Any = {"image": f"app:{version}"}
            made = replace(record(Desired, "home", number, 0), spec=spec, version=version)
            await put(stores[number % 2], made)
            for index in indexes:
                seen = (await index.now()).by_id[id].desired
                assert seen == replace(made, version=version + 1)

    await asyncio.gather(*map(one, range(8)))
    for store, index in zip(stores, indexes, strict=True):
        await check_index(store, index)


class Counting(MemoryStore):
    """Counts what is read, and fails on demand."""

    def __init__(self) -> None:
        super().__init__()
        self.read: list[str] = []
        self.fails = False

    async def find(self, query: Query[Any]) -> Page[Any]:
        self.read.append(query.kind.__name__)
        if self.fails and query.kind.__name__ == "Observed":
            raise StoreError("The twin is away.")
        await asyncio.sleep(0)
        return await super().find(query)


async def test_nothing_but_the_notes_is_read_when_nothing_changed() -> None:
    store = Counting()
    await put(store, record(Target, "home", 0, 0), record(Desired, "home", 1, 1), record(Observed, "home", 1, 0))
    index = index_on(store)
    first = await index.now()
    store.read.clear()
    assert await index.now() is first
    assert store.read == ["Touched"]


async def test_only_what_was_touched_is_read_again() -> None:
    store = Counting()
    await put(store, record(Target, "home", 0, 0), record(Desired, "home", 1, 1), record(Observed, "home", 1, 0))
    index = index_on(store)
    await index.now()
    await put(store, replace(record(Observed, "home", 1, 2), version=1))
    store.read.clear()
    twin = await index.now()
    assert store.read == ["Touched", "Observed"]
    assert twin.by_id["home/container/n1"].observed == replace(record(Observed, "home", 1, 2), version=2)


async def test_a_copy_that_is_too_far_behind_is_read_anew() -> None:
    store = Counting()
    await put(store, record(Desired, "home", 1, 0), record(Desired, "home", 2, 0))
    mirror = Mirror(store)
    await mirror.refresh()
    await write(store, Remove(replace(record(Desired, "home", 2, 0), version=1)))
    for version in range(1, KEPT + 2):
        await put(store, replace(record(Desired, "home", 1, version % 3), version=version))
    assert await mirror.refresh() is None
    assert {kind: dict(mirror.of(kind)) for kind in FOLLOWED} == await full_read(store)


async def test_a_look_that_failed_half_way_is_made_good_by_the_next() -> None:
    store = Counting()
    await put(store, record(Target, "home", 0, 0), record(Observed, "home", 1, 0))
    index = index_on(store)
    await index.now()
    await put(store, record(Desired, "home", 1, 1), replace(record(Observed, "home", 1, 2), version=1))
    store.fails = True
    with pytest.raises(StoreError):
        await index.now()
    store.fails = False
    await check_index(store, index)


async def test_drift_is_worked_out_again_for_all_of_a_target_that_changed() -> None:
    store = MemoryStore()
    without_driver = record(Target, "home", 0, 2)
    await put(store, without_driver, record(Desired, "home", 1, 1), record(Observed, "home", 1, 0))
    index = index_on(store)
    assert (await index.now()).by_id["home/container/n1"].drift is None
    await put(store, replace(without_driver, backend_type="sim", version=1))
    assert (await index.now()).by_id["home/container/n1"].drift is not None


async def test_a_workload_is_summed_up_again_when_one_of_its_resources_changed() -> None:
    store = MemoryStore()
    await put(store, record(WorkloadRecord, "home", 1, 1), record(Observed, "home", 1, 0), record(Target, "home", 0, 0))
    index = index_on(store)
    assert [item.health for item in (await index.now()).wholes] == ["none"]
    await put(store, record(Desired, "home", 1, 1))
    [whole] = (await index.now()).wholes
    assert (whole.id, whole.state, whole.health) == ("home/workload/n1", "0/1", "healthy")


class Failing(NoKubernetes):
    """Its renderer fails while `fails` is set."""

    fails = False

    def renderer(self, target: Target) -> Any:
        if self.fails:
            raise StoreError("Not now.")
        return super().renderer(target)


async def test_what_could_not_be_worked_out_is_worked_out_at_the_next_look() -> None:
    store = MemoryStore()
    places = Failing({}, VirtualClock())
    index = TwinIndex(store, places)
    await put(store, record(Target, "home", 0, 0), record(Desired, "home", 1, 1), record(Observed, "home", 1, 0))
    await index.now()
    await put(store, replace(record(Desired, "home", 1, 2), version=1))
    places.fails = True
    with pytest.raises(StoreError):
        await index.now()
    places.fails = False
    await check_index(store, index)


async def test_calls_that_come_at_the_same_time_share_a_look() -> None:
    store = Counting()
    await put(store, desired())
    index = index_on(store)
    await index.now()
    store.read.clear()
    await asyncio.gather(*(index.now() for _ in range(50)))
    assert store.read == ["Touched", "Touched"], "one for the first, one for all that came while it was under way"


async def test_a_database_from_before_the_notes_is_read_whole(tmp_path: Any) -> None:
    url = f"sqlite:///{tmp_path / 'twin.db'}"
    store = await open_store(url)
    await put(store, desired())
    await store.close()
    import sqlite3

    with sqlite3.connect(tmp_path / "twin.db") as file:
        file.execute("DELETE FROM touched")
    again = await open_store(url)
    index = index_on(again)
    assert [item.id for item in (await index.now()).standings] == ["local/container/web"]
    await put(again, desired("api"))
    assert len((await index.now()).standings) == 2
    await again.close()
