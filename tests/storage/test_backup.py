"""Backups: consistent while the twin is written to, restored whole, and nothing lost on the way."""

import asyncio
import shutil
import sqlite3
import stat
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from opstwin.domain.audit import AuditRow
from opstwin.domain.event import Event
from opstwin.domain.execution import Execution, ExecutionState
from opstwin.domain.records import RECORD_TYPES
from opstwin.domain.resource import Desired
from opstwin.errors import StoreError
from opstwin.twin.contents import content_hash
from opstwin.twin.memory import MemoryStore
from opstwin.twin.opening import open_store, restore
from opstwin.twin.store import Put, TwinStore
from tests.contract.twin_places import AT, checked_audit, desired, entry, everything, put, write
from tests.contract.twin_records import record_of


def one_of_each() -> list[Any]:
    made = [record_of(kind) for kind in RECORD_TYPES]
    return [replace(item, state=ExecutionState.SUCCEEDED) if isinstance(item, Execution) else item for item in made]


async def fill(store: TwinStore) -> None:
    """Something of every kind, removed and changed here and there."""
    await put(store, *one_of_each())
    for number in range(30):
        await write(
            store, Put(desired(f"n{number}")), audit=[entry(details={"n": number})], events=[Event(at=AT, type="e")]
        )
    await put(store, desired("n3", version=1, spec=None))


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'twin.db'}"


async def reopened_hash(url: str) -> str:
    store = await open_store(url)
    try:
        await checked_audit(store)
        return await content_hash(store)
    finally:
        await store.close()


@pytest.mark.proves("D6")
async def test_a_twin_that_was_deleted_comes_back_whole_from_its_backup(tmp_path: Path, url: str) -> None:
    store = await open_store(url)
    await fill(store)
    before = await content_hash(store)
    await store.backup(tmp_path / "copies.db")
    await store.close()
    for file in tmp_path.glob("twin.db*"):
        file.unlink()
    assert await restore(url, tmp_path / "copies.db") is None
    assert await reopened_hash(url) == before
    store = await open_store(url)
    assert (await put(store, desired("after"))).audit_seq == 33
    await store.close()


@pytest.mark.proves("D6")
async def test_a_backup_takes_the_place_of_a_newer_twin_which_is_kept(tmp_path: Path, url: str) -> None:
    store = await open_store(url)
    await fill(store)
    before = await content_hash(store)
    await store.backup(tmp_path / "copy.db")
    await put(store, desired("newer"))
    newer = await content_hash(store)
    await store.close()
    replaced = await restore(url, tmp_path / "copy.db")
    assert await reopened_hash(url) == before
    assert replaced is not None
    assert await reopened_hash(f"sqlite:///{replaced}") == newer


async def test_every_record_counts_in_the_hash(url: str) -> None:
    store = await open_store(url)
    seen = {await content_hash(store)}
    for record in one_of_each():
        await put(store, record)
        seen.add(await content_hash(store))
    await write(store, audit=[entry()])
    seen.add(await content_hash(store))
    await write(store, events=[Event(at=AT, type="e")])
    seen.add(await content_hash(store))
    assert len(seen) == len(RECORD_TYPES) + 3
    await store.close()


async def test_equal_twins_have_equal_hashes_wherever_they_are_kept(url: str, postgres_database: str) -> None:
    hashes = set()
    for store in (MemoryStore(), await open_store(url), await open_store(postgres_database)):
        await fill(store)
        hashes.add(await content_hash(store))
        await store.close()
    assert len(hashes) == 1


async def test_a_backup_made_while_the_twin_is_written_to_is_consistent(tmp_path: Path, url: str) -> None:
    store = await open_store(url)
    await fill(store)
    done = asyncio.Event()

    async def keep_writing() -> int:
        number = 0
        while not done.is_set():
            await put(store, desired(f"w{number}a"), desired(f"w{number}b"))
            number += 1
        return number

    writing = asyncio.ensure_future(keep_writing())
    paths = [tmp_path / f"copy-{number}.db" for number in range(5)]
    for path in paths:
        await store.backup(path)
    done.set()
    assert await writing > 0
    await store.close()
    for path in paths:
        copy = await open_store(f"sqlite:///{path}")
        rows = await checked_audit(copy)
        pairs = [item for item in await everything(copy, Desired) if item.name.startswith("w")]
        # 32 rows stood there before; each later one came with a whole pair.
        assert len(pairs) == 2 * (len(rows) - 32)
        await copy.close()


