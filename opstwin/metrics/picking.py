"""Which of samples, minutes and hours answer a query, and what they say."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from opstwin.domain.series import Aggregate, SeriesQuery
from opstwin.metrics.buckets import Bucket, single
from opstwin.metrics.head import Head
from opstwin.metrics.levels import HOUR, HOUR_MS, MINUTE, RAW, Level, between, joined
from opstwin.metrics.rolling import Roller
from opstwin.metrics.shelf import Shelf
from opstwin.metrics.units import Part

FINE_MS: Final = 6 * HOUR_MS
"""Up to so long a stretch is always told from samples, as far back as they are kept."""

LONG_MS: Final = 48 * HOUR_MS
"""Above it, hours do for steps of whole hours, whatever the aggregate."""

_LOOK_BACK_MS: Final = 300_000
"""What a rate needs of the time before."""

_SHARES: Final = frozenset({Aggregate.P50, Aggregate.P95, Aggregate.P99})


@dataclass(frozen=True, slots=True)
class Picker:
    """Reads what a head, a shelf and its roll-ups hold."""

    head: Head
    shelf: Shelf
    roller: Roller

    def buckets(self, query: SeriesQuery, series: Sequence[int], horizon_ms: int) -> Mapping[int, list[Bucket]]:
        """What is known of each of some series (rising numbers) in the time asked for, in the order of time."""
        begin_ms = round(query.start_at.timestamp() * 1000)
        end_ms = begin_ms + query.steps * query.step_s * 1000
        if query.aggregate is Aggregate.RATE:
            begin_ms -= _LOOK_BACK_MS
        found: dict[int, list[Bucket]] = {}
        for level, known_from_ms, known_to_ms in self.sections(wanted_level(query), horizon_ms):
            first_ms, last_ms = max(known_from_ms, begin_ms), min(known_to_ms, end_ms)
            if first_ms < last_ms:
                for number, part in self._parts(level, series, first_ms, last_ms):
                    found.setdefault(number, []).extend(_buckets(part, level))
        return found

    def sections(self, wanted: Level, horizon_ms: int) -> Sequence[tuple[Level, int, int]]:
        """The stretches of time that hours, minutes and samples answer, for a question that wants one of them."""
        kept, until = self.shelf.retention, self.roller.until
        minutes_from = _up(horizon_ms - kept.of(MINUTE), HOUR_MS)
        samples_from = _up(horizon_ms - kept.of(RAW), MINUTE.row_ms)
        hours_to = min(until[HOUR], until[HOUR] if wanted is HOUR else minutes_from)
        minutes_to = max(hours_to, min(until[MINUTE], samples_from if wanted is RAW else until[MINUTE]))
        oldest = self.oldest_ms(horizon_ms)
        return ((HOUR, oldest, hours_to), (MINUTE, max(oldest, hours_to), minutes_to),
                (RAW, max(oldest, minutes_to), 1 << 62))  # fmt: skip

    def oldest_ms(self, horizon_ms: int) -> int:
        """Nothing older is told."""
        return _up(horizon_ms - self.shelf.retention.longest_ms, HOUR_MS)

    def _parts(self, level: Level, series: Sequence[int], begin_ms: int, end_ms: int) -> Iterator[tuple[int, Part]]:
        # A roll-up that begins before the time asked for still tells of it.
        held = self.shelf.read(level, series, begin_ms - level.row_ms + (level.row_ms > 0), end_ms)
        for number in series:
            parts = list(held.get(number, ()))
            if level is RAW:
                newest = (between(part, begin_ms, end_ms) for part in self.head.parts(number))
                parts += [part for part in newest if part is not None]
            if parts:
                yield number, joined(parts)


def wanted_level(query: SeriesQuery) -> Level:
    """The coarsest level that answers a query as well as finer ones."""
    span_ms = query.steps * query.step_s * 1000
    start_s = int(query.start_at.timestamp())
    if query.aggregate in _SHARES and span_ms <= LONG_MS and query.step_s < 3600:
        return RAW
    if query.step_s % 3600 == 0 and start_s % 3600 == 0 and span_ms > LONG_MS:
        return HOUR
    if query.step_s % 60 == 0 and start_s % 60 == 0 and span_ms > FINE_MS:
        return MINUTE
    return RAW


def _buckets(part: Part, level: Level) -> Iterator[Bucket]:
    if level is RAW:
        yield from (single(moment / 1000, value) for moment, value in zip(part.times, part.columns[0], strict=True))
        return
    length_s = level.row_ms // 1000
    for moment, total, count, least, most, last in zip(part.times, *part.columns, strict=True):
        yield Bucket(moment / 1000, int(count), total, least, most, last, length_s)


def _up(moment_ms: int, length_ms: int) -> int:
    return -(-moment_ms // length_ms) * length_ms
