"""A compact store of samples in the files of one folder. Blocking: one worker thread does all of it.

Written samples are in memory and in the journal; `upkeep` seals them into frames, rolls those up and drops what is
older than is kept. A crash of the hub loses nothing that was written, one of the host at most what was not synced.
"""

from array import array
from collections.abc import Callable, Iterator, Sequence
from math import isfinite
from pathlib import Path
from typing import Final

from opstwin.domain.series import Sample, Selector, SeriesQuery
from opstwin.logs import logger
from opstwin.metrics import journal
from opstwin.metrics.buckets import Bucket
from opstwin.metrics.catalogue import Catalogue, Known
from opstwin.metrics.head import Head, part_of
from opstwin.metrics.levels import DAY_MS, HOUR, RAW, Retention
from opstwin.metrics.picking import Picker
from opstwin.metrics.rolling import Roller
from opstwin.metrics.segments import Packed, Stamp
from opstwin.metrics.shelf import Shelf, in_units
from opstwin.metrics.units import Part

SEAL_SAMPLES: Final = 1_000_000
"""Samples in memory that are sealed at the latest: 16 MB."""

SEAL_MS: Final = 1_800_000
"""How long a sample stays in memory at the longest, by the time of samples."""

AGAIN_MS: Final = 60_000
"""How long what could not be written waits for the next try: packing it costs a second."""

MOST_SERIES: Final = 100_000
FUTURE_MS: Final = 3_600_000
"""A sample further ahead of the hub's clock is not kept: it would make all others look old."""

_SLICE: Final = 64
"""Series that are sealed at a time, so that nobody waits long."""


