"""The audit: append-only, hash-chained, written in the transaction it describes.

Each row's hash covers its content and the previous row's hash (a chain, as under RFC 6962's log, without the tree), so
an edit, a deletion, an insertion or a reordering breaks verification at the first row it touches.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import ClassVar, Final

from opstwin.domain.access import Actor
from opstwin.domain.values import Json, digest_of, to_json
from opstwin.errors import AuditBroken

GENESIS: Final = "sha256:" + "0" * 64


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """What happened, before it gets its place in the chain. `details` must be safe to show."""

    action: str
    subject: str
    actor: Actor
    outcome: str = "ok"
    plan_id: str | None = None
    digest: str | None = None
    approval_id: str | None = None
    execution_id: str | None = None
    reason: str = ""
    details: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRow:
    """One link of the chain. `at` is the wall clock, `uptime_s` the monotonic one; order is by `seq` alone."""

    INDEXED: ClassVar[tuple[str, ...]] = ("action", "subject", "plan_id", "execution_id")
    ORDER: ClassVar[str] = "seq"

    seq: int
    at: datetime
    uptime_s: float
    action: str
    subject: str
    actor: Actor
    outcome: str = "ok"
    plan_id: str | None = None
    digest: str | None = None
    approval_id: str | None = None
    execution_id: str | None = None
    reason: str = ""
    details: Mapping[str, Json] = field(default_factory=dict)
    prev_hash: str
    hash: str


def row_hash(row: AuditRow) -> str:
    """The hash of everything in the row but the hash itself."""
    content = to_json(row)
    assert isinstance(content, dict)
    content.pop("hash")
    return digest_of(content)


def linked(entry: AuditEntry, *, seq: int, at: datetime, uptime_s: float, prev_hash: str) -> AuditRow:
    """`entry` as the row that follows `prev_hash`."""
    draft = AuditRow(
        seq=seq, at=at, uptime_s=uptime_s, action=entry.action, subject=entry.subject, actor=entry.actor,
        outcome=entry.outcome, plan_id=entry.plan_id, digest=entry.digest, approval_id=entry.approval_id,
        execution_id=entry.execution_id, reason=entry.reason, details=entry.details, prev_hash=prev_hash, hash="",
    )  # fmt: skip
    return _with_hash(draft)


def verify_chain(rows: Iterable[AuditRow], *, seq: int = 0, head: str = GENESIS) -> tuple[int, str]:
    """The last sequence number and hash of a sound chain that goes on from (`seq`, `head`).

    Raises `AuditBroken` with `details["seq"]` of the first row that does not fit.
    """
    for row in rows:
        seq += 1
        if row.seq != seq or row.prev_hash != head or row.hash != row_hash(row):
            raise AuditBroken(
                f"Audit row {seq} does not fit the chain.",
                next_step="Stop the hub, keep the database file, and compare it with a backup or an exported head.",
                details={"seq": seq},
            )
        head = row.hash
    return seq, head


def _with_hash(row: AuditRow) -> AuditRow:
    return replace(row, hash=row_hash(row))
