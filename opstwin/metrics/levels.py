"""How long what is kept: samples as they came, then minutes, then hours; and the arithmetic of a roll-up. Pure."""

from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import fsum
from typing import Final

from opstwin.metrics.units import Part

HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS
GRACE_MS: Final = 600_000
"""How long after its end a stretch of time waits for late samples before it is rolled up; later ones roll it anew."""


@dataclass(frozen=True, slots=True)
class Level:
    """Lengths: `row_ms` of one row (0: single samples), `window_ms` of what a frame rolls up, `file_ms` of a file."""

    name: str
    row_ms: int
    window_ms: int
    file_ms: int


RAW: Final = Level("raw", 0, 0, 4 * HOUR_MS)
MINUTE: Final = Level("minute", 60_000, HOUR_MS, DAY_MS)
HOUR: Final = Level("hour", HOUR_MS, DAY_MS, 20 * DAY_MS)
LEVELS: Final = (RAW, MINUTE, HOUR)


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """How long samples, minutes and hours are kept, in seconds, and how much room they may take in all, in bytes.

    `keep_free_bytes` of the disk are left to the twin and its audit: with less, nothing is written.
    """

    raw_s: int = 48 * 3600
    minute_s: int = 14 * 86_400
    hour_s: int = 400 * 86_400
    most_bytes: int = 4 << 30
    keep_free_bytes: int = 32 << 20

    @property
    def longest_ms(self) -> int:
        """How long anything at all is kept, in milliseconds."""
        return 1000 * max(self.raw_s, self.minute_s, self.hour_s)

    def of(self, level: Level) -> int:
        """In milliseconds."""
        return 1000 * {RAW: self.raw_s, MINUTE: self.minute_s, HOUR: self.hour_s}[level]


def rolled(part: Part, row_ms: int) -> Part:
    """The rows of a stretch of time: sum, count, least, peak and last of each, from samples or from shorter rows."""
    rows = [_row(part, begin, end) for begin, end in _stretches(part.times, row_ms)]
    starts = [part.times[begin] // row_ms * row_ms for begin, _ in _stretches(part.times, row_ms)]
    return Part(starts, tuple(array("d", column) for column in zip(*rows, strict=True)), part.decimals)


def _stretches(times: Sequence[int], row_ms: int) -> Iterator[tuple[int, int]]:
    begin = 0
    while begin < len(times):
        end = bisect_left(times, (times[begin] // row_ms + 1) * row_ms, begin)
        yield begin, end
        begin = end


def _row(part: Part, begin: int, end: int) -> tuple[float, float, float, float, float]:
    if len(part.columns) == 1:
        values = part.columns[0][begin:end]
        return _total(values, part.decimals), float(end - begin), min(values), max(values), values[-1]
    total, count, least, most, last = (column[begin:end] for column in part.columns)
    return _total(total, part.decimals), fsum(count), min(least), max(most), last[-1]


def _total(values: "array[float]", decimals: int | None) -> float:
    """The sum, with no more decimals than what is summed has."""
    total = fsum(values)
    return total if decimals is None else round(total, decimals)


def joined(parts: Sequence[Part]) -> Part:
    """Parts of one series, oldest frame first, as one in the order of time; of one moment the last one told counts."""
    if len(parts) == 1:
        return parts[0]
    decimals = [part.decimals for part in parts]
    most = None if None in decimals else max(item for item in decimals if item is not None)
    if all(former.times[-1] < latter.times[0] for former, latter in pairwise(parts)):
        times = [moment for part in parts for moment in part.times]
        columns = tuple(_chained(column) for column in zip(*(part.columns for part in parts), strict=True))
        return Part(times, columns, most)
    rows = {
        moment: row for part in parts for moment, row in zip(part.times, zip(*part.columns, strict=True), strict=True)
    }
    times = sorted(rows)
    return Part(times, tuple(array("d", column) for column in zip(*map(rows.__getitem__, times), strict=True)), most)


def between(part: Part, begin_ms: int, end_ms: int) -> Part | None:
    """What of a part lies in a stretch of time; None for nothing."""
    first, last = bisect_left(part.times, begin_ms), bisect_left(part.times, end_ms)
    if first >= last:
        return None
    if (first, last) == (0, len(part.times)):
        return part
    return Part(part.times[first:last], tuple(column[first:last] for column in part.columns), part.decimals)


def _chained(columns: Sequence["array[float]"]) -> "array[float]":
    whole = array("d")
    for column in columns:
        whole.extend(column)
    return whole
