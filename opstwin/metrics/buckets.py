"""From samples to the values of a series. Pure.

A bucket is what is known of a stretch of time: one sample, or a roll-up of several. A roll-up has lost the single
values, so a high percentile over it takes its peak for each of them (never too low), and a median its mean.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from math import ceil, fsum
from typing import Final

from opstwin.domain.series import Aggregate, SeriesQuery, Statistics

MINUTE_S: Final = 60
_SHARES: Final = {Aggregate.P50: 0.5, Aggregate.P95: 0.95, Aggregate.P99: 0.99}
_LONGEST_PAUSE_S: Final = 300
"""What lies further apart tells nothing of a rate: nobody knows how often the counter began anew."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """`count` samples between `at_s` (seconds since 1970) and `at_s + length_s`; 0 seconds long for a single one."""

    at_s: float
    count: int
    total: float
    min: float
    max: float
    last: float
    length_s: int = 0

    @property
    def mean(self) -> float:
        """Of the samples."""
        return self.total / self.count

    @property
    def end_s(self) -> float:
        """When the last sample was taken, as nearly as is known."""
        return self.at_s + self.length_s

    def starts_in(self, begin_s: float, end_s: float) -> bool:
        """Whether it belongs to a step; a roll-up belongs also to a shorter step that lies within it."""
        if begin_s <= self.at_s < end_s:
            return True
        return self.at_s < begin_s < self.at_s + self.length_s


def single(at_s: float, value: float) -> Bucket:
    """One sample as a bucket."""
    return Bucket(at_s, 1, value, value, value, value)


def step_values(query: SeriesQuery, buckets: Sequence[Bucket]) -> tuple[float | None, ...]:
    """The value of each step, None where nothing is known. `buckets` are in the order of time."""
    if query.aggregate is Aggregate.RATE:
        return _rates(query, buckets)
    held = _by_step(query, buckets)
    return tuple(_value(query.aggregate, items) if items else None for items in held)


def statistics(buckets: Sequence[Bucket]) -> Statistics | None:
    """All buckets, in the order of time, as one; None when there is none."""
    if not buckets:
        return None
    return Statistics(
        samples=sum(item.count for item in buckets),
        min=min(item.min for item in buckets),
        mean=_mean(buckets),
        p50=percentile(buckets, Aggregate.P50),
        p95=percentile(buckets, Aggregate.P95),
        max=max(item.max for item in buckets),
        last=buckets[-1].last,
        last_at=datetime.fromtimestamp(buckets[-1].at_s, UTC),
        rise=fsum(rise for _, rise, _ in _rises(buckets)),
        approximate=any(item.count > 1 for item in buckets),
    )


def percentile(buckets: Sequence[Bucket], aggregate: Aggregate) -> float:
    """The nearest-rank percentile; each sample of a roll-up counts as its peak, for a median as its mean."""
    if aggregate is Aggregate.P50:
        ordered = sorted((item.mean, item.count) for item in buckets)
    else:
        ordered = sorted((item.max, item.count) for item in buckets)
    rank = ceil(_SHARES[aggregate] * sum(count for _, count in ordered))
    for value, count in ordered:
        rank -= count
        if rank <= 0:
            return value
    return ordered[-1][0]


def _by_step(query: SeriesQuery, buckets: Sequence[Bucket]) -> list[list[Bucket]]:
    begin_s = query.start_at.timestamp()
    held: list[list[Bucket]] = [[] for _ in range(query.steps)]
    for bucket in buckets:
        first = int((bucket.at_s - begin_s) // query.step_s)
        last = int((bucket.at_s + max(0, bucket.length_s - 1) - begin_s) // query.step_s)
        for place in range(max(0, first), min(query.steps - 1, last) + 1):
            if bucket.starts_in(begin_s + place * query.step_s, begin_s + (place + 1) * query.step_s):
                held[place].append(bucket)
    return held


def _value(aggregate: Aggregate, buckets: Sequence[Bucket]) -> float:
    if aggregate is Aggregate.MEAN:
        return _mean(buckets)
    if aggregate is Aggregate.SUM:
        return fsum(item.total for item in buckets)
    if aggregate in _SHARES:
        return percentile(buckets, aggregate)
    if aggregate is Aggregate.LAST:
        return buckets[-1].last
    return max(item.max for item in buckets) if aggregate is Aggregate.MAX else min(item.min for item in buckets)


def _mean(buckets: Sequence[Bucket]) -> float:
    return fsum(item.total for item in buckets) / sum(item.count for item in buckets)


def _rises(buckets: Sequence[Bucket]) -> Iterator[tuple[Bucket, float, float]]:
    """Each bucket with what the counter rose by since the one before, and in how many seconds; over gaps nothing."""
    for before, after in pairwise(buckets):
        seconds = after.end_s - before.end_s
        if 0 < seconds <= _LONGEST_PAUSE_S + 2 * after.length_s:
            # A counter that fell began anew at 0.
            yield after, after.last - before.last if after.last >= before.last else after.last, seconds


def _rates(query: SeriesQuery, buckets: Sequence[Bucket]) -> tuple[float | None, ...]:
    begin_s = query.start_at.timestamp()
    sums = [[0.0, 0.0] for _ in range(query.steps)]
    for bucket, rise, seconds in _rises(buckets):
        place = int((bucket.at_s - begin_s) // query.step_s)
        if 0 <= place < query.steps:
            sums[place][0] += rise
            sums[place][1] += seconds
    return tuple(rise / seconds if seconds else None for rise, seconds in sums)
