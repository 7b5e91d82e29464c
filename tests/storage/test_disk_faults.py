"""What happens to the twin when its disk fails: nothing is acknowledged that is not stored, and reads go on."""

import shutil
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import psycopg
import pytest

from opstwin.domain.resource import Desired
from opstwin.errors import StoreError
from opstwin.twin.contents import content_hash
from opstwin.twin.opening import open_store
from opstwin.twin.sql import SqlStore, open_sql_store
from opstwin.twin.store import Query, TwinStore
from tests.contract.twin_places import checked_audit, desired, everything, put
from tests.storage.conftest import Mounting, as_root

COMMITTER = Path(__file__).with_name("committer.py")


async def refused(store: TwinStore, name: str) -> StoreError:
    """The error of a commit that must fail and leave nothing to be read."""
    with pytest.raises(StoreError) as caught:
        await put(store, desired(name, spec={"padding": "x" * 50_000}))
    assert caught.value.next_step
    assert await store.get(Desired, desired(name).id) is None
    return caught.value


async def fill(store: TwinStore) -> tuple[StoreError, list[str]]:
    """Commit until it fails: the error, and the names that were acknowledged."""
    stored: list[str] = []
    for number in range(1000):
        name = f"n{number:04d}"
        try:
            await put(store, desired(name, spec={"padding": "x" * 20_000}))
        except StoreError as error:
            return error, stored
        stored.append(name)
    pytest.fail("the disk never became full")


@pytest.mark.proves("D1")
@pytest.mark.parametrize(("call", "when"), [("fsync,fdatasync", "9..16"), ("pwrite64", "100..110")])
async def test_a_disk_that_reports_errors_gets_nothing_acknowledged(tmp_path: Path, call: str, when: str) -> None:
    strace = shutil.which("strace")
    if strace is None:
        pytest.fail("strace was not found: apt-get install strace", pytrace=False)
    url = f"sqlite:///{tmp_path / 'twin.db'}"
    await (await open_store(url)).close()
    done = subprocess.run(
        [strace, "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e", f"inject={call}:error=EIO:when={when}",
         sys.executable, COMMITTER, url, "c", "30"],
        capture_output=True, text=True, check=False, timeout=100,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in done.stdout.splitlines()]
    failed = [line for line in lines if line[0] == "failed"]
    good = [line for line in lines if line[0] == "ok"]
    assert failed, "no commit met the error"
    # Each failure was told as one, what was there stayed readable, and the failed record was not shown.
    for _, number, *rest in failed:
        last_good = max(int(line[1]) for line in good if int(line[1]) < int(number))
        assert rest == ["io_error", f"c-{last_good:06d}", "False"]
    # When the disk was well again, the same process went on.
    assert int(good[-1][1]) == 29
    store = await open_store(url)
    names = {item.name for item in await everything(store, Desired)}
    rows = await checked_audit(store)
    await store.close()
    assert {f"c-{int(line[1]):06d}" for line in good} <= names
    assert [line[2] for line in good] == [str(number) for number in range(1, len(good) + 1)]
    assert {row.details["id"] for row in rows} == {f"local/container/{name}" for name in names}


@pytest.mark.proves("D2")
async def test_a_full_disk_refuses_writes_serves_reads_and_recovers_alone(mounted: Mounting) -> None:
    folder = mounted("-t", "tmpfs", "-o", "size=2m", "tmpfs")
    ballast = folder / "ballast"
    ballast.write_bytes(b"x" * 512 * 1024)
    store = await open_store(f"sqlite:///{folder / 'twin.db'}")
    error, stored = await fill(store)
    assert error.details["cause"] == "disk_full"
    for name in ("late-1", "late-2"):
        assert (await refused(store, name)).details["cause"] == "disk_full"
    assert [item.name for item in await everything(store, Desired)] == stored
    assert len(await checked_audit(store)) == len(stored)
    ballast.unlink()
    await put(store, desired("after"))
    assert len(await checked_audit(store)) == len(stored) + 1
    await store.close()


@pytest.mark.proves("D2")
async def test_a_twin_cannot_be_made_on_a_full_disk_and_can_be_later(mounted: Mounting) -> None:
    folder = mounted("-t", "tmpfs", "-o", "size=1m", "tmpfs")
    ballast = folder / "ballast"
    ballast.write_bytes(b"x" * 960 * 1024)
    with pytest.raises(StoreError) as caught:
        await open_store(f"sqlite:///{folder / 'twin.db'}")
    assert caught.value.details["cause"] == "disk_full"
    ballast.unlink()
    store = await open_store(f"sqlite:///{folder / 'twin.db'}")
    await put(store, desired())
    await store.close()


@pytest.mark.proves("D2")
async def test_a_backup_that_does_not_fit_leaves_no_half_file(mounted: Mounting, tmp_path: Path) -> None:
    store = await open_store(f"sqlite:///{tmp_path / 'twin.db'}")
    folder = mounted("-t", "tmpfs", "-o", "size=64k", "tmpfs")
    with pytest.raises(StoreError) as caught:
        await store.backup(folder / "copy.db")
    assert caught.value.details["cause"] == "disk_full"
    assert list(folder.iterdir()) == []
    await put(store, desired())
    await store.close()


