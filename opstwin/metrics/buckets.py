"""From samples to the values of a series. Pure.

A bucket is what is known of a stretch of time: one sample, or a minute's roll-up of several. A roll-up has lost the
single values, so a percentile over it takes its peak for each of them: never too low.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import ceil, fsum
from typing import Final

from opstwin.domain.series import Aggregate, SeriesQuery, Statistics

MINUTE_S: Final = 60
_P95: Final = 0.95


@dataclass(frozen=True, slots=True)
class Bucket:
    """`count` samples between `at_s` (seconds since 1970) and `at_s + length_s`; 0 seconds long for a single one."""

    at_s: float
    count: int
    mean: float
    min: float
    max: float
    last: float
    length_s: int = 0

    def starts_in(self, begin_s: float, end_s: float) -> bool:
        """Whether it belongs to a step; a minute belongs also to a shorter step that lies within it."""
        if begin_s <= self.at_s < end_s:
            return True
        return self.at_s < begin_s < self.at_s + self.length_s


def single(at_s: float, value: float) -> Bucket:
    """One sample as a bucket."""
    return Bucket(at_s, 1, value, value, value, value)


def step_values(query: SeriesQuery, buckets: Sequence[Bucket]) -> tuple[float | None, ...]:
    """The value of each step, None where nothing is known. `buckets` are in the order of time."""
    begin_s = query.start_at.timestamp()
    held: list[list[Bucket]] = [[] for _ in range(query.steps)]
    for bucket in buckets:
        first = int((bucket.at_s - begin_s) // query.step_s)
        last = int((bucket.at_s + max(0, bucket.length_s - 1) - begin_s) // query.step_s)
        for place in range(max(0, first), min(query.steps - 1, last) + 1):
            if bucket.starts_in(begin_s + place * query.step_s, begin_s + (place + 1) * query.step_s):
                held[place].append(bucket)
    return tuple(_value(query.aggregate, items) if items else None for items in held)


def statistics(buckets: Sequence[Bucket]) -> Statistics | None:
    """All buckets, in the order of time, as one; None when there is none."""
    if not buckets:
        return None
    return Statistics(
        samples=sum(item.count for item in buckets),
        min=min(item.min for item in buckets),
        mean=_mean(buckets),
        p95=_percentile(buckets),
        max=max(item.max for item in buckets),
        last=buckets[-1].last,
        last_at=datetime.fromtimestamp(buckets[-1].at_s, UTC),
        approximate=any(item.count > 1 for item in buckets),
    )


def _value(aggregate: Aggregate, buckets: Sequence[Bucket]) -> float:
    if aggregate is Aggregate.MEAN:
        return _mean(buckets)
    if aggregate is Aggregate.P95:
        return _percentile(buckets)
    if aggregate is Aggregate.LAST:
        return buckets[-1].last
    return max(item.max for item in buckets) if aggregate is Aggregate.MAX else min(item.min for item in buckets)


def _mean(buckets: Iterable[Bucket]) -> float:
    items = list(buckets)
    return fsum(item.mean * item.count for item in items) / sum(item.count for item in items)


def _percentile(buckets: Iterable[Bucket]) -> float:
    """The nearest-rank 95th percentile, each sample of a roll-up counted as the roll-up's peak."""
    ordered = sorted(buckets, key=lambda item: item.max)
    rank = ceil(_P95 * sum(item.count for item in ordered))
    for item in ordered:
        rank -= item.count
        if rank <= 0:
            return item.max
    return ordered[-1].max