async def test_a_backup_is_one_private_file(tmp_path: Path, url: str) -> None:
    store = await open_store(url)
    await fill(store)
    (tmp_path / "to").mkdir()
    await store.backup(tmp_path / "to" / "copy.db")
    await store.close()
    [copy] = (tmp_path / "to").iterdir()
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "twin.db").stat().st_mode) == 0o600


async def test_a_backup_never_overwrites_a_file(tmp_path: Path, url: str) -> None:
    store = await open_store(url)
    (tmp_path / "copy.db").write_text("precious")
    with pytest.raises(StoreError):
        await store.backup(tmp_path / "copy.db")
    assert (tmp_path / "copy.db").read_text() == "precious"
    with pytest.raises(StoreError):
        await store.backup(tmp_path / "no such folder" / "copy.db")
    await store.close()


async def test_a_twin_in_use_is_not_replaced(tmp_path: Path, url: str) -> None:
    store = await open_store(url)
    await put(store, desired())
    await store.backup(tmp_path / "copy.db")
    before = await content_hash(store)
    with pytest.raises(StoreError, match="in use"):
        await restore(url, tmp_path / "copy.db")
    assert await content_hash(store) == before
    await put(store, desired("after"))
    await store.close()
    assert {file.name for file in tmp_path.iterdir()} == {"twin.db", "copy.db"}


async def break_audit(copy: Path) -> None:
    with closing(sqlite3.connect(copy)) as file:
        file.execute("DROP TRIGGER audit_keeps_text")
        file.execute("UPDATE audit SET reason = 'x' WHERE seq = 2")
        file.commit()


async def break_pages(copy: Path) -> None:
    data = bytearray(copy.read_bytes())
    data[8192:40960] = b"\xff" * (40960 - 8192)
    copy.write_bytes(data)


async def make_newer(copy: Path) -> None:
    with closing(sqlite3.connect(copy)) as file:
        file.execute("UPDATE alembic_version SET version_num = '9999'")
        file.commit()


async def make_empty(copy: Path) -> None:
    copy.write_bytes(b"")


async def remove(copy: Path) -> None:
    copy.unlink()


@pytest.mark.parametrize("spoil", [break_audit, break_pages, make_newer, make_empty, remove])
async def test_a_bad_backup_changes_nothing(tmp_path: Path, url: str, spoil: Any) -> None:
    store = await open_store(url)
    await fill(store)
    before = await content_hash(store)
    copy = tmp_path / "copy.db"
    await store.backup(copy)
    await store.close()
    await spoil(copy)
    with pytest.raises(StoreError) as caught:
        await restore(url, copy)
    assert caught.value.next_step
    assert await reopened_hash(url) == before
    assert {file.name for file in tmp_path.iterdir()} <= {"twin.db", "copy.db"}


@pytest.mark.parametrize("log_left", [False, True])
async def test_a_backup_replaces_what_is_no_database_any_more(tmp_path: Path, url: str, log_left: bool) -> None:
    store = await open_store(url)
    await fill(store)
    before = await content_hash(store)
    await store.backup(tmp_path / "copy.db")
    shutil.copy(tmp_path / "twin.db-wal", tmp_path / "old-wal")
    await store.close()
    (tmp_path / "twin.db").write_bytes(b"garbage" * 10_000)
    if log_left:
        # It must not be read into the new file.
        shutil.copy(tmp_path / "old-wal", tmp_path / "twin.db-wal")
    replaced = await restore(url, tmp_path / "copy.db")
    assert replaced is not None
    assert log_left or replaced.read_bytes().startswith(b"garbage")
    assert await reopened_hash(url) == before


async def test_postgres_and_memory_name_what_to_use_instead(tmp_path: Path, postgres_database: str) -> None:
    store = await open_store(postgres_database)
    with pytest.raises(StoreError) as caught:
        await store.backup(tmp_path / "copy.db")
    assert "pg_dump" in caught.value.next_step
    await store.close()
    with pytest.raises(StoreError) as caught:
        await restore(postgres_database, tmp_path / "copy.db")
    assert "pg_restore" in caught.value.next_step
    with pytest.raises(StoreError):
        await MemoryStore().backup(tmp_path / "copy.db")
    assert list(tmp_path.iterdir()) == []


async def test_the_audit_of_a_restored_twin_goes_on(tmp_path: Path, url: str) -> None:
    store = await open_store(url)
    await put(store, desired())
    await store.backup(tmp_path / "copy.db")
    await store.close()
    await restore(url, tmp_path / "copy.db")
    store = await open_store(url)
    await put(store, desired("after"))
    assert [row.seq for row in await everything(store, AuditRow)] == [1, 2]
    await store.close()
