"""Sockets between a driver and an engine that lose, hold back or forge what is said."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def serving(path: Path, serve: Serve) -> AsyncIterator[str]:
    """The address of a server whose connections are all closed, and served to their end, when the test is over."""
    writers: list[asyncio.StreamWriter] = []
    tasks: list[asyncio.Task[None]] = []

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        writers.append(writer)
        tasks.append(task)
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            await serve(reader, writer)
        writer.close()

    server = await asyncio.start_unix_server(one, path=path)
    try:
        yield f"unix://{path}"
    finally:
        server.close()
        for writer in writers:
            writer.close()
        await asyncio.gather(*tasks)


@asynccontextmanager
async def black_hole(folder: Path, asked: asyncio.Event | None = None) -> AsyncIterator[str]:
    """The address of somebody who takes every connection and never says a word; `asked` is set by the first request."""

    async def hold(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        while await reader.read(65536):
            if asked is not None:
                asked.set()

    async with serving(folder / "hole.sock", hold) as address:
        yield address


@asynccontextmanager
async def forger(folder: Path, status: str, body: str) -> AsyncIterator[str]:
    """The address of somebody who answers everything with one and the same answer, but knows its API version."""
    version = '{"ApiVersion": "1.41"}'

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            asks = head.startswith(b"GET /version ")
            said, text = ("200 OK", version) if asks else (status, body)
            writer.write(f"HTTP/1.1 {said}\r\nContent-Length: {len(text)}\r\n\r\n{text}".encode())
            await writer.drain()

    async with serving(folder / "forger.sock", answer) as address:
        yield address


@dataclass
class Lossy:
    """A way to an engine that forwards everything, and loses the answer to the next request that matches `lose`."""

    address: str = ""
    lose: re.Pattern[bytes] | None = None
    lost: list[bytes] = field(default_factory=list)

    def lose_next(self, pattern: str) -> None:
        self.lose = re.compile(pattern.encode())

    def takes(self, request: bytes) -> bool:
        """Whether the answer to this request gets lost; one at most."""
        if self.lose is None or not self.lose.search(request.split(b"\r\n", 1)[0]):
            return False
        self.lost.append(request)
        self.lose = None
        return True


@asynccontextmanager
async def lossy(folder: Path, engine: str) -> AsyncIterator[Lossy]:
    """A way to the engine at `engine` whose answers can be lost after the engine gave them."""
    way = Lossy()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        up_reader, up_writer = await asyncio.open_unix_connection(engine.removeprefix("unix://"))
        await _carry(way, (reader, writer), (up_reader, up_writer))
        up_writer.close()

    async with serving(folder / "lossy.sock", serve) as way.address:
        yield way


async def _carry(way: Lossy, near: Ends, far: Ends) -> None:
    """Requests go up one at a time, as the SDK sends them; each answer comes down, or is dropped with the line."""
    answers = asyncio.create_task(far[0].read(65536))
    requests = asyncio.create_task(near[0].read(65536))
    losing = False
    while True:
        await asyncio.wait({answers, requests}, return_when=asyncio.FIRST_COMPLETED)
        if requests.done():
            if not (data := requests.result()):
                answers.cancel()
                return
            losing = losing or way.takes(data)
            far[1].write(data)
            requests = asyncio.create_task(near[0].read(65536))
        if answers.done():
            data = answers.result()
            if not data or losing:
                requests.cancel()
                return
            near[1].write(data)
            answers = asyncio.create_task(far[0].read(65536))
