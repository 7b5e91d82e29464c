"""Azure Container Registry: names and passwords, refresh tokens, and service principals by way of their tenant."""

import json
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from opstwin.errors import InvalidInput
from opstwin.registries.kinds.references import pair_of
from opstwin.registries.ports import Login, Place, Request, SigningIn
from opstwin.registries.refusals import forbidden, strange

_TOKEN_NAME: Final = "00000000-0000-0000-0000-000000000000"  # noqa: S105 - a name
"""The username that says of a password that it is a refresh token (`az acr login --expose-token`)."""

_AUTHORITY: Final = "https://login.microsoftonline.com"
_SCOPE: Final = "https://containerregistry.azure.net/.default"
_REFRESH_LIFE_S: Final = 3_600.0
"""Used for an hour of the three that a refresh token lives (Azure's documentation)."""


@dataclass(frozen=True, slots=True)
class Azure:
    """With `tenant`, username and credential are a service principal's: its token is exchanged for one of the registry.

    Without, they are a name and a password (a service principal's, a token's or the administrator's). `authority` is
    where the tenant signs in, for clouds other than the public one.
    """

    name: str = "acr"
    options: tuple[str, ...] = ("tenant", "authority")

    def suits(self, host: str) -> bool:
        """See the port."""
        return host.endswith((".azurecr.io", ".azurecr.cn", ".azurecr.us"))

    async def login(self, signing: SigningIn) -> Login:
        """See the port."""
        pair = await pair_of(signing)
        if pair.username == _TOKEN_NAME:
            return Login(refresh_token=pair.password)
        if not signing.place.options.get("tenant") or pair.is_anonymous:
            return pair
        access = await _field_of(signing, _tenant_request(signing.place, pair), "access_token")
        fields = {
            "grant_type": "access_token", "service": signing.place.host, "tenant": signing.place.options["tenant"],
            "access_token": access,
        }  # fmt: skip
        exchange = _form(f"{signing.place.base_url}/oauth2/exchange", fields)
        return Login(refresh_token=await _field_of(signing, exchange, "refresh_token"), life_s=_REFRESH_LIFE_S)


def _tenant_request(place: Place, pair: Login) -> Request:
    authority, tenant = place.options.get("authority", _AUTHORITY).rstrip("/"), place.options["tenant"]
    parts = urlsplit(authority)
    if not tenant.replace("-", "").replace(".", "").isalnum() or not parts.hostname or parts.query or parts.username:
        raise _bad(place, "tenant or authority cannot be used")
    if parts.scheme != "https" and not place.insecure:
        raise _bad(place, "authority must begin with https://")
    fields = {
        "grant_type": "client_credentials", "client_id": pair.username, "client_secret": pair.password, "scope": _SCOPE,
    }  # fmt: skip
    return _form(f"{authority}/{tenant}/oauth2/v2.0/token", fields)


def _form(url: str, fields: dict[str, str]) -> Request:
    headers = {"content-type": "application/x-www-form-urlencoded"}
    return Request(method="POST", url=url, headers=headers, body=urlencode(fields).encode())


async def _field_of(signing: SigningIn, request: Request, name: str) -> str:
    answer = await signing.asker.ask(request)
    if answer.status in (400, 401, 403):
        raise forbidden(signing.place, "have a token")
    try:
        found: Any = json.loads(answer.body) if answer.status == 200 else None
    except ValueError:
        found = None
    token = found.get(name) if isinstance(found, dict) else None
    if not isinstance(token, str) or not token:
        raise strange(signing.place, f"no {name}, status {answer.status}")
    return token


def _bad(place: Place, why: str) -> InvalidInput:
    return InvalidInput(f"Registry {place.name}: {why}.", field="tenant", next_step=f"Correct it in {place.source}.")
