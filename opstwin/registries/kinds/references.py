"""What every type of registry may take a login from: a pair by reference, or the file that `docker login` writes."""

import asyncio
import base64
import binascii
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from opstwin.errors import InvalidInput, Rejected
from opstwin.registries.names import HUB, api_host
from opstwin.registries.ports import Login, Place, SigningIn

_MAX_BYTES: Final = 1 << 20
_REFERENCE: Final = ("env:", "file:")
_HUB_KEY: Final = "https://index.docker.io/v1/"


async def resolved(signing: SigningIn, reference: str) -> str:
    """The value behind a reference; the secret may be a file, which is read in a thread."""
    return await asyncio.to_thread(signing.secrets.resolve, reference) if reference else ""


async def username_of(signing: SigningIn) -> str:
    """The configured name, which may itself be a reference."""
    name = signing.place.username
    return await resolved(signing, name) if name.startswith(_REFERENCE) else name


async def pair_of(signing: SigningIn, usual_name: str = "") -> Login:
    """The configured pair, or the one of the Docker file; anonymous when neither is configured.

    A credential without a username holds `name:password`, unless the type has a `usual_name`.
    """
    place = signing.place
    if not place.credential:
        return await asyncio.to_thread(_of_docker_config, place) if place.docker_config else Login()
    secret = await resolved(signing, place.credential)
    name = await username_of(signing) or usual_name
    if not name:
        name, colon, secret = secret.partition(":")
        if not colon:
            raise InvalidInput(
                f"Registry {place.name}: there is no username, and {place.credential} holds no name:password.",
                field="username",
                next_step=f"Set username in {place.source}.",
            )
    return Login(username=name, password=secret)


def _of_docker_config(place: Place) -> Login:
    path = Path(place.docker_config)
    try:
        with path.open("rb") as file:
            text = file.read(_MAX_BYTES + 1)
        found = json.loads(text) if len(text) <= _MAX_BYTES else None
    except (OSError, ValueError):
        found = None  # the cause is left out: it would quote the file
    if not isinstance(found, dict):
        raise Rejected(
            f"Registry {place.name}: docker_config {path} cannot be read.",
            next_step="Name a file that docker login wrote, and that the hub may read.",
            details={"field": "docker_config"},
        )
    return _login(place, found)


def _login(place: Place, config: Mapping[str, Any]) -> Login:
    if place.host in (config.get("credHelpers") or {}):
        raise _unusable(place, "leaves this registry to a program (credHelpers), which the hub does not run")
    auths = config.get("auths")
    entry = next((auths[key] for key in _keys(place) if key in auths), None) if isinstance(auths, dict) else None
    if not isinstance(entry, dict):
        raise _unusable(place, f"has no login for {place.host}")
    token = entry.get("identitytoken")
    if isinstance(token, str) and token:
        return Login(refresh_token=token)
    name, colon, password = _decoded(str(entry.get("auth", ""))).partition(":")
    if not colon:
        raise _unusable(place, "keeps the login somewhere else (credsStore), which the hub does not run")
    return Login(username=name, password=password)


def _decoded(text: str) -> str:
    try:
        return base64.b64decode(text, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""


def _keys(place: Place) -> tuple[str, ...]:
    hosts = dict.fromkeys((place.host, api_host(place.host)))
    written = [
        form for host in hosts for form in (host, f"https://{host}", f"https://{host}/v1/", f"https://{host}/v2/")
    ]
    return (*written, _HUB_KEY) if place.host == HUB else tuple(written)


def _unusable(place: Place, why: str) -> Rejected:
    return Rejected(
        f"Registry {place.name}: docker_config {place.docker_config} {why}.",
        next_step="Give username and credential instead.",
        details={"field": "docker_config"},
    )
