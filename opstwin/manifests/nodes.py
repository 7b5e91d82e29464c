"""What was read from a YAML text: values that still know where they stood."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from opstwin.domain.values import Json
from opstwin.errors import InvalidInput

_INT: Final = re.compile(r"[-+]?[0-9]{1,18}|0o[0-7]{1,18}|0x[0-9a-fA-F]{1,15}", re.ASCII)
_OCTAL: Final = re.compile(r"[-+]?0[0-7]{1,18}", re.ASCII)
"""`defaultMode: 0400`: YAML 1.2 reads 400, but kubectl, Helm and Compose still read octal, and files mean that."""

_FLOAT: Final = re.compile(r"[-+]?(?:\.[0-9]{1,30}|[0-9]{1,30}(?:\.[0-9]{0,30})?)(?:[eE][-+]?[0-9]{1,3})?", re.ASCII)
_NULLS: Final = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLS: Final = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}

Path: TypeAlias = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """Line and column, counted from 1."""

    line: int
    column: int

    def __str__(self) -> str:
        return f"line {self.line}, column {self.column}"


@dataclass(frozen=True, slots=True)
class Scalar:
    """One value. `text` is what was written; `plain` says that it stood without quotes."""

    text: str
    plain: bool
    place: Place
    size: int = 1
    height: int = 1

    @property
    def value(self) -> Json:
        """The value by the core schema of YAML 1.2: `no` and `on` are words, not booleans."""
        return resolved(self.text) if self.plain else self.text


@dataclass(frozen=True, slots=True)
class ListNode:
    """Values in order. `size` counts the values in it, `height` the levels."""

    items: tuple["Node", ...]
    place: Place
    size: int
    height: int


@dataclass(frozen=True, slots=True)
class MapNode:
    """Values by key; `keys` says where each key stood."""

    items: Mapping[str, "Node"]
    keys: Mapping[str, Place]
    place: Place
    size: int
    height: int


Node: TypeAlias = Scalar | ListNode | MapNode


def resolved(text: str) -> Json:
    """A plain scalar as null, boolean, number or, when it is none of these, as text."""
    if text in _NULLS:
        return None
    if text in _BOOLS:
        return _BOOLS[text]
    if _OCTAL.fullmatch(text):
        return int(text, 8)
    if _INT.fullmatch(text):
        return int(text, 0) if text[:2] in ("0o", "0x") else int(text)
    if _FLOAT.fullmatch(text) and math.isfinite(float(text)):
        return float(text)
    return text


def plain(node: Node, as_text: frozenset[str] = frozenset()) -> Json:
    """The node as JSON. Below the keys `as_text`, single values stay as they were written (`1.10`, `yes`, `007`)."""
    if isinstance(node, Scalar):
        return node.value
    if isinstance(node, ListNode):
        return [plain(item, as_text) for item in node.items]
    return {key: _texts(item) if key in as_text else plain(item, as_text) for key, item in node.items.items()}


def _texts(node: Node) -> Json:
    if isinstance(node, Scalar):
        return None if node.value is None else node.text
    if isinstance(node, ListNode):
        return [_texts(item) for item in node.items]
    return {key: _texts(item) for key, item in node.items.items()}


def place_of(node: Node, path: Sequence[str | int]) -> Place:
    """Where `path` stands; for a path that does not exist, where its nearest parent stands."""
    place = node.place
    for step in path:
        if isinstance(node, MapNode) and str(step) in node.items:
            place, node = node.keys[str(step)], node.items[str(step)]
        elif isinstance(node, ListNode) and isinstance(step, int) and step < len(node.items):
            node = node.items[step]
            place = node.place
        else:
            break
    return place


def written(path: Sequence[str | int]) -> str:
    """A path as people write it: `ports[0].host`."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step[:80]}" if text else step[:80]
    return text


def fault(message: str, *, place: Place | None, field: str = "", next_step: str) -> InvalidInput:
    """An `InvalidInput` that says where in the text it is; without a place (JSON from elsewhere) it does not."""
    if place is None:
        return InvalidInput(message, field=field, next_step=next_step)
    return InvalidInput(
        f"{message.rstrip('.')} ({place}).",
        field=field,
        next_step=next_step,
        details={"line": place.line, "column": place.column},
    )
