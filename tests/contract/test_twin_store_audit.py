"""What every twin store promises about the audit and about events."""

import asyncio
from typing import Any

import pytest

from opstwin.domain.audit import GENESIS, AuditRow, row_hash
from opstwin.domain.event import Event
from opstwin.domain.resource import Desired
from opstwin.errors import StoreError
from opstwin.twin.store import Commit, Put, Query, TwinStore
from tests.contract.twin_places import ANNA, AT, TwinPlace, checked_audit, desired, entry, everything, put, write
from tests.contract.twin_records import SPEC, TRICKY, record_of


@pytest.fixture
async def twin_store(twin_place: TwinPlace) -> TwinStore:
    """One store of each kind."""
    return await twin_place.open()


def happening(number: int, **given: Any) -> Event:
    return Event(**{"at": AT, "type": "container.die", "message": f"no {number}", **given})


async def test_each_commit_continues_the_chain(twin_store: TwinStore) -> None:
    first = await write(twin_store, Put(desired("a")), audit=[entry("one"), entry("two")])
    second = await write(twin_store, Put(desired("b")), audit=[entry("three")])
    rows = await checked_audit(twin_store)
    assert [(row.seq, row.action) for row in rows] == [(1, "one"), (2, "two"), (3, "three")]
    assert rows[0].prev_hash == GENESIS
    assert (first.audit_seq, second.audit_seq) == (2, 3)


@pytest.mark.parametrize("uptime_s", [7, 7.25])
async def test_an_audit_row_comes_back_as_it_was_hashed(twin_store: TwinStore, uptime_s: float) -> None:
    full = entry(
        TRICKY, plan_id="p", digest="d", approval_id="a", execution_id="e", reason="줄\n\x1b[31m", outcome="refused",
        details={**SPEC, "tuple": (1, 2.0)},
    )  # fmt: skip
    await twin_store.commit(Commit(at=AT, uptime_s=uptime_s, audit=[full]))
    [row] = await checked_audit(twin_store)
    assert row.hash == row_hash(row)
    assert (row.actor, row.action, row.reason, row.at, row.uptime_s) == (ANNA, TRICKY, full.reason, AT, uptime_s)
    assert row.details == {**SPEC, "tuple": [1, 2.0]}
    assert await twin_store.get(AuditRow, "1") == row


async def test_audit_rows_are_found_by_what_they_are_about(twin_store: TwinStore) -> None:
    await write(twin_store, audit=[entry("a", plan_id="p"), entry("b", plan_id="q"), entry("a", execution_id="e")])
    assert [row.seq for row in await everything(twin_store, AuditRow, where={"action": "a"})] == [1, 3]
    assert [row.seq for row in await everything(twin_store, AuditRow, where={"plan_id": "q"})] == [2]
    page = await twin_store.find(Query(AuditRow, after="1", limit=1))
    assert ([row.seq for row in page.items], page.next) == ([2], "2")
    newest = await twin_store.find(Query(AuditRow, newest_first=True, limit=1))
    assert [row.seq for row in newest.items] == [3]


async def test_the_chain_goes_on_after_reopening(twin_database: TwinPlace) -> None:
    store = await twin_database.open()
    await put(store, desired("a"))
    await write(store, events=[happening(1)])
    await twin_database.close()
    store = await twin_database.open()
    assert await store.wait(0, 0) == 1
    receipt = await write(store, Put(desired("b")), events=[happening(2)])
    assert (receipt.audit_seq, receipt.event_seq) == (2, 2)
    assert len(await checked_audit(store)) == 2
    assert await store.get(Desired, "local/container/a") == desired("a", version=1)


async def test_stores_on_one_database_share_one_chain(twin_database: TwinPlace) -> None:
    stores = [await twin_database.open() for _ in range(3)]
    await asyncio.gather(*(put(stores[n % 3], desired(f"n{n}")) for n in range(60)))
    rows = await checked_audit(stores[0])
    assert [row.seq for row in rows] == list(range(1, 61))


async def test_an_event_gets_the_next_number_whatever_it_carried(twin_store: TwinStore) -> None:
    await write(twin_store, events=[happening(1, seq=99), happening(2)])
    await write(twin_store, events=[record_of(Event)])
    found = await everything(twin_store, Event)
    assert [event.seq for event in found] == [1, 2, 3]
    assert found[0] == happening(1, seq=1)
    assert found[2].details == SPEC
    assert await twin_store.get(Event, "2") == happening(2, seq=2)


async def test_events_are_read_from_a_number_on(twin_store: TwinStore) -> None:
    await write(twin_store, events=[happening(1, execution_id="e"), happening(2), happening(3, execution_id="e")])
    assert [event.seq for event in await everything(twin_store, Event, where={"execution_id": "e"})] == [1, 3]
    page = await twin_store.find(Query(Event, after="2"))
    assert [event.seq for event in page.items] == [3]
    assert len((await twin_store.find(Query(Event, after="0"))).items) == 3


async def test_an_empty_commit_tells_where_the_ends_are(twin_store: TwinStore) -> None:
    await write(twin_store, Put(desired()), audit=[entry(), entry()], events=[happening(1)])
    receipt = await twin_store.commit(Commit(at=AT, uptime_s=0))
    assert (receipt.audit_seq, receipt.event_seq) == (2, 1)


async def test_waiting_returns_at_once_for_what_is_there(twin_store: TwinStore) -> None:
    await write(twin_store, events=[happening(1), happening(2)])
    assert await twin_store.wait(1, 60) == 2


@pytest.mark.parametrize("timeout_s", [0, -1, 0.01])
async def test_waiting_ends_when_its_time_is_over(twin_store: TwinStore, timeout_s: float) -> None:
    await write(twin_store, events=[happening(1)])
    assert await twin_store.wait(1, timeout_s) == 1


async def test_everybody_who_waits_wakes_for_the_next_event(twin_store: TwinStore) -> None:
    waiting = [asyncio.ensure_future(twin_store.wait(after, 60)) for after in (0, 0, 1)]
    await asyncio.sleep(0)
    await write(twin_store, events=[happening(1)])
    assert await asyncio.gather(*waiting[:2]) == [1, 1]
    assert not waiting[2].done()
    await write(twin_store, events=[happening(2)])
    assert await waiting[2] == 2


async def test_a_waiter_that_was_cancelled_holds_nobody_up(twin_store: TwinStore) -> None:
    gone, stays = (asyncio.ensure_future(twin_store.wait(0, 60)) for _ in range(2))
    await asyncio.sleep(0)
    gone.cancel()
    await write(twin_store, events=[happening(1)])
    assert await stays == 1


async def test_waiting_sees_what_another_hub_stored(postgres_database: str) -> None:
    place = TwinPlace(postgres_database)
    here, there = await place.open(), await place.open()
    waiting = [asyncio.ensure_future(here.wait(0, 60)) for _ in range(50)]
    await asyncio.sleep(0)
    await write(there, events=[happening(1)])
    assert await asyncio.gather(*waiting) == [1] * 50
    await place.close()


async def test_a_closed_store_says_so(twin_database: TwinPlace) -> None:
    store = await twin_database.open()
    await twin_database.close()
    with pytest.raises(StoreError):
        await store.get(Desired, "a")
    with pytest.raises(StoreError):
        await put(store, desired())
