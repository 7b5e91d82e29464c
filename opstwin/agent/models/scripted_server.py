"""A small server on this machine that answers by a script in both vendors' wire formats, streamed and not.

For trying a whole hub without a provider: point a provider's `base_url` at it. It listens on loopback alone, and keeps
what it was sent.
"""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping, MutableMapping
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from opstwin.agent.models import scripted_wire as wire
from opstwin.agent.models.port import ModelReply
from opstwin.agent.models.scripted import Fault, Trouble, Turn, reply_to

Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Answering: TypeAlias = Callable[[Mapping[str, Any]], Turn]
"""A turn that is made from the request's body."""

_AT_THE_END: Final = Fault(status=500, text="the script is at its end")
_EVENTS: Final = "text/event-stream; charset=utf-8"
_JSON: Final = "application/json"


@dataclass(frozen=True, slots=True)
class Got:
    """One request as it came. Names of headers are in small letters."""

    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def data(self) -> dict[str, Any]:
        """The body, read."""
        found: dict[str, Any] = json.loads(self.body)
        return found


class ScriptedServer:
    """An ASGI application. Paths that end in `/chat/completions` speak OpenAI's format, `/messages` Anthropic's."""

    def __init__(self, replies: Iterable[Turn | Answering] = (), otherwise: Turn | Answering = _AT_THE_END) -> None:
        self._turns, self._otherwise = list(replies), otherwise
        self.requests: list[Got] = []

    def say(self, *replies: Turn | Answering) -> None:
        """Add turns to the script."""
        self._turns += replies

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """One request, as ASGI has it."""
        if scope["type"] != "http":
            return
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        got = Got(scope["path"], headers, await _body(receive))
        answer = self.answer(got)
        if isinstance(answer, Fault):
            if answer.trouble is Trouble.HANG:
                await _until_left(receive)
                return
            answer = _CLOSED
        await send({"type": "http.response.start", "status": answer.status, "headers": answer.raw_headers})
        for piece in answer.pieces:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        if answer.is_whole:
            await send({"type": "http.response.body", "body": b""})

    def answer(self, got: Got) -> "Wired | Fault":
        """The next turn, as it goes over the wire; the fault itself where nothing does (it hangs, it is closed)."""
        self.requests.append(got)
        if not got.path.endswith(("/chat/completions", "/messages")):
            return _told(404, wire.openai_error(404, f"no such path: {got.path}"), {})
        unlisted = wire.unlisted(got.data, anthropic=_is_anthropic(got))
        if unlisted:
            return _failed(got, Fault(status=400, text=f"Unknown fields: {', '.join(unlisted)}."))
        turn = self._turns.pop(0) if self._turns else self._otherwise
        made = turn(got.data) if callable(turn) else turn
        return _failed(got, made) if isinstance(made, Fault) else _answered(got, reply_to(made))


@dataclass(frozen=True, slots=True)
class Wired:
    """An answer as bytes; one that is not whole breaks off behind its last piece."""

    status: int
    headers: Mapping[str, str]
    pieces: tuple[bytes, ...]
    is_whole: bool = True

    @property
    def raw_headers(self) -> list[tuple[bytes, bytes]]:
        """As ASGI wants them."""
        return [(name.encode(), value.encode()) for name, value in self.headers.items()]


def _answered(got: Got, reply: ModelReply) -> Wired:
    if got.data.get("stream"):
        return Wired(200, {"content-type": _EVENTS}, tuple(_streamed(got, reply)))
    body = (wire.anthropic_body if _is_anthropic(got) else wire.openai_body)(reply, str(got.data.get("model")))
    return _told(200, body, {})


_CLOSED: Final = Wired(200, {"content-type": _JSON, "content-length": "4096"}, (b'{"id": "',), is_whole=False)


def _failed(got: Got, fault: Fault) -> Wired | Fault:
    if fault.trouble in (Trouble.HANG, Trouble.CLOSED):
        return fault
    if fault.trouble is Trouble.GARBAGE:
        return Wired(200, {"content-type": _JSON}, (b'{"choices": [{"mess',))
    if fault.trouble is Trouble.CUT and got.data.get("stream"):
        begun = list(_streamed(got, reply_to(fault.text or "As far as it goes")))
        return Wired(200, {"content-type": _EVENTS}, tuple(begun[: len(begun) // 2]), is_whole=False)
    if fault.trouble is not None:
        return _CLOSED
    error = wire.anthropic_error if _is_anthropic(got) else wire.openai_error
    after = {} if fault.retry_after_s is None else {"retry-after": str(fault.retry_after_s)}
    return _told(fault.status, error(fault.status, fault.text or "scripted"), after)


def _streamed(got: Got, reply: ModelReply) -> Iterator[bytes]:
    model = str(got.data.get("model"))
    if _is_anthropic(got):
        return wire.anthropic_stream(reply, model)
    options = got.data.get("stream_options") or {}
    return wire.openai_stream(reply, model, with_usage=bool(options.get("include_usage")))


def _told(status: int, body: Mapping[str, Any], headers: Mapping[str, str]) -> Wired:
    return Wired(status, {"content-type": _JSON, **headers}, (json.dumps(body).encode(),))


def _is_anthropic(got: Got) -> bool:
    return got.path.endswith("/messages")


async def _body(receive: Receive) -> bytes:
    pieces: list[bytes] = []
    while True:
        message = await receive()
        pieces.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(pieces)


async def _until_left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        continue


@asynccontextmanager
async def serving(server: ScriptedServer) -> AsyncIterator[str]:
    """The server on a free port of loopback; gives its address, such as `http://127.0.0.1:40001`."""
    import uvicorn

    config = uvicorn.Config(server, log_config=None, log_level="critical", lifespan="off", timeout_graceful_shutdown=1)
    running = uvicorn.Server(config)
    running.capture_signals = nullcontext  # type: ignore[method-assign, assignment] # they are the hub's own
    with socket.create_server(("127.0.0.1", 0)) as listener:
        task = asyncio.create_task(running.serve(sockets=[listener]))
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            running.should_exit = True
            await task
