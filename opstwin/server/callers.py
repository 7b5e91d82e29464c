"""Who is calling: a bearer token or a login cookie, checked for every path but those few that need none.

The check stands before routing and compares whole paths, so no spelling of a path can go round it.
"""

import re
from typing import Final

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection, Request
from starlette.types import ASGIApp, Receive, Scope, Send

from opstwin import logs
from opstwin.control.people import actor_of
from opstwin.errors import Forbidden, Unauthenticated
from opstwin.server.problems import Refused, id_of
from opstwin.server.sessions import COOKIE
from opstwin.server.site import sign_in_page
from opstwin.tools.registry import Caller
from opstwin.tools.services import Services

OPEN: Final = frozenset({"/health", "/ready", "/login"})
"""The only paths that answer without a credential."""

_READING: Final = frozenset({"GET", "HEAD"})
_FACES: Final = frozenset({"cli", "http", "mcp"})
"""What a caller with a token may say that it is. It is a label in the audit and gives no right."""

_TOKEN: Final = re.compile(r"[A-Za-z0-9._~+/=-]{1,256}")


class SignedIn:
    """Puts the `Caller` into the request's state, or answers 401."""

    def __init__(self, app: ASGIApp, *, services: Services) -> None:
        self._app = app
        self._services = services

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] not in OPEN:
            try:
                await self._sign_in(scope)
            except Unauthenticated:
                if not _is_page(scope):
                    raise
                await sign_in_page(Request(scope))(scope, receive, send)
                return
        await self._app(scope, receive, send)

    async def _sign_in(self, scope: Scope) -> None:
        """Put the caller into the state, and the session's secret when it came with a cookie."""
        headers = Headers(scope=scope)
        token, session = _bearer(headers), ""
        if not token:
            token = session = HTTPConnection(scope).cookies.get(COOKIE, "")
            if session and scope["method"] not in _READING and "origin" not in headers:
                raise Refused(
                    403, Forbidden("A page must say where it is from.", next_step="Use a browser that sends Origin.")
                )
        if not _TOKEN.fullmatch(token):
            raise _refused()
        principal, credential = await self._services.people.authenticate(token)
        face = "web" if session else headers.get("x-opstwin-face", "http")
        caller = Caller(
            principal=principal,
            scopes=principal.scopes,
            actor=actor_of(principal, face if face in _FACES or session else "http"),
            request_id=id_of(scope),
            base_url=f"{scope.get('scheme', 'http')}://{headers['host']}",
        )
        scope["state"] |= {"caller": caller, "session": session, "credential_id": credential.id}
        logs.bind(user_id=principal.id, actor=f"{caller.actor.kind.value}:{caller.actor.id}")


def _bearer(headers: Headers) -> str:
    given = headers.getlist("authorization")
    if not given:
        return ""
    kind, _, token = given[0].partition(" ")
    if len(given) > 1 or kind.lower() != "bearer" or not token.strip():
        raise _refused()
    return token.strip()


def _is_page(scope: Scope) -> bool:
    wants_html = "text/html" in Headers(scope=scope).get("accept", "")
    return wants_html and (scope["path"] == "/" or scope["path"].startswith("/plans/"))


def _refused() -> Unauthenticated:
    return Unauthenticated(
        "No valid credential came with the call.",
        next_step="Send Authorization: Bearer …, or sign in with the link that opstwin up prints.",
    )
