"""Sockets between a driver and an engine that lose, hold back or forge what is said."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path


@asynccontextmanager
async def black_hole(folder: Path) -> AsyncIterator[str]:
    """The address of somebody who takes every connection and never says a word."""
    held: list[asyncio.StreamWriter] = []

    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        held.append(writer)
        await reader.read()

    server = await asyncio.start_unix_server(hold, path=folder / "hole.sock")
    try:
        yield f"unix://{folder / 'hole.sock'}"
    finally:
        for writer in held:
            writer.close()
        server.close()
        await server.wait_closed()


@asynccontextmanager
async def forger(folder: Path, status: str, body: str) -> AsyncIterator[str]:
    """The address of somebody who answers everything with one and the same answer, but knows its API version."""
    version = '{"ApiVersion": "1.41"}'

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                asks = head.startswith(b"GET /version ")
                said, text = ("200 OK", version) if asks else (status, body)
                writer.write(f"HTTP/1.1 {said}\r\nContent-Length: {len(text)}\r\n\r\n{text}".encode())
                await writer.drain()
        writer.close()

    server = await asyncio.start_unix_server(answer, path=folder / "forger.sock")
    try:
        yield f"unix://{folder / 'forger.sock'}"
    finally:
        server.close()


@dataclass
class Lossy:
    """A way to an engine that forwards everything, and loses the answer to the next request that matches `lose`."""

    address: str
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
    way = Lossy(f"unix://{folder / 'lossy.sock'}")
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        up_reader, up_writer = await asyncio.open_unix_connection(engine.removeprefix("unix://"))
        try:
            await _carry(way, (reader, writer), (up_reader, up_writer))
        finally:
            writer.close()
            up_writer.close()
            tasks.discard(task)

    server = await asyncio.start_unix_server(serve, path=folder / "lossy.sock")
    try:
        yield way
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]


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
