"""From a URL to a store. SQLAlchemy and Alembic are loaded here, and only when they are needed."""

import asyncio
from pathlib import Path

from opstwin.twin.memory import MemoryStore
from opstwin.twin.store import TwinStore

MEMORY = "memory://"


async def open_store(url: str) -> TwinStore:
    """The store behind a URL, ready to use: `sqlite:///path`, `postgresql+psycopg://…` or `memory://`.

    A new database gets its tables; an older one is migrated (an SQLite file is copied beside itself before). Raises
    `InvalidInput` for another URL, and `StoreError` for a database that cannot be used or is newer than this code.
    """
    if url == MEMORY:
        return MemoryStore()
    from opstwin.twin.sql import open_sql_store

    return await asyncio.to_thread(open_sql_store, url)


async def restore(url: str, path: Path) -> Path | None:
    """Put the backup at `path` in the place of the SQLite database behind `url`, while no hub uses it.

    Returns where the database that stood there before was moved to, None when there was none. Raises `StoreError` when
    the backup is damaged, too new or its audit does not verify, or when the database is in use; then nothing changes.
    """
    from opstwin.twin.restoring import restore_file

    return await asyncio.to_thread(restore_file, url, path)
