"""Samples in memory: what is measured is gone when the hub ends, and is measured anew when it starts."""

from collections.abc import Sequence
from datetime import UTC, datetime
from math import isfinite
from typing import Final

from opstwin.domain.series import Labels, Sample, Selector, Series, SeriesQuery, Statistics
from opstwin.domain.values import ResourceId
from opstwin.metrics.buckets import MINUTE_S, Bucket, statistics, step_values
from opstwin.metrics.ports import Holding
from opstwin.metrics.ring import MINUTES, RAW_SAMPLES, Ring

MAX_SERIES: Final = 2_000
"""Series kept at one time, such as CPU and memory of 1,000 containers: below 100 MB after a whole day."""


class MemorySamples:
    """See the port. Keeps at most `max_series`; for a new one the one that was not written to for longest goes."""

    def __init__(self, max_series: int = MAX_SERIES) -> None:
        self._max = max_series
        self._rings: dict[tuple[ResourceId, str], Ring] = {}
        self._labels: dict[tuple[ResourceId, str], Labels] = {}

    async def write(self, samples: Sequence[Sample]) -> None:
        """See the port."""
        for sample in samples:
            if not isfinite(sample.value):
                continue
            key = (sample.resource, str(sample.metric))
            # Written ones go to the end, so that the first is always the one that was left alone for longest.
            ring = self._rings.pop(key, None) or Ring()
            ring.add(sample.at.timestamp(), sample.value)
            self._rings[key], self._labels[key] = ring, sample.labels
        self._make_room()

    async def read(self, query: SeriesQuery) -> tuple[Series, ...]:
        """See the port."""
        return tuple(self._series(query, resource) for resource in self._chosen(query))

    async def pooled(self, query: SeriesQuery) -> Statistics | None:
        """See the port."""
        found = [bucket for resource in self._chosen(query) for bucket in self._buckets(query, resource)]
        return statistics(sorted(found, key=lambda item: item.at_s))

    async def holding(self) -> Holding:
        """See the port."""
        oldest_s = min((ring.oldest_s for ring in self._rings.values()), default=None)
        return Holding(
            series=len(self._rings), bytes=sum(ring.bytes for ring in self._rings.values()),
            oldest_at=None if oldest_s is None else datetime.fromtimestamp(oldest_s, UTC),
            raw_samples=RAW_SAMPLES, minutes_s=float(MINUTES * MINUTE_S), kept_s=float(MINUTES * MINUTE_S),
        )  # fmt: skip

    async def close(self) -> None:
        """See the port."""
        self._rings.clear()

    def _chosen(self, query: SeriesQuery) -> Sequence[ResourceId]:
        if query.selector is None:
            return query.resources
        return sorted(key[0] for key in self._rings if key[1] == query.metric and self._fits(key, query.selector))

    def _fits(self, key: tuple[ResourceId, str], selector: Selector) -> bool:
        target, kind, *_ = key[0].split("/", 2)
        matches = selector.target in ("", target) and selector.kind in ("", kind)
        return matches and set(selector.labels) <= set(self._labels[key])

    def _series(self, query: SeriesQuery, resource: ResourceId) -> Series:
        known = self._buckets(query, resource)
        return Series(resource=resource, values=step_values(query, known), statistics=statistics(known))

    def _buckets(self, query: SeriesQuery, resource: ResourceId) -> Sequence[Bucket]:
        begin_s = query.start_at.timestamp()
        ring = self._rings.get((resource, str(query.metric)))
        found = ring.buckets(begin_s, begin_s + query.steps * query.step_s) if ring is not None else ()
        return [item for item in found if item.at_s >= begin_s or item.at_s + item.length_s > begin_s]

    def _make_room(self) -> None:
        """Let go of what is over the limit, and of series of which nothing younger than a day is left."""
        newest_s = max((ring.newest_s for ring in self._rings.values()), default=0.0)
        for key in list(self._rings):
            over = len(self._rings) > self._max
            if not over and self._rings[key].newest_s > newest_s - MINUTES * MINUTE_S:
                return
            del self._rings[key], self._labels[key]
