"""What a client sends before a body: space around values is no part of them, and nobody can send headers for ever."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from opstwin.server.heads import MAX_HEAD_BYTES, BoundedHeads

DEADLINE_S = 20


async def telling(scope: Scope, _receive: Receive, send: Send) -> None:
    """Answers with the header `x-name` in brackets."""
    value = dict(scope["headers"]).get(b"x-name", b"")
    await send(
        {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % (len(value) + 2))]}
    )
    await send({"type": "http.response.body", "body": b"[" + value + b"]"})


@asynccontextmanager
async def connected() -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(telling, http=BoundedHeads, lifespan="off", log_config=None, access_log=False)
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve([listener]))
        reader, writer = await asyncio.open_connection(*listener.getsockname())
        try:
            async with asyncio.timeout(DEADLINE_S):
                yield reader, writer
        finally:
            writer.close()
            server.should_exit = True
            await serving


@pytest.mark.parametrize("value", ["web", "  web  ", "\tweb \t"])
async def test_space_around_a_value_is_no_part_of_it(value: str) -> None:
    async with connected() as (reader, writer):
        writer.write(f"GET / HTTP/1.1\r\nHost: x\r\nX-Name: {value}\r\n\r\n".encode())
        assert (await reader.readuntil(b"]")).endswith(b"[web]")


@pytest.mark.parametrize("piece", [b"a" * 1024, b"a: b\r\n" * 170], ids=["one value", "many headers"])
async def test_a_head_that_does_not_end_is_refused_and_the_connection_closed(piece: bytes) -> None:
    async with connected() as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: ")
        for _ in range(2 * MAX_HEAD_BYTES // 1024):
            writer.write(piece)
        # Closing on what is still on its way may reset the connection before the answer is read.
        with suppress(ConnectionError):
            answer = await reader.read()
            assert answer.startswith(b"HTTP/1.1 400 ")
            assert b"too large" in answer


async def test_one_connection_carries_more_heads_than_the_limit_is_long() -> None:
    async with connected() as (reader, writer):
        for _ in range(3):
            filler = b"a" * (MAX_HEAD_BYTES // 2)
            writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nX-Name: web\r\nX-Long: " + filler + b"\r\n\r\n")
            assert (await reader.readuntil(b"]")).endswith(b"[web]")


async def test_a_body_is_not_counted_as_a_head() -> None:
    async with connected() as (reader, writer):
        size = 4 * MAX_HEAD_BYTES
        writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nX-Name: web\r\nContent-Length: %d\r\n\r\n" % size)
        writer.write(b"a" * size)
        assert (await reader.readuntil(b"]")).endswith(b"[web]")
