"""Access tokens of an authorization server: what is checked before anybody believes one (OAuth 2.1, RFC 9068, 8725)."""

import json
import re
from base64 import urlsafe_b64decode
from binascii import Error as BadBase64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from opstwin.clock import Clock
from opstwin.control.credentials import hashed
from opstwin.domain.access import Scope
from opstwin.errors import Unauthenticated
from opstwin.logs import logger
from opstwin.server.metadata import SCOPES, audiences
from opstwin.server.oauth_keys import ALGORITHMS, Keys
from opstwin.settings import Settings

MAX_TOKEN: Final = 8192
LEEWAY_S: Final = 30.0
"""How far the clocks of the hub and of the authorization server may be apart."""

_KNOWN: Final = 2048
"""Verified tokens remembered; a client brings the same one until it ends."""

_JWT: Final = re.compile(r"eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*")
_TYPES: Final = frozenset({"", "jwt", "at+jwt", "application/at+jwt"})
"""RFC 9068, 4. Tokens made for another use (`logout+jwt`, `dpop+jwt`, …) say so; many servers still write `JWT`."""

_MAX_HEADER: Final = 2048
_SUBJECT: Final = re.compile(r"[^\s\x00-\x1f\x7f](?:[^\x00-\x1f\x7f]{0,498}[^\s\x00-\x1f\x7f])?")
_CLIENT: Final = re.compile(r"[\x21-\x7e]{1,200}")
_BY_NAME: Final = {scope.value: scope for scope in SCOPES}


@dataclass(frozen=True, slots=True, kw_only=True)
class Vouched:
    """What the authorization server says: an AI client, for whom it acts, and what it was allowed."""

    subject: str
    client: str
    scopes: frozenset[Scope]
    audiences: frozenset[str]
    ends_s: float


@dataclass(slots=True)
class AccessTokens:
    """Verifies access tokens. Refusals all use the same words; the log says why."""

    settings: Settings
    keys: Keys
    clock: Clock
    _known: dict[str, tuple[Vouched, int]] = field(default_factory=dict)

    async def vouched(self, token: str, path: str) -> Vouched:
        """What is behind a token that came to `path`.

        Raises `Unauthenticated`, and `Unreachable` while no keys of the authorization server are known.
        """
        key = hashed(token)
        generation = await self.keys.current()
        known = self._known.get(key)
        if known is None or known[1] != generation:
            found = _read(await self._claims(token), self.settings, self.clock.now().timestamp())
            self._remember(key, found)
        else:
            found = known[0]
        self._check_now(found, path)
        return found

    async def _claims(self, token: str) -> Mapping[str, Any]:
        """The claims of a token whose signature holds."""
        from joserfc import jws
        from joserfc.errors import JoseError

        header = _header(token)
        algorithm, kid = header["alg"], header.get("kid")
        key = await self.keys.find(kid, algorithm)
        if key is None:
            raise _refused("no such key")
        registry = jws.JWSRegistry(algorithms=[algorithm], strict_check_header=False)
        registry.max_header_length = _MAX_HEADER
        try:
            claims = json.loads(jws.deserialize_compact(token, key, registry=registry).payload)
        except (JoseError, ValueError, TypeError, RecursionError) as error:
            raise _refused(f"signature: {type(error).__name__}") from None
        if not isinstance(claims, dict):
            raise _refused("no claims")
        return claims

    def _check_now(self, found: Vouched, path: str) -> None:
        """What must be checked at every call: the time, and whether the token is meant for this address."""
        if self.clock.now().timestamp() >= found.ends_s + LEEWAY_S:
            raise _refused("expired")
        if not found.audiences & audiences(self.settings, path):
            raise _refused("audience")

    def _remember(self, key: str, found: Vouched) -> None:
        self._known[key] = (found, self.keys.generation)
        if len(self._known) > _KNOWN:
            del self._known[next(iter(self._known))]


def looks_like_jwt(token: str) -> bool:
    """Whether a credential could be an access token, before anything is decoded."""
    return len(token) <= MAX_TOKEN and _JWT.fullmatch(token) is not None


def _header(token: str) -> Mapping[str, Any]:
    """The header, when it names a signature that is taken here. Keys or addresses that it brings are not looked at."""
    encoded = token.partition(".")[0]
    if len(encoded) > _MAX_HEADER:
        raise _refused("header")
    try:
        header = json.loads(urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)))
    except (ValueError, BadBase64, RecursionError):
        raise _refused("header") from None
    if not isinstance(header, dict) or header.get("alg") not in ALGORITHMS or "crit" in header:
        raise _refused("algorithm")
    if str(header.get("typ", "")).lower() not in _TYPES or not isinstance(header.get("kid", ""), str):
        raise _refused("type")
    return header


def _read(claims: Mapping[str, Any], settings: Settings, now_s: float) -> Vouched:
    """The claims as what they vouch for. Raises `Unauthenticated` where one is missing or wrong."""
    if claims.get("iss") != settings.oauth_issuer:
        raise _refused("issuer")
    if "cnf" in claims:
        # It is bound to a key of its client (RFC 9449, 7.1); as a plain bearer it may be stolen.
        raise _refused("bound to a key")
    ends_s = _moment(claims, "exp")
    begins_s = max(_moment(claims, name, 0.0) for name in ("nbf", "iat"))
    if begins_s > now_s + LEEWAY_S:
        raise _refused("not yet valid")
    return Vouched(
        subject=_named(claims, settings.oauth_person_claim, _SUBJECT),
        client=_named(claims, settings.oauth_client_claim if settings.oauth_client_claim in claims else "azp", _CLIENT),
        scopes=_scopes(claims), audiences=_audiences(claims), ends_s=ends_s,
    )  # fmt: skip


def _moment(claims: Mapping[str, Any], name: str, default: float | None = None) -> float:
    value = claims.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 2**53:
        raise _refused(name)
    return float(value)


def _named(claims: Mapping[str, Any], name: str, form: re.Pattern[str]) -> str:
    value = claims.get(name)
    if not isinstance(value, str) or not value.isprintable() or not form.fullmatch(value):
        raise _refused(f"claim {name}")
    return value


def _scopes(claims: Mapping[str, Any]) -> frozenset[Scope]:
    """`scope` is a text of names (RFC 9068); some servers write `scp`, as a text or a list."""
    given = claims.get("scope", claims.get("scp", ""))
    names = given.split() if isinstance(given, str) else given if isinstance(given, list) else []
    return frozenset(_BY_NAME[name] for name in names if isinstance(name, str) and name in _BY_NAME)


def _audiences(claims: Mapping[str, Any]) -> frozenset[str]:
    given = claims.get("aud")
    values = given if isinstance(given, list) else [given]
    return frozenset(value for value in values if isinstance(value, str))


def _refused(why: str) -> Unauthenticated:
    logger().info("access_token_refused", why=why)
    return Unauthenticated(
        "No valid credential came with the call.",
        next_step="Sign in again with the authorization server, and ask it for a token for this very address.",
    )
