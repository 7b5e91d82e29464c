"""Brings a database to the schema this code works with, or refuses one that it does not know."""

import logging
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, Engine, inspect, text
from sqlalchemy.exc import IntegrityError, ProgrammingError

from opstwin.errors import StoreError
from opstwin.twin.copying import copy_sqlite, free_name
from opstwin.twin.engines import Engines
from opstwin.twin.faults import first_line
from opstwin.twin.fresh import make_tables
from opstwin.twin.tables import TABLES

REVISIONS: Final = ("0001", "0002", "0003", "0004", "0005", "0006", "0007", "0008")
"""The schema versions this code can start from; the last one is the one it works with."""

HEAD: Final = REVISIONS[-1]
_LOCK: Final = 7_037_373
"""Number of the PostgreSQL advisory lock that lets one hub migrate at a time; any fixed number does."""

_OURS: Final = {str(table.__tablename__) for table in TABLES.values()}

_log = logging.getLogger(__name__)


def prepare(engines: Engines) -> None:
    """Make, check or migrate the schema; a file is copied beside itself before it is migrated.

    Raises `StoreError` for a database that is newer than this code, or holds something else.
    """
    with engines.reader.connect() as connection:
        version = checked_version(connection)
    if version == HEAD:
        return
    if version is not None and engines.path is not None:
        _keep_copy(engines.path, version)
    _migrate(engines.writer)


def checked_version(connection: Connection) -> str | None:
    """The schema's version, None for an empty database. Raises like `prepare`."""
    tables = set(inspect(connection).get_table_names())
    if "alembic_version" not in tables:
        if tables & _OURS:
            raise StoreError(
                "The database holds tables that Opstwin did not make.",
                next_step="Give Opstwin a database of its own (OPSTWIN_DATABASE_URL).",
            )
        return None
    version = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    if version is not None and version not in REVISIONS:
        raise StoreError(
            f"The database has schema {version}; this Opstwin knows schemas up to {HEAD}.",
            next_step="Install the newer Opstwin again, or restore the copy made before the upgrade.",
            details={"database_schema": str(version), "known_schema": HEAD},
        )
    return version


def upgrade(connection: Connection, revision: str = HEAD) -> None:
    """Run the migrations up to `revision` inside the connection's transaction."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "opstwin.twin:migrations")
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def _migrate(writer: Engine) -> None:
    with writer.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _LOCK})
        # Another process may have done it while this one waited for the lock.
        version = checked_version(connection)
        if version == HEAD:
            return
        try:
            _bring_up(connection)
        except (IntegrityError, ProgrammingError) as error:
            raise StoreError(
                f"The database cannot be brought from schema {version} to {HEAD}; it is as it was.",
                next_step="Use the Opstwin that wrote it, and report this.",
                details={"database_schema": str(version), "known_schema": HEAD, "said": first_line(error.orig)},
            ) from error


def _bring_up(connection: Connection) -> None:
    is_new = "alembic_version" not in inspect(connection).get_table_names()
    if is_new and connection.dialect.name == "sqlite":
        make_tables(connection)
    else:
        upgrade(connection)


def _keep_copy(path: Path, version: str) -> None:
    copy = free_name(path.with_name(f"{path.name}.schema-{version}"))
    copy_sqlite(path, copy)
    _log.info("migrating from schema %s to %s; the database as it was is kept in %s", version, HEAD, copy.name)
