"""Stores to run the contract on; fixtures of the twin begin with `twin_`."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.contract.twin_places import TwinPlace

MEMORY = pytest.param("memory")
SQLITE = pytest.param("sqlite", marks=pytest.mark.req("S1.17"))
POSTGRES = pytest.param("postgres", marks=pytest.mark.req("S1.18"))


def url_of(request: pytest.FixtureRequest, folder: Path) -> str:
    """Where the twin of this test is kept."""
    if request.param == "memory":
        return "memory://"
    if request.param == "sqlite":
        return f"sqlite:///{folder / 'twin.db'}"
    url: str = request.getfixturevalue("postgres_database")
    return url


@pytest.fixture(params=[MEMORY, SQLITE, POSTGRES])
async def twin_place(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[TwinPlace]:
    """A twin in memory, in SQLite and in PostgreSQL."""
    place = TwinPlace(url_of(request, tmp_path))
    yield place
    await place.close()


@pytest.fixture(params=[SQLITE, POSTGRES])
async def twin_database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[TwinPlace]:
    """A twin that outlives its store."""
    place = TwinPlace(url_of(request, tmp_path))
    yield place
    await place.close()


@pytest.fixture(params=[MEMORY, SQLITE, POSTGRES])
def twin_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A twin's URL, for tests that run their own event loop."""
    return url_of(request, tmp_path)
