"""What is done on a connection: one commit inside a transaction, and the reads."""

from typing import Any, TypeVar

from sqlalchemy import Connection, delete, func, select, update

from opstwin.domain.audit import AuditRow
from opstwin.domain.event import Event
from opstwin.domain.records import Stored
from opstwin.domain.touched import Touched
from opstwin.errors import AuditBroken, StoreError
from opstwin.twin.chaining import chained, numbered
from opstwin.twin.codec import shape_of, storable_text
from opstwin.twin.querying import Asked, cursor_of, sequence_number
from opstwin.twin.settling import Ordered, Settled, check_alone, claimants, settled
from opstwin.twin.statements import append, carry_out, holders, page_of, statements_for, stored_versions
from opstwin.twin.store import Commit, Page, Receipt
from opstwin.twin.tables import AuditHeadTable
from opstwin.twin.touching import KEPT, is_noted, touched

S = TypeVar("S", bound=Stored)
_HEAD = AuditHeadTable.metadata.tables["audit_head"]
_LAST_LINK = (
    select(statements_for(AuditRow).order, AuditHeadTable.metadata.tables["audit"].c.hash)
    .order_by(statements_for(AuditRow).order.desc())
    .limit(1)
)


def store(connection: Connection, commit: Commit, writes: list[Ordered]) -> Receipt:
    """Carry out a commit inside the connection's transaction.

    Raises `Conflict`, and `AuditBroken` when the end of the audit is not where the last commit left it.
    """
    audit_seq, audit_hash, event_seq = _locked_head(connection)
    works: list[Settled] = []
    for wanted in writes:
        work = settled(wanted, stored_versions(connection, wanted.kind, wanted.ids))
        if claimants(work):
            check_alone(work, holders(connection, work.kind))
        carry_out(connection, work)
        works.append(work)
    _note(connection, works)
    audit = chained(commit, seq=audit_seq, head=audit_hash)
    events = numbered(commit, seq=event_seq)
    append(connection, AuditRow, [shape_of(AuditRow).row(row) for row in audit])
    append(connection, Event, [shape_of(Event).row(event) for event in events])
    receipt = Receipt(audit_seq + len(audit), event_seq + len(events))
    if audit or events:
        head = audit[-1].hash if audit else audit_hash
        moved = {"audit_seq": receipt.audit_seq, "audit_hash": head, "event_seq": receipt.event_seq}
        connection.execute(update(_HEAD).values(moved))
    return receipt


def read_one(connection: Connection, kind: type[S], id: str) -> S | None:
    """One record, or None."""
    key = sequence_number(id) if kind.ORDER == "seq" else id
    if key is None or not storable_text(id):
        return None
    row = connection.execute(statements_for(kind).one, {"id_": key}).first()
    return None if row is None else shape_of(kind).record(tuple(row))


def read_page(connection: Connection, kind: type[S], asked: Asked) -> Page[S]:
    """A page of records."""
    rows: list[Any] = list(connection.execute(*page_of(kind, asked)))
    chosen = rows[: asked.limit]
    following = cursor_of(kind, chosen[-1][-1]) if len(rows) > asked.limit else None
    shape = shape_of(kind)
    return Page(tuple(shape.record(row[:-1]) for row in chosen), following)


def read_event_seq(connection: Connection) -> int:
    """The sequence number of the newest event."""
    return int(connection.execute(select(_HEAD.c.event_seq)).scalar_one())


def _note(connection: Connection, works: list[Settled]) -> None:
    """Write down what was touched. The lock on the head makes the numbers follow the order of the commits."""
    if not is_noted(works):
        return
    order = statements_for(Touched).order
    last = connection.execute(select(func.coalesce(func.max(order), 0))).scalar_one()
    notes = touched(works, seq=last)
    append(connection, Touched, [shape_of(Touched).row(note) for note in notes])
    connection.execute(delete(order.table).where(order <= notes[-1].seq - KEPT))


def _locked_head(connection: Connection) -> tuple[int, str, int]:
    """The last audit row's number and hash, and the last event's number; locked until the transaction ends."""
    row = connection.execute(select(_HEAD.c.audit_seq, _HEAD.c.audit_hash, _HEAD.c.event_seq).with_for_update()).first()
    if row is None:
        raise StoreError("The audit has lost its head.", next_step="Stop the hub and restore your last backup.")
    # A statement of its own: it sees what was committed while the one above waited for the lock.
    last = connection.execute(_LAST_LINK).first()
    if (tuple(last) if last else (0, None)) != (row[0], row[1] if row[0] else None):
        raise _broken(row[0], last[0] if last else 0)
    return row[0], row[1], row[2]


def _broken(head: int, last: int) -> AuditBroken:
    bad = head if last == head else min(head, last) + 1
    return AuditBroken(
        f"The audit does not end where it should: row {bad} was changed, removed or added from outside.",
        next_step="Run: opstwin audit verify. Nothing is applied until the audit is whole; restore your last backup.",
        details={"seq": bad},
    )
