"""What was written last and is not yet in a frame: one file, added to with each write, read again after a crash."""

import os
import struct
import zlib
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from opstwin.logs import logger

_HEAD: Final = struct.Struct("<II")
_NAME: Final = "journal-"
_FAST: Final = 1
MOST_BYTES: Final = 1 << 26
"""One entry; more is none."""

Entry = tuple["array[int]", "array[int]", "array[float]"]
"""Numbers of series, moments in milliseconds, and values: one of each for a sample."""


class Journal:
    """The journal with one number. What was added survives a crash of the hub, after `sync` one of the host."""

    def __init__(self, folder: Path, number: int) -> None:
        self.number = number
        self.bytes = 0
        self._path = path_of(folder, number)
        self._file = self._path.open("ab", buffering=0)
        self._is_dirty = False

    def add(self, entry: Entry) -> None:
        """Append samples. Raises `OSError`; then the file is as before."""
        data = zlib.compress(b"".join(column.tobytes() for column in entry), _FAST)
        whole = _HEAD.pack(len(data), zlib.crc32(data)) + data
        begin = self._file.tell()
        try:
            if os.write(self._file.fileno(), whole) != len(whole):
                raise OSError(28, "no space left", str(self._path))
        except OSError:
            self._file.truncate(begin)
            raise
        self.bytes += len(whole)
        self._is_dirty = True

    def sync(self) -> None:
        """Wait until what was added is on the disk. Raises `OSError`."""
        if self._is_dirty:
            os.fsync(self._file.fileno())
            self._is_dirty = False

    def close(self) -> None:
        """Release the file."""
        self._file.close()


def numbers(folder: Path) -> list[int]:
    """The journals that are there, oldest first."""
    names = (path.stem.removeprefix(_NAME) for path in folder.glob(f"{_NAME}*.log"))
    return sorted(int(name) for name in names if name.isdigit())


def path_of(folder: Path, number: int) -> Path:
    """The file of a journal."""
    return folder / f"{_NAME}{number}.log"


def entries(path: Path) -> Iterator[Entry]:
    """What a journal holds, up to the first entry that was not written to its end or is damaged."""
    with path.open("rb") as file:
        while head := file.read(_HEAD.size):
            entry = _entry(file.read(_HEAD.unpack(head)[0]), head) if _is_head(head) else None
            if entry is None:
                logger().warning("metrics_journal_cut", file=path.name, at=file.tell())
                return
            yield entry


def _is_head(head: bytes) -> bool:
    return len(head) == _HEAD.size and _HEAD.unpack(head)[0] <= MOST_BYTES


def _entry(data: bytes, head: bytes) -> Entry | None:
    size, check = _HEAD.unpack(head)
    if len(data) != size or zlib.crc32(data) != check:
        return None
    raw = zlib.decompress(data)
    count = len(raw) // 20
    return (
        array("I", raw[: 4 * count]), array("q", raw[4 * count : 12 * count]), array("d", raw[12 * count : 20 * count])
    )  # fmt: skip
