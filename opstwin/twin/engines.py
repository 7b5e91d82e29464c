"""Connections: one that writes and a few that read, for SQLite and PostgreSQL alike."""

import os
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError

from opstwin.errors import InvalidInput, StoreError

READERS: Final = 4
BUSY_S: Final = 5.0
"""How long a statement waits for another process's lock before it fails."""

_POSTGRES_SETTINGS: Final = (
    "SET TIME ZONE 'UTC'",
    "SET lock_timeout = '10s'",
    "SET statement_timeout = '60s'",
    "SET idle_in_transaction_session_timeout = '60s'",
    # A commit is acknowledged only when it is on disk, whatever the server's default is; stronger settings stay.
    "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'",
)
_POSTGRES_CONNECT: Final = {"connect_timeout": 5, "keepalives_idle": 15, "tcp_user_timeout": 15000}


@dataclass(frozen=True, slots=True)
class Engines:
    """One engine for the one writer, and one for readers, whose connections never open a transaction."""

    writer: Engine
    reader: Engine
    path: Path | None = None

    @property
    def is_sqlite(self) -> bool:
        """Whether this is a file of ours alone."""
        return self.path is not None

    def dispose(self) -> None:
        """Close all connections; the next use opens new ones."""
        self.reader.dispose()
        self.writer.dispose()


def engines_for(url: str, busy_s: float = BUSY_S) -> Engines:
    """The engines behind a URL. Raises `InvalidInput` for one that is not supported."""
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise _no_url() from error
    if parsed.drivername in ("sqlite", "sqlite+pysqlite"):
        if not parsed.database or parsed.database == ":memory:":
            raise _no_url()
        return _sqlite(Path(parsed.database), busy_s)
    if parsed.drivername in ("postgresql", "postgresql+psycopg"):
        return _postgres(parsed.set(drivername="postgresql+psycopg"))
    raise _no_url()


def make_private_file(path: Path) -> None:
    """See to it that the file exists and only its owner may read it; SQLite gives its side files the same mode."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(path, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))


def _sqlite(path: Path, busy_s: float) -> Engines:
    connect: dict[str, Any] = {"timeout": busy_s, "check_same_thread": False, "isolation_level": None}
    url = URL.create("sqlite", database=str(path))
    writer = create_engine(url, pool_size=1, max_overflow=0, connect_args=connect)
    reader = create_engine(url, pool_size=READERS, max_overflow=0, connect_args=connect)
    event.listen(writer, "connect", _prepare_writer)
    event.listen(writer, "begin", _begin_immediate)
    event.listen(reader, "connect", _prepare_reader)
    return Engines(writer, reader, path)


def _prepare_writer(connection: sqlite3.Connection, _record: object) -> None:
    mode = connection.execute("PRAGMA journal_mode=WAL").fetchone()[0]
    if mode != "wal":
        raise StoreError(
            "The twin's folder does not support SQLite's write-ahead log.",
            next_step="Keep the database on a local disk (not NFS), or use PostgreSQL.",
            details={"journal_mode": mode},
        )
    # FULL: each commit is fsynced before it is acknowledged (NORMAL may lose the last ones when power fails).
    connection.execute("PRAGMA synchronous=FULL")


def _prepare_reader(connection: sqlite3.Connection, _record: object) -> None:
    connection.execute("PRAGMA query_only=ON")


def _begin_immediate(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _postgres(url: URL) -> Engines:
    connect = {key: value for key, value in _POSTGRES_CONNECT.items() if key not in url.query}
    try:
        writer = create_engine(url, pool_size=1, max_overflow=0, pool_pre_ping=True, connect_args=connect)
        reader = create_engine(
            url, pool_size=READERS, max_overflow=0, pool_pre_ping=True, connect_args=connect,
            isolation_level="AUTOCOMMIT", skip_autocommit_rollback=True,
        )  # fmt: skip
    except ImportError as error:
        raise StoreError(
            "The PostgreSQL driver is not installed.", next_step="Run: pip install 'opstwin[postgres]'"
        ) from error
    for engine in (writer, reader):
        event.listen(engine, "connect", _prepare_postgres)
    return Engines(writer, reader)


def _prepare_postgres(connection: Any, _record: object) -> None:
    before, connection.autocommit = connection.autocommit, True
    connection.execute("; ".join(_POSTGRES_SETTINGS))
    connection.autocommit = before


def _no_url() -> InvalidInput:
    return InvalidInput(
        "The database URL is not supported.",
        field="database_url",
        next_step="Use sqlite:///path/to/twin.db or postgresql+psycopg://user@host/database.",
    )
