"""Columns of numbers as bytes and back, bit for bit, with few bytes for what measurements look like. Pure.

A column of floats is kept as whole numbers where one power of ten makes all of them whole (counts, bytes, percents with
a few decimals), else as the exclusive or with the number before (Gorilla, VLDB 2015). Whole numbers are kept as they
are, as differences, or as differences of differences, whichever is smallest. The bytes of all numbers of one place
value stand together, so that a general compressor makes little of what rarely changes.
"""

import struct
from array import array
from collections.abc import Iterable, Sequence
from itertools import accumulate
from operator import sub, xor
from typing import Final

MOST_DECIMALS: Final = 6
"""Floats with more decimals are kept as bits: more tries would cost more time than they save room."""

_EXACT: Final = 1 << 53
"""Every whole number below it is a float of its own (IEEE 754 binary64)."""

_BITS: Final = 15
"""Kind of a column that is kept as exclusive ors; lower ones are decimals."""

_CODES: Final = "BHIQ"
_WIDTHS: Final = (1, 2, 4, 8)
_FIRST: Final = struct.Struct("<q")
_SWAPPED: Final = array("H", (1,)).tobytes() != b"\1\0"


def packed_ints(values: Sequence[int]) -> bytes:
    """Whole numbers between -2⁶² and 2⁶²; at least one."""
    orders = [list(values)]
    for _ in range(2):
        last = orders[-1]
        if len(last) < 2:
            break
        orders.append(list(map(sub, last[1:], last)))
    base = min(orders[0])
    candidates = [(0, base, [value - base for value in orders[0]])]
    candidates += [(order, 0, _zigzag(deltas)) for order, deltas in enumerate(orders[1:], 1)]
    order, base, rest = min(candidates, key=lambda item: sum(item[2]))
    firsts = [base] if order == 0 else [orders[place][0] for place in range(order)]
    head = b"".join(_FIRST.pack(first) for first in firsts)
    return bytes((order << 4 | _place_of(rest),)) + head + _planes(rest, _place_of(rest))


def ints_of(data: bytes, place: int, count: int) -> tuple[list[int], int]:
    """`count` numbers that begin at a place, and the place behind them. Raises `ValueError` for what is none."""
    order, width = data[place] >> 4, data[place] & 15
    place += 1
    if order > 2 or width > 4 or count < max(1, order):
        raise ValueError("no column of numbers")
    firsts = [_FIRST.unpack_from(data, place + 8 * step)[0] for step in range(max(1, order))]
    place += 8 * len(firsts)
    numbers, place = _unplaned(data, place, count - order, width)
    if order == 0:
        return [firsts[0] + number for number in numbers], place
    values: Iterable[int] = ((number >> 1) ^ -(number & 1) for number in numbers)
    for first in reversed(firsts):
        values = accumulate(values, initial=first)
    return list(values), place


def packed_floats(values: Sequence[float], decimals: int = 0) -> tuple[bytes, int]:
    """Any floats, at least one, and how many decimals they have, which is the best guess for the next ones."""
    column = values if isinstance(values, array) else array("d", values)
    raw = column.tobytes()
    for tried in dict.fromkeys((decimals, *range(MOST_DECIMALS + 1))):
        whole = _whole(column, raw, tried)
        if whole is not None:
            return bytes((tried,)) + packed_ints(whole), tried
    bits = array("Q", raw)
    changes = list(map(xor, bits[1:], bits))
    return bytes((_BITS,)) + raw[:8] + _planes(changes, 4), decimals


def floats_of(data: bytes, place: int, count: int) -> tuple["array[float]", int]:
    """`count` floats that begin at a place, and the place behind them. Raises `ValueError` for what is none."""
    kind = data[place]
    place += 1
    if kind == _BITS:
        [first] = struct.unpack_from("=Q", data, place)
        changes, place = _unplaned(data, place + 8, count - 1, 4)
        return array("d", array("Q", accumulate(changes, xor, initial=first)).tobytes()), place
    if kind > MOST_DECIMALS:
        raise ValueError("no column of floats")
    numbers, place = ints_of(data, place, count)
    if kind == 0:
        return array("d", numbers), place
    scale = 10**kind
    return array("d", [number / scale for number in numbers]), place


def _whole(column: "array[float]", raw: bytes, decimals: int) -> list[int] | None:
    """The column as whole numbers of 10^-decimals when that brings back every bit of it."""
    scale = 10**decimals
    probe = column[len(column) // 2] * scale
    if not abs(probe) < _EXACT or round(probe) / scale != column[len(column) // 2]:
        return None
    try:
        numbers = list(map(int, column)) if scale == 1 else [round(value * scale) for value in column]
    except (ValueError, OverflowError):
        return None
    back = array("d", numbers if scale == 1 else [number / scale for number in numbers])
    if back.tobytes() != raw or max(numbers) >= _EXACT or min(numbers) <= -_EXACT:
        return None
    return numbers


def _zigzag(values: Iterable[int]) -> list[int]:
    return [value << 1 if value >= 0 else ~(value << 1) for value in values]


def _place_of(values: Sequence[int]) -> int:
    """Which width holds all of them: 0 for none (they are all 0), else one more than the place in `_WIDTHS`."""
    most = max(values, default=0)
    if most == 0:
        return 0
    return 1 + next(place for place, width in enumerate(_WIDTHS) if most < 1 << 8 * width)


def _planes(values: Sequence[int], width: int) -> bytes:
    """The lowest byte of each, then the next byte of each, and so on."""
    if width == 0:
        return b""
    column = array(_CODES[width - 1], values)
    if _SWAPPED:
        column.byteswap()
    raw, step = column.tobytes(), _WIDTHS[width - 1]
    return raw if step == 1 else b"".join([raw[place::step] for place in range(step)])


def _unplaned(data: bytes, place: int, count: int, width: int) -> tuple[Sequence[int], int]:
    if width == 0:
        return [0] * count, place
    step = _WIDTHS[width - 1]
    end = place + step * count
    if end > len(data):
        raise ValueError("a column of numbers ends too early")
    raw = bytearray(step * count)
    for byte in range(step):
        raw[byte::step] = data[place + byte * count : place + (byte + 1) * count]
    column = array(_CODES[width - 1], bytes(raw))
    if _SWAPPED:
        column.byteswap()
    return column, end


def decimals_at(data: bytes, place: int) -> int | None:
    """The decimals of the column of floats that begins at a place; None when they are more than are counted."""
    return None if data[place] == _BITS else data[place]
