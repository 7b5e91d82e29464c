"""Amazon ECR: a password for twelve hours, which its API gives for AWS keys or which somebody else fetched."""

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from opstwin.errors import InvalidInput
from opstwin.registries.kinds.references import pair_of, resolved
from opstwin.registries.kinds.signature import Keys, Realm, signed
from opstwin.registries.ports import Login, Place, Request, SigningIn
from opstwin.registries.refusals import forbidden, strange, unwell

_HOST: Final = re.compile(
    r"(?P<account>\d{1,20})\.dkr\.ecr(?:-fips)?\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(?P<cn>\.cn)?"
)
_STATIC: Final = "AWS"
_REGION: Final = re.compile(r"[a-z0-9-]{3,40}", re.ASCII)
_LIFE_S: Final = 6 * 3_600.0
"""Half of the twelve hours that a password lives (AWS's documentation)."""


@dataclass(frozen=True, slots=True)
class Amazon:
    """`username` is an access key's id and `credential` its secret key; for `AWS`, `credential` is the password itself.

    `session_token` is a reference, for keys that expire; `region` and `api` are told by the host where they are not
    given. Roles of machines and pods are not asked for: give their keys by reference, or refresh the password outside.
    """

    name: str = "ecr"
    options: tuple[str, ...] = ("region", "session_token", "api")

    def suits(self, host: str) -> bool:
        """See the port."""
        return bool(_HOST.fullmatch(host))

    async def login(self, signing: SigningIn) -> Login:
        """See the port."""
        pair = await pair_of(signing, _STATIC)
        if pair.is_anonymous or pair.username == _STATIC or not signing.place.credential:
            return pair
        session = await resolved(signing, signing.place.options.get("session_token", ""))
        keys = Keys(access=pair.username, secret=pair.password.strip(), session=session.strip())
        return await _password(signing, keys)


async def _password(signing: SigningIn, keys: Keys) -> Login:
    place, body = signing.place, b"{}"
    region = _region(place)
    headers = {
        "content-type": "application/x-amz-json-1.1",
        "x-amz-target": "AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken",
    }
    url = _api(place, region)
    sent = signed(url, headers, body, keys, Realm(region=region, service="ecr", now=signing.now))
    answer = await signing.asker.ask(Request(method="POST", url=url, headers=sent, body=body))
    if answer.status in (400, 401, 403):
        raise forbidden(place, "have a password (GetAuthorizationToken)")
    if answer.status != 200:
        raise unwell(place, answer.status)
    name, colon, password = _decoded(answer.body).partition(":")
    if not colon:
        raise strange(place, "no authorization token")
    return Login(username=name, password=password, life_s=_LIFE_S)


def _decoded(body: bytes) -> str:
    try:
        found: Any = json.loads(body)
        return base64.b64decode(found["authorizationData"][0]["authorizationToken"], validate=True).decode()
    except (ValueError, KeyError, IndexError, TypeError, binascii.Error):
        return ""


def _region(place: Place) -> str:
    match = _HOST.fullmatch(place.host)
    region = place.options.get("region") or (match["region"] if match else "")
    if not _REGION.fullmatch(region):
        raise _bad(place, "region", "its region is not known", "Give it a region, such as ap-northeast-2")
    return region


def _api(place: Place, region: str) -> str:
    options: Mapping[str, str] = place.options
    if "api" not in options:
        china = ".cn" if place.host.endswith(".cn") else ""
        return f"https://api.ecr.{region}.amazonaws.com{china}/"
    parts = urlsplit(options["api"])
    plain = parts.scheme == "http" and place.insecure
    if not (parts.scheme == "https" or plain) or not parts.hostname or parts.username or parts.query:
        raise _bad(
            place, "api", "its api cannot be used", "Write it like https://api.ecr.ap-northeast-2.amazonaws.com/"
        )
    return f"{parts.scheme}://{parts.netloc}{parts.path or '/'}"


def _bad(place: Place, field: str, why: str, step: str) -> InvalidInput:
    return InvalidInput(f"Registry {place.name}: {why}.", field=field, next_step=f"{step}, in {place.source}.")
