"""The server's addresses while it cannot be started."""

import contextlib
from collections.abc import AsyncIterator

import pytest

from opstwin.errors import StoreError
from opstwin.server.mcp.mount import Mount, Running


async def test_a_server_that_cannot_be_started_says_why_to_everybody_who_asks() -> None:
    @contextlib.asynccontextmanager
    async def broken() -> AsyncIterator[Running]:
        raise StoreError("The key cannot be used.")
        yield

    mount = Mount(broken, 1000)
    for _ in range(2):
        with pytest.raises(StoreError, match="cannot be used"):
            await mount.start()
    await mount.close()
