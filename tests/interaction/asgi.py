"""Requests that no well-behaved client sends, and streams that are read frame by frame: straight to the application."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from starlette.types import ASGIApp, Message

DEADLINE_S = 10.0
_SPEC = {"version": "3.0", "spec_version": "2.3"}  # what uvicorn says


@dataclass
class Answered:
    """A whole answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Wire:
    """One request as the server would hand it to the application."""

    path: str
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    query: str = ""
    host: str = "127.0.0.1:7373"
    extra: Iterable[tuple[str, str]] = ()

    def scope(self) -> dict[str, Any]:
        given = {"host": self.host, **self.headers}
        pairs = [(name.lower().encode(), value.encode("latin-1")) for name, value in given.items()]
        pairs += [(name.lower().encode(), value.encode("latin-1")) for name, value in self.extra]
        return {
            "type": "http", "asgi": _SPEC, "http_version": "1.1", "method": self.method, "scheme": "http",
            "path": unquote(self.path, errors="replace"), "raw_path": self.path.encode("latin-1"),
            "query_string": self.query.encode("latin-1"), "root_path": "", "headers": pairs,
            "client": ("127.0.0.1", 50000), "server": ("127.0.0.1", 7373),
        }  # fmt: skip


async def send(app: ASGIApp, wire: Wire, chunks: Iterable[bytes] = (b"",)) -> Answered:
    """The whole answer to a request whose body comes in these chunks."""
    pieces = list(chunks)
    messages: list[Message] = [
        {"type": "http.request", "body": piece, "more_body": place < len(pieces) - 1}
        for place, piece in enumerate(pieces)
    ]
    got: list[Message] = []

    async def receive() -> Message:
        if messages:
            return messages.pop(0)
        await asyncio.Event().wait()
        raise AssertionError("unreachable")

    async def take(message: Message) -> None:
        got.append(message)

    await asyncio.wait_for(app(wire.scope(), receive, take), DEADLINE_S)
    return _answered(got)


def _answered(got: list[Message]) -> Answered:
    start = next(item for item in got if item["type"] == "http.response.start")
    headers = {name.decode(): value.decode("latin-1") for name, value in start["headers"]}
    body = b"".join(item.get("body", b"") for item in got if item["type"] == "http.response.body")
    return Answered(start["status"], headers, body)


@dataclass
class Stream:
    """An open event stream."""

    queue: "asyncio.Queue[Message]"
    gone: asyncio.Event
    task: "asyncio.Task[None]"
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    taking: asyncio.Event = field(default_factory=asyncio.Event)
    _rest: bytes = b""

    async def frame(self) -> dict[str, Any] | None:
        """The next event, None at the end of the stream; heart-beats are left out."""
        while True:
            text = await self.raw()
            if text is None:
                return None
            fields = dict(line.split(": ", 1) for line in text.splitlines() if line and not line.startswith(":"))
            if fields:
                return {**fields, "data": json.loads(fields["data"])}

    async def raw(self) -> str | None:
        """The next frame or comment as it came."""
        while b"\n\n" not in self._rest:
            message = await asyncio.wait_for(self.queue.get(), DEADLINE_S)
            if message["type"] == "end":
                return None
            self._rest += message.get("body", b"")
        head, self._rest = self._rest.split(b"\n\n", 1)
        return head.decode()


@asynccontextmanager
async def stream(app: ASGIApp, wire: Wire, body: bytes = b"") -> AsyncIterator[Stream]:
    """Open a stream; on leaving the client is gone, and the application must end by itself."""
    queue: asyncio.Queue[Message] = asyncio.Queue()
    gone = asyncio.Event()
    first: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
    sent = False

    async def receive() -> Message:
        nonlocal sent
        if not sent:
            sent = True
            return {"type": "http.request", "body": body, "more_body": False}
        await gone.wait()
        return {"type": "http.disconnect"}

    async def take(message: Message) -> None:
        if message["type"] == "http.response.start":
            first.set_result(message)
        else:
            await opened.taking.wait()
            queue.put_nowait(message)

    async def serve() -> None:
        await app(wire.scope(), receive, take)
        queue.put_nowait({"type": "end"})

    task = asyncio.create_task(serve())
    opened = Stream(queue, gone, task)
    opened.taking.set()
    try:
        start = await asyncio.wait_for(first, DEADLINE_S)
        opened.status = start["status"]
        opened.headers = {name.decode(): value.decode("latin-1") for name, value in start["headers"]}
        yield opened
    finally:
        gone.set()
        opened.taking.set()
        with suppress(asyncio.CancelledError):
            await asyncio.wait_for(task, DEADLINE_S)