class Depot:
    """See the module. Everything but `open` needs an opened one; `now_s` is the wall clock in seconds since 1970."""

    def __init__(self, folder: Path, retention: Retention, now_s: Callable[[], float]) -> None:
        self._folder, self._now_s = folder, now_s
        self._retention = retention
        self._head = Head()
        self._shelf = Shelf(folder, retention)
        self._roller = Roller(self._shelf)
        self._picker = Picker(self._head, self._shelf, self._roller)
        self._catalogue = Catalogue(folder / "series")
        self._journal: journal.Journal | None = None
        self._guesses: dict[int, int] = {}
        self._newest_ms = self._sealed_ms = self._again_ms = self._tidied_day = 0
        self._troubled = False

    def open(self) -> Iterator[None]:
        """Read what is there; pauses between files. Raises `OSError`."""
        self._catalogue = Catalogue.opened(self._folder / "series")
        yield from self._shelf.open()
        self._roller.open()
        raw = self._shelf.frames[RAW]
        covered = max((frame.stamp.covers for frame in raw), default=0)
        self._newest_ms = self._sealed_ms = max((frame.stamp.most_ms for frame in raw), default=0)
        found = journal.numbers(self._folder)
        for number in found:
            path = journal.path_of(self._folder, number)
            if number <= covered:
                path.unlink()
                continue
            for entry in journal.entries(path):
                self._take_back(entry)
                yield
        last = max([covered, *found])
        lasts = (max(frame.lasts, default=0) for frames in self._shelf.frames.values() for frame in frames)
        self._catalogue.skip_to(max(lasts, default=0))
        self._journal = journal.Journal(self._folder, last + 1)

    @property
    def horizon_ms(self) -> int:
        """The moment that retention counts from: the newest sample, unless that is from a future."""
        return min(self._newest_ms, int(self._now_s() * 1000))

    @property
    def is_due(self) -> bool:
        """Whether it is time for `upkeep`."""
        if self._newest_ms < self._again_ms:
            return False
        return self._head.samples >= SEAL_SAMPLES or self._newest_ms - self._sealed_ms >= SEAL_MS

    def write(self, samples: Sequence[Sample]) -> None:
        """Take samples in. What is too old, too far ahead or no finite number is left out."""
        series, times, values = array("I"), array("q"), array("d")
        least_ms = self.horizon_ms - self._retention.of(RAW)
        most_ms = int(self._now_s() * 1000) + FUTURE_MS
        at, at_ms = None, 0
        for sample in samples:
            if sample.at is not at:
                at = sample.at
                at_ms = round(at.timestamp() * 1000)
            if least_ms <= at_ms <= most_ms and isfinite(sample.value):
                known = self._known(sample, at_ms)
                if known is not None:
                    self._head.add(known.number, at_ms, sample.value)
                    series.append(known.number)
                    times.append(at_ms)
                    values.append(sample.value)
        if times:
            self._newest_ms = max(self._newest_ms, *times)
            self._sealed_ms = self._sealed_ms or self._newest_ms
            self._keep_safe((series, times, values))

    def sync(self) -> None:
        """Wait until what was written is on the disk; what cannot be is told once."""
        try:
            self._catalogue.write()
            if self._journal is not None:
                self._journal.sync()
        except OSError as error:
            self._trouble(error)

    def upkeep(self) -> Iterator[None]:
        """Seal, roll up and drop, pausing often; what cannot be written is told, and kept in memory."""
        try:
            yield from self._seal()
            yield from self._roller.run(self.horizon_ms, sorted(self._catalogue.by_number), self._guesses)
            self._shelf.expire(self.horizon_ms)
            if self.horizon_ms // DAY_MS > self._tidied_day:
                self._tidied_day = self.horizon_ms // DAY_MS
                # Files go as a whole, so that something older than is kept is in them for a while.
                self._catalogue.forget(self.horizon_ms - self._retention.longest_ms - 2 * HOUR.file_ms)
            self._troubled = False
        except OSError as error:
            self._trouble(error)
            self._again_ms = self._newest_ms + AGAIN_MS
            lost = self._head.put_back(SEAL_SAMPLES)
            if lost:
                logger().warning("metrics_lost", samples=lost)

    def chosen(self, query: SeriesQuery) -> Sequence[tuple[str, Sequence[int]]]:
        """The resources that a query is about, with the numbers of their series."""
        if query.selector is None:
            known = self._catalogue.by_resource
            return [
                (name, sorted(item.number for item in known.get((name, str(query.metric)), ())))
                for name in query.resources
            ]
        return self._selected(query.selector, str(query.metric))

    def buckets(self, query: SeriesQuery, series: Sequence[int]) -> list[Bucket]:
        """What is known of the series of one resource in the time asked for."""
        found = self._picker.buckets(query, series, self.horizon_ms)
        if len(found) == 1:
            return next(iter(found.values()))
        return sorted((bucket for buckets in found.values() for bucket in buckets), key=lambda item: item.at_s)

    def counted(self) -> tuple[int, int, int | None]:
        """How many series are there, the bytes they take on disk, and the first moment known of."""
        longest_ms = self._picker.oldest_ms(self.horizon_ms)
        alive = sum(known.last_ms > longest_ms for known in self._catalogue.by_key.values())
        held = [times[0] for times, _ in (*self._head.sealing.values(), *self._head.buffers.values()) if times]
        known = [*held, *([] if self._shelf.oldest_ms is None else [self._shelf.oldest_ms])]
        return alive, self._shelf.bytes(), max(min(known), longest_ms) if known else None

    def close(self) -> None:
        """Sync and release the files."""
        self.sync()
        if self._journal is not None:
            self._journal.close()

    def _known(self, sample: Sample, at_ms: int) -> Known | None:
        key = (sample.resource, sample.metric, sample.labels)
        known = self._catalogue.by_key.get(key)
        if known is None:
            if len(self._catalogue.by_key) >= MOST_SERIES:
                self._trouble(LookupError(f"{MOST_SERIES} series are kept at most"))
                return None
            known = self._catalogue.number_of((sample.resource, str(sample.metric), sample.labels), at_ms)
        known.last_ms = max(known.last_ms, at_ms)
        return known

    def _keep_safe(self, entry: journal.Entry) -> None:
        try:
            if self._journal is not None and not self._shelf.is_scarce(20 * len(entry[0])):
                self._catalogue.write()
                self._journal.add(entry)
        except OSError as error:
            self._trouble(error)

    def _take_back(self, entry: journal.Entry) -> None:
        for number, at_ms, value in zip(*entry, strict=True):
            known = self._catalogue.by_number.get(number)
            self._catalogue.skip_to(number)
            if known is not None:
                self._head.add(number, at_ms, value)
                known.last_ms = max(known.last_ms, at_ms)
                self._newest_ms = max(self._newest_ms, at_ms)

    def _seal(self) -> Iterator[None]:
        """All samples in memory as one frame; then the journals that held them go."""
        self._sealed_ms = self._newest_ms
        if not self._head.samples or self._journal is None:
            return
        self._catalogue.write()
        covers, fresh = self._journal.number, journal.Journal(self._folder, self._journal.number + 1)
        self._journal.close()
        self._journal, taken = fresh, self._head.take()
        units: list[Packed] = []
        numbers = sorted(taken)
        for place in range(0, len(numbers), _SLICE):
            parts: dict[int, Part] = {number: part_of(taken[number]) for number in numbers[place : place + _SLICE]}
            units += in_units(parts, self._guesses)
            yield
        self._shelf.number += 1
        least, most = min(min(times) for times, _ in taken.values()), max(max(times) for times, _ in taken.values())
        self._shelf.add(RAW, Stamp(number=self._shelf.number, covers=covers, least_ms=least, most_ms=most), units)
        self._head.sealed()
        for number in journal.numbers(self._folder):
            if number <= covers:
                journal.path_of(self._folder, number).unlink()

    def _selected(self, selector: Selector, metric: str) -> Sequence[tuple[str, Sequence[int]]]:
        found: dict[str, list[int]] = {}
        for known in self._catalogue.chosen(selector.target, selector.kind, metric, selector.labels):
            found.setdefault(known.key[0], []).append(known.number)
        return [(name, sorted(numbers)) for name, numbers in sorted(found.items())]

    def _trouble(self, error: Exception) -> None:
        """Say once that something cannot be kept, until it can again."""
        if not self._troubled:
            self._troubled = True
            logger().warning("metrics_not_kept", reason=str(error), next_step="Make room on the disk of data_dir.")
