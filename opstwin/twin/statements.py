"""The SQL of one kind of record, made once: plain statements over the tables, without an object session in between."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Any, Final

from sqlalchemy import Column as TableColumn
from sqlalchemy import Connection, Delete, Insert, Select, Update, bindparam, delete, insert, select, update

from opstwin.domain.records import Record
from opstwin.twin.codec import Row, Shape, shape_of
from opstwin.twin.querying import Asked
from opstwin.twin.settling import AT_MOST_ONE, Settled
from opstwin.twin.tables import TABLES

_AT_ONCE: Final = 500
"""Ids in one IN list; SQLite allows 32,766 values in a statement, and short lists share one prepared form."""


@dataclass(frozen=True, slots=True)
class Statements:
    """What can be said to one kind's table. `order` is the column that its records are ordered by."""

    shape: Shape[Any]
    columns: tuple[TableColumn[Any], ...]
    order: TableColumn[Any]
    insert: Insert
    update: Update
    delete: Delete
    versions: Select[Any]
    one: Select[Any]

    @property
    def everything(self) -> Select[Any]:
        """All records, in order."""
        return select(*self.columns).order_by(self.order)


@dataclass(frozen=True, slots=True)
class _Form:
    """What pages have in common that differ in values only: filters by value, filters by absence, and the rest."""

    filters: tuple[str, ...]
    absent: tuple[str, ...]
    by_ids: bool
    goes_on: bool
    newest_first: bool


def page_of(kind: Any, asked: Asked) -> tuple[Select[Any], dict[str, Any]]:
    """One row more than asked for, each with its place behind its columns: the statement and its values."""
    values: dict[str, Any] = {f"is_{name}": value for name, value in asked.where.items() if value is not None}
    form = _Form(
        filters=tuple(name for name, value in asked.where.items() if value is not None),
        absent=tuple(name for name, value in asked.where.items() if value is None),
        by_ids=asked.ids is not None, goes_on=asked.after is not None, newest_first=asked.newest_first,
    )  # fmt: skip
    if asked.ids is not None:
        values["ids"] = sorted(asked.ids)
    if asked.after is not None:
        values["after"] = asked.after
    return _page(kind, form), values | {"rows": asked.limit + 1}


@lru_cache(maxsize=500)
def _page(kind: Any, form: _Form) -> Select[Any]:
    """Making a statement takes longer than running it, and few forms are ever asked for."""
    statements = statements_for(kind)
    named = {column.name: column for column in statements.columns}
    order = statements.order
    statement = select(*statements.columns, order.label("place")).limit(bindparam("rows"))
    statement = statement.where(*(named[name] == bindparam(f"is_{name}") for name in form.filters))
    statement = statement.where(*(named[name].is_(None) for name in form.absent))
    if form.by_ids:
        statement = statement.where(named["id"].in_(bindparam("ids", expanding=True)))
    if form.goes_on:
        statement = statement.where(order < bindparam("after") if form.newest_first else order > bindparam("after"))
    return statement.order_by(order.desc() if form.newest_first else order.asc())


_MADE: Final[dict[Any, Statements]] = {}


def statements_for(kind: Any) -> Statements:
    """The statements of one kind."""
    if kind not in _MADE:
        _MADE[kind] = _made(kind)
    return _MADE[kind]


def _made(kind: Any) -> Statements:
    shape: Shape[Any] = shape_of(kind)
    table = TABLES[kind].metadata.tables[str(TABLES[kind].__tablename__)]
    key = table.c.seq if kind.ORDER == "seq" else table.c.id
    columns = tuple(table.c[column.name] for column in shape.columns)
    values: dict[str, Any] = {column.name: bindparam(column.name) for column in shape.columns if column.name != "id"}
    return Statements(
        shape=shape,
        columns=columns,
        order=table.c[kind.ORDER],
        insert=insert(table).inline(),
        update=update(table).where(key == bindparam("id_")).values(values),
        delete=delete(table).where(key == bindparam("id_")),
        one=select(*columns).where(key == bindparam("id_")),
        versions=select(key, table.c.get("version", key)).where(key.in_(bindparam("ids", expanding=True))),
    )


def stored_versions(connection: Connection, kind: type[Record], ids: Sequence[str]) -> dict[str, int]:
    """The versions of those ids that are stored."""
    found: dict[str, int] = {}
    rest = iter(ids)
    while chunk := list(islice(rest, _AT_ONCE)):
        rows = connection.execute(statements_for(kind).versions, {"ids": chunk})
        found.update({row[0]: row[1] for row in rows})
    return found


def holders(connection: Connection, kind: type[Record]) -> list[dict[str, Any]]:
    """The rows that the kind's uniqueness rule counts now."""
    rule = AT_MOST_ONE[kind]
    named = {column.name: column for column in statements_for(kind).columns}
    wanted = [named[name] for name in ("id", rule.scope) if name is not None]
    rows = connection.execute(select(*wanted).where(named[rule.field].in_(sorted(rule.values, key=str))))
    return [dict(row) for row in rows.mappings()]


def carry_out(connection: Connection, work: Settled) -> None:
    """Remove, update and insert, in this order."""
    statements = statements_for(work.kind)
    if work.removes:
        connection.execute(statements.delete, [{"id_": id} for id in work.removes])
    if work.updates:
        connection.execute(statements.update, [_renamed(row) for row in work.updates])
    if work.inserts:
        connection.execute(statements.insert, work.inserts)


def append(connection: Connection, kind: Any, rows: Sequence[Row]) -> None:
    """Insert rows that carry numbers of the store's own."""
    if rows:
        connection.execute(statements_for(kind).insert, list(rows))


def _renamed(row: Row) -> Row:
    renamed = dict(row)
    renamed["id_"] = renamed.pop("id")
    return renamed
