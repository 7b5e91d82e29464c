"""Around every request: its id, the log line, the metrics and the headers that every answer carries."""

import re
import secrets
from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from opstwin import logs
from opstwin.clock import Clock
from opstwin.server.instruments import Instruments

_GIVEN_ID: Final = re.compile(r"[A-Za-z0-9._-]{8,64}")
_UNMATCHED: Final = "unmatched"
_QUIET: Final = frozenset({"/health", "/ready", "/metrics"})

HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # With no-referrer a browser sends "Origin: null" with the forms of our own pages, and they would be refused.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}
"""Set unless the answer sets them itself."""

_RAW: Final = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in HEADERS.items()]
_ID: Final = b"x-request-id"


class Recorded:
    """The outermost layer: nothing is answered without an id, a log line, a measurement and the safe headers."""

    def __init__(self, app: ASGIApp, *, clock: Clock, instruments: Instruments) -> None:
        self._app = app
        self._clock = clock
        self._instruments = instruments

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _id_for(Headers(scope=scope).get("x-request-id", ""))
        scope.setdefault("state", {})["request_id"] = request_id
        logs.unbind_all()
        logs.bind(request_id=request_id)
        started_s = self._clock.monotonic_s()
        status = 0

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                _complete(message, request_id)
                self._measure(scope, status, self._clock.monotonic_s() - started_s)
            await send(message)

        try:
            await self._app(scope, receive, sending)
        finally:
            self._log(scope, status, self._clock.monotonic_s() - started_s)
            logs.unbind_all()

    def _measure(self, scope: Scope, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", _UNMATCHED)
        self._instruments.request(scope["method"], route, status, seconds)

    def _log(self, scope: Scope, status: int, seconds: float) -> None:
        line = logs.logger().debug if scope["path"] in _QUIET else logs.logger().info
        line(
            "request", method=scope["method"][:16], path=scope["path"][:512], status=status, ms=round(seconds * 1000, 1)
        )


def _id_for(given: str) -> str:
    return given if _GIVEN_ID.fullmatch(given) else f"req_{secrets.token_hex(8)}"


def _complete(message: Message, request_id: str) -> None:
    """Add what the answer does not say itself. Names come in lower case, as ASGI has them."""
    headers = [pair for pair in message["headers"] if pair[0] != _ID]
    given = {name for name, _ in headers}
    message["headers"] = [
        *headers, (_ID, request_id.encode("latin-1")), *(pair for pair in _RAW if pair[0] not in given)
    ]  # fmt: skip
