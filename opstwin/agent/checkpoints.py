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
from opstwin.twin.pooling import postgres_pool

if TYPE_CHECKING:
    from langgraph.checkpoint.base import BaseCheckpointSaver

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


def unreadable() -> tuple[type[Exception], ...]:
    """What reading a damaged or hostile row raises."""
    import aiosqlite

    return (aiosqlite.Error, ValueError, TypeError, LookupError, AttributeError, NotImplementedError)


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
