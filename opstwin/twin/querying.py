"""What every store checks before it reads: filters, limits and cursors."""

import base64
import binascii
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from opstwin.domain.records import Stored
from opstwin.errors import InvalidInput
from opstwin.twin.codec import Cell, Column, Holds, Row, shape_of, storable_text
from opstwin.twin.store import MAX_PAGE, Query

S = TypeVar("S", bound=Stored)
Place = str | int
"""Where a record stands in its kind's order: its id, its sequence number or its position of first insertion."""

_MARK: Final = "id."
_MAX_DIGITS: Final = 18


@dataclass(frozen=True, slots=True)
class Asked:
    """A query that was checked: filters as column values, the place to go on from, and how many records to give."""

    where: Row
    after: Place | None
    limit: int
    newest_first: bool
    ids: frozenset[str] | None = None


def checked(query: Query[Any]) -> Asked:
    """The query in column values. Raises `InvalidInput` naming the filter, the limit or the cursor that is wrong."""
    if query.limit < 1:
        raise InvalidInput("limit must be 1 or more.", field="limit", next_step=f"Use 1 to {MAX_PAGE}.")
    columns = {column.name: column for column in shape_of(query.kind).columns}
    where = {name: _filter(query.kind, columns.get(name), name, value) for name, value in query.where.items()}
    after = None if query.after is None else place_of(query.kind, query.after)
    ids = None if query.ids is None else _ids(query.kind, query.ids)
    return Asked(where, after, min(query.limit, MAX_PAGE), query.newest_first, ids)


def cursor_of(kind: type[Any], place: Place) -> str:
    """The cursor that goes on after this place. For sequence numbers it is the number itself."""
    if kind.ORDER != "id":
        return str(place)
    return _MARK + base64.urlsafe_b64encode(str(place).encode()).decode().rstrip("=")


def place_of(kind: type[Any], cursor: str) -> Place:
    """The place behind a cursor. Raises `InvalidInput` for a text that is none."""
    if kind.ORDER == "id":
        return _id_of(cursor)
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) <= _MAX_DIGITS):
        raise _no_cursor()
    return int(cursor)


def sequence_number(id: str) -> int | None:
    """The number behind the id of an audit row or an event, None for a text that is none."""
    return int(id) if id.isascii() and id.isdigit() and len(id) <= _MAX_DIGITS else None


def _id_of(cursor: str) -> str:
    body = cursor.removeprefix(_MARK)
    if not cursor.startswith(_MARK) or not cursor.isascii():
        raise _no_cursor()
    try:
        place = base64.b64decode(body + "=" * (-len(body) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise _no_cursor() from error
    if not storable_text(place):
        raise _no_cursor()
    return place


def _filter(kind: type[Any], column: Column | None, name: str, value: Any) -> Cell:
    if name not in kind.INDEXED or column is None:
        raise InvalidInput(
            f"{kind.__name__} records cannot be searched by {name!r}.",
            field=name,
            next_step=f"Search by {', '.join(kind.INDEXED)}." if kind.INDEXED else "Ask for all of them.",
        )
    fits = isinstance(value, bool) if column.holds is Holds.FLAG else isinstance(value, str)
    if value is None:
        return None
    if not fits or (isinstance(value, str) and not storable_text(value)):
        wanted = "true or false" if column.holds is Holds.FLAG else "plain text"
        raise InvalidInput(f"{name} must be {wanted}.", field=name, next_step="Give another value.")
    return str(value) if isinstance(value, str) else value


def _ids(kind: type[Any], ids: Collection[str]) -> frozenset[str]:
    """The ids that a database can hold. Raises `InvalidInput` for a kind without ids."""
    if kind.ORDER == "seq":
        raise InvalidInput(f"{kind.__name__} records have no ids.", field="ids", next_step="Go on from a number.")
    return frozenset(id for id in ids if storable_text(id))


def _no_cursor() -> InvalidInput:
    return InvalidInput("The cursor is not one of ours.", field="cursor", next_step="Start without a cursor.")
