"""What every twin store promises: versions that hold, commits that are whole, pages in order."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from opstwin.domain.audit import AuditRow
from opstwin.domain.deployment import UsageSample
from opstwin.domain.event import Event
from opstwin.domain.execution import Execution, ExecutionState
from opstwin.domain.plan import Plan, PlanState
from opstwin.domain.records import Reply
from opstwin.domain.resource import Desired, Observed, Presence
from opstwin.domain.target import Target
from opstwin.domain.values import ExecutionId, TargetId
from opstwin.errors import Conflict, InvalidInput
from opstwin.twin.store import Commit, Put, Query, Remove, Require, TwinStore
from tests.contract.twin_places import ANNA, AT, LOCAL, TwinPlace, checked_audit, desired, entry, everything, put, write
from tests.contract.twin_records import record_of


@pytest.fixture
async def twin_store(twin_place: TwinPlace) -> TwinStore:
    """One store of each kind."""
    return await twin_place.open()


def sample(number: int, **given: Any) -> UsageSample:
    values: dict[str, Any] = {"resource": "r", "target": LOCAL, "workload": "web", "cpu_millicores": 1.5}
    return UsageSample(id=f"s{number}", at=AT, memory_bytes=1, **{**values, **given})


def target(id: str, **given: Any) -> Target:
    values: dict[str, Any] = {"display_name": id, "backend_type": "sim", "agent_endpoint": "sim://x", "created_at": AT}
    return Target(id=TargetId(id), **{**values, **given})


def execution(id: str, **given: Any) -> Execution:
    made = replace(record_of(Execution), id=ExecutionId(id), target=LOCAL, state=ExecutionState.APPLYING)
    return replace(made, **given)


async def test_a_new_record_is_stored_as_version_1(twin_store: TwinStore) -> None:
    await put(twin_store, desired())
    assert await twin_store.get(Desired, "local/container/web") == desired(version=1)


async def test_what_was_never_written_is_none(twin_store: TwinStore) -> None:
    assert await twin_store.get(Desired, "local/container/web") is None
    assert await twin_store.get(AuditRow, "1") is None
    assert await twin_store.get(Event, "no number") is None


async def test_an_id_that_cannot_exist_is_not_found(twin_store: TwinStore) -> None:
    for id in ("", "a\x00b", "\ud800", "' OR 1=1 --", "x" * 100_000):
        assert await twin_store.get(Desired, id) is None
        assert await twin_store.get(Event, id) is None


async def test_a_record_is_replaced_only_at_the_version_it_was_read(twin_store: TwinStore) -> None:
    await put(twin_store, desired())
    await put(twin_store, desired(version=1, spec=None))
    with pytest.raises(Conflict) as caught:
        await put(twin_store, desired(version=1, spec={"image": "late"}))
    assert caught.value.details == {"kind": "desired", "id": "local/container/web"}
    assert await twin_store.get(Desired, "local/container/web") == desired(version=2, spec=None)


async def test_a_record_that_does_not_exist_has_no_version_to_write_at(twin_store: TwinStore) -> None:
    for version in (1, 5):
        with pytest.raises(Conflict):
            await put(twin_store, desired(version=version))


async def test_a_record_that_exists_cannot_be_made_anew(twin_store: TwinStore) -> None:
    await put(twin_store, desired())
    with pytest.raises(Conflict):
        await put(twin_store, desired())


async def test_a_record_is_removed_only_at_the_version_it_was_read(twin_store: TwinStore) -> None:
    await put(twin_store, desired())
    for stale in (0, 2):
        with pytest.raises(Conflict):
            await write(twin_store, Remove(desired(version=stale)))
    await write(twin_store, Remove(desired(version=1)))
    assert await twin_store.get(Desired, "local/container/web") is None
    with pytest.raises(Conflict):
        await write(twin_store, Remove(desired(version=0)))


async def test_a_required_version_holds_up_the_whole_commit(twin_store: TwinStore) -> None:
    await put(twin_store, desired("web"))
    await write(twin_store, Require(Desired, "local/container/web", 1), Put(desired("a")))
    await write(twin_store, Require(Desired, "local/container/none", 0), Put(desired("b")))
    for wrong in (
        Require(Desired, "local/container/web", 0),
        Require(Desired, "local/container/none", 1),
        Require(Desired, "nul\x00", 1),
        Require(Desired, "half\ud800", 1),
    ):
        with pytest.raises(Conflict) as caught:
            await write(twin_store, Put(desired("c")), wrong)
        assert caught.value.details["id"] == wrong.id
    assert await twin_store.get(Desired, "local/container/c") is None


async def test_a_requirement_speaks_of_the_time_before_the_commit(twin_store: TwinStore) -> None:
    await put(twin_store, desired())
    await write(twin_store, Put(desired(version=1)), Require(Desired, "local/container/web", 1))
    with pytest.raises(Conflict):
        await write(twin_store, Put(desired(version=2)), Require(Desired, "local/container/web", 3))


async def test_a_record_may_be_written_twice_in_one_commit(twin_store: TwinStore) -> None:
    await write(twin_store, Put(desired("web")), Put(desired("web", version=1, spec=None)), Put(desired("gone")))
    assert await twin_store.get(Desired, "local/container/web") == desired(version=2, spec=None)
    await write(twin_store, Remove(desired("gone", version=1)), Put(desired("gone", spec={})))
    assert await twin_store.get(Desired, "local/container/gone") == desired("gone", version=1, spec={})
    with pytest.raises(Conflict):
        await write(twin_store, Put(desired("web", version=2)), Put(desired("web", version=2)))


async def test_a_commit_that_conflicts_leaves_nothing_behind(twin_store: TwinStore) -> None:
    await put(twin_store, desired("old"))
    with pytest.raises(Conflict):
        await write(
            twin_store,
            Put(desired("first")), Remove(desired("old", version=1)), Put(desired("last", version=7)),
            events=[Event(at=AT, type="never")],
        )  # fmt: skip
    assert await twin_store.get(Desired, "local/container/first") is None
    assert await twin_store.get(Desired, "local/container/old") is not None
    assert len(await checked_audit(twin_store)) == 1
    assert await everything(twin_store, Event) == []
    receipt = await write(twin_store, events=[Event(at=AT, type="next")])
    assert (receipt.audit_seq, receipt.event_seq) == (1, 1)


async def test_a_commit_that_cannot_be_stored_leaves_nothing_behind(twin_store: TwinStore) -> None:
    with pytest.raises(InvalidInput):
        await put(twin_store, desired("first"), desired("bad\x00name"))
    assert await everything(twin_store, Desired) == []
    assert await everything(twin_store, AuditRow) == []


UNSTORABLE: list[tuple[Any, str]] = [
    (desired(kind="a\x00b"), "kind"),
    (desired(id="x", name="\udfff"), "name"),
    (desired(spec={"x": "\ud800"}), "spec"),
    (desired(spec={"x": float("nan")}), "spec"),
    (desired(spec={"x": float("inf")}), "spec"),
    (desired(spec={"x": object()}), "spec"),
    (desired(revision=2**63), "revision"),
    (desired(revision=True), "revision"),
    (desired(revision="1"), "revision"),
    (desired(kind=None), "kind"),
    (desired(kind=7), "kind"),
    (desired(workload="w" * 2001), "workload"),
    (desired(set_at=datetime(2026, 1, 1)), "set_at"),  # noqa: DTZ001 - that is the mistake
    (desired(set_at="2026-01-01"), "set_at"),
    (sample(1, cpu_millicores=float("nan")), "cpu_millicores"),
    (sample(1, cpu_millicores=10**400), "cpu_millicores"),
    (target("a", settings={"k": "\ud800"}), "settings"),
    (replace(target("a"), is_default=1), "is_default"),
]


async def test_a_value_that_a_database_cannot_hold_is_named(twin_store: TwinStore) -> None:
    for record, field in UNSTORABLE:
        with pytest.raises(InvalidInput) as caught:
            await put(twin_store, record)
        assert caught.value.field == field
        assert caught.value.next_step
    assert await everything(twin_store, AuditRow) == []


async def test_a_spec_nested_too_deeply_is_refused(twin_store: TwinStore) -> None:
    deep: Any = 1
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(InvalidInput):
        await put(twin_store, desired(spec={"x": deep}))


async def test_an_audit_entry_that_has_no_hash_is_refused(twin_store: TwinStore) -> None:
    bad: list[Any] = [float("nan"), "\ud800", object()]
    for value in bad:
        with pytest.raises(InvalidInput):
            await write(twin_store, Put(desired()), audit=[entry(details={"x": value})])
    assert await everything(twin_store, Desired) == []


async def test_a_moment_is_kept_as_the_same_moment_in_utc(twin_store: TwinStore) -> None:
    seoul = timezone(timedelta(hours=9))
    await put(twin_store, desired(set_at=AT.astimezone(seoul)))
    found = await twin_store.get(Desired, "local/container/web")
    assert found is not None
    assert found.set_at == AT
    assert found.set_at.tzinfo is UTC


@pytest.mark.req("S1.23")
async def test_an_observation_never_touches_what_is_desired(twin_store: TwinStore) -> None:
    await put(twin_store, desired())
    seen = Observed(
        id=desired().id, target=LOCAL, kind="container", name="web", presence=Presence.PRESENT,
        spec={"image": "other:1"}, observed_at=AT,
    )  # fmt: skip
    await twin_store.commit(Commit(at=AT, uptime_s=0, writes=[Put(seen)]))
    assert await twin_store.get(Desired, seen.id) == desired(version=1)
    assert await twin_store.get(Observed, seen.id) == replace(seen, version=1)


async def test_records_come_in_the_order_of_their_ids(twin_store: TwinStore) -> None:
    names = ["b", "a", "Z", "é", "가", "\U0001f680", "a-1", "a/1", "10", "9"]
    await put(twin_store, *(desired(name) for name in names))
    assert [item.name for item in await everything(twin_store, Desired, limit=3)] == sorted(names)
    newest = await everything(twin_store, Desired, limit=3, newest_first=True)
    assert [item.name for item in newest] == sorted(names, reverse=True)


async def test_records_come_in_the_order_of_their_first_insertion(twin_store: TwinStore) -> None:
    await put(twin_store, sample(3), sample(1))
    await put(twin_store, sample(2))
    await put(twin_store, replace(sample(3), version=1, memory_bytes=9))
    assert [item.id for item in await everything(twin_store, UsageSample, limit=1)] == ["s3", "s1", "s2"]
    newest = await everything(twin_store, UsageSample, limit=2, newest_first=True)
    assert [item.id for item in newest] == ["s2", "s1", "s3"]


async def test_a_cursor_stays_right_when_the_record_it_points_behind_is_removed(twin_store: TwinStore) -> None:
    await put(twin_store, sample(1), sample(2))
    first = await twin_store.find(Query(UsageSample, limit=1))
    await write(twin_store, Remove(replace(sample(2), version=1)), Remove(replace(sample(1), version=1)))
    await put(twin_store, sample(3))
    following = await twin_store.find(Query(UsageSample, after=first.next))
    assert [item.id for item in following.items] == ["s3"]


async def test_a_page_holds_at_most_1000(twin_store: TwinStore) -> None:
    await put(twin_store, *(sample(number) for number in range(1001)))
    page = await twin_store.find(Query(UsageSample, limit=5000))
    assert len(page.items) == 1000
    rest = await twin_store.find(Query(UsageSample, after=page.next, limit=5000))
    assert (len(rest.items), rest.next) == (1, None)


async def test_a_page_that_ends_exactly_at_the_end_promises_no_more(twin_store: TwinStore) -> None:
    await put(twin_store, sample(1), sample(2))
    page = await twin_store.find(Query(UsageSample, limit=2))
    assert (len(page.items), page.next) == (2, None)


async def test_filters_hold_all_at_once(twin_store: TwinStore) -> None:
    await put(
        twin_store,
        desired("a", workload="w"), desired("b", workload="w", kind="volume"), desired("c"),
        desired("d", workload="w", target=TargetId("far")),
    )  # fmt: skip
    where = {"target": LOCAL, "workload": "w", "kind": "container"}
    assert [item.name for item in await everything(twin_store, Desired, where=where)] == ["a"]
    assert [item.name for item in await everything(twin_store, Desired, where={"workload": None})] == ["c"]


async def test_true_and_false_are_found(twin_store: TwinStore) -> None:
    await put(twin_store, target("a", is_active=False), target("b"))
    assert [item.id for item in await everything(twin_store, Target, where={"is_active": False})] == ["a"]
    assert [item.id for item in await everything(twin_store, Target, where={"is_active": True})] == ["b"]


async def test_a_wrong_filter_is_named(twin_store: TwinStore) -> None:
    wrong: list[tuple[str, Any]] = [("spec", "x"), ("no_such", "x"), ("kind", "a\x00"), ("kind", True)]
    for field, value in wrong:
        with pytest.raises(InvalidInput) as caught:
            await twin_store.find(Query(Desired, {field: value}))
        assert caught.value.field == field


async def test_a_flag_is_not_searched_by_text(twin_store: TwinStore) -> None:
    with pytest.raises(InvalidInput):
        await twin_store.find(Query(Target, {"is_active": "true"}))


CURSORS = ["garbage", "id.%%%", "id.____", "-1", "1.5", "٣", "9" * 40, "id.AA", "id.é", "0x1"]


async def test_a_cursor_that_is_none_is_refused(twin_store: TwinStore) -> None:
    for kind in (Desired, UsageSample, AuditRow):
        for cursor in CURSORS:
            with pytest.raises(InvalidInput) as caught:
                await twin_store.find(Query(kind, after=cursor))
            assert caught.value.field == "cursor"


async def test_a_cursor_of_one_order_is_none_of_another(twin_store: TwinStore) -> None:
    await put(twin_store, desired("a"), desired("b"), sample(1), sample(2))
    by_id = (await twin_store.find(Query(Desired, limit=1))).next
    by_position = (await twin_store.find(Query(UsageSample, limit=1))).next
    with pytest.raises(InvalidInput):
        await twin_store.find(Query(UsageSample, after=by_id))
    with pytest.raises(InvalidInput):
        await twin_store.find(Query(Desired, after=by_position))


async def test_a_page_of_nothing_is_refused(twin_store: TwinStore) -> None:
    for limit in (0, -1):
        with pytest.raises(InvalidInput) as caught:
            await twin_store.find(Query(Desired, limit=limit))
        assert caught.value.field == "limit"


@pytest.mark.req("S2.33")
async def test_there_is_one_default_target_at_most(twin_store: TwinStore) -> None:
    await put(twin_store, target("a", is_default=True), target("b"))
    for wrong in (target("c", is_default=True), target("b", is_default=True, version=1)):
        with pytest.raises(Conflict) as caught:
            await put(twin_store, wrong)
        assert caught.value.details == {"kind": "target", "id": wrong.id}
    with pytest.raises(Conflict):
        await put(
            twin_store, target("a", version=1), target("b", version=1, is_default=True), target("d", is_default=True)
        )
    assert [item.id for item in await everything(twin_store, Target, where={"is_default": True})] == ["a"]


@pytest.mark.req("S2.33")
async def test_the_default_moves_in_one_commit_whatever_the_order(twin_store: TwinStore) -> None:
    await put(twin_store, target("a", is_default=True), target("b"))
    await put(twin_store, target("b", version=1, is_default=True), target("a", version=1))
    await put(twin_store, target("b", version=2), target("a", version=2, is_default=True))
    await write(twin_store, Put(target("c", is_default=True)), Remove(target("a", version=3)))
    assert [item.id for item in await everything(twin_store, Target, where={"is_default": True})] == ["c"]


async def test_a_target_has_one_unfinished_execution_at_most(twin_store: TwinStore) -> None:
    await put(twin_store, execution("e1"))
    with pytest.raises(Conflict) as caught:
        await put(twin_store, execution("e2", state=ExecutionState.ROLLING_BACK))
    assert caught.value.details == {"kind": "execution", "id": "e2"}
    await put(twin_store, execution("e3", target=TargetId("far")), execution("e4", state=ExecutionState.SUCCEEDED))
    await put(twin_store, execution("e1", version=1, state=ExecutionState.VERIFYING))
    await put(twin_store, execution("e1", version=2, state=ExecutionState.NEEDS_HUMAN), execution("e5"))
    with pytest.raises(Conflict):
        await put(twin_store, execution("e1", version=3, state=ExecutionState.APPLYING))


async def race(place: TwinPlace, *commits: Any) -> list[Any]:
    """What became of commits made at the same time, each through a store of its own."""
    stores = [await place.open() for _ in commits]
    return await asyncio.gather(
        *(commit(store) for commit, store in zip(commits, stores, strict=True)), return_exceptions=True
    )


@pytest.mark.req("S2.33")
async def test_two_writers_at_once_leave_one_default_target(twin_place: TwinPlace) -> None:
    store = await twin_place.open()
    for turn in range(10):
        names = [f"t{turn}a", f"t{turn}b"]
        outcomes = await race(
            twin_place, *(lambda store, name=name: put(store, target(name, is_default=True)) for name in names)
        )
        assert sorted(isinstance(item, Conflict) for item in outcomes) == [False, True]
        [winner] = await everything(store, Target, where={"is_default": True})
        await put(store, replace(winner, is_default=False))
        while len(twin_place.opened) > 1:
            await twin_place.opened.pop().close()


async def test_of_two_decisions_on_one_plan_version_one_is_stored(twin_place: TwinPlace) -> None:
    first, second = await twin_place.open(), await twin_place.open()
    for turn in range(20):
        plan = replace(record_of(Plan), id=f"plan_{turn}", state=PlanState.PENDING)
        await put(first, plan)
        read = replace(plan, version=1)
        approve = put(first, replace(read, state=PlanState.APPROVED))
        reject = put(second, replace(read, state=PlanState.REJECTED))
        outcomes = await asyncio.gather(approve, reject, return_exceptions=True)
        assert sorted(isinstance(item, Conflict) for item in outcomes) == [False, True]
        found = await second.get(Plan, plan.id)
        assert found is not None
        assert found.version == 2
        assert (found.state is PlanState.APPROVED) is not isinstance(outcomes[0], Conflict)


@pytest.mark.proves("C4")
async def test_a_hundred_writers_on_one_record_lose_no_update(twin_place: TwinPlace) -> None:
    stores = [await twin_place.open() for _ in range(4)]
    await put(stores[0], desired(revision=0, spec={"writers": []}))

    async def add(number: int) -> None:
        store = stores[number % len(stores)]
        while True:
            found = await store.get(Desired, "local/container/web")
            assert found is not None
            assert isinstance(found.spec, dict)
            spec = {"writers": [*found.spec["writers"], number]}
            try:
                await put(store, replace(found, revision=found.revision + 1, spec=spec))
            except Conflict:
                continue
            return

    await asyncio.gather(*(add(number) for number in range(100)))
    found = await stores[1].get(Desired, "local/container/web")
    assert found is not None
    assert (found.revision, found.version) == (100, 101)
    assert isinstance(found.spec, dict)
    assert sorted(found.spec["writers"]) == list(range(100))
    assert len(await checked_audit(stores[2])) == 101


async def test_a_reply_of_any_size_is_kept(twin_store: TwinStore) -> None:
    reply = Reply(id="anna:key", request_digest="d", status=200, body="가" * 1_000_000, created_at=AT)
    await twin_store.commit(Commit(at=AT, uptime_s=0, writes=[Put(reply)]))
    assert await twin_store.get(Reply, "anna:key") == replace(reply, version=1)


async def test_what_a_reader_does_to_a_record_stays_with_the_reader(twin_store: TwinStore) -> None:
    given: dict[str, Any] = {"labels": {"a": "b"}}
    await put(twin_store, desired(spec=given))
    given["labels"]["a"] = "changed after the commit"
    found: Any = await twin_store.get(Desired, "local/container/web")
    found.spec["labels"]["a"] = "changed by a reader"
    assert await twin_store.get(Desired, "local/container/web") == desired(version=1, spec={"labels": {"a": "b"}})
    assert found.set_by == ANNA
