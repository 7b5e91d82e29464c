"""Rolling up: samples into minutes, an hour at a time, and minutes into hours, a day at a time.

What comes late into a stretch of time that was rolled up already rolls it up anew; the later frame counts.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from opstwin.metrics.levels import GRACE_MS, HOUR, MINUTE, RAW, Level, joined, rolled
from opstwin.metrics.segments import Frame, Packed, Stamp
from opstwin.metrics.shelf import Shelf, in_units
from opstwin.metrics.units import Part

BATCH: Final = 128
"""Series that are rolled up at a time, which bounds memory."""

_SOURCES: Final = ((MINUTE, RAW), (HOUR, MINUTE))


@dataclass(slots=True)
class Roller:
    """Rolls up what is complete on a shelf. `done` tells for the end of each stretch the last frame that is in it."""

    shelf: Shelf
    done: dict[tuple[Level, int], int] = field(default_factory=dict)
    until: dict[Level, int] = field(default_factory=lambda: {MINUTE: 0, HOUR: 0})

    def open(self) -> None:
        """Learn from the frames what is rolled up."""
        for level, _ in _SOURCES:
            for frame in self.shelf.frames[level]:
                self._mark(level, frame.stamp.until_ms, frame.stamp.covers)

    def run(self, horizon_ms: int, numbers: Sequence[int], guesses: dict[int, int]) -> Iterator[None]:
        """Roll up what is complete, pausing after each batch of series (`numbers`, rising). Raises `OSError`."""
        for level, source in _SOURCES:
            for end_ms, fresh in sorted(self._due(level, source, horizon_ms).items()):
                yield from self._roll(level, source, end_ms, fresh, (numbers, guesses))

    def _due(self, level: Level, source: Level, horizon_ms: int) -> Mapping[int, list[Frame]]:
        """The ends of complete stretches with the frames that are not yet in their roll-up."""
        due: dict[int, list[Frame]] = {}
        for frame in self.shelf.frames[source]:
            first = max(frame.stamp.least_ms, frame.stamp.most_ms - self.shelf.retention.of(level))
            for place in range(first // level.window_ms, frame.stamp.most_ms // level.window_ms + 1):
                end_ms = (place + 1) * level.window_ms
                if end_ms + GRACE_MS <= horizon_ms and frame.stamp.number > self.done.get((level, end_ms), 0):
                    due.setdefault(end_ms, []).append(frame)
        return due

    def _roll(
        self,
        level: Level,
        source: Level,
        end_ms: int,
        fresh: Sequence[Frame],
        series: tuple[Sequence[int], dict[int, int]],
    ) -> Iterator[None]:
        numbers, guesses = series
        covers = max(frame.stamp.number for frame in self.shelf.frames[source])
        known = {frame.stamp.number for frame in fresh}
        units: list[Packed] = []
        spans: list[tuple[int, int]] = []
        for place in range(0, len(numbers), BATCH):
            rows = self._rows(level, source, end_ms, numbers[place : place + BATCH], known)
            spans += [(part.times[0], part.times[-1]) for part in rows.values()]
            units += in_units(rows, guesses)
            yield
        if units:
            self.shelf.number += 1
            least, most = min(span[0] for span in spans), max(span[1] for span in spans)
            stamp = Stamp(number=self.shelf.number, covers=covers, least_ms=least, most_ms=most, until_ms=end_ms)
            self.shelf.add(level, stamp, units)
        self._mark(level, end_ms, covers)

    def _rows(
        self, level: Level, source: Level, end_ms: int, batch: Sequence[int], fresh: set[int]
    ) -> Mapping[int, Part]:
        """The rows of those series of which something new is there."""
        begin_ms = end_ms - level.window_ms
        touched = self.shelf.read(source, batch, begin_ms, end_ms, only=fresh)
        if not touched:
            return {}
        found = self.shelf.read(source, sorted(touched), begin_ms, end_ms)
        return {number: rolled(joined(parts), level.row_ms) for number, parts in sorted(found.items())}

    def _mark(self, level: Level, end_ms: int, covers: int) -> None:
        self.done[level, end_ms] = max(covers, self.done.get((level, end_ms), 0))
        self.until[level] = max(self.until[level], end_ms)
