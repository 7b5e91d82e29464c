"""The store on disk: what it keeps, for how long, and what a crash, damage or a full disk leaves of it."""

import asyncio
import errno
import random
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from opstwin.clock import VirtualClock
from opstwin.domain.series import Aggregate, Sample, SeriesQuery
from opstwin.domain.values import ResourceId
from opstwin.errors import StoreError
from opstwin.metrics.buckets import Bucket, step_values
from opstwin.metrics.depot import SEAL_MS, Depot
from opstwin.metrics.files import FileSamples
from opstwin.metrics.levels import HOUR, MINUTE, RAW, Level, Retention, rolled
from opstwin.metrics.picking import wanted_level
from opstwin.metrics.units import Part

START = datetime(2026, 1, 5, tzinfo=UTC)
WEB = ResourceId("local/container/web-1")
LATER = START + timedelta(days=900)
LONG = Retention(raw_s=48 * 3600, minute_s=14 * 86_400, hour_s=400 * 86_400)


def depot(folder: Path, retention: Retention = LONG, now: datetime = LATER) -> Depot:
    made = Depot(folder, retention, now.timestamp)
    run(made.open())
    return made


def run(steps: Iterable[None]) -> None:
    for _ in steps:
        pass


def samples(pairs: Iterable[tuple[float, float]], resource: ResourceId = WEB) -> list[Sample]:
    return [Sample(resource=resource, metric="m", at=START + timedelta(seconds=at), value=value) for at, value in pairs]


def query(start_s: float, step_s: int, steps: int, aggregate: Aggregate = Aggregate.MEAN) -> SeriesQuery:
    at = START + timedelta(seconds=start_s)
    return SeriesQuery(metric="m", resources=(WEB,), start_at=at, step_s=step_s, steps=steps, aggregate=aggregate)


def buckets(store: Depot, asked: SeriesQuery) -> list[Bucket]:
    [(_, numbers)] = store.chosen(asked)
    return store.buckets(asked, numbers) if numbers else []


def told(store: Depot, steps: int = 100, step_s: int = 1) -> list[float | None]:
    asked = query(0, step_s, steps)
    return list(step_values(asked, buckets(store, asked)))


PAIRS = st.lists(st.tuples(st.integers(0, 40_000), st.integers(-1000, 1000).map(float)), min_size=1, max_size=60)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(batches=st.lists(PAIRS, min_size=1, max_size=5), sealed=st.lists(st.booleans(), min_size=5, max_size=5))
def test_samples_in_any_order_twice_and_late_are_told_as_if_they_had_come_in_order(
    tmp_path_factory: pytest.TempPathFactory, batches: list[list[tuple[int, float]]], sealed: list[bool]
) -> None:
    folder = tmp_path_factory.mktemp("store")
    store, known = depot(folder), {}
    for batch, seals in zip(batches, sealed, strict=False):
        store.write(samples(batch))
        known |= dict(batch)
        if seals:
            run(store.upkeep())
    run(store.upkeep())
    raw = [(round(item.at_s - START.timestamp()), item.last) for item in buckets(store, query(0, 1, 40_001))]
    assert raw == sorted(known.items())
    rows = {round(item.at_s - START.timestamp()): item for item in buckets(store, query(0, 60, 1200))}
    assert sum(item.count for item in rows.values()) == len(known)
    store.close()
    again = depot(folder)
    assert buckets(again, query(0, 1, 40_001)) == buckets(store, query(0, 1, 40_001))
    again.close()


@given(st.lists(st.tuples(st.integers(0, 10_000_000), st.integers(-(10**6), 10**6)), min_size=1, max_size=80))
def test_roll_ups_equal_what_the_samples_say_and_hours_what_the_minutes_say(pairs: list[tuple[int, int]]) -> None:
    from array import array

    ordered = dict(sorted(pairs))
    part = Part(list(ordered), (array("d", [value / 100 for value in ordered.values()]),), 2)
    minutes = rolled(part, MINUTE.row_ms)
    for source in (part, minutes):
        hours = rolled(source, HOUR.row_ms)
        for place, start in enumerate(hours.times):
            inside = [value / 100 for at, value in ordered.items() if start <= at < start + HOUR.row_ms]
            total, count, least, most, last = (column[place] for column in hours.columns)
            assert (count, least, most, last) == (len(inside), min(inside), max(inside), inside[-1])
            assert total == sum(round(100 * value) for value in inside) / 100


def day(step_s: int = 15, days: float = 1) -> list[tuple[float, float]]:
    chance = random.Random(3)
    return [(step_s * n, round(chance.uniform(0, 100), 2)) for n in range(int(86_400 * days / step_s))]


