"""Every kind of record comes back exactly as it went in, from every store."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from opstwin.domain.audit import AuditRow
from opstwin.domain.event import Event
from opstwin.domain.execution import Execution, ExecutionState
from opstwin.domain.plan import Plan, plan_digest, sealed
from opstwin.domain.records import RECORD_TYPES
from opstwin.domain.target import Target
from opstwin.twin.codec import shape_of
from opstwin.twin.nested import json_text
from opstwin.twin.opening import open_store
from tests.contract.twin_places import TwinPlace, put
from tests.contract.twin_records import any_of, record_of


def exactly(record: Any) -> str:
    """The record as text in which 1, 1.0 and true differ."""
    return json_text(list(shape_of(type(record)).row(record).values()))


@pytest.mark.parametrize("kind", RECORD_TYPES, ids=lambda kind: kind.__name__)
async def test_a_record_with_every_field_filled_comes_back(twin_place: TwinPlace, kind: Any) -> None:
    store = await twin_place.open()
    record = record_of(kind)
    await put(store, record)
    found = await store.get(kind, record.id)
    assert found == replace(record, version=1)
    assert exactly(found) == exactly(replace(record, version=1))


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_record_comes_back(twin_url: str, data: st.DataObject) -> None:
    records = data.draw(st.lists(st.sampled_from(RECORD_TYPES).flatmap(any_of), max_size=5))
    # One database serves all examples, so ids are made different, and rules that hold across records are kept.
    plain = [lawful(record, place) for place, record in enumerate(records)]

    async def there_and_back() -> None:
        store = await open_store(twin_url)
        try:
            await remove_all(store, plain)
            await put(store, *plain)
            for record in plain:
                found = await store.get(type(record), record.id)
                assert found == replace(record, version=1)
                assert exactly(found) == exactly(replace(record, version=1))
        finally:
            await store.close()

    asyncio.run(there_and_back())


def lawful(record: Any, place: int) -> Any:
    if isinstance(record, Target):
        return replace(record, id=f"t{place}", is_default=False)
    if isinstance(record, Execution):
        return replace(record, id=f"e{place}", state=ExecutionState.SUCCEEDED)
    return replace(record, id=f"{record.id[:10]}{place}")


async def remove_all(store: Any, records: list[Any]) -> None:
    from opstwin.twin.store import Remove
    from tests.contract.twin_places import write

    found = [await store.get(type(record), record.id) for record in records]
    await write(store, *(Remove(record) for record in found if record is not None))


async def test_a_plans_digest_holds_after_it_was_stored(twin_place: TwinPlace) -> None:
    store = await twin_place.open()
    plan = sealed(record_of(Plan))
    await put(store, plan)
    found = await store.get(Plan, plan.id)
    assert found is not None
    assert plan_digest(found) == found.digest == plan.digest


def test_every_kind_that_can_be_read_is_tried() -> None:
    from opstwin.twin.tables import TABLES

    assert set(TABLES) == {*RECORD_TYPES, AuditRow, Event}
