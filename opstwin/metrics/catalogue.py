"""Which series there are: a number for each, and whose it is. One line of text each, checked; a torn one is cut off."""

import json
import os
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from opstwin.domain.values import ResourceId
from opstwin.logs import logger
from opstwin.metrics.segments import sync_folder

Labels = tuple[tuple[str, str], ...]
Key = tuple[ResourceId, str, Labels]
"""Resource, metric, labels."""

_DAY_MS: Final = 86_400_000


@dataclass(slots=True)
class Known:
    """One series: its number, whose it is, and about when it was last written to."""

    number: int
    key: Key
    last_ms: int


@dataclass(slots=True)
class Catalogue:
    """All series by key and by number. Numbers are never given twice."""

    path: Path
    by_key: dict[Key, Known] = field(default_factory=dict)
    by_number: dict[int, Known] = field(default_factory=dict)
    by_resource: dict[tuple[ResourceId, str], list[Known]] = field(default_factory=dict)
    next: int = 1
    _unwritten: list[Known] = field(default_factory=list)

    @staticmethod
    def opened(path: Path) -> "Catalogue":
        """The catalogue in a file; an empty one when there is none. What is damaged in it is told and passed over."""
        found = Catalogue(path)
        for number, line in enumerate(path.read_bytes().split(b"\n") if path.exists() else ()):
            row = _row(line)
            if row is not None:
                found._learn(row)
            elif line:
                logger().warning("metrics_damaged", file=path.name, line=number + 1)
        return found

    def number_of(self, key: Key, at_ms: int) -> Known:
        """The series of a key, new when there is none."""
        known = self.by_key.get(key)
        if known is None:
            known = Known(self.next, key, at_ms)
            self._add(known)
            self._unwritten.append(known)
        return known

    def write(self) -> None:
        """Add new series to the file and wait until they are on the disk. Raises `OSError`."""
        if not self._unwritten:
            return
        is_new = not self.path.exists()
        with self.path.open("ab", buffering=0) as file:
            # A line that an earlier crash tore must not swallow the first one now.
            os.write(file.fileno(), b"\n" + b"".join(map(_line, self._unwritten)))
            os.fsync(file.fileno())
        if is_new:
            sync_folder(self.path.parent)
        self._unwritten.clear()

    def skip_to(self, number: int) -> None:
        """Give no number up to this one: something that refers to it was found."""
        self.next = max(self.next, number + 1)

    def forget(self, before_ms: int) -> None:
        """Drop series that were last written to before a moment, and write the file anew. Raises `OSError`."""
        for known in [item for item in self.by_key.values() if item.last_ms < before_ms]:
            del self.by_key[known.key], self.by_number[known.number]
            self.by_resource[known.key[:2]].remove(known)
        partial = self.path.with_suffix(".new")
        with partial.open("wb") as file:
            file.write(_checked({"next": self.next}))
            file.writelines(map(_line, self.by_number.values()))
            file.flush()
            os.fsync(file.fileno())
        partial.replace(self.path)
        sync_folder(self.path.parent)
        self._unwritten.clear()

    def chosen(self, target: str, kind: str, metric: str, labels: Labels) -> Iterable[Known]:
        """Series of a metric on a target (any when empty), of a kind (any when empty), with all of some labels."""
        for known in self.by_number.values():
            resource, its_metric, its_labels = known.key
            parts = resource.split("/", 2)
            is_there = target in ("", parts[0]) and kind in ("", *parts[1:2])
            if its_metric == metric and is_there and set(labels) <= set(its_labels):
                yield known

    def _learn(self, row: Mapping[str, object]) -> None:
        self.skip_to(int(str(row.get("next", 1))) - 1)
        if "id" not in row:
            return
        labels = row["l"]
        pairs = tuple(sorted(labels.items())) if isinstance(labels, dict) else ()
        key = (ResourceId(str(row["r"])), str(row["m"]), pairs)
        self._add(Known(int(str(row["id"])), key, (int(str(row["d"])) + 1) * _DAY_MS))

    def _add(self, known: Known) -> None:
        self.by_key[known.key] = self.by_number[known.number] = known
        self.by_resource.setdefault(known.key[:2], []).append(known)
        self.skip_to(known.number)


def _line(known: Known) -> bytes:
    resource, metric, labels = known.key
    return _checked({"id": known.number, "r": resource, "m": metric, "l": dict(labels), "d": known.last_ms // _DAY_MS})


def _checked(row: Mapping[str, object]) -> bytes:
    text = json.dumps(row, separators=(",", ":")).encode()
    return b"%08x %s\n" % (zlib.crc32(text), text)


def _row(line: bytes) -> Mapping[str, object] | None:
    check, _, text = line.partition(b" ")
    if check != b"%08x" % zlib.crc32(text) or not text:
        return None
    found: Mapping[str, object] = json.loads(text)
    return found
