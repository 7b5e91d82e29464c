"""Files of frames: each frame is written at once, checked by checksums, and found again after any crash.

A frame holds the units of one stretch of time and an index of them. A file is only ever added to; a frame that was not
written to its end is cut off when the file is next opened, and one that was damaged later is passed over.
"""

import os
import struct
import zlib
from array import array
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from opstwin.logs import logger
from opstwin.metrics.units import Unit

_MAGIC: Final = b"\x89OTM1\r\n"
_HEAD: Final = struct.Struct("<7sBIIQQqqqI")
_ENTRY: Final = struct.Struct("<IIII")
_CHECK: Final = struct.Struct("<I")
_SEARCH_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """What a frame says of itself.

    `number` rises from frame to frame; `covers` is the last journal whose samples are in it. Its samples lie between
    `least_ms` and `most_ms`; `until_ms` is the end of the stretch of time that it rolls up, 0 for samples.
    """

    number: int
    covers: int
    least_ms: int
    most_ms: int
    until_ms: int = 0


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame that stands in a file: its stamp, where its units begin, and of each unit its first and last series."""

    path: Path
    stamp: Stamp
    units_at: int
    firsts: "array[int]"
    lasts: "array[int]"
    sizes: "array[int]"
    checks: "array[int]"

    def units(self, wanted: Sequence[int] | None = None) -> Iterator[Unit]:
        """Its units, or those that may hold one of `wanted` (rising). One that is damaged is told and left out."""
        place = self.units_at
        with self.path.open("rb", buffering=0) as file:
            for number, size in enumerate(self.sizes):
                if wanted is None or _between(wanted, self.firsts[number], self.lasts[number]):
                    data = os.pread(file.fileno(), size, place)
                    unit = self._unit(data, self.checks[number])
                    if unit is not None:
                        yield unit
                place += size

    def _unit(self, data: bytes, check: int) -> Unit | None:
        try:
            if zlib.crc32(data) != check:
                raise ValueError("its checksum does not hold")
            return Unit(data)
        except ValueError as error:
            logger().warning("metrics_damaged", file=self.path.name, frame=self.stamp.number, reason=str(error))
            return None


@dataclass(frozen=True, slots=True)
class Packed:
    """A unit that is ready to be written: its series, from the least to the greatest number."""

    first: int
    last: int
    data: bytes


def append(path: Path, stamp: Stamp, units: Sequence[Packed]) -> Frame:
    """Write a frame to the end of a file, made when it is not there, and wait until it is on the disk.

    Raises `OSError`; then the file is as before.
    """
    index = b"".join(_ENTRY.pack(unit.first, unit.last, len(unit.data), zlib.crc32(unit.data)) for unit in units)
    size = sum(len(unit.data) for unit in units)
    head = _HEAD.pack(
        _MAGIC, 1, len(units), size, stamp.number, stamp.covers, stamp.least_ms, stamp.most_ms, stamp.until_ms, 0
    )
    lead = head + index
    whole = b"".join([lead, _CHECK.pack(zlib.crc32(lead)), *(unit.data for unit in units)])
    is_new = not path.exists()
    with path.open("ab", buffering=0) as file:
        begin = file.tell()
        try:
            _write(file.fileno(), whole)
            os.fsync(file.fileno())
        except OSError:
            with suppress(OSError):
                file.truncate(begin)
            raise
    if is_new:
        sync_folder(path.parent)
    return _frame(path, stamp, index, begin + len(lead) + _CHECK.size)


def frames(path: Path) -> list[Frame]:
    """The frames of a file. What was not written to its end is cut off; what is damaged is told and passed over."""
    found: list[Frame] = []
    with path.open("r+b", buffering=0) as file:
        size, place = os.fstat(file.fileno()).st_size, 0
        while place < size:
            frame, end = _frame_at(path, file.fileno(), place, size)
            if frame is not None:
                found.append(frame)
                place = end
                continue
            later = _search(path, file.fileno(), place + 1, size)
            logger().warning("metrics_damaged", file=path.name, at=place, bytes=(later or size) - place)
            if later is None:
                file.truncate(place)
                break
            place = later
    return found


def sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _frame_at(path: Path, handle: int, place: int, size: int) -> tuple[Frame | None, int]:
    head = os.pread(handle, _HEAD.size, place)
    if len(head) < _HEAD.size or not head.startswith(_MAGIC):
        return None, place
    _, form, units, body, number, covers, least, most, until, _ = _HEAD.unpack(head)
    units_at = place + _HEAD.size + units * _ENTRY.size + _CHECK.size
    if form != 1 or units_at + body > size:
        return None, place
    index = os.pread(handle, units * _ENTRY.size, place + _HEAD.size)
    if os.pread(handle, _CHECK.size, units_at - _CHECK.size) != _CHECK.pack(zlib.crc32(head + index)):
        return None, place
    stamp = Stamp(number=number, covers=covers, least_ms=least, most_ms=most, until_ms=until)
    return _frame(path, stamp, index, units_at), units_at + body


def _frame(path: Path, stamp: Stamp, index: bytes, units_at: int) -> Frame:
    rows = list(_ENTRY.iter_unpack(index))
    firsts, lasts, sizes, checks = (array("I", [row[column] for row in rows]) for column in range(4))
    return Frame(path, stamp, units_at, firsts, lasts, sizes, checks)


def _search(path: Path, handle: int, place: int, size: int) -> int | None:
    """Where the next whole frame begins."""
    while place < size:
        data = os.pread(handle, _SEARCH_BYTES, place)
        hit = data.find(_MAGIC)
        if hit < 0:
            place += max(1, len(data) - len(_MAGIC) + 1)
        elif _frame_at(path, handle, place + hit, size)[0] is not None:
            return place + hit
        else:
            place += hit + 1
    return None


def _between(wanted: Sequence[int], first: int, last: int) -> bool:
    return any(first <= series <= last for series in wanted)


def _write(handle: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(handle, view) :]
