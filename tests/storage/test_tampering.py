"""Whoever changes the audit behind the twin's back is found out, at the first row they touched."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from opstwin.domain.audit import GENESIS, AuditEntry, AuditRow, verify_chain
from opstwin.domain.resource import Desired
from opstwin.errors import AuditBroken
from opstwin.twin.opening import open_store
from opstwin.twin.store import Commit, Query, TwinStore
from tests.contract.twin_places import AT, desired, entry, everything, put, write

ROWS = 1000
COLUMNS = "seq, at, uptime_s, action, subject, actor, outcome, plan_id, digest, approval_id, execution_id, reason, details"
TRIGGERS = "SELECT name FROM sqlite_master WHERE type = 'trigger'"


def long_log() -> list[AuditEntry]:
    return [
        AuditEntry(
            action=f"step.{number % 7}", subject=f"local/container/web-{number}", actor=entry().actor,
            plan_id="plan_1" if number % 2 else None, details={"number": number},
        )
        for number in range(ROWS)
    ]  # fmt: skip


@pytest.fixture
async def log(tmp_path: Path) -> Path:
    """A database with 1,000 audit rows, its triggers taken away by somebody who may."""
    path = tmp_path / "twin.db"
    store = await open_store(f"sqlite:///{path}")
    await store.commit(Commit(at=AT, uptime_s=1.5, audit=long_log()))
    await store.close()
    with closing(sqlite3.connect(path, isolation_level=None)) as file:
        for (name,) in file.execute(TRIGGERS).fetchall():
            file.execute(f"DROP TRIGGER {name}")
    return path


async def first_bad(store: TwinStore) -> int:
    """The row that a full verification names, or one behind the last when a row is missing at the end."""
    try:
        last, _ = verify_chain(await everything(store, AuditRow))
    except AuditBroken as error:
        seq = error.details["seq"]
        assert isinstance(seq, int)
        return seq
    return last + 1


EDITS = {
    "at": "'2020-01-01T00:00:00.000000+00:00'", "uptime_s": "uptime_s + 0.25", "action": "'nothing'", "subject": "'x'",
    "actor": "json_set(actor, '$.id', 'mallory')", "outcome": "'failed'", "plan_id": "'plan_2'", "digest": "'d'",
    "approval_id": "'a'", "execution_id": "'e'", "reason": "'because'", "details": "json_set(details, '$.number', -1)",
    "prev_hash": "hash", "hash": "prev_hash",
}  # fmt: skip


def changes(seq: int) -> Iterator[tuple[str, str, int]]:
    """Ways to change the log at one row: a name, the SQL, and the first row that no longer fits."""
    column = sorted(EDITS)[seq % len(EDITS)]
    yield f"edit {column}", f"UPDATE audit SET {column} = {EDITS[column]} WHERE seq = {seq}", seq
    yield "edit details so that it is no JSON", f"UPDATE audit SET details = '{{' WHERE seq = {seq}", seq
    yield "delete", f"DELETE FROM audit WHERE seq = {seq}", seq
    yield (
        "delete and close the gap",
        f"DELETE FROM audit WHERE seq = {seq}; UPDATE audit SET seq = seq - 1 WHERE seq = {seq} + 1",
        seq,
    )
    yield "truncate", f"DELETE FROM audit WHERE seq >= {seq}", seq
    yield (
        "insert",
        f"UPDATE audit SET seq = -seq WHERE seq >= {seq}; UPDATE audit SET seq = 1 - seq WHERE seq < 0;"
        f"INSERT INTO audit ({COLUMNS}, prev_hash, hash) SELECT {seq}, {COLUMNS[5:]}, prev_hash, hash FROM audit "
        f"WHERE seq = {seq} + 1",
        # The copy stands where the row stood, so the row itself is the first that does not fit.
        seq + 1,
    )
    if seq < ROWS:
        yield (
            "swap with the next",
            f"UPDATE audit SET seq = -1 WHERE seq = {seq}; UPDATE audit SET seq = {seq} WHERE seq = {seq} + 1;"
            f"UPDATE audit SET seq = {seq} + 1 WHERE seq = -1",
            seq,
        )


def from_near(file: sqlite3.Connection, seq: int) -> int:
    raise NotImplementedError
