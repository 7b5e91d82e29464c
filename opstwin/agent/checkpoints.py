"""Where conversations are kept between steps: a file of their own, or the twin's PostgreSQL. They hold ids alone.

What is read back is data: types that are no plain values are refused, and nothing is imported for them.
"""

import os
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from opstwin.errors import StoreError
from opstwin.settings import Settings
from opstwin.twin.pooling import pool_failures, postgres_pool

if TYPE_CHECKING:
    from langgraph.checkpoint.base import BaseCheckpointSaver
    from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

FILE: Final = "conversations.db"
_STRICT: Final = "LANGGRAPH_STRICT_MSGPACK"
_PLAIN: Final = frozenset({"msgpack", "null", "bytes"})

Opener = Callable[[], AbstractAsyncContextManager["BaseCheckpointSaver[Any]"]]
"""Opens the place where conversations are kept; it is closed on leaving."""


def opener_of(settings: Settings) -> Opener:
    """The place that fits the twin: PostgreSQL where the twin is there, else a file in the data directory."""
    if settings.url.startswith("postgresql"):
        return lambda: postgres(settings.url)
    return lambda: sqlite(settings.data_dir / FILE)


@asynccontextmanager
async def sqlite(path: Path) -> "AsyncIterator[BaseCheckpointSaver[Any]]":
    """A file; it is made, for its owner alone, when it is not there. Raises `StoreError` when it cannot be used."""
    serde = plain_serde()
    import aiosqlite
    from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        connection = await aiosqlite.connect(path)
    except (OSError, aiosqlite.Error) as error:
        raise _unusable(str(error)) from error
    try:
        saver = AsyncSqliteSaver(connection, serde=serde)
        try:
            await connection.execute("PRAGMA busy_timeout = 10000")
            await saver.setup()
        except aiosqlite.Error as error:
            raise _unusable(str(error)) from error
        yield saver
    finally:
        await connection.close()


@asynccontextmanager
async def postgres(url: str) -> "AsyncIterator[BaseCheckpointSaver[Any]]":
    """Tables beside the twin's. Raises `StoreError` when they cannot be used."""
    serde = plain_serde()
    from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver

    async with postgres_pool(url) as pool:
        saver = AsyncPostgresSaver(pool, serde=serde)
        await saver.setup()
        yield saver


async def pruned(saver: "BaseCheckpointSaver[Any]", thread_id: str) -> None:
    """Keep the newest step of a thread alone: it is all that is ever taken up. Raises `StoreError`."""
    from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

    try:
        if isinstance(saver, AsyncSqliteSaver):
            await _sqlite_pruned(saver, thread_id)
        else:
            await saver.aprune([thread_id], strategy="keep_latest")
    except failures() as error:
        raise _unusable(str(error)) from error


async def _sqlite_pruned(saver: "AsyncSqliteSaver", thread_id: str) -> None:
    # Their ids grow with time; the library has no pruning of its own for files.
    newest = "SELECT max(checkpoint_id) FROM checkpoints WHERE thread_id = :thread AND checkpoint_ns = ''"
    async with saver.lock:
        for table in ("writes", "checkpoints"):
            await saver.conn.execute(
                f"DELETE FROM {table} WHERE thread_id = :thread AND checkpoint_id < ({newest})",  # noqa: S608 - our names
                {"thread": thread_id},
            )
        await saver.conn.commit()


def failures() -> tuple[type[Exception], ...]:
    """What the places themselves raise."""
    import aiosqlite

    return (aiosqlite.Error, *pool_failures())


def unreadable() -> tuple[type[Exception], ...]:
    """What reading raises: a place that fails, and a damaged or hostile row."""
    return (*failures(), ValueError, TypeError, LookupError, AttributeError, NotImplementedError)


def plain_serde() -> Any:
    """What writes and reads checkpoints: msgpack of plain values, nothing else; built-in strictness is on as well."""
    os.environ.setdefault(_STRICT, "true")
    from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

    class PlainSerde(JsonPlusSerializer):
        """Refuses every form of old or foreign writers that could build objects."""

        def loads_typed(self, data: tuple[str, bytes]) -> Any:
            if data[0] not in _PLAIN:
                raise StoreError(
                    f"A kept conversation holds what is not read: {data[0][:20]!r}.",
                    next_step="Begin a new conversation.",
                )
            return super().loads_typed(data)

    return PlainSerde(pickle_fallback=False, allowed_msgpack_modules=None)


def _unusable(why: str) -> StoreError:
    return StoreError(
        "The place where conversations are kept cannot be used.",
        next_step="Look at the data directory and its rights.",
        details={"cause": why[:300]},
    )  # fmt: skip
