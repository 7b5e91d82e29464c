"""Whoever changes the audit behind the twin's back is found out, at the first row they touched."""

import sqlite3
from collections.abc import Callable
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
COLUMNS = (
    "seq, at, uptime_s, action, subject, actor, outcome, plan_id, digest, approval_id, execution_id, reason, details, "
    "prev_hash, hash"
)
GUARDS = "SELECT type, name FROM sqlite_master WHERE tbl_name = 'audit' AND (type = 'trigger' OR name LIKE 'ix_%')"


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
        for kind, name in file.execute(GUARDS).fetchall():
            file.execute(f"DROP {kind} {name}")
        file.execute("CREATE TABLE kept AS SELECT * FROM audit")
        file.execute("CREATE UNIQUE INDEX kept_seq ON kept (seq)")
    return path


EDITS = {
    "at": "'2020-01-01T00:00:00.000000+00:00'", "uptime_s": "uptime_s + 0.25", "action": "'nothing'", "subject": "'x'",
    "actor": "json_set(actor, '$.id', 'mallory')", "outcome": "'failed'", "plan_id": "'plan_2'", "digest": "'d'",
    "approval_id": "'a'", "execution_id": "'e'", "reason": "'because'", "details": "json_set(details, '$.number', -1)",
    "prev_hash": "hash", "hash": "prev_hash",
}  # fmt: skip


def edit(seq: int) -> str:
    column = sorted(EDITS)[seq % len(EDITS)]
    return f"UPDATE audit SET {column} = {EDITS[column]} WHERE seq = {seq}"


def make_unreadable(seq: int) -> str:
    return f"UPDATE audit SET details = '{{' WHERE seq = {seq}"


def delete(seq: int) -> str:
    return f"DELETE FROM audit WHERE seq = {seq}"


def delete_and_close_the_gap(seq: int) -> str:
    return f"DELETE FROM audit WHERE seq = {seq}; UPDATE audit SET seq = {seq} WHERE seq = {seq} + 1"


def truncate(seq: int) -> str:
    return f"DELETE FROM audit WHERE seq >= {seq}"


def insert(seq: int) -> str:
    """A copy of the row is put before it, and all that follow move up."""
    rest = COLUMNS.removeprefix("seq, ")
    return (
        f"UPDATE audit SET seq = -seq WHERE seq >= {seq}; UPDATE audit SET seq = 1 - seq WHERE seq < 0;"
        f"INSERT INTO audit (seq, {rest}) SELECT {seq}, {rest} FROM audit WHERE seq = {seq} + 1"
    )


def swap_with_the_next(seq: int) -> str:
    return (
        f"UPDATE audit SET seq = -1 WHERE seq = {seq}; UPDATE audit SET seq = {seq} WHERE seq = {seq} + 1;"
        f"UPDATE audit SET seq = {seq} + 1 WHERE seq = -1"
    )


CHANGES = {
    edit: 0, make_unreadable: 0, delete: 0, delete_and_close_the_gap: 0, truncate: 0, swap_with_the_next: 0,
    # The copy hashes like the row it copies, but carries its number: the row after it is the first that cannot fit.
    insert: 1,
}  # fmt: skip
"""What somebody does to a row, and how far behind it the first row lies that does not fit."""


@pytest.mark.proves("K1")
@pytest.mark.timeout(300)
@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
async def test_every_change_to_every_row_is_found_at_the_first_row_it_touches(
    log: Path, change: Callable[[int], str]
) -> None:
    store = await open_store(f"sqlite:///{log}")
    whole = await everything(store, AuditRow)
    heads = [GENESIS, *(row.hash for row in whole)]
    last = ROWS - 1 if change in (swap_with_the_next, delete_and_close_the_gap) else ROWS
    with closing(sqlite3.connect(log, isolation_level=None)) as file:
        file.execute("PRAGMA synchronous=OFF")
        for seq in range(1, last + 1):
            file.executescript(f"BEGIN; {change(seq)}; COMMIT")
            start = max(0, seq - 2)
            assert await first_bad(store, start, heads[start], limit=5) == seq + CHANGES[change]
            if seq % 97 == 0:
                assert await first_bad(store, 0, GENESIS, limit=1000) == seq + CHANGES[change]
            file.executescript(
                f"BEGIN; DELETE FROM audit WHERE seq >= {seq};"
                f"INSERT INTO audit SELECT * FROM kept WHERE seq >= {seq}; COMMIT"
            )
    assert verify_chain(await everything(store, AuditRow)) == (ROWS, heads[-1])
    await store.close()


async def first_bad(store: TwinStore, seq: int, head: str, *, limit: int) -> int:
    """The row that verification from here on names, or the one behind the last when rows are missing at the end."""
    try:
        page = await store.find(Query(AuditRow, after=str(seq), limit=limit))
        last, _ = verify_chain(page.items, seq=seq, head=head)
    except AuditBroken as error:
        bad = error.details["seq"]
        assert isinstance(bad, int)
        return bad
    return last + 1


@pytest.mark.proves("K1")
@pytest.mark.parametrize(
    ("sql", "seq"),
    [
        (truncate(ROWS), ROWS),
        (truncate(500), 500),
        ("DELETE FROM audit", 1),
        (f"UPDATE audit SET hash = prev_hash WHERE seq = {ROWS}", ROWS),
        (f"INSERT INTO audit SELECT {ROWS} + 1, * FROM (SELECT {COLUMNS[5:]} FROM audit LIMIT 1)", ROWS + 1),
    ],
)
async def test_nothing_is_written_behind_an_audit_that_was_cut_or_lengthened(log: Path, sql: str, seq: int) -> None:
    store = await open_store(f"sqlite:///{log}")
    with closing(sqlite3.connect(log, isolation_level=None)) as file:
        file.executescript(sql)
    with pytest.raises(AuditBroken) as caught:
        await put(store, desired())
    assert caught.value.details["seq"] == seq
    assert await store.get(Desired, desired().id) is None
    await store.close()


@pytest.mark.parametrize(
    "sql", ["UPDATE audit SET reason = 'x'", "DELETE FROM audit", "DELETE FROM audit WHERE seq = 1"]
)
async def test_the_database_itself_refuses_to_change_the_audit(
    tmp_path: Path, postgres_database: str, sql: str
) -> None:
    path = tmp_path / "twin.db"
    for url in (f"sqlite:///{path}", postgres_database):
        store = await open_store(url)
        await write(store, audit=[entry(), entry()])
        await store.close()
    with closing(sqlite3.connect(path)) as file, pytest.raises(sqlite3.IntegrityError, match="append-only"):
        file.execute(sql)
    with (
        psycopg.connect(postgres_database.replace("+psycopg", "")) as server,
        pytest.raises(psycopg.Error, match="append-only"),
    ):
        server.execute(sql)


async def test_postgres_refuses_to_empty_the_audit(postgres_database: str) -> None:
    await (await open_store(postgres_database)).close()
    with (
        psycopg.connect(postgres_database.replace("+psycopg", "")) as server,
        pytest.raises(psycopg.Error, match="append-only"),
    ):
        server.execute("TRUNCATE audit")