@pytest.mark.proves("D4")
async def test_a_file_system_that_turns_read_only_serves_reads_and_refuses_writes(
    mounted: Mounting, ext4_image: Path
) -> None:
    folder = mounted("-o", "loop,errors=remount-ro", ext4_image)
    store = await open_store(f"sqlite:///{folder / 'twin.db'}")
    await put(store, desired("before"))
    break_file_system(folder)
    causes = [(await refused(store, f"late-{number}")).details["cause"] for number in range(3)]
    assert causes[-1] == "read_only"
    assert set(causes) <= {"io_error", "read_only"}
    assert [item.name for item in await everything(store, Desired)] == ["before"]
    assert len(await checked_audit(store)) == 1
    await store.close()


def break_file_system(folder: Path) -> None:
    """Let ext4 find an error, as it does on a bad disk: it makes itself read-only under the open files."""
    found = subprocess.run(["findmnt", "-no", "SOURCE", folder], capture_output=True, text=True, check=True)
    switch = f"/sys/fs/ext4/{Path(found.stdout.strip()).name}/trigger_fs_error"
    as_root("sh", "-c", f"echo broken > {switch}")
    now = subprocess.run(["findmnt", "-no", "OPTIONS", folder], capture_output=True, text=True, check=True)
    assert {"ro", "emergency_ro"} & set(now.stdout.strip().split(",")), now.stdout


@pytest.mark.proves("D4")
async def test_a_twin_on_a_read_only_disk_is_refused_with_the_reason(mounted: Mounting, ext4_image: Path) -> None:
    folder = mounted("-o", "loop", ext4_image)
    store = await open_store(f"sqlite:///{folder / 'twin.db'}")
    await put(store, desired())
    await store.close()
    as_root("mount", "-o", "remount,ro", folder)
    with pytest.raises(StoreError) as caught:
        await open_store(f"sqlite:///{folder / 'twin.db'}")
    assert caught.value.details["cause"] in ("cannot_open", "read_only")
    as_root("mount", "-o", "remount,rw", folder)
    store = await open_store(f"sqlite:///{folder / 'twin.db'}")
    assert await store.get(Desired, desired().id) is not None
    await store.close()


async def test_a_database_that_another_process_locks_is_refused_and_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "twin.db"
    store = open_sql_store(f"sqlite:///{path}", busy_s=0.05)
    await put(store, desired("before"))
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    error = await refused(store, "late")
    assert error.details["cause"] == "locked"
    assert error.retry_after_s
    assert [item.name for item in await everything(store, Desired)] == ["before"]
    other.execute("ROLLBACK")
    other.close()
    await put(store, desired("after"))
    assert len(await checked_audit(store)) == 2
    await store.close()


@pytest.fixture
async def twin_on_postgres(postgres_database: str) -> AsyncIterator[SqlStore]:
    store = open_sql_store(postgres_database)
    yield store
    await store.close()


def end_connections(url: str) -> None:
    """What a restart of the server does to those who are connected."""
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as admin:
        admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


async def test_lost_connections_to_postgres_are_made_anew(twin_on_postgres: SqlStore, postgres_database: str) -> None:
    await put(twin_on_postgres, desired("before"))
    end_connections(postgres_database)
    assert await twin_on_postgres.get(Desired, desired("before").id) is not None
    await put(twin_on_postgres, desired("after"))
    assert len(await checked_audit(twin_on_postgres)) == 2


async def test_postgres_that_does_not_answer_is_said_plainly(tmp_path: Path) -> None:
    with pytest.raises(StoreError) as caught:
        open_sql_store(f"postgresql+psycopg://user:s3cret@/twin?host={tmp_path}")
    assert caught.value.details["cause"] == "connection_lost"
    assert "s3cret" not in f"{caught.value} {caught.value.details}"


async def test_a_read_only_postgres_serves_reads_and_refuses_writes(
    twin_on_postgres: SqlStore, postgres_database: str
) -> None:
    await put(twin_on_postgres, desired("before"))
    make_read_only(postgres_database, "on")
    assert (await refused(twin_on_postgres, "late")).details["cause"] == "read_only"
    assert len((await twin_on_postgres.find(Query(Desired))).items) == 1
    make_read_only(postgres_database, "off")
    await put(twin_on_postgres, desired("after"))


def make_read_only(url: str, value: str) -> None:
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as admin:
        admin.execute("SET default_transaction_read_only = off")
        name = admin.execute("SELECT current_database()").fetchone()
        assert name
        admin.execute(f"ALTER DATABASE {name[0]} SET default_transaction_read_only = {value}")
    end_connections(url)


def not_a_database(path: Path) -> None:
    path.write_bytes(b"this is no database" * 1000)


def a_folder(path: Path) -> None:
    path.mkdir()


@pytest.mark.parametrize(("make", "cause"), [(not_a_database, "damaged"), (a_folder, "cannot_open")])
async def test_what_is_no_database_is_refused(tmp_path: Path, make: Callable[[Path], None], cause: str) -> None:
    make(tmp_path / "twin.db")
    with pytest.raises(StoreError) as caught:
        await open_store(f"sqlite:///{tmp_path / 'twin.db'}")
    assert caught.value.details["cause"] == cause


async def test_a_damaged_page_is_reported_not_returned(tmp_path: Path) -> None:
    path = tmp_path / "twin.db"
    store = await open_store(f"sqlite:///{path}")
    await put(store, *(desired(f"n{n}", spec={"padding": "x" * 3000}) for n in range(100)))
    await store.close()
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) - 4096] = bytes(len(data) - 4096 - len(data) // 2)
    path.write_bytes(data)
    store = await open_store(f"sqlite:///{path}")
    with pytest.raises(StoreError) as caught:
        await content_hash(store)
    assert caught.value.details.get("cause") == "damaged"
    await store.close()
