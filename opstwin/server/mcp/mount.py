"""The addresses of the server within the hub's HTTP application, behind the same doors and sign-in as all others.

The protocol's library takes half a second to load, so it is loaded beside the hub's start and not before it.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from opstwin.domain.values import Json
from opstwin.errors import InvalidInput
from opstwin.server.mcp.lanes import in_one_piece
from opstwin.server.mcp.shares import MAX_OF_ONE, SESSION_HEADER, Shares
from opstwin.server.mcp.state_keys import state_keys
from opstwin.server.oauth_steps import Check
from opstwin.server.reading import parsed_json, read_body
from opstwin.server.replies import Replies
from opstwin.tools.registry import Caller, Registry
from opstwin.tools.services import Services

if TYPE_CHECKING:
    from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

    from opstwin.server.mcp.face import Face

IDLE_S: Final = 1800.0
"""A session of the handshake era ends after this time without a request."""

MAX_SESSIONS: Final = 2000
_PARSE_ERROR: Final = -32700
_TOO_MANY: Final = -32000
"""A server error of the implementation's own (JSON-RPC 2.0, section 5.1)."""


@dataclass(frozen=True, slots=True)
class Running:
    """A server that takes requests: most through `manager`, those that `is_short` names through `short`.

    `forget` is told of sessions that clients ended.
    """

    manager: "StreamableHTTPSessionManager"
    short: "StreamableHTTPSessionManager"
    is_short: Callable[[Any, Headers], bool]
    forget: Callable[[str], None]


Opening = Callable[[], AbstractAsyncContextManager[Running]]


class Mount:
    """Answers every address of the server. It starts with the application, or with the first request before that."""

    def __init__(self, opening: Opening, limit: int, check: Check | None = None) -> None:
        self._opening = opening
        self._limit = limit
        self._check = check
        self._started: asyncio.Task[None] | None = None
        self._ready: asyncio.Future[Running] | None = None
        self._stop = asyncio.Event()
        self._shares = Shares(IDLE_S)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request; raises what the doors of the application turn into answers."""
        running = await self.start()
        request = Request(scope, receive)
        if scope["method"] != "POST":
            await self._in_session(running, scope, receive, send)
            return
        body = await read_body(request, self._limit)
        try:
            message = parsed_json(body)
        except InvalidInput as error:
            await _unreadable(error)(scope, receive, send)
            return
        if self._check is not None:
            await self._check(scope["state"]["caller"], scope["path"], message)
        if running.is_short(message, request.headers):
            await running.short.handle_request(scope, _again(body, receive), send)
            return
        await self._in_session(running, scope, _again(body, receive), send)

    async def _in_session(self, running: Running, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request that may belong to a session of the handshake era, or open one."""
        caller: Caller = scope["state"]["caller"]
        account, now_s = caller.principal.id, asyncio.get_running_loop().time()
        scope["user"] = _owner(caller)
        session = Headers(scope=scope).get(SESSION_HEADER, "")
        if session:
            self._shares.touched(account, session, now_s)
        elif scope["method"] == "POST":
            if self._shares.is_used_up(account, now_s):
                await _too_many()(scope, receive, send)
                return
            send = self._shares.opening(account, now_s, send)
        await running.manager.handle_request(scope, receive, send)
        if scope["method"] == "DELETE":
            self._shares.ended(account, session)
            running.forget(session)

    async def start(self) -> Running:
        """The server, started when it was not yet, or could not be the last time."""
        if self._ready is None or (self._started is not None and self._started.done()):
            self._ready = asyncio.get_running_loop().create_future()
            self._started = asyncio.create_task(self._run(self._ready))
            self._started.add_done_callback(partial(_told, self._ready))
        return await asyncio.shield(self._ready)

    async def close(self) -> None:
        """End every session and stream."""
        self._stop.set()
        if self._started is not None:
            await asyncio.gather(self._started, return_exceptions=True)
        self._started = self._ready = None
        self._stop.clear()

    async def _run(self, ready: "asyncio.Future[Running]") -> None:
        """Hold the server open in one task from beginning to end, as its task group asks for."""
        async with self._opening() as running:
            ready.set_result(running)
            await self._stop.wait()


def _told(ready: "asyncio.Future[Running]", started: "asyncio.Task[None]") -> None:
    """Let those who wait for a server know that it could not be started."""
    if not ready.done() and not started.cancelled():
        ready.set_exception(started.exception() or RuntimeError("the server ended before it began"))


def opening(services: Services, registry: Registry, replies: Replies) -> Opening:
    """How the hub's own server is opened."""

    @contextlib.asynccontextmanager
    async def opened() -> AsyncIterator[Running]:
        face = await asyncio.to_thread(_made, services, registry, replies)
        try:
            forget, reads = face.subscriptions.forget, [tool.name for tool in registry if not tool.changes]
            async with serving(face.server, services.settings.max_body_bytes, forget, frozenset(reads)) as running:
                yield running
        finally:
            await face.close()

    return opened


@contextlib.asynccontextmanager
async def serving(
    server: Any, limit: int, forget: Callable[[str], None] = lambda session: None, reads: Collection[str] = ()
) -> AsyncIterator[Running]:
    """A low-level server of the library, served in both eras. The application's doors check Host and Origin.

    `reads` are tools that only read: their calls are answered in one piece.
    """
    from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
    from mcp_types.version import MODERN_PROTOCOL_VERSIONS

    manager = StreamableHTTPSessionManager(
        server, session_idle_timeout=IDLE_S, max_request_body_size=limit, max_sessions=MAX_SESSIONS
    )
    short = StreamableHTTPSessionManager(server, json_response=True, stateless=True, max_request_body_size=limit)

    def is_short(message: Any, headers: Headers) -> bool:
        return bool(reads) and in_one_piece(message, headers, MODERN_PROTOCOL_VERSIONS, reads)

    async with manager.run(), short.run():
        yield Running(manager, short, is_short, forget)


def _made(services: Services, registry: Registry, replies: Replies) -> "Face":
    from opstwin.server.mcp.face import make_face
    from opstwin.server.mcp.offers import offer

    face = make_face(services, registry, replies, state_keys(services.settings))
    for tool in registry:
        if tool.toolset is not None:
            offer(tool)
    return face


def _owner(caller: Caller) -> Any:
    """Who a session belongs to: only the same account may go on with it."""
    from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
    from mcp.server.auth.provider import AccessToken

    scopes: Sequence[str] = [scope.value for scope in caller.scopes]
    return AuthenticatedUser(
        AccessToken(token="", client_id=caller.actor.id, scopes=list(scopes), subject=caller.principal.id)
    )


def _unreadable(error: InvalidInput) -> Response:
    failure: Json = {"code": _PARSE_ERROR, "message": f"Parse error: {error.message} {error.next_step}"}
    body: Json = {"jsonrpc": "2.0", "id": None, "error": failure}
    return Response(json.dumps(body), 400, media_type="application/json")


def _too_many() -> Response:
    message = f"This account has {MAX_OF_ONE} sessions open. End one (DELETE), or wait until one was idle 30 minutes."
    failure: Json = {"code": _TOO_MANY, "message": message}
    body: Json = {"jsonrpc": "2.0", "id": None, "error": failure}
    return Response(json.dumps(body), 503, media_type="application/json")


def _again(body: bytes, receive: Receive) -> Receive:
    """The body once more, then whatever comes after it."""
    given = False

    async def replayed() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replayed
