"""Puts a backup in the place of a database: checked first, swapped in one step, nothing deleted."""

import sqlite3
from contextlib import closing
from pathlib import Path

from opstwin.domain.audit import AuditRow, verify_chain
from opstwin.errors import StoreError
from opstwin.twin.codec import shape_of
from opstwin.twin.copying import copy_sqlite, free_name, sync
from opstwin.twin.engines import Engines, engines_for
from opstwin.twin.faults import typed_faults
from opstwin.twin.schema import checked_version
from opstwin.twin.statements import statements_for


def restore_file(url: str, backup: Path) -> Path | None:
    """See `opstwin.twin.opening.restore`."""
    database = engines_for(url).path
    if database is None:
        raise StoreError(
            "PostgreSQL is restored with its own tools.",
            next_step='Run: pg_restore --clean --dbname="$OPSTWIN_DATABASE_URL" twin.dump',
        )
    with typed_faults():
        _check(backup)
        database.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = free_name(database.with_name(f"{database.name}.restoring"))
        try:
            copy_sqlite(backup, fresh)
            return _swap(database, fresh)
        finally:
            fresh.unlink(missing_ok=True)


def _check(backup: Path) -> None:
    if not backup.is_file():
        raise StoreError(f"There is no backup {backup.name}.", next_step="Name the file that the backup wrote.")
    with closing(sqlite3.connect(f"{backup.absolute().as_uri()}?mode=ro", uri=True)) as file:
        found = file.execute("PRAGMA integrity_check(1)").fetchone()[0]
    if found != "ok":
        raise StoreError(f"The backup {backup.name} is damaged.", next_step="Use an older backup.")
    engines = engines_for(f"sqlite:///{backup}")
    try:
        _check_content(engines, backup)
    finally:
        engines.dispose()


def _check_content(engines: Engines, backup: Path) -> None:
    statements = statements_for(AuditRow)
    with engines.reader.connect() as connection:
        if checked_version(connection) is None:
            raise StoreError(f"{backup.name} is no backup of a twin.", next_step="Name the file that the backup wrote.")
        rows = connection.execute(statements.everything)
        verify_chain(shape_of(AuditRow).record(tuple(row)) for row in rows)


def _swap(database: Path, fresh: Path) -> Path | None:
    replaced = None
    if database.exists():
        _end_use(database)
        replaced = free_name(database.with_name(f"{database.name}.replaced"))
        database.rename(replaced)
    # A write-ahead log that was left beside the old file must not be read into the new one.
    for suffix in ("-wal", "-shm", "-journal"):
        side = database.with_name(database.name + suffix)
        if side.exists() and replaced is not None:
            side.rename(replaced.with_name(replaced.name + suffix))
    fresh.rename(database)
    sync(database.parent)
    return replaced


def _end_use(database: Path) -> None:
    """Raise unless nobody has the database open: the write-ahead log can only be ended by its last user."""
    try:
        with closing(sqlite3.connect(database, timeout=0.2)) as file:
            file.execute("PRAGMA journal_mode=DELETE")
    except sqlite3.OperationalError as error:
        if "locked" not in str(error):
            raise
        raise StoreError(
            "The database is in use.", next_step="Stop the hub, then restore again.", details={"path": str(database)}
        ) from error
    except sqlite3.DatabaseError:
        # What stands there is no database any more; it is moved aside like one.
        return