@pytest.mark.parametrize("aggregate", [Aggregate.MEAN, Aggregate.SUM, Aggregate.MIN, Aggregate.MAX, Aggregate.LAST])
@pytest.mark.parametrize("step_s", [60, 300, 3600])
def test_minutes_and_hours_answer_as_the_samples_would(tmp_path: Path, aggregate: Aggregate, step_s: int) -> None:
    store = depot(tmp_path)
    store.write(samples(day(60, days=4)))
    asked = query(0, step_s, 4 * 86_400 // step_s, aggregate)
    before = step_values(asked, buckets(store, asked))
    run(store.upkeep())
    assert wanted_level(asked) is not RAW
    known = buckets(store, asked)
    assert any(item.count > 1 or item.length_s for item in known)
    assert step_values(asked, known) == pytest.approx(before)
    store.close()


def test_each_level_is_told_as_long_as_it_is_kept_and_no_longer(tmp_path: Path) -> None:
    store = depot(tmp_path, Retention(raw_s=7200, minute_s=86_400, hour_s=10 * 86_400))
    for number in range(12):
        store.write(samples([(number * 86_400 + 300 * n, 1.0) for n in range(288)]))
        run(store.upkeep())
    end_s = 12 * 86_400
    lengths = {
        back: {item.length_s for item in buckets(store, query(end_s - back, 60, 60))}
        for back in (3600, 20 * 3600, 5 * 86_400, 11 * 86_400)
    }
    assert lengths == {3600: {0}, 20 * 3600: {60}, 5 * 86_400: {3600}, 11 * 86_400: set()}
    raw = sorted(path.name for path in tmp_path.glob("raw-*"))
    assert len(raw) <= 2
    store.close()


def test_nothing_that_was_written_is_lost_when_the_hub_dies(tmp_path: Path) -> None:
    """The files as they are when a process is killed between two writes: nothing was closed."""
    store = depot(tmp_path)
    store.write(samples([(n, float(n)) for n in range(50)]))
    run(store.upkeep())
    store.write(samples([(n, float(n)) for n in range(50, 100)]))
    again = depot(tmp_path)
    assert told(again) == [float(n) for n in range(100)]
    run(again.upkeep())
    assert told(again) == [float(n) for n in range(100)]
    again.close()
    store.close()


def test_a_hub_that_dies_while_it_seals_counts_nothing_twice(tmp_path: Path) -> None:
    """The frame is written and the journal is still there."""
    store = depot(tmp_path)
    store.write(samples([(n, float(n)) for n in range(100)]))
    [journal] = tmp_path.glob("journal-*")
    held = journal.read_bytes()
    run(store.upkeep())
    journal.write_bytes(held)
    again = depot(tmp_path)
    assert told(again) == [float(n) for n in range(100)]
    assert not journal.exists()
    again.close()
    store.close()


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
def test_whatever_is_damaged_the_rest_is_told_and_writing_goes_on(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Any file is cut anywhere, or any of its bytes is another one."""
    folder = tmp_path_factory.mktemp("store")
    store = depot(folder)
    for begin in (0, 30, 60):
        store.write(samples([(n, float(n)) for n in range(begin, begin + 30)]))
        if begin < 60:
            run(store.upkeep())
    store.close()
    files = sorted(path for path in folder.iterdir() if path.name != "lock")
    path = data.draw(st.sampled_from(files))
    content = bytearray(path.read_bytes())
    place = data.draw(st.integers(0, max(0, len(content) - 1)))
    if data.draw(st.booleans()):
        content = content[:place]
    elif content:
        content[place] ^= data.draw(st.integers(1, 255))
    path.write_bytes(bytes(content))
    again = depot(folder)
    found = told(again, 90)
    assert all(value in (None, float(n)) for n, value in enumerate(found))
    assert path.name == "series" or sum(value is None for value in found) <= 60
    again.write(samples([(200, 7.0)]))
    run(again.upkeep())
    assert told(again, 201)[200] == 7.0
    again.close()


def test_a_frame_that_was_not_written_to_its_end_is_cut_off_and_those_before_it_stay(tmp_path: Path) -> None:
    store = depot(tmp_path)
    for begin in (0, 50):
        store.write(samples([(n, float(n)) for n in range(begin, begin + 50)]))
        run(store.upkeep())
    store.close()
    [path] = tmp_path.glob("raw-*")
    whole = path.read_bytes()
    path.write_bytes(whole[:-7])
    again = depot(tmp_path)
    assert told(again) == [float(n) if n < 50 else None for n in range(100)]
    assert path.stat().st_size < len(whole) // 2 + 10
    again.close()


def test_a_number_that_a_lost_catalogue_gave_is_not_given_to_another_series(tmp_path: Path) -> None:
    store = depot(tmp_path)
    store.write(samples([(0, 1.0)]))
    store.close()
    (tmp_path / "series").write_bytes(b"")
    again = depot(tmp_path)
    other = ResourceId("local/container/other")
    again.write(samples([(1, 2.0)], other))
    asked = SeriesQuery(metric="m", resources=(other,), start_at=START, step_s=1, steps=2)
    [(_, numbers)] = again.chosen(asked)
    assert step_values(asked, again.buckets(asked, numbers)) == (None, 2.0)
    again.close()


def test_when_the_room_is_used_up_the_oldest_samples_go_and_hours_stay(tmp_path: Path) -> None:
    chance = random.Random(1)
    store = depot(tmp_path, Retention(most_bytes=150_000))
    for hour in range(48):
        store.write(samples([(3600 * hour + 5 * n, chance.random()) for n in range(720)]))
        run(store.upkeep())
        assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 150_000 + 20_000
    newest = buckets(store, query(47 * 3600, 5, 720))
    assert len(newest) == 720
    assert [item.count for item in buckets(store, query(0, 3600, 72))][:24] == [720] * 24
    store.close()


class Full(Path().__class__):  # type: ignore[misc]
    """A folder in whose files nothing more can be written."""

    full = False

    def open(self, mode: str = "r", *args: object, **more: object) -> object:  # type: ignore[override]
        if Full.full and "a" in mode:
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().open(mode, *args, **more)


def test_a_full_disk_stops_neither_writing_nor_reading_and_heals_by_itself(tmp_path: Path) -> None:
    store = depot(Full(tmp_path))
    store.write(samples([(n, float(n)) for n in range(30)]))
    run(store.upkeep())
    Full.full = True
    try:
        store.write(samples([(n, float(n)) for n in range(30, 60)]))
        run(store.upkeep())
        assert told(store, 60) == [float(n) for n in range(60)]
    finally:
        Full.full = False
    store.write(samples([(n, float(n)) for n in range(60, 90)]))
    run(store.upkeep())
    store.close()
    again = depot(tmp_path)
    assert told(again, 90) == [float(n) for n in range(90)]
    again.close()


def test_the_last_of_a_disk_is_left_to_the_twin(tmp_path: Path) -> None:
    store = depot(tmp_path, Retention(keep_free_bytes=1 << 60))
    store.write(samples([(n, float(n)) for n in range(100)]))
    run(store.upkeep())
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 200
    assert told(store) == [float(n) for n in range(100)]
    store.close()


def test_samples_from_the_future_are_not_kept_and_hide_no_others(tmp_path: Path) -> None:
    store = depot(tmp_path, now=START + timedelta(hours=1))
    store.write(samples([(86_400 * 365, 9.0), (0, 1.0)]))
    assert told(store, 1) == [1.0]
    assert store.counted()[0] == 1
    store.close()


@pytest.mark.parametrize(
    ("asked", "level"),
    [
        (query(0, 15, 240), RAW), (query(0, 60, 600), MINUTE), (query(7, 60, 600), RAW),
        (query(0, 3600, 168), HOUR), (query(0, 300, 288, Aggregate.P95), RAW),
        (query(0, 3600, 168, Aggregate.P95), HOUR), (query(0, 1200, 504), MINUTE),
    ],
)  # fmt: skip
def test_the_coarsest_level_that_answers_is_asked(asked: SeriesQuery, level: Level) -> None:
    assert wanted_level(asked) is level


async def test_a_folder_belongs_to_one_process_at_a_time(tmp_path: Path) -> None:
    clock = VirtualClock(LATER)
    first = FileSamples(tmp_path, LONG, clock)
    with pytest.raises(StoreError, match="Another process"):
        FileSamples(tmp_path, LONG, clock)
    await first.close()
    second = FileSamples(tmp_path, LONG, clock)
    await second.close()


async def test_what_is_measured_is_sealed_by_itself_before_half_an_hour_is_over(tmp_path: Path) -> None:
    store = FileSamples(tmp_path, LONG, VirtualClock(LATER))
    await store.write(samples([(0, 1.0)]))
    await store.write(samples([(SEAL_MS / 1000, 2.0)]))
    async with asyncio.timeout(10):
        while not list(tmp_path.glob("raw-*")):
            await asyncio.sleep(0.01)
    await store.close()
