"""Records as rows: one plain value per column, in both directions, the same for every store."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from enum import Enum, StrEnum
from typing import Any, Final, Generic, TypeVar, get_type_hints

from opstwin.domain.audit import AuditRow
from opstwin.domain.records import Stored
from opstwin.errors import AuditBroken, InvalidInput, StoreError
from opstwin.twin.nested import json_text, parsed, reader_for, without_none

S = TypeVar("S", bound=Stored)
Cell = str | bool | int | float | datetime | None
Row = dict[str, Cell]

MAX_KEY_BYTES: Final = 2000
"""Longest id or indexed text. PostgreSQL refuses index entries above a third of an 8 KiB page (2,704 bytes)."""

MAX_WHOLE: Final = 2**63 - 1


class Holds(StrEnum):
    """What a column holds; the SQL tables have one column type for each."""

    TEXT = "text"
    FLAG = "flag"
    WHOLE = "whole"
    FRACTION = "fraction"
    MOMENT = "moment"
    NESTED = "nested"


_PLAIN: Final[Mapping[type, Holds]] = {
    str: Holds.TEXT,
    bool: Holds.FLAG,
    int: Holds.WHOLE,
    float: Holds.FRACTION,
    datetime: Holds.MOMENT,
}


@dataclass(frozen=True, slots=True)
class Column:
    """One field of a record as a column. `is_key` says that it can be searched by."""

    name: str
    holds: Holds
    nullable: bool
    is_key: bool
    decode: Callable[[Any], Any] | None


@dataclass(frozen=True, slots=True)
class Shape(Generic[S]):
    """How one kind of record lies in columns."""

    kind: type[S]
    columns: tuple[Column, ...]

    def row(self, record: S) -> Row:
        """One value per column. Raises `InvalidInput` naming the field that cannot be stored."""
        return {column.name: _encoded(self.kind, column, getattr(record, column.name)) for column in self.columns}

    def record(self, cells: Sequence[Any]) -> S:
        """The record behind the columns' values, in the order of `columns`.

        Raises `StoreError` (`AuditBroken` for an audit row) when somebody wrote there what is no such record.
        """
        try:
            return self.kind(
                **{
                    column.name: cell if cell is None or column.decode is None else column.decode(cell)
                    for column, cell in zip(self.columns, cells, strict=True)
                }
            )
        except (ValueError, TypeError, KeyError, RecursionError, InvalidInput) as error:
            raise self._unreadable(cells) from error

    def _unreadable(self, cells: Sequence[Any]) -> StoreError:
        key = "seq" if self.kind.ORDER == "seq" else "id"
        found = dict(zip((column.name for column in self.columns), cells, strict=True)).get(key)
        word = self.kind.__name__.lower()
        if self.kind is AuditRow:
            return AuditBroken(
                f"Audit row {found} cannot be read.",
                next_step="Stop the hub, keep the database, and compare it with your last backup or exported head.",
                details={"seq": found},
            )
        return StoreError(
            f"The stored {word} {found} cannot be read.",
            next_step="Somebody changed the database by hand: correct that row, or restore a backup.",
            details={"kind": word, "id": found},
        )


_SHAPES: Final[dict[type[Any], Shape[Any]]] = {}


def shape_of(kind: type[S]) -> Shape[S]:
    """The columns of one kind, made from its fields."""
    found = _SHAPES.get(kind)
    if found is None:
        hints = get_type_hints(kind)
        found = Shape(kind, tuple(_column(kind, field.name, hints[field.name]) for field in fields(kind)))
        _SHAPES[kind] = found
    return found


def storable_text(text: str) -> bool:
    """Whether a database can hold this text in a column: no NUL (PostgreSQL has none), no half of a surrogate pair."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\x00" not in text


def as_utc(moment: datetime, field: str) -> datetime:
    """The same moment in UTC. Raises `InvalidInput` for one without a time zone."""
    if moment.tzinfo is UTC:
        return moment
    if moment.utcoffset() is None:
        raise InvalidInput(f"{field} has no time zone.", field=field, next_step="Give the moment with its offset.")
    return moment.astimezone(UTC)


def _column(kind: type[Any], name: str, hint: Any) -> Column:
    inner, nullable = without_none(hint)
    is_key = name == "id" or name in kind.INDEXED
    if isinstance(inner, type) and issubclass(inner, Enum):
        return Column(name, Holds.TEXT, nullable, is_key, {member.value: member for member in inner}.__getitem__)
    holds = _PLAIN.get(inner, Holds.NESTED)
    if holds is not Holds.NESTED:
        return Column(name, holds, nullable, is_key, None)
    read = reader_for(inner)
    return Column(name, holds, nullable, is_key, lambda text: read(parsed(text)))


def _encoded(kind: type[Any], column: Column, value: Any) -> Cell:
    if value is None and column.nullable:
        return None
    try:
        return _ENCODERS[column.holds](column, value)
    except (ValueError, TypeError, OverflowError) as error:
        why = f"{column.name} of this {kind.__name__.lower()} cannot be stored: {error}."
        raise InvalidInput(why, field=column.name, next_step="Give another value.") from error


def _text(column: Column, value: Any) -> str:
    if isinstance(value, Enum):
        value = value.value
    if not isinstance(value, str):
        raise TypeError(f"{type(value).__name__} instead of text")
    if not storable_text(value):
        raise ValueError("it holds a NUL or half a character")
    if column.is_key and len(value) > MAX_KEY_BYTES // 4 and len(value.encode()) > MAX_KEY_BYTES:
        raise ValueError(f"longer than {MAX_KEY_BYTES} bytes")
    return value


def _flag(_column: Column, value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"{type(value).__name__} instead of true or false")
    return value


def _whole(_column: Column, value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{type(value).__name__} instead of a whole number")
    if not -MAX_WHOLE <= value <= MAX_WHOLE:
        raise ValueError("above 2^63")
    return value


def _fraction(_column: Column, value: Any) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise TypeError(f"{type(value).__name__} instead of a number")
    if not math.isfinite(value):
        raise ValueError("not a finite number")
    return float(value)


def _moment(column: Column, value: Any) -> datetime:
    if not isinstance(value, datetime):
        raise TypeError(f"{type(value).__name__} instead of a moment")
    return as_utc(value, column.name)


def _nested(_column: Column, value: Any) -> str:
    return json_text(value)


_ENCODERS: Final[Mapping[Holds, Callable[[Column, Any], Cell]]] = {
    Holds.TEXT: _text,
    Holds.FLAG: _flag,
    Holds.WHOLE: _whole,
    Holds.FRACTION: _fraction,
    Holds.MOMENT: _moment,
    Holds.NESTED: _nested,
}
