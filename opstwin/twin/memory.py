"""The twin in memory: for tests, and wherever nothing has to outlive the process.

It keeps rows in the same form as the SQL store, so that it refuses, rounds and orders exactly as that one does.
"""

from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, Final, TypeVar

from opstwin.domain.audit import GENESIS, AuditRow
from opstwin.domain.event import Event
from opstwin.domain.records import RECORD_TYPES, Stored
from opstwin.domain.touched import Touched
from opstwin.errors import StoreError
from opstwin.twin.chaining import chained, numbered
from opstwin.twin.codec import Row, shape_of
from opstwin.twin.querying import Asked, Place, checked, cursor_of, sequence_number
from opstwin.twin.settling import AT_MOST_ONE, Settled, check_alone, claimants, ordered, settled
from opstwin.twin.store import Commit, Page, Query, Receipt
from opstwin.twin.touching import KEPT, touched
from opstwin.twin.waiting import EventBell

S = TypeVar("S", bound=Stored)
_Table = dict[str, tuple[int, Row]]
"""Rows by id, each with the position of its first insertion."""


class MemoryStore:
    """All of `TwinStore` but durability; one event loop at a time."""

    def __init__(self) -> None:
        self._tables: Final[dict[type[Any], _Table]] = {kind: {} for kind in (*RECORD_TYPES, AuditRow, Event, Touched)}
        self._position = 0
        self._noted = 0
        self._audit_hash: str = GENESIS
        self._bell = EventBell()

    async def get(self, kind: type[S], id: str) -> S | None:
        number = sequence_number(id) if kind.ORDER == "seq" else id
        found = self._tables[kind].get(str(number))
        return None if found is None else _record(kind, found[1])

    async def find(self, query: Query[S]) -> Page[S]:
        asked = checked(query)
        rows = [row for row in self._in_order(query.kind, asked) if _matches(row[1], asked)]
        chosen = rows[: asked.limit]
        following = cursor_of(query.kind, chosen[-1][0]) if len(rows) > asked.limit else None
        return Page(tuple(_record(query.kind, row) for _, row in chosen), following)

    async def commit(self, commit: Commit) -> Receipt:
        works = [self._settled(wanted) for wanted in ordered(commit.writes)]
        audit = chained(commit, seq=len(self._tables[AuditRow]), head=self._audit_hash)
        events = numbered(commit, seq=len(self._tables[Event]))
        rows = [shape_of(AuditRow).row(row) for row in audit], [shape_of(Event).row(event) for event in events]
        for work in works:
            self._write(work)
        self._note(works)
        self._append(AuditRow, rows[0])
        self._append(Event, rows[1])
        self._audit_hash = audit[-1].hash if audit else self._audit_hash
        receipt = Receipt(len(self._tables[AuditRow]), len(self._tables[Event]))
        self._bell.ring(receipt.event_seq)
        return receipt

    async def wait(self, after: int, timeout_s: float) -> int:
        return await self._bell.above(after, timeout_s)

    async def backup(self, path: Path) -> None:
        raise StoreError(
            f"A twin in memory cannot be written to {path.name}.",
            next_step="Use a database: OPSTWIN_DATABASE_URL=sqlite:///…",
        )

    async def close(self) -> None:
        for table in self._tables.values():
            table.clear()

    def _in_order(self, kind: type[Any], asked: Asked) -> Sequence[tuple[Place, Row]]:
        table = self._tables[kind]
        if kind.ORDER == "id":
            rows: list[tuple[Any, Row]] = sorted((id, row) for id, (_, row) in table.items())
        else:
            rows = list(table.values())
        if asked.newest_first:
            rows.reverse()
        if asked.after is None:
            return rows
        return [row for row in rows if (row[0] < asked.after if asked.newest_first else row[0] > asked.after)]

    def _settled(self, wanted: Any) -> Settled:
        table = self._tables[wanted.kind]
        work = settled(wanted, {id: int(str(table[id][1]["version"])) for id in wanted.ids if id in table})
        if claimants(work):
            rule = AT_MOST_ONE[work.kind]
            check_alone(work, [row for _, row in table.values() if row[rule.field] in rule.values])
        return work

    def _write(self, work: Settled) -> None:
        table = self._tables[work.kind]
        for id in work.removes:
            del table[id]
        for row in chain(work.updates, work.inserts):
            id = str(row["id"])
            if id not in table:
                self._position += 1
            table[id] = (table[id][0] if id in table else self._position, row)

    def _note(self, works: Sequence[Settled]) -> None:
        table = self._tables[Touched]
        for note in touched(works, seq=self._noted):
            self._noted = note.seq
            table[str(note.seq)] = (note.seq, shape_of(Touched).row(note))
            table.pop(str(note.seq - KEPT), None)

    def _append(self, kind: type[Any], rows: Sequence[Row]) -> None:
        table = self._tables[kind]
        for row in rows:
            seq = len(table) + 1
            table[str(seq)] = (seq, row)


def _matches(row: Mapping[str, object], asked: Asked) -> bool:
    if asked.ids is not None and row["id"] not in asked.ids:
        return False
    return all(row[name] == value for name, value in asked.where.items())


def _record(kind: type[S], row: Row) -> S:
    return shape_of(kind).record(tuple(row.values()))
