"""A house whose door is open on a real port, and AI clients of both eras that come in through it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import uvicorn
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from opstwin.server.serving import listening
from opstwin.server.stopping import StoppableServer
from tests.interaction.house import House

ERAS = {"stateless": "auto", "handshake": "legacy"}
"""The two eras of the protocol, and how the SDK's client is told to use each."""

REVISIONS = {"stateless": "2026-07-28", "handshake": "2025-11-25"}


@asynccontextmanager
async def open_house(house: House) -> AsyncIterator[str]:
    """Serve the house's application; gives its URL."""
    config = uvicorn.Config(
        house.app, log_config=None, access_log=False, lifespan="on", http="h11", timeout_graceful_shutdown=2
    )  # fmt: skip
    server = StoppableServer(config, house.app.state.streams)
    with listening("127.0.0.1", 0) as listener:
        listener.listen(128)
        serving = asyncio.create_task(server._serve([listener]))
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            await asyncio.wait_for(serving, 30)


@asynccontextmanager
async def ai_client(
    url: str, token: str, era: str, path: str = "/mcp", headers: dict[str, str] | None = None, **options: Any
) -> AsyncIterator[Client]:
    """The SDK's client, at one of the addresses of the server."""
    given = {"Authorization": f"Bearer {token}", **(headers or {})}
    timeout = httpx2.Timeout(30.0, read=60.0)
    async with (
        httpx2.AsyncClient(headers=given, timeout=timeout) as http,
        Client(streamable_http_client(f"{url}{path}", http_client=http), mode=ERAS[era], **options) as client,
    ):
        yield client


def text_of(result: Any) -> str:
    """The text of a tool's answer."""
    return "\n".join(part.text for part in result.content)
