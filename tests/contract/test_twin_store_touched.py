"""What every twin store says about which records were touched, for those who keep copies of them."""

from dataclasses import replace

import pytest

from opstwin.domain.approval import Approval
from opstwin.domain.event import Event
from opstwin.domain.resource import Desired, Observed, WorkloadRecord
from opstwin.domain.target import Target
from opstwin.domain.touched import Touched
from opstwin.errors import Conflict, InvalidInput
from opstwin.twin.store import Put, Query, Remove, Require, TwinStore
from opstwin.twin.touching import KEPT
from tests.contract.twin_places import AT, TwinPlace, desired, entry, everything, put, write
from tests.contract.twin_records import record_of


@pytest.fixture
async def twin_store(twin_place: TwinPlace) -> TwinStore:
    """One store of each kind."""
    return await twin_place.open()


async def notes(store: TwinStore) -> list[tuple[int, str, tuple[str, ...]]]:
    """All notes in order."""
    return [(item.seq, item.kind, item.ids) for item in await everything(store, Touched)]


async def test_each_commit_says_what_it_wrote_and_removed(twin_store: TwinStore) -> None:
    await put(twin_store, desired("a"), desired("b"))
    await write(twin_store, Put(desired("a", version=1, spec=None)), Remove(desired("b", version=1)))
    first, second = await notes(twin_store)
    assert first[:2] == (1, "desired")
    assert set(first[2]) == {"local/container/a", "local/container/b"}
    assert second[:2] == (2, "desired")
    assert set(second[2]) == {"local/container/a", "local/container/b"}


async def test_every_followed_kind_is_noted_and_no_other(twin_store: TwinStore) -> None:
    for kind in (Target, Desired, Observed, WorkloadRecord):
        await put(twin_store, record_of(kind))
    await put(twin_store, record_of(Approval))
    await write(twin_store, audit=[entry()], events=[Event(at=AT, type="e")])
    assert [kind for _, kind, _ in await notes(twin_store)] == ["target", "desired", "observed", "workloadrecord"]


async def test_a_commit_of_several_kinds_has_a_note_for_each(twin_store: TwinStore) -> None:
    await put(twin_store, desired(), record_of(WorkloadRecord))
    assert [(seq, kind) for seq, kind, _ in await notes(twin_store)] == [(1, "desired"), (2, "workloadrecord")]


async def test_what_was_refused_or_only_required_touched_nothing(twin_store: TwinStore) -> None:
    await put(twin_store, desired())
    with pytest.raises(Conflict):
        await put(twin_store, desired(version=7))
    await write(twin_store, Require(Desired, "local/container/web", 1))
    assert len(await notes(twin_store)) == 1


async def test_only_the_newest_notes_are_kept_and_their_numbers_have_no_gap(twin_store: TwinStore) -> None:
    record = desired()
    for version in range(KEPT + 5):
        await put(twin_store, replace(record, version=version))
    numbers = [seq for seq, _, _ in await notes(twin_store)]
    assert numbers == list(range(6, KEPT + 6))


async def test_two_stores_on_one_twin_number_on_from_each_other(twin_place: TwinPlace) -> None:
    one, other = await twin_place.open(), await twin_place.open()
    for number, store in enumerate((one, other, other, one)):
        await put(store, desired(f"n{number}"))
    assert await notes(one) == await notes(other)
    assert [(seq, ids) for seq, _, ids in await notes(one)] == [
        (number + 1, (f"local/container/n{number}",)) for number in range(4)
    ]


async def test_records_are_read_by_their_ids_page_by_page(twin_store: TwinStore) -> None:
    await put(twin_store, *(desired(f"n{number}") for number in range(7)))
    wanted = [f"local/container/n{number}" for number in (5, 1, 3, 9)]
    found = await everything(twin_store, Desired, limit=2, ids=wanted)
    assert [item.name for item in found] == ["n1", "n3", "n5"]
    assert await everything(twin_store, Desired, ids=[]) == []
    assert await everything(twin_store, Desired, ids=["a\x00b", "\ud800"]) == []
    assert await everything(twin_store, Desired, ids=wanted, where={"workload": "none"}) == []


async def test_what_has_numbers_cannot_be_read_by_ids(twin_store: TwinStore) -> None:
    with pytest.raises(InvalidInput) as caught:
        await twin_store.find(Query(Event, ids=["1"]))
    assert caught.value.field == "ids"
