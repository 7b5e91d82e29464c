"""Tokens of a registry's token service: asked for when challenged, kept until they expire, sent to its hosts only."""

import base64
import json
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from opstwin.clock import Clock
from opstwin.registries.challenges import Challenge
from opstwin.registries.names import HUB, api_host
from opstwin.registries.ports import Answer, Asker, Login, Place, RegistryKind, Request, Secrets, SigningIn
from opstwin.registries.refusals import forbidden, strange, unwell

_USUAL_LIFE_S: Final = 60.0
"""How long a token is good for that says nothing about it (Docker's token specification)."""

_LONGEST_LIFE_S: Final = 3_600.0
_LOGIN_LIFE_S: Final = 300.0
"""How long a login without an end of its own is kept: what stands behind a reference may be replaced."""

_SPENT: Final = 0.9
"""The part of a token's life in which it is used."""

_MOST_TOKENS: Final = 1_000
_KNOWN_TOKEN_HOSTS: Final[Mapping[str, frozenset[str]]] = {
    HUB: frozenset({"auth.docker.io"}),
    "registry.gitlab.com": frozenset({"gitlab.com"}),
}
"""Token services that stand on another host than their public registry."""


class Tokens:
    """Signs requests to one registry."""

    def __init__(self, place: Place, kind: RegistryKind, asker: Asker, secrets: Secrets, clock: Clock) -> None:
        self._place, self._kind, self._asker, self._secrets, self._clock = place, kind, asker, secrets, clock
        self._kept: dict[str, tuple[float, str]] = {}
        self._login: tuple[float, Login] | None = None

    def header(self, scope: str) -> str:
        """The Authorization header that was good for `scope` before and still should be; empty when there is none."""
        until_s, value = self._kept.get(scope, (0.0, ""))
        return value if self._clock.monotonic_s() < until_s else ""

    def forget(self, scope: str) -> None:
        """Drop what was kept: the registry does not take it any more."""
        self._kept.pop(scope, None)
        self._login = None

    async def answer_to(self, challenge: Challenge, scope: str) -> str:
        """The header that answers a challenge. Raises `Forbidden` when there is no login, or it is refused."""
        login = await self._signed_in()
        if challenge.scheme == "basic":
            if login.is_anonymous:
                raise forbidden(self._place, "in without a login")
            return self._keep(scope, _basic(login), login.life_s or _LOGIN_LIFE_S)
        found = _json(await self._asked_for(challenge, scope, login))
        token = found.get("token") or found.get("access_token")
        if not isinstance(token, str) or not token.isascii() or not token.isprintable():
            raise strange(self._place, "its token service gave no token")
        return self._keep(scope, f"Bearer {token}", _life_s(found))

    async def _signed_in(self) -> Login:
        now_s = self._clock.monotonic_s()
        if self._login is None or now_s >= self._login[0]:
            now = self._clock.now().strftime("%Y%m%dT%H%M%SZ")
            signing = SigningIn(place=self._place, secrets=self._secrets, asker=self._asker, now=now)
            login = await self._kind.login(signing)
            self._login = (now_s + _SPENT * (login.life_s or _LOGIN_LIFE_S), login)
        return self._login[1]

    async def _asked_for(self, challenge: Challenge, scope: str, login: Login) -> Answer:
        realm = self._checked(challenge.parameters.get("realm", ""))
        service = challenge.parameters.get("service", "")
        fields = {**({"service": service} if service else {}), "scope": scope}
        if login.refresh_token:
            form = {
                "grant_type": "refresh_token",
                "refresh_token": login.refresh_token,
                "client_id": "opstwin",
                **fields,
            }
            request = Request(
                method="POST", url=realm, headers={"content-type": "application/x-www-form-urlencoded"},
                body=urlencode(form).encode(),
            )  # fmt: skip
        else:
            headers = {} if login.is_anonymous else {"authorization": _basic(login)}
            request = Request(
                method="GET", url=f"{realm}{'&' if '?' in realm else '?'}{urlencode(fields)}", headers=headers
            )
        answer = await self._asker.ask(request)
        if answer.status in (400, 401, 403):
            raise forbidden(self._place, "have a token")
        if answer.status >= 500:
            raise unwell(self._place, answer.status)
        if answer.status != 200:
            raise strange(self._place, f"its token service answered {answer.status}")
        return answer

    def _checked(self, realm: str) -> str:
        """The token service's address, when it is the registry's own or one that the configuration names."""
        try:
            parts = urlsplit(realm)
            host = parts.netloc.lower().removesuffix(":443")
        except ValueError:
            raise strange(self._place, "its token service has no usable address") from None
        own = {self._place.host, api_host(self._place.host), *self._place.token_hosts}
        known = own | _KNOWN_TOKEN_HOSTS.get(self._place.host, frozenset())
        schemes = ("https", "http") if self._place.insecure else ("https",)
        plain = realm.isascii() and realm.isprintable() and " " not in realm and not parts.fragment
        if parts.scheme not in schemes or host not in known or not plain:
            raise strange(self._place, f"it sends for tokens to {host[:100]!r}, which token_hosts does not name")
        return realm

    def _keep(self, scope: str, header: str, life_s: float) -> str:
        if len(self._kept) >= _MOST_TOKENS:
            self._kept.pop(next(iter(self._kept)))
        self._kept[scope] = (self._clock.monotonic_s() + _SPENT * life_s, header)
        return header


def _basic(login: Login) -> str:
    return f"Basic {base64.b64encode(f'{login.username}:{login.password}'.encode()).decode()}"


def _json(answer: Answer) -> Mapping[str, Any]:
    try:
        found = json.loads(answer.body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _life_s(found: Mapping[str, Any]) -> float:
    given = found.get("expires_in")
    if isinstance(given, bool) or not isinstance(given, int | float) or not given > 0:
        return _USUAL_LIFE_S
    return min(float(given), _LONGEST_LIFE_S)
