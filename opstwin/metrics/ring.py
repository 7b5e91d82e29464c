"""One series in bounded memory: the newest samples as they came, and one roll-up for each minute of the last day."""

from array import array
from collections.abc import Iterator
from typing import Final

from opstwin.metrics.buckets import MINUTE_S, Bucket, single

RAW_SAMPLES: Final = 480
"""Samples of one series kept as they came: two hours at one every 15 s."""

MINUTES: Final = 24 * 60
"""Minutes kept as roll-ups."""

SERIES_BYTES: Final = 16 * RAW_SAMPLES + 28 * MINUTES
"""The most room that one series takes: 48 kB."""


class Ring:
    """Samples of one metric of one resource; moments are seconds since 1970. Room is taken as it is needed.

    Least, peak and last value of a minute are kept in single precision (seven digits).
    """

    __slots__ = ("_counts", "_extremes", "_minutes", "_place", "_raw_at", "_raw_value", "_totals", "newest_s")

    def __init__(self) -> None:
        self._raw_at, self._raw_value, self._place = array("d"), array("d"), 0
        self._minutes, self._counts = array("I"), array("I")
        self._totals, self._extremes = array("d"), array("f")
        self.newest_s = 0.0

    @property
    def bytes(self) -> int:
        """The room taken."""
        columns = (self._raw_at, self._raw_value, self._minutes, self._counts, self._totals, self._extremes)
        return sum(len(item) * item.itemsize for item in columns)

    def add(self, at_s: float, value: float) -> None:
        """Take one sample in, unless its minute is a day older than the newest one."""
        minute = int(at_s // MINUTE_S)
        if minute <= int(self.newest_s // MINUTE_S) - MINUTES:
            return
        self.newest_s = max(self.newest_s, at_s)
        self._add_raw(at_s, value)
        self._add_to_minute(minute, value)

    def buckets(self, begin_s: float, end_s: float) -> list[Bucket]:
        """What is known from `begin_s` up to `end_s`: samples as far back as they are kept, minutes before that."""
        raw = sorted(zip(self._raw_at, self._raw_value, strict=True))
        raw_from_s = self._raw_from_s(raw[0][0]) if raw else end_s
        older = [item for item in self._rolled() if begin_s - MINUTE_S < item.at_s < min(end_s, raw_from_s)]
        newer = [single(at_s, value) for at_s, value in raw if max(begin_s, raw_from_s) <= at_s < end_s]
        return [*sorted(older, key=lambda item: item.at_s), *newer]

    @property
    def oldest_s(self) -> float:
        """The first minute known of; call it only on a ring that was written to."""
        return float(min(self._minutes) * MINUTE_S)

    def _raw_from_s(self, oldest_raw_s: float) -> float:
        """From when on samples are told as they came: the first minute of which none was overwritten."""
        if len(self._raw_at) < RAW_SAMPLES:
            return oldest_raw_s
        return (oldest_raw_s // MINUTE_S + 1) * MINUTE_S

    def _add_raw(self, at_s: float, value: float) -> None:
        if len(self._raw_at) < RAW_SAMPLES:
            self._raw_at.append(at_s)
            self._raw_value.append(value)
            return
        self._raw_at[self._place], self._raw_value[self._place] = at_s, value
        self._place = (self._place + 1) % RAW_SAMPLES

    def _add_to_minute(self, minute: int, value: float) -> None:
        place = self._place_of(minute)
        self._counts[place] += 1
        self._totals[place] += value
        first = 3 * place
        self._extremes[first] = min(self._extremes[first], value)
        self._extremes[first + 1] = max(self._extremes[first + 1], value)
        self._extremes[first + 2] = value

    def _place_of(self, minute: int) -> int:
        """Where a minute is kept; a new one takes a new place, or that of the oldest."""
        # Nearly always it is the newest minute, which stands last until the ring is full.
        if self._minutes and self._minutes[-1] == minute:
            return len(self._minutes) - 1
        if minute in self._minutes:
            return self._minutes.index(minute)
        if len(self._minutes) < MINUTES:
            self._minutes.append(minute)
            self._counts.append(0)
            self._totals.append(0.0)
            self._extremes.extend((float("inf"), float("-inf"), 0.0))
            return len(self._minutes) - 1
        place = self._minutes.index(min(self._minutes))
        self._minutes[place], self._counts[place], self._totals[place] = minute, 0, 0.0
        self._extremes[3 * place : 3 * place + 3] = array("f", (float("inf"), float("-inf"), 0.0))
        return place

    def _rolled(self) -> Iterator[Bucket]:
        oldest = int(self.newest_s // MINUTE_S) - MINUTES
        for place, minute in enumerate(self._minutes):
            if minute > oldest:
                least, most, last = self._extremes[3 * place : 3 * place + 3]
                count = self._counts[place]
                yield Bucket(minute * MINUTE_S, count, self._totals[place], least, most, last, MINUTE_S)
