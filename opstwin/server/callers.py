"""Who is calling: a bearer token or a login cookie, checked for every path but those few that need none.

The check stands before routing and compares whole paths, so no spelling of a path can go round it.
"""

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection, Request
from starlette.types import ASGIApp, Receive, Scope, Send

from opstwin import logs
from opstwin.control.people import actor_of
from opstwin.domain import access
from opstwin.errors import Forbidden, Unauthenticated, Unreachable
from opstwin.server.metadata import METADATA, challenge, is_mcp
from opstwin.server.oauth import looks_like_jwt
from opstwin.server.oauth_callers import oauth_of
from opstwin.server.problems import Refused, id_of
from opstwin.server.sessions import COOKIE
from opstwin.server.site import sign_in_page
from opstwin.tools.guard import MCP
from opstwin.tools.registry import Caller
from opstwin.tools.services import Services

LOGIN: Final = "/login"
OPEN: Final = frozenset({"/health", "/ready", LOGIN})
"""The only paths that answer without a credential, besides those of `METADATA`."""

_FOR_PROGRAMS: Final = ("/api/", "/mcp", "/.well-known/", "/metrics", "/openapi.json")
"""What no reader opens in a browser; everything else that is not there is an address that somebody mistyped."""

_READING: Final = frozenset({"GET", "HEAD"})
_FACES: Final = frozenset({"cli", "http", "mcp"})
"""What a caller with a token may say that it is. It is a label in the audit and gives no right."""

_TOKEN: Final = re.compile(r"[A-Za-z0-9._~+/=-]{1,256}")


@dataclass(frozen=True, slots=True)
class _Given:
    """The credential that a request brought: a bearer token, or the secret of a session."""

    token: str
    session: str = ""


class SignedIn:
    """Puts the `Caller` into the request's state, or answers 401; 429 to whoever calls too often."""

    def __init__(self, app: ASGIApp, *, services: Services) -> None:
        self._app = app
        self._services = services
        self._rates = services.rates
        self._oauth = oauth_of(services)
        self._public_host = urlsplit(services.settings.base_url).netloc.lower()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (scope["path"] in OPEN or scope["path"] in METADATA):
            self._rates.without_credential(_address(scope))
            if scope["path"] == LOGIN:
                self._rates.failed_sign_in(_address(scope))
        elif scope["type"] == "http":
            try:
                await self._sign_in(scope)
            except Unauthenticated as refusal:
                self._count_refused(scope)
                if not _is_page(scope):
                    raise self._challenged(scope, refusal) from refusal
                await sign_in_page(Request(scope))(scope, receive, send)
                return
        await self._app(scope, receive, send)

    async def _sign_in(self, scope: Scope) -> None:
        """Put the caller into the state, and the session's secret when it came with a cookie."""
        headers = Headers(scope=scope)
        given = _given(scope, headers)
        if self._oauth is not None and is_mcp(scope["path"]) and looks_like_jwt(given.token):
            caller = await self._vouched(scope, headers, given.token)
        else:
            caller = await self._known(scope, headers, given)
        self._rates.request(caller.credential_id)
        scope["state"] |= {"caller": caller, "session": given.session, "credential_id": caller.credential_id}
        logs.bind(user_id=caller.principal.id, actor=f"{caller.actor.kind.value}:{caller.actor.id}")

    async def _known(self, scope: Scope, headers: Headers, given: _Given) -> Caller:
        """The caller behind a credential of this hub."""
        if not _TOKEN.fullmatch(given.token):
            raise _refused()
        principal, credential = await self._services.people.authenticate(given.token)
        return Caller(
            principal=principal,
            scopes=principal.scopes,
            actor=actor_of(principal, _face(scope, headers, given)),
            request_id=id_of(scope),
            base_url=self._base_url(scope, headers),
            credential_id=credential.id,
        )

    async def _vouched(self, scope: Scope, headers: Headers, token: str) -> Caller:
        """The caller behind an access token.

        One of nobody we know is refused with 403. It counts as a wrong one, and so does one that cannot be checked now:
        guesses are not free while the keys are away.
        """
        assert self._oauth is not None
        try:
            found = await self._oauth.identity(token, scope["path"])
        except Forbidden:
            self._rates.failed_sign_in(_address(scope))
            raise
        except Unreachable as away:
            self._rates.failed_sign_in(_address(scope))
            raise Refused(503, away) from away
        return Caller(
            principal=found.principal,
            scopes=found.scopes,
            actor=found.actor,
            request_id=id_of(scope),
            base_url=self._base_url(scope, headers),
            credential_id=found.principal.id,
            issuer=found.issuer,
        )

    def _base_url(self, scope: Scope, headers: Headers) -> str:
        """How the caller reached the hub; where that is the public name, as the settings write it."""
        if headers["host"].lower() == self._public_host:
            return self._services.settings.base_url
        return f"{scope.get('scheme', 'http')}://{headers['host']}"

    def _count_refused(self, scope: Scope) -> None:
        """Count a refusal. A valid credential is let in however many wrong ones came from its address."""
        headers = Headers(scope=scope)
        if "authorization" in headers or "cookie" in headers:
            self._rates.failed_sign_in(_address(scope))
        else:
            self._rates.without_credential(_address(scope))

    def _challenged(self, scope: Scope, refusal: Unauthenticated) -> Exception:
        """The refusal; on the MCP server it says where tokens come from."""
        if not is_mcp(scope["path"]):
            return refusal
        error = "invalid_token" if "authorization" in Headers(scope=scope) else ""
        where = challenge(self._services.settings, scope["path"], error=error, scopes=[access.Scope.READ])
        return Refused(401, refusal, where) if where else refusal


def _given(scope: Scope, headers: Headers) -> _Given:
    """The credential of a request. The MCP server takes no cookies: they would be a person's."""
    token = _bearer(headers)
    if token or is_mcp(scope["path"]):
        return _Given(token)
    session = HTTPConnection(scope).cookies.get(COOKIE, "")
    if session and scope["method"] not in _READING and "origin" not in headers:
        raise Refused(403, Forbidden("A page must say where it is from.", next_step="Use a browser that sends Origin."))
    return _Given(session, session)


def _bearer(headers: Headers) -> str:
    given = headers.getlist("authorization")
    if not given:
        return ""
    kind, _, token = given[0].partition(" ")
    if len(given) > 1 or kind.lower() != "bearer" or not token.strip():
        raise _refused()
    return token.strip()


def _face(scope: Scope, headers: Headers, given: _Given) -> str:
    """The way in: what the address or the cookie proves, else what the caller says of itself."""
    if is_mcp(scope["path"]):
        return MCP
    if given.session:
        return "web"
    said = headers.get("x-opstwin-face", "http")
    return said if said in _FACES else "http"


def _address(scope: Scope) -> str:
    client = scope.get("client")
    return str(client[0]) if client else ""


def _is_page(scope: Scope) -> bool:
    wants_html = "text/html" in Headers(scope=scope).get("accept", "")
    is_page = scope["path"] == "/" or scope["path"].startswith("/plans/")
    mistyped = scope["method"] == "GET" and not scope["path"].startswith(_FOR_PROGRAMS)
    return wants_html and (is_page or mistyped)


def _refused() -> Unauthenticated:
    return Unauthenticated(
        "No valid credential came with the call.",
        next_step="Send Authorization: Bearer …, or sign in with the link that opstwin up prints.",
    )
