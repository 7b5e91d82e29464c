"""The HTTP face of a world: an ASGI application."""

from collections.abc import AsyncIterator
from typing import Any, Final
from urllib.parse import parse_qsl, unquote

from starlette.requests import ClientDisconnect
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from opstwin.targets.sim.kube.asking import Ask, Reply, Route, failure_reply
from opstwin.targets.sim.kube.exec_face import exec_session
from opstwin.targets.sim.kube.failures import ApiFailure
from opstwin.targets.sim.kube.faults import AFTER, Fault, FaultKind, refusal
from opstwin.targets.sim.kube.logs_face import log_lines, log_text
from opstwin.targets.sim.kube.streams import watch_lines
from opstwin.targets.sim.kube.world import KubeWorld

_NO_REPLY: Final = (FaultKind.DROP, FaultKind.DROP_AFTER)
_OPEN: Final = ("/healthz", "/livez", "/readyz", "/version")


class KubeApp:
    """Serves one world. `token` says whether callers must show one; who shows none is else the administrator."""

    def __init__(self, world: KubeWorld, *, token: bool = True) -> None:
        self.world = world
        self.token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
        elif scope["type"] == "websocket":
            await self._socket(scope, receive, send)
        else:
            await self._http(scope, receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        ask = await self._ask(scope, receive)
        world = self.world
        world.requests.append((ask.method, ask.path))
        if world.partitioned:
            _break(send)
            return
        fault = world.faults.due(ask)
        if fault is not None and await self._struck(fault, scope, receive, send):
            return
        response = self._respond(ask, scope, cut=fault is not None and fault.kind is FaultKind.CUT)
        if fault is not None and fault.kind in _NO_REPLY:
            _break(send)
        elif fault is not None and fault.kind in AFTER:
            await _response(failure_reply(refusal(fault) or ApiFailure(500, "", ""))).__call__(scope, receive, send)
        else:
            await response(scope, receive, send)

    async def _struck(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> bool:
        """Let a fault strike that comes before anything is done. Returns whether that was all."""
        if fault.kind is FaultKind.HANG:
            await _until_left(receive)
            return True
        if fault.kind is FaultKind.DROP:
            _break(send)
            return True
        failure = refusal(fault) if fault.kind not in AFTER else None
        if failure is not None:
            await _response(failure_reply(failure))(scope, receive, send)
        return failure is not None

    async def _ask(self, scope: Scope, receive: Receive) -> Ask:
        many = _query_of(scope)
        return Ask(
            method=scope["method"], path=unquote(scope["path"]), query=dict(many), many=many,
            headers=_headers_of(scope), body=await _body(receive),
        )  # fmt: skip

    def _respond(self, ask: Ask, scope: Scope, *, cut: bool) -> Response:
        try:
            known = self._known(ask, scope)
            stream = self._stream(known, cut=cut)
        except ApiFailure as failure:
            return _response(failure_reply(failure))
        return stream if stream is not None else _response(self.world.handle(known))

    def _known(self, ask: Ask, scope: Scope) -> Ask:
        if ask.path in _OPEN or not (self.token or "authorization" in ask.headers):
            return ask
        kind, _, token = ask.headers.get("authorization", "").partition(" ")
        user = self.world.user_of(token.strip() if kind.lower() == "bearer" else None)
        return Ask(
            method=ask.method,
            path=ask.path,
            query=ask.query,
            many=ask.many,
            headers=ask.headers,
            body=ask.body,
            user=user,
        )

    def _stream(self, ask: Ask, *, cut: bool) -> Response | None:
        """The response to a watch or to a request for logs; None for everything else. Raises `ApiFailure`."""
        if ask.method != "GET" or not ask.path.startswith("/api"):
            return None
        if not ask.flag("watch") and not ask.path.endswith("/log"):
            return None
        self.world.settle()
        found = self.world.routed(ask)
        if found.verb == "watch":
            lines = _nothing() if cut else watch_lines(self.world, found, ask)
            return StreamingResponse(lines, media_type="application/json")
        if found.subresource == "log":
            return self._log(found, ask)
        return None

    def _log(self, found: Route, ask: Ask) -> Response:
        text = log_text(self.world, found, ask)
        if ask.flag("follow"):
            return StreamingResponse(log_lines(self.world, found, ask), media_type="text/plain")
        return Response(text, media_type="text/plain")

    async def _socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        many = _query_of(scope)
        ask = Ask(method="GET", path=unquote(scope["path"]), query=dict(many), many=many, headers=_headers_of(scope))
        await exec_session(self.world, lambda: self.world.routed(self._known(ask, scope)), ask, scope, receive, send)


def _query_of(scope: Scope) -> tuple[tuple[str, str], ...]:
    return tuple(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))


def _headers_of(scope: Scope) -> dict[str, str]:
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}


async def _body(receive: Receive) -> bytes:
    """The whole body. Raises `ClientDisconnect` when it never comes whole."""
    pieces: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        pieces.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(pieces)


async def _nothing() -> AsyncIterator[bytes]:
    none: tuple[bytes, ...] = ()
    for line in none:
        yield line


def _response(reply: Reply) -> Response:
    response = Response(reply.body, status_code=reply.code, media_type=None)
    response.headers["content-type"] = reply.content_type
    for name, value in reply.headers:
        response.headers.append(name, value.encode("ascii", "backslashreplace").decode())
    return response


def _break(send: Any) -> None:
    """Break the connection under a request: uvicorn's `send` is a method of the object that holds the transport."""
    cycle = getattr(send, "__self__", None)
    transport = getattr(cycle, "transport", None)
    if transport is None:
        raise RuntimeError("Connections can be broken only behind uvicorn.")
    transport.abort()


async def _until_left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
