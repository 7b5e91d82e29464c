"""Who may knock at all: the Host and Origin a request names, and the shape of its path.

A web page that rebinds a DNS name to this machine, or posts across sites, is turned away here, before anybody looks at
credentials.
"""

import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from opstwin.errors import Forbidden, InvalidInput, RequestError
from opstwin.server.problems import Refused

LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})
_ANY_ADDRESS: Final = frozenset({"0.0.0.0", "::", ""})  # noqa: S104 - named to leave them out
_HOST: Final = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?)(?::(?P<port>[0-9]{1,5}))?")
_ENCODED: Final = re.compile(rb"%(?:2f|5c|00|25)", re.IGNORECASE)
_CONTROL: Final = re.compile(r"[\x00-\x20\x7f\\;\u0085\u2028\u2029\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff\ufffd]")
MAX_PATH: Final = 2048
MAX_TARGET: Final = 8192


class Doors:
    """Turns away requests for other hosts (421), from other origins (403) or with a crooked path (400)."""

    def __init__(self, app: ASGIApp, *, hosts: Iterable[str] = (), origins: Iterable[str] = ()) -> None:
        self._app = app
        self._hosts = frozenset(_as_in_header(host) for host in set(hosts) - _ANY_ADDRESS)
        self._origins = frozenset(origin.lower().rstrip("/") for origin in origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            headers = Headers(scope=scope)
            self._check_host(headers)
            self._check_origin(headers)
            check_path(scope)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        await self._app(scope, receive, send)

    def _check_host(self, headers: Headers) -> None:
        named = headers.getlist("host")
        if len(named) != 1 or not self._is_ours(named[0].lower()):
            raise Refused(
                421,
                RequestError(
                    "This hub does not answer for that host.",
                    next_step="Use its address, or add the name to OPSTWIN_ALLOWED_HOSTS.",
                ),
            )

    def _is_ours(self, host: str) -> bool:
        found = _HOST.fullmatch(host)
        if found is None or int(found["port"] or 0) > 65535:
            return False
        return found["name"] in LOOPBACK or found["name"] in self._hosts or host in self._hosts

    def _check_origin(self, headers: Headers) -> None:
        for origin in headers.getlist("origin"):
            if origin.lower() not in self._origins and not same_origin(origin, headers["host"]):
                raise _foreign("This origin may not call the hub.")
        if headers.get("sec-fetch-site", "none") in ("cross-site", "same-site") and "origin" not in headers:
            mode = headers.get("sec-fetch-mode", "")
            if mode != "navigate":
                raise _foreign("Another site may not call the hub.")


def _as_in_header(host: str) -> str:
    """A host of the settings as the Host header has it: an IPv6 address in brackets."""
    return f"[{host.lower()}]" if host.count(":") > 1 and not host.startswith("[") else host.lower()


def same_origin(origin: str, host: str) -> bool:
    """Whether a page of `origin` came from `host` itself."""
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and parts.netloc.lower() == host.lower() and not parts.path


def check_path(scope: Scope) -> None:
    """Raise `InvalidInput` for a path that two readers could read in two ways."""
    path, raw = scope["path"], scope.get("raw_path") or b""
    segments = path.split("/")
    crooked = (
        len(path) > MAX_PATH
        or len(raw) + len(scope.get("query_string", b"")) > MAX_TARGET
        or not path.startswith("/")
        or "//" in path
        or "." in segments
        or ".." in segments
        or _CONTROL.search(path) is not None
        or _ENCODED.search(raw.split(b"?")[0]) is not None
    )
    if crooked:
        raise Refused(
            400,
            InvalidInput(
                "The address holds what does not belong there: empty or dotted segments, encoded slashes, control "
                "characters, or it is too long.",
                field="path",
                next_step="Write it plainly, such as /api/v1/resources/local/container/web-1.",
            ),
        )


def _foreign(message: str) -> Refused:
    return Refused(403, Forbidden(message, next_step="Call it from its own pages, or set OPSTWIN_ALLOWED_ORIGINS."))
