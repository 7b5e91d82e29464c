"""Connections to the twin's PostgreSQL for a library that brings its own tables and statements."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from opstwin.errors import StoreError

CONNECTIONS: Final = 4
_OPEN_S: Final = 10.0


@asynccontextmanager
async def postgres_pool(url: str) -> AsyncIterator[Any]:
    """A `psycopg_pool.AsyncConnectionPool` that gives rows as dicts and commits each statement, closed at the end.

    Raises `StoreError` when the database behind `url` (`postgresql+psycopg://…`) cannot be used.
    """
    import psycopg
    from psycopg.rows import dict_row
    from psycopg_pool import AsyncConnectionPool, PoolTimeout

    _, _, rest = url.partition("://")
    options: dict[str, Any] = {"autocommit": True, "prepare_threshold": 0, "row_factory": dict_row}
    pool: AsyncConnectionPool[Any] = AsyncConnectionPool(
        f"postgresql://{rest}", min_size=1, max_size=CONNECTIONS, kwargs=options, open=False
    )
    try:
        await pool.open(wait=True, timeout=_OPEN_S)
        yield pool
    except (psycopg.Error, PoolTimeout) as error:
        raise StoreError(
            "The place where conversations are kept cannot be used.", next_step="Look at the database and its rights.",
            details={"cause": type(error).__name__},
        ) from error  # fmt: skip
    finally:
        await pool.close()


def pool_failures() -> tuple[type[Exception], ...]:
    """What a statement on such a pool raises; nothing where the library is not there."""
    try:
        import psycopg
    except ImportError:
        return ()
    return (psycopg.Error,)
