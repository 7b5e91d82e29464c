"""Every kind of record comes back exactly as it went in, from every store."""

import asyncio
import json
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
from opstwin.domain.touched import Touched
from opstwin.twin.codec import shape_of
from opstwin.twin.nested import json_text, parsed
from opstwin.twin.opening import open_store
from opstwin.twin.store import Remove, TwinStore
from opstwin.twin.tables import TABLES
from tests.contract.twin_places import TwinPlace, put, write
from tests.contract.twin_records import any_of, record_of

texts = st.text(st.characters(codec="utf-8"))
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts


def exactly(record: Any) -> str:
    """The record as text in which 1, 1.0 and true differ."""
    return json_text(list(shape_of(type(record)).row(record).values()))


async def test_a_record_with_every_field_filled_comes_back(twin_place: TwinPlace) -> None:
    store = await twin_place.open()
    for kind in RECORD_TYPES:
        record: Any = record_of(kind)
        await put(store, record)
        found: Any = await store.get(kind, record.id)
        assert found == replace(record, version=1)
        assert exactly(found) == exactly(replace(record, version=1))


def test_any_record_comes_back(twin_url: str) -> None:
    with asyncio.Runner() as runner:
        store = runner.run(open_store(twin_url))

        @settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
        @given(st.lists(st.sampled_from(RECORD_TYPES).flatmap(any_of), max_size=5))
        def comes_back(records: list[Any]) -> None:
            # One database serves all examples: ids are made different, and rules that hold across records are kept.
            plain = [lawful(record, place) for place, record in enumerate(records)]
            runner.run(there_and_back(store, plain))

        comes_back()
        runner.run(store.close())


async def there_and_back(store: TwinStore, records: list[Any]) -> None:
    old = [await store.get(type(record), record.id) for record in records]
    await write(store, *(Remove(record) for record in old if record is not None))
    await put(store, *records)
    for record in records:
        found = await store.get(type(record), record.id)
        assert found == replace(record, version=1)
        assert exactly(found) == exactly(replace(record, version=1))


def lawful(record: Any, place: int) -> Any:
    if isinstance(record, Target):
        return replace(record, id=f"t{place}", is_default=False)
    if isinstance(record, Execution):
        return replace(record, id=f"e{place}", state=ExecutionState.SUCCEEDED)
    return replace(record, id=f"{record.id[:10]}{place}")


async def test_a_plans_digest_holds_after_it_was_stored(twin_place: TwinPlace) -> None:
    store = await twin_place.open()
    full = record_of(Plan)
    plan = sealed(replace(full, changes=(replace(full.changes[0], needs=()),)))
    await put(store, plan)
    found = await store.get(Plan, plan.id)
    assert found is not None
    assert plan_digest(found) == found.digest == plan.digest


@settings(max_examples=100, deadline=None)
@given(st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(texts, inner)))
def test_stored_text_is_read_as_the_standard_library_reads_it(value: Any) -> None:
    text = json_text(value)
    assert repr(parsed(text)) == repr(json.loads(text)) == repr(value)


def test_a_value_nested_deeper_than_the_quick_parser_goes_is_read_all_the_same() -> None:
    text = "[" * 300 + "]" * 300
    assert json_text(parsed(text)) == text


def test_text_that_is_no_json_is_a_value_error() -> None:
    with pytest.raises(json.JSONDecodeError):
        parsed('{"image":')


def test_every_kind_of_record_has_a_table() -> None:
    assert set(TABLES) == {*RECORD_TYPES, AuditRow, Event, Touched}
