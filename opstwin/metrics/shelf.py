"""The files of a store on disk: frames by level, which room they take, and which of them go."""

import errno
import os
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from opstwin.logs import logger
from opstwin.metrics.levels import LEVELS, MINUTE, RAW, Level, Retention, between
from opstwin.metrics.segments import Frame, Packed, Stamp, append, frames
from opstwin.metrics.units import Part, packed

SUFFIX: Final = ".frames"
UNIT_SAMPLES: Final = 4096
UNIT_SERIES: Final = 256

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


@dataclass(slots=True)
class Shelf:
    """All frames of a folder."""

    folder: Path
    retention: Retention
    frames: dict[Level, list[Frame]] = field(default_factory=lambda: {level: [] for level in LEVELS})
    number: int = 0

    def open(self) -> Iterator[None]:
        """Read which frames there are; pauses after each file."""
        for level in LEVELS:
            for path in sorted(self.folder.glob(f"{level.name}-*{SUFFIX}")):
                self.frames[level] += frames(path)
                yield
            self.frames[level].sort(key=lambda frame: frame.stamp.number)
            self.number = max([self.number, *(frame.stamp.number for frame in self.frames[level])])

    def add(self, level: Level, stamp: Stamp, units: Sequence[Packed]) -> Frame:
        """Write a frame. Makes room by letting the oldest file go. Raises `OSError` when that is not enough."""
        place = (stamp.until_ms or stamp.most_ms) - 1
        path = self.folder / f"{level.name}-{place // level.file_ms * level.file_ms:015d}{SUFFIX}"
        self._make_room(sum(len(unit.data) for unit in units), path)
        while True:
            try:
                frame = append(path, stamp, units)
            except OSError as error:
                if error.errno not in _FULL or not self._drop_oldest(path):
                    raise
            else:
                self.frames[level].append(frame)
                return frame

    def expire(self, horizon_ms: int) -> int:
        """Drop files of which everything is older than what is kept; returns how many."""
        old = [
            path
            for level in LEVELS
            for path in self._files(level)
            if _begin(path) + level.file_ms + self.retention.of(level) <= horizon_ms
        ]
        for path in old:
            self._drop(path)
        return len(old)

    def read(
        self, level: Level, series: Sequence[int], begin_ms: int, end_ms: int, only: Container[int] | None = None
    ) -> Mapping[int, list[Part]]:
        """What the frames (or those of some numbers) hold of each of some series in a stretch of time, oldest first.

        The numbers of the series rise.
        """
        found: dict[int, list[Part]] = {}
        for frame in self.frames[level]:
            is_inside = frame.stamp.least_ms < end_ms and frame.stamp.most_ms >= begin_ms
            if is_inside and (only is None or frame.stamp.number in only):
                for number, part in parts_in(frame, series):
                    inside = between(part, begin_ms, end_ms)
                    if inside is not None:
                        found.setdefault(number, []).append(inside)
        return found

    def bytes(self) -> int:
        """The room that all files take, the catalogue and the journal among them."""
        return sum(path.stat().st_size for path in self.folder.iterdir() if path.is_file())

    def is_scarce(self, wanted: int) -> bool:
        """Whether writing so many bytes would take from what the twin needs. Raises `OSError`."""
        disk = os.statvfs(self.folder)
        return disk.f_bavail * disk.f_frsize < self.retention.keep_free_bytes + wanted

    @property
    def oldest_ms(self) -> int | None:
        """The first moment known of."""
        return min((frame.stamp.least_ms for level in LEVELS for frame in self.frames[level]), default=None)

    def _files(self, level: Level) -> list[Path]:
        return sorted({frame.path for frame in self.frames[level]})

    def _make_room(self, wanted: int, current: Path) -> None:
        while self.bytes() + wanted > self.retention.most_bytes and self._drop_oldest(current):
            pass
        while self.is_scarce(wanted):
            if not self._drop_oldest(current):
                raise OSError(errno.ENOSPC, "what is left of the disk belongs to the twin", str(self.folder))

    def _drop_oldest(self, current: Path) -> bool:
        """Let the oldest file of samples go, then of minutes; never the one that is written to, and never hours."""
        for level in (RAW, MINUTE):
            files = [path for path in self._files(level) if path != current]
            if files:
                logger().warning("metrics_dropped", file=files[0].name, reason="no room")
                self._drop(files[0])
                return True
        return False

    def _drop(self, path: Path) -> None:
        path.unlink(missing_ok=True)
        for level in LEVELS:
            self.frames[level] = [frame for frame in self.frames[level] if frame.path != path]


def parts_in(frame: Frame, series: Sequence[int]) -> Iterator[tuple[int, Part]]:
    """The parts of some series (rising numbers) in a frame. What is damaged is told and left out."""
    wanted = set(series)
    for unit in frame.units(series):
        for number in unit.series:
            if number in wanted:
                try:
                    part = unit.part(number)
                except ValueError as error:
                    logger().warning("metrics_damaged", file=frame.path.name, series=number, reason=str(error))
                    continue
                if part is not None:
                    yield number, part


def in_units(parts: Mapping[int, Part], guesses: dict[int, int]) -> Iterator[Packed]:
    """Parts by rising number, packed into units of a size that reads and compresses well."""
    batch: dict[int, Part] = {}
    numbers = 0
    for series, part in parts.items():
        batch[series] = part
        numbers += len(part.times) * len(part.columns)
        if numbers >= UNIT_SAMPLES or len(batch) >= UNIT_SERIES:
            yield Packed(min(batch), max(batch), packed(batch, guesses))
            batch, numbers = {}, 0
    if batch:
        yield Packed(min(batch), max(batch), packed(batch, guesses))


def _begin(path: Path) -> int:
    return int(path.name.removesuffix(SUFFIX).rpartition("-")[2])
