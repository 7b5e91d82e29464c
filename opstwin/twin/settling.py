"""What a commit comes to: the same rules for every store, applied to the versions that are stored now.

Writes count one after the other, so a record may be written twice in one commit; a `Require` speaks of the time before
the commit.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from opstwin.domain.execution import FINISHED, Execution, ExecutionState
from opstwin.domain.records import Record
from opstwin.domain.target import Target
from opstwin.errors import Conflict
from opstwin.twin.codec import Cell, Row, shape_of, storable_text
from opstwin.twin.store import Put, Remove, Require, Write

Versions = Mapping[str, int]
"""Stored versions by id; an id that is missing is not stored."""


@dataclass(slots=True)
class Ordered:
    """The writes of one commit on one kind, checked and in columns, before any version is known."""

    kind: type[Record]
    writes: list[tuple[Write, str, Row | None]] = field(default_factory=list)

    @property
    def ids(self) -> list[str]:
        """The ids that the writes name, each once; those that no database can hold are not asked for."""
        return list(dict.fromkeys(id for _, id, _ in self.writes if storable_text(id)))


@dataclass(slots=True)
class Settled:
    """What to do to one kind's rows; rows carry their new version."""

    kind: type[Record]
    inserts: list[Row] = field(default_factory=list)
    updates: list[Row] = field(default_factory=list)
    removes: list[str] = field(default_factory=list)


def ordered(writes: Sequence[Write]) -> list[Ordered]:
    """The writes by kind. Raises `InvalidInput` for a record that cannot be stored."""
    kinds: dict[type[Record], Ordered] = {}
    for write in writes:
        kind: type[Record] = write.kind if isinstance(write, Require) else type(write.record)
        row = shape_of(kind).row(write.record) if isinstance(write, Put) else None
        id = write.id if isinstance(write, Require) else write.record.id
        kinds.setdefault(kind, Ordered(kind)).writes.append((write, id, row))
    return list(kinds.values())


def settled(wanted: Ordered, stored: Versions) -> Settled:
    """The rows to insert, update and remove. Raises `Conflict` when a version does not hold."""
    now = dict(stored)
    final: dict[str, Row | None] = {}
    for write, id, row in wanted.writes:
        holding = stored.get(id, 0) if isinstance(write, Require) else now.get(id, 0)
        version = write.version if isinstance(write, Require) else write.record.version
        if holding != version or (isinstance(write, Remove) and version == 0):
            raise changed(wanted.kind, id)
        if isinstance(write, Put) and row is not None:
            now[id] = version + 1
            final[id] = {**row, "version": version + 1}
        elif isinstance(write, Remove):
            now[id] = 0
            final[id] = None
    return _net(wanted.kind, final, stored)


def changed(kind: type[Record], id: str) -> Conflict:
    """The error for a record that somebody else changed first."""
    word = kind.__name__.lower()
    return Conflict(
        f"The {word} {id} was changed by somebody else.",
        next_step="Read it again and repeat.",
        details={"kind": word, "id": id},
    )


@dataclass(frozen=True, slots=True)
class AtMostOne:
    """Only one record may have `field` in `values`, or one for each value of the `scope` field."""

    kind: type[Record]
    field: str
    values: frozenset[Cell]
    scope: str | None
    message: str
    next_step: str

    def place(self, row: Mapping[str, Any]) -> str:
        """What the row claims for itself alone."""
        return str(row[self.scope]) if self.scope else ""

    def broken(self, id: str) -> Conflict:
        """The error for the record that came second."""
        return Conflict(self.message, next_step=self.next_step, details={"kind": self.kind.__name__.lower(), "id": id})


AT_MOST_ONE: Final[Mapping[type[Record], AtMostOne]] = {
    Target: AtMostOne(
        Target, "is_default", frozenset({True}), None,
        "Another target is the default.", "Read the targets again; clear the old default in the same write.",
    ),
    Execution: AtMostOne(
        Execution, "state", frozenset(state.value for state in set(ExecutionState) - FINISHED), "target",
        "Another execution on this target is not finished.", "Wait for it to finish, or cancel it.",
    ),
}  # fmt: skip
"""The uniqueness rules. The SQL tables carry the same rules as partial unique indexes."""


def claimants(work: Settled) -> list[Row]:
    """The rows of this work that a uniqueness rule counts."""
    rule = AT_MOST_ONE.get(work.kind)
    return [] if rule is None else [row for row in (*work.updates, *work.inserts) if row[rule.field] in rule.values]


def check_alone(work: Settled, holders: Iterable[Mapping[str, Any]]) -> None:
    """Raise `Conflict` when the work leaves two rows where one is allowed; `holders` are those that count now."""
    rule = AT_MOST_ONE[work.kind]
    touched = {*work.removes, *(str(row["id"]) for row in (*work.updates, *work.inserts))}
    places = {rule.place(row) for row in holders if row["id"] not in touched}
    for row in claimants(work):
        if rule.place(row) in places:
            raise rule.broken(str(row["id"]))
        places.add(rule.place(row))


def _net(kind: type[Record], final: Mapping[str, Row | None], stored: Versions) -> Settled:
    work = Settled(kind)
    for id, row in final.items():
        if row is None:
            work.removes += [id] if id in stored else []
        elif id in stored:
            work.updates.append(row)
        else:
            work.inserts.append(row)
    rule = AT_MOST_ONE.get(kind)
    if rule is not None:
        # Whoever gives a claim up goes first, so that no index sees two holders on the way.
        work.updates.sort(key=lambda row: row[rule.field] in rule.values)
    return work
