"""The twin in SQLite or PostgreSQL, one code path. It loads SQLAlchemy, so import it where it is needed."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from opstwin.domain.records import Stored
from opstwin.errors import StoreError
from opstwin.twin.copying import copy_sqlite
from opstwin.twin.engines import BUSY_S, READERS, Engines, engines_for, make_private_file
from opstwin.twin.faults import typed_faults
from opstwin.twin.querying import checked
from opstwin.twin.schema import prepare
from opstwin.twin.settling import ordered
from opstwin.twin.sqlwork import read_event_seq, read_one, read_page, store
from opstwin.twin.store import Commit, Page, Query, Receipt
from opstwin.twin.waiting import EventBell

S = TypeVar("S", bound=Stored)
R = TypeVar("R")

POLL_S: Final = 0.5
"""How often PostgreSQL is asked for events that another hub stored, while somebody waits for one."""


class SqlStore:
    """`TwinStore` on a database. Commits run one after the other on a thread of their own, reads on a few others.

    A commit is acknowledged after its fsync. A failure drops the connection it happened on, and the next call opens a
    new one, so the store goes on by itself when the fault is gone.
    """

    def __init__(self, engines: Engines) -> None:
        self._engines = engines
        self._writer = ThreadPoolExecutor(1, "twin-writer")
        self._readers = ThreadPoolExecutor(READERS, "twin-reader")
        self._bell = EventBell()
        self._asking: asyncio.Future[int] | None = None

    def open(self) -> None:
        """Make or migrate the schema. Blocks; raises `StoreError`."""
        with typed_faults():
            if self._engines.path is not None:
                make_private_file(self._engines.path)
            prepare(self._engines)
        self._bell.ring(self._reading(read_event_seq))

    async def get(self, kind: type[S], id: str) -> S | None:
        return await self._on(self._readers, lambda: self._reading(lambda c: read_one(c, kind, id)))

    async def find(self, query: Query[S]) -> Page[S]:
        asked = checked(query)
        return await self._on(self._readers, lambda: self._reading(lambda c: read_page(c, query.kind, asked)))

    async def commit(self, commit: Commit) -> Receipt:
        return await self._on(self._writer, lambda: self._committing(commit))

    async def wait(self, after: int, timeout_s: float) -> int:
        if self._engines.is_sqlite:
            return await self._bell.above(after, timeout_s)
        return await self._wait_for_others(after, timeout_s)

    async def backup(self, path: Path) -> None:
        await self._on(self._readers, lambda: self._backing_up(path))

    async def close(self) -> None:
        await asyncio.to_thread(self._closing)

    async def _on(self, threads: ThreadPoolExecutor, work: Callable[[], R]) -> R:
        try:
            running = threads.submit(work)
        except RuntimeError as error:
            raise StoreError("The twin is closed.", next_step="Start the hub again: opstwin up") from error
        return await asyncio.wrap_future(running)

    def _reading(self, work: Callable[[Connection], R]) -> R:
        with typed_faults(), self._engines.reader.connect() as connection:
            try:
                return work(connection)
            except DBAPIError:
                connection.invalidate()
                raise

    def _committing(self, commit: Commit) -> Receipt:
        writes = ordered(commit.writes)
        with typed_faults(), self._engines.writer.connect() as connection:
            try:
                with connection.begin():
                    receipt = store(connection, commit, writes)
            except DBAPIError:
                connection.invalidate()
                raise
        self._bell.ring(receipt.event_seq)
        return receipt

    def _backing_up(self, path: Path) -> None:
        if self._engines.path is None:
            raise StoreError(
                "PostgreSQL is backed up with its own tools.",
                next_step='Run: pg_dump --format=custom --file=twin.dump "$OPSTWIN_DATABASE_URL"',
            )
        with typed_faults():
            copy_sqlite(self._engines.path, path)

    def _closing(self) -> None:
        self._writer.shutdown()
        self._readers.shutdown()
        self._engines.dispose()

    async def _wait_for_others(self, after: int, timeout_s: float) -> int:
        loop = asyncio.get_running_loop()
        end = loop.time() + max(0.0, timeout_s)
        while True:
            newest = await self._bell.above(after, min(POLL_S, end - loop.time()))
            if newest <= after:
                newest = await self._ask()
            if newest > after or loop.time() >= end:
                return newest

    async def _ask(self) -> int:
        """The newest event in the database; all who ask at the same time share one question."""
        if self._asking is None or self._asking.done():
            self._asking = asyncio.ensure_future(self._on(self._readers, lambda: self._reading(read_event_seq)))
        newest = await asyncio.shield(self._asking)
        self._bell.ring(newest)
        return newest


def open_sql_store(url: str, busy_s: float = BUSY_S) -> SqlStore:
    """A store on this database, made or migrated if need be. Blocks; `busy_s` is the patience with other writers.

    Raises `InvalidInput` for an unsupported URL and `StoreError` when the database cannot be used.
    """
    made = SqlStore(engines_for(url, busy_s))
    try:
        made.open()
    except BaseException:
        made._closing()
        raise
    return made
