"""The engine's byte streams taken apart: frames of stdout and stderr, log lines, JSON lines. Pure."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

from opstwin.targets.ports import LogLine

MAX_LINE_BYTES: Final = 64 * 1024
"""A longer line is cut into several: whoever reads should not have to hold it."""

_HEADER_BYTES: Final = 8
_STREAMS: Final = {0: "stdout", 1: "stdout", 2: "stderr"}
_STAMP: Final = re.compile(rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d) ?")


class Frames:
    """Splits the engine's multiplexed stream: 8 bytes (kind, three zeros, length) before each piece."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[str, bytes]]:
        """The (stream, payload) pairs that are complete with `data`."""
        self._rest += data
        while len(self._rest) >= _HEADER_BYTES:
            end = _HEADER_BYTES + int.from_bytes(self._rest[4:_HEADER_BYTES], "big")
            if len(self._rest) < end:
                return
            yield _STREAMS.get(self._rest[0], "stdout"), bytes(self._rest[_HEADER_BYTES:end])
            del self._rest[:end]


class RawStream:
    """The stream of a container with a terminal: nothing tells stdout and stderr apart there."""

    def feed(self, data: bytes) -> Iterator[tuple[str, bytes]]:
        """`data` in pieces that end where lines end."""
        for piece in data.splitlines(keepends=True):
            yield "stdout", piece


class LogLines:
    """Puts pieces together into lines; every piece may begin with the engine's time stamp."""

    def __init__(self) -> None:
        self._open: dict[str, tuple[datetime | None, bytearray]] = {}

    def feed(self, stream: str, piece: bytes) -> Iterator[LogLine]:
        """The line that `piece` completes, if it does."""
        at, text = _stamped(piece)
        began, held = self._open.setdefault(stream, (at, bytearray()))
        held += text if at is not None or not held else piece
        if held.endswith(b"\n") or len(held) >= MAX_LINE_BYTES:
            del self._open[stream]
            yield _line(began, stream, held)

    def rest(self) -> Iterator[LogLine]:
        """What was written without an end of line."""
        for stream, (began, held) in self._open.items():
            yield _line(began, stream, held)
        self._open.clear()


class JsonLines:
    """Takes a stream of JSON objects apart, one on each line."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[dict[str, Any]]:
        """The objects that are complete with `data`; what is no object is left out."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            item = _object(line)
            if item is not None:
                yield item


def _object(line: bytes) -> dict[str, Any] | None:
    try:
        item = json.loads(line) if line.strip() else None
    except ValueError:
        return None
    return item if isinstance(item, dict) else None


def _stamped(piece: bytes) -> tuple[datetime | None, bytes]:
    match = _STAMP.match(piece)
    if match is None:
        return None, piece
    fraction = (match[2] or b"0").decode()[:6].ljust(6, "0")
    zone = "+00:00" if match[3] == b"Z" else match[3].decode()
    try:
        at = datetime.fromisoformat(f"{match[1].decode()}.{fraction}{zone}")
    except ValueError:
        return None, piece
    return at.astimezone(UTC), piece[match.end() :]


def _line(at: datetime | None, stream: str, held: bytearray) -> LogLine:
    text = bytes(held).removesuffix(b"\n").removesuffix(b"\r").decode(errors="replace")
    return LogLine(at=at, stream=stream, text=text)
