"""Gives a commit's audit entries and events their places behind those that are stored."""

import json
from dataclasses import replace

from opstwin.domain.audit import AuditEntry, AuditRow, linked
from opstwin.domain.event import Event
from opstwin.errors import InvalidInput
from opstwin.twin.codec import as_utc
from opstwin.twin.nested import json_text
from opstwin.twin.store import Commit


def chained(commit: Commit, *, seq: int, head: str) -> list[AuditRow]:
    """The commit's audit rows, chained to `head`, the hash of row `seq`. Raises `InvalidInput` for what has no hash."""
    rows: list[AuditRow] = []
    # What is hashed must be what comes back: moments in UTC, fractions where whole numbers stood for them.
    at, uptime_s = as_utc(commit.at, "at"), float(commit.uptime_s)
    for place, entry in enumerate(commit.audit, seq + 1):
        rows.append(linked(_settled(entry), seq=place, at=at, uptime_s=uptime_s, prev_hash=head))
        head = rows[-1].hash
    return rows


def numbered(commit: Commit, *, seq: int) -> list[Event]:
    """The commit's events with the sequence numbers after `seq`."""
    return [replace(event, seq=place) for place, event in enumerate(commit.events, seq + 1)]


def _settled(entry: AuditEntry) -> AuditEntry:
    try:
        json_text(entry)
        return replace(entry, details=json.loads(json_text(entry.details)))
    except (ValueError, TypeError) as error:
        raise InvalidInput(
            f"The audit entry {entry.action!a} cannot be stored: {error}.",
            field="audit",
            next_step="Give details as plain JSON.",
        ) from error
