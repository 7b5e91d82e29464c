"""How an AI client finds the authorization server: protected resource metadata (RFC 9728) and challenges (RFC 6750)."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from opstwin.domain.access import Scope
from opstwin.errors import NotFound
from opstwin.server.mcp.choosing import PATH, PATHS
from opstwin.server.problems import json_response
from opstwin.settings import Settings

WELL_KNOWN: Final = "/.well-known/oauth-protected-resource"
METADATA: Final[Mapping[str, str]] = {WELL_KNOWN: PATH, **{WELL_KNOWN + path: path for path in PATHS}}
"""Each address of a metadata document, and the address that it describes. They answer without a credential."""

SCOPES: Final = tuple(scope for scope in Scope if scope is not Scope.APPROVE)
"""What an access token may carry. Nothing but a person's own sign-in at this hub ever approves a plan."""


def is_mcp(path: str) -> bool:
    """Whether a path belongs to the MCP server, one without an answer included."""
    return path == PATH or path.startswith(f"{PATH}/")


def document(settings: Settings, path: str) -> dict[str, Any]:
    """The metadata of the resource at `path`."""
    return {
        "resource": settings.base_url + path,
        "authorization_servers": [settings.oauth_issuer],
        "scopes_supported": [scope.value for scope in SCOPES],
        "bearer_methods_supported": ["header"],
        "resource_name": "Opstwin",
    }


def audiences(settings: Settings, path: str) -> frozenset[str]:
    """What a token may be made for when it comes to `path`: the whole server, or this very address of it."""
    if settings.oauth_audience:
        return frozenset({settings.oauth_audience})
    return frozenset({settings.base_url + PATH, settings.base_url + path})


def challenge(settings: Settings, path: str, *, error: str = "", scopes: Iterable[Scope] = ()) -> dict[str, str]:
    """The header that tells a client where to get a token and for which scopes; empty when OAuth is off."""
    if not settings.oauth_issuer:
        return {}
    wanted = set(scopes)
    names = " ".join(scope.value for scope in SCOPES if scope in wanted)
    described = WELL_KNOWN + (path if path in PATHS else PATH)
    parts = [f'error="{error}"'] if error else []
    parts += [f'resource_metadata="{settings.base_url}{described}"', f'scope="{names}"']
    return {"WWW-Authenticate": f"Bearer {', '.join(parts)}"}


class Metadata:
    """Answers the addresses of `METADATA`."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def answer(self, request: Request) -> Response:
        """The document; raises `NotFound` when OAuth is off."""
        if not self._settings.oauth_issuer:
            raise NotFound(
                "This hub takes no tokens of an authorization server.",
                next_step="Use a token of the hub: opstwin people add NAME --agent",
            )
        return json_response(document(self._settings, METADATA[request.url.path]), 200)
