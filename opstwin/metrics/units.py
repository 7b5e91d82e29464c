"""A unit: some series of one stretch of time in one compressed piece. Pure.

Series that were read at the same moments share one column of moments, and what compresses alike lies together.
"""

import struct
import zlib
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from opstwin.metrics.numbers import decimals_at, floats_of, ints_of, packed_floats, packed_ints

LEVEL: Final = 6
"""Of zlib. On the benchmark's series 9 saves another 1 % for a third more time, 1 costs 4 % more room."""

MOST_SERIES: Final = 4096
"""Series of one unit."""

MOST_NUMBERS: Final = 1 << 22
"""Numbers in one column: what is told to hold more is no unit."""

MOST_BYTES: Final = 1 << 28

_HEAD: Final = struct.Struct("<III")


@dataclass(frozen=True, slots=True)
class Part:
    """Some of one series: moments in milliseconds since 1970, rising, and beside them one or more columns of floats.

    `decimals` is how many decimals the numbers of the first column have at most; None when they have more than are
    counted.
    """

    times: Sequence[int]
    columns: tuple["array[float]", ...]
    decimals: int | None = None


def packed(parts: Mapping[int, Part], guesses: dict[int, int]) -> bytes:
    """Parts by the number of their series, at least one; `guesses` learns the decimals of each series."""
    moments: dict[bytes, tuple[int, bytes, int]] = {}
    refs, sizes, bodies = [], [], []
    for series, part in parts.items():
        key = array("q", part.times).tobytes()
        if key not in moments:
            moments[key] = (len(moments), packed_ints(part.times), len(part.times))
        refs.append(moments[key][0])
        body, guesses[series] = _columns(part, guesses.get(series, 0))
        bodies.append(body)
        sizes.append(len(body))
    lists = [list(parts), refs, sizes, [count for _, _, count in moments.values()]]
    lists.append([len(body) for _, body, _ in moments.values()])
    columns = len(next(iter(parts.values())).columns)
    raw = b"".join(
        [_HEAD.pack(len(parts), len(moments), columns), *map(packed_ints, lists)]
        + [body for _, body, _ in moments.values()]
        + bodies
    )
    return zlib.compress(raw, LEVEL)


class Unit:
    """A unit that is read. Raises `ValueError` for bytes that are none."""

    def __init__(self, data: bytes) -> None:
        self._raw = _unzipped(data)
        try:
            self._parse()
        except (IndexError, struct.error) as error:
            raise ValueError("a unit ends too early") from error

    def _parse(self) -> None:
        count, moments, self._columns = _HEAD.unpack_from(self._raw)
        if not (0 < count <= MOST_SERIES and 0 < moments <= count and 0 < self._columns < 16):
            raise ValueError("no unit")
        place = _HEAD.size
        series, place = ints_of(self._raw, place, count)
        self._refs, place = ints_of(self._raw, place, count)
        sizes, place = ints_of(self._raw, place, count)
        self._counts, place = ints_of(self._raw, place, moments)
        times, place = ints_of(self._raw, place, moments)
        if max(self._counts) > MOST_NUMBERS or min(*self._counts, *sizes, *times, 1) < 1:
            raise ValueError("no unit")
        self._times_at = list(_places(place, times))
        self._bodies_at = list(_places(place + sum(times), sizes))
        self._order = {key: number for number, key in enumerate(series)}
        self._moments: dict[int, list[int]] = {}

    @property
    def series(self) -> Sequence[int]:
        """The numbers of the series."""
        return list(self._order)

    def part(self, series: int) -> Part | None:
        """What the unit holds of a series, None when nothing. Raises `ValueError` where it is damaged."""
        number = self._order.get(series)
        if number is None:
            return None
        try:
            return self._part(number)
        except (IndexError, struct.error) as error:
            raise ValueError("a unit is damaged") from error

    def _part(self, number: int) -> Part:
        ref = self._refs[number]
        if ref not in self._moments:
            self._moments[ref], _ = ints_of(self._raw, self._times_at[ref], self._counts[ref])
        place, columns = self._bodies_at[number], []
        decimals = decimals_at(self._raw, place)
        for _ in range(self._columns):
            column, place = floats_of(self._raw, place, self._counts[ref])
            columns.append(column)
        return Part(self._moments[ref], tuple(columns), decimals)


def _columns(part: Part, guess: int) -> tuple[bytes, int]:
    """The columns of a part, and the decimals of the last one, which are the best guess for the next part."""
    bodies = []
    for column in part.columns:
        body, guess = packed_floats(column, guess)
        bodies.append(body)
    return b"".join(bodies), guess


def _places(begin: int, sizes: Sequence[int]) -> Iterator[int]:
    for size in sizes:
        yield begin
        begin += size


def _unzipped(data: bytes) -> bytes:
    reader = zlib.decompressobj()
    try:
        raw = reader.decompress(data, MOST_BYTES)
    except zlib.error as error:
        raise ValueError("a unit is damaged") from error
    if not reader.eof:
        raise ValueError("a unit is damaged")
    return raw
