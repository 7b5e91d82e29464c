"""The contract of a sample store, on every implementation."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from math import inf, nan
from pathlib import Path

import pytest

from opstwin.clock import VirtualClock
from opstwin.domain.series import Aggregate, Labels, Metric, Sample, Selector, Series, SeriesQuery
from opstwin.domain.values import ResourceId
from opstwin.metrics.files import FileSamples
from opstwin.metrics.levels import Retention
from opstwin.metrics.memory import MemorySamples
from opstwin.metrics.ports import SampleStore

START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
WEB = ResourceId("local/container/web-1")
OTHER = ResourceId("local/container/other")
CPU, MEMORY = Metric.CPU_MILLICORES, Metric.MEMORY_BYTES
KEPT = Retention(raw_s=7_200, minute_s=86_400, hour_s=86_400)
"""As long as samples in memory are kept, of which the newest 480 stand for two hours."""


def on_disk(folder: Path) -> SampleStore:
    return FileSamples(folder, KEPT, VirtualClock(START + timedelta(days=70)))


STORES: dict[str, Callable[[Path], SampleStore]] = {"memory": lambda _folder: MemorySamples(), "files": on_disk}


@pytest.fixture(params=STORES)
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[SampleStore]:
    made = STORES[request.param](tmp_path)
    yield made
    await made.close()


async def settled(store: SampleStore) -> SampleStore:
    """The store when it has done everything that it does from time to time."""
    if isinstance(store, FileSamples):
        await store.upkeep()
    return store


def sample(
    after_s: float, value: float, resource: ResourceId = WEB, metric: Metric = CPU, labels: Labels = ()
) -> Sample:
    at = START + timedelta(seconds=after_s)
    return Sample(resource=resource, metric=metric, at=at, value=value, labels=labels)


async def ask(
    store: SampleStore, steps: int, step_s: int = 15, aggregate: Aggregate = Aggregate.MEAN, after_s: float = 0
) -> Series:
    query = SeriesQuery(
        metric=CPU, resources=(WEB,), start_at=START + timedelta(seconds=after_s), step_s=step_s, steps=steps,
        aggregate=aggregate,
    )  # fmt: skip
    [unsettled] = await store.read(query)
    [series] = await (await settled(store)).read(query)
    # What is sealed or rolled up meanwhile changes nothing of what is known of the steps.
    if aggregate not in (Aggregate.P50, Aggregate.P95, Aggregate.P99, Aggregate.RATE) and step_s % 60 == 0:
        assert unsettled.values == series.values
    return series


async def test_what_was_never_measured_is_all_gaps_and_never_zero(store: SampleStore) -> None:
    series = await ask(store, 3)
    assert series.values == (None, None, None)
    assert series.statistics is None
    assert (await store.holding()).series == 0


async def test_a_gap_between_samples_stays_a_gap(store: SampleStore) -> None:
    await store.write([sample(0, 10), sample(45, 40)])
    assert (await ask(store, 4)).values == (10, None, None, 40)
    assert (await ask(store, 4)).gaps == 2


async def test_a_measured_zero_is_a_zero(store: SampleStore) -> None:
    await store.write([sample(0, 0)])
    assert (await ask(store, 2)).values == (0, None)


@pytest.mark.parametrize(
    ("aggregate", "value"),
    [
        (Aggregate.MEAN, 28), (Aggregate.MAX, 100), (Aggregate.MIN, 2), (Aggregate.SUM, 140), (Aggregate.P50, 4),
        (Aggregate.P95, 100), (Aggregate.P99, 100), (Aggregate.LAST, 30),
    ],
)  # fmt: skip
async def test_each_aggregate_of_one_step(store: SampleStore, aggregate: Aggregate, value: float) -> None:
    await store.write([sample(0, 2), sample(1, 100), sample(2, 4), sample(3, 4), sample(4, 30)])
    assert (await ask(store, 1, aggregate=aggregate)).values == (value,)


async def test_samples_that_come_late_are_put_where_they_belong(store: SampleStore) -> None:
    await store.write([sample(30, 3)])
    await store.write([sample(0, 1), sample(15, 2)])
    series = await ask(store, 3)
    assert series.values == (1, 2, 3)
    assert series.statistics is not None
    assert (series.statistics.last, series.statistics.last_at) == (3, START + timedelta(seconds=30))


async def test_series_are_given_in_the_order_asked_and_metrics_are_kept_apart(store: SampleStore) -> None:
    await store.write([sample(0, 5), sample(0, 7, OTHER), sample(0, 9, WEB, MEMORY)])
    query = SeriesQuery(metric=CPU, resources=(OTHER, WEB), start_at=START, step_s=60, steps=1)
    assert [(item.resource, item.values) for item in await store.read(query)] == [(OTHER, (7,)), (WEB, (5,))]


async def test_hours_ago_the_minutes_are_still_known_with_their_extremes(store: SampleStore) -> None:
    """Six hours at one sample every 15 s: the first hour is there as minutes only."""
    await store.write([sample(15 * n, float(n % 4)) for n in range(6 * 240)])
    hour = await ask(store, 60, step_s=60)
    assert hour.gaps == 0
    assert set(hour.values) == {1.5}
    assert set((await ask(store, 60, step_s=60, aggregate=Aggregate.MAX)).values) == {3}
    assert set((await ask(store, 60, step_s=60, aggregate=Aggregate.MIN)).values) == {0}
    assert hour.statistics is not None
    assert (hour.statistics.samples, hour.statistics.approximate) == (240, True)


async def test_a_percentile_of_minutes_is_never_too_low_and_says_that_it_is_a_bound(store: SampleStore) -> None:
    values = [float((n * 37) % 100) for n in range(4 * 240)]
    await store.write([sample(15 * n, value) for n, value in enumerate(values)])
    exact = sorted(values[:240])[int(0.95 * 240) - 1]
    series = await ask(store, 1, step_s=3600, aggregate=Aggregate.P95)
    assert series.values[0] is not None
    assert series.values[0] >= exact
    assert series.statistics is not None
    assert series.statistics.approximate


async def test_where_samples_give_way_to_minutes_none_is_counted_twice_and_none_is_lost(store: SampleStore) -> None:
    """Also when that is in the middle of a minute."""
    for more in range(4):
        await store.write([sample(15 * n, 1.0) for n in range(more and 4 * 240 + more - 1, 4 * 240 + more)])
        series = await ask(store, 241, step_s=60)
        assert series.statistics is not None
        assert series.statistics.samples == 4 * 240 + more


async def test_hours_ago_a_busy_minute_weighs_as_much_as_its_samples(store: SampleStore) -> None:
    """Five samples of 10 in the first minute, one of 100 in the second, and then hours of others."""
    busy = [sample(n, 10.0) for n in range(5)] + [sample(60, 100.0)]
    await store.write([*busy, *(sample(3600 + 15 * n, 1.0) for n in range(500))])
    assert (await ask(store, 1, step_s=120)).values == (25,)


async def test_the_percentile_of_minutes_goes_by_their_peaks(store: SampleStore) -> None:
    """Twenty minutes: the one with the highest peak has the lowest mean."""
    calm = [sample(60 * n + m, 50.0) for n in range(19) for m in range(2)]
    spiky = [sample(19 * 60, 0.0), sample(19 * 60 + 1, 80.0)]
    await store.write([*calm, *spiky, *(sample(7200 + 15 * n, 1.0) for n in range(500))])
    assert (await ask(store, 1, step_s=1200, aggregate=Aggregate.P95)).values == (50,)
    assert (await ask(store, 1, step_s=1140, aggregate=Aggregate.P95, after_s=60)).values == (80,)


async def test_a_step_shorter_than_a_minute_takes_the_minute_it_lies_in(store: SampleStore) -> None:
    await store.write([sample(15 * n, float(n // 4)) for n in range(6 * 240)])
    assert (await ask(store, 8, step_s=15)).values == (0, 0, 0, 0, 1, 1, 1, 1)


async def test_what_is_older_than_a_day_is_dropped_and_stays_dropped(store: SampleStore) -> None:
    await store.write([sample(0, 1.0)])
    await store.write([sample(60 * n, 2.0) for n in range(1, 25 * 60)])
    assert (await ask(store, 60, step_s=60)).gaps == 60
    await store.write([sample(0, 1.0)])
    assert (await ask(store, 1)).values == (None,)
    held = await (await settled(store)).holding()
    assert held.oldest_at is not None
    assert held.oldest_at >= START + timedelta(hours=1)


async def test_room_in_memory_is_bounded_however_long_it_is_written_to() -> None:
    sizes, store = [], MemorySamples()
    for day in range(3):
        await store.write([sample(86_400 * day + 15 * n, 1.0) for n in range(5760)])
        sizes.append((await store.holding()).bytes)
    assert sizes[1] == sizes[2] <= 50_000
    held = await store.holding()
    assert (held.raw_samples, held.kept_s) == (480, 86_400)


async def test_room_on_disk_is_bounded_however_long_it_is_written_to(tmp_path: Path) -> None:
    store, sizes = on_disk(tmp_path), []
    for day in range(60):
        await store.write([sample(86_400 * day + 300 * n, float(n % 7)) for n in range(288)])
        sizes.append((await (await settled(store)).holding()).bytes)
    assert max(sizes[40:]) <= max(sizes[:40])
    held = await store.holding()
    assert (held.raw_s, held.minutes_s, held.kept_s) == (7_200, 86_400, 86_400)
    await store.close()


async def test_a_series_that_nobody_writes_to_for_a_day_makes_room(store: SampleStore) -> None:
    await store.write([sample(0, 1.0, OTHER)])
    await store.write([sample(86_400 + 60, 1.0)])
    assert (await store.holding()).series == 1


async def test_above_the_limit_the_series_that_was_left_alone_for_longest_goes() -> None:
    small = MemorySamples(max_series=2)
    first, second, third = (ResourceId(f"local/container/c-{n}") for n in range(3))
    await small.write([sample(0, 1, first), sample(1, 2, second)])
    await small.write([sample(2, 3, first)])
    await small.write([sample(3, 4, third)])
    query = SeriesQuery(metric=CPU, resources=(first, second, third), start_at=START, step_s=60, steps=1)
    assert [item.statistics is not None for item in await small.read(query)] == [True, False, True]


async def test_a_clock_that_was_set_back_loses_nothing(store: SampleStore) -> None:
    await store.write([sample(600, 6.0)])
    await store.write([sample(15 * n, float(n)) for n in range(4)])
    assert (await ask(store, 4)).values == (0, 1, 2, 3)
    assert (await ask(store, 1, after_s=600)).values == (6,)


@pytest.mark.parametrize("value", [nan, inf, -inf])
async def test_what_is_no_finite_number_is_a_gap(store: SampleStore, value: float) -> None:
    await store.write([sample(0, 1.0), sample(15, value)])
    assert (await ask(store, 2)).values == (1, None)


async def test_a_counter_is_told_as_what_it_rises_by_in_a_second_also_over_a_new_beginning(store: SampleStore) -> None:
    await store.write([sample(15 * n, value) for n, value in enumerate((100, 130, 160, 15, 30))])
    assert (await ask(store, 5, aggregate=Aggregate.RATE)).values == (None, 2, 2, 1, 1)
    statistics = (await ask(store, 5)).statistics
    assert statistics is not None
    assert statistics.rise == 30 + 30 + 15 + 15


async def test_nothing_is_told_of_a_rate_over_a_gap(store: SampleStore) -> None:
    await store.write([sample(0, 0), sample(15, 15), sample(1500, 30), sample(1515, 60)])
    series = await ask(store, 102, aggregate=Aggregate.RATE)
    assert [(n, value) for n, value in enumerate(series.values) if value is not None] == [(1, 1), (101, 2)]


async def test_series_can_be_chosen_by_target_kind_and_labels(store: SampleStore) -> None:
    web, db = (("workload", "web"),), (("workload", "db"),)
    pod = ResourceId("prod/pod/shop/web-1")
    await store.write([sample(0, 1, WEB, labels=web), sample(0, 2, OTHER, labels=db), sample(0, 3, pod, labels=web)])
    await store.write([sample(0, 4, WEB, MEMORY, labels=web)])

    async def chosen(selector: Selector) -> list[tuple[str, tuple[float | None, ...]]]:
        query = SeriesQuery(metric=CPU, selector=selector, start_at=START, step_s=60, steps=1)
        return [(item.resource, item.values) for item in await (await settled(store)).read(query)]

    assert await chosen(Selector(target="local")) == [(OTHER, (2,)), (WEB, (1,))]
    assert await chosen(Selector(kind="pod")) == [(pod, (3,))]
    assert await chosen(Selector(labels=web)) == [(WEB, (1,)), (pod, (3,))]
    assert await chosen(Selector(target="local", kind="container", labels=db)) == [(OTHER, (2,))]
    assert await chosen(Selector(target="nowhere")) == []


async def test_the_samples_of_several_resources_can_be_told_as_one(store: SampleStore) -> None:
    await store.write([sample(n, float(n), WEB) for n in range(50)])
    await store.write([sample(n, float(n + 50), OTHER) for n in range(50)])
    query = SeriesQuery(metric=CPU, resources=(WEB, OTHER), start_at=START, step_s=60, steps=1)
    whole = await store.pooled(query)
    assert whole is not None
    assert (whole.samples, whole.min, whole.p50, whole.p95, whole.max) == (100, 0, 49, 94, 99)
    assert await store.pooled(SeriesQuery(metric=MEMORY, start_at=START, step_s=60, steps=1)) is None
