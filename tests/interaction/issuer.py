"""An authorization server as far as the hub knows it: keys, a key set, and access tokens, true and forged."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from joserfc import jwk, jwt
from joserfc.jws import JWSRegistry

from opstwin.clock import Clock
from opstwin.domain.access import Actor, ActorKind
from opstwin.tools.all_tools import REGISTRY
from opstwin.tools.registry import Registry
from tests.interaction.house import House

ISSUER = "https://login.example.com/realms/ops"
PUBLIC = "https://ops.example.com"
MCP = f"{PUBLIC}/mcp"
SUBJECT = "5c1e-owner"
CLIENT = "https://claude.example/client.json"
OWNER = Actor(kind=ActorKind.PERSON, id="owner", face="cli")
ALL = "twin:read twin:plan twin:apply twin:exec twin:admin"


def rsa(kid: str, bits: int = 2048) -> jwk.RSAKey:
    return jwk.RSAKey.generate_key(bits, parameters={"kid": kid, "use": "sig", "alg": "RS256"})


SIGNING = rsa("key-1")
"""Made once: making an RSA key takes a tenth of a second."""

OTHER = rsa("key-2")


def key_set(*keys: jwk.RSAKey | jwk.ECKey | jwk.OKPKey) -> str:
    return json.dumps({"keys": [key.as_dict(private=False) for key in keys]})


@dataclass
class Issuer:
    """Makes tokens by the clock of the house; what is not given is right."""

    clock: Clock
    file: Path

    def __post_init__(self) -> None:
        self.publish(SIGNING)

    def publish(self, *keys: Any) -> None:
        self.file.write_text(key_set(*keys), encoding="utf-8")

    def claims(self, **changes: Any) -> dict[str, Any]:
        """Right claims, changed; None takes one away."""
        now = int(self.clock.now().timestamp())
        right = {
            "iss": ISSUER, "aud": MCP, "sub": SUBJECT, "client_id": CLIENT, "scope": ALL, "iat": now, "exp": now + 300,
            "jti": "1",
        }  # fmt: skip
        return {name: value for name, value in (right | changes).items() if value is not None}

    def token(self, *, header: Mapping[str, Any] | None = None, key: Any = None, **changes: Any) -> str:
        """A signed token."""
        signer = SIGNING if key is None else key
        head = {"alg": "RS256", "typ": "at+jwt", "kid": signer.kid, **(header or {})}
        clean = {name: value for name, value in head.items() if value is not None}
        registry = JWSRegistry(algorithms=[clean["alg"]], strict_check_header=False)
        return jwt.encode(clean, self.claims(**changes), signer, registry=registry)


def encoded(value: Any) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def signed(payload: Any, **header: Any) -> str:
    """A true signature of anything, with any header: what a library would not write."""
    head = {"alg": "RS256", "typ": "at+jwt", "kid": "key-1", **header}
    body = f"{encoded(head)}.{encoded(payload)}"
    private = SIGNING.private_key
    assert private is not None
    size = hashes.SHA512() if head["alg"] == "RS512" else hashes.SHA256()
    return f"{body}.{encoded(private.sign(body.encode(), padding.PKCS1v15(), size))}"


def unsigned(claims: Mapping[str, Any], **header: Any) -> str:
    """`alg: none` and its spellings."""
    return f"{encoded({'alg': 'none', 'typ': 'at+jwt', **header})}.{encoded(claims)}."


def with_secret(claims: Mapping[str, Any], secret: bytes, **header: Any) -> str:
    """Signed with HMAC, by somebody who takes the public key for the secret."""
    head = {"alg": "HS256", "typ": "at+jwt", "kid": "key-1", **header}
    body = f"{encoded(head)}.{encoded(claims)}"
    return f"{body}.{encoded(hmac.new(secret, body.encode(), hashlib.sha256).digest())}"


async def house_with_issuer(
    folder: Path, *, linked: bool = True, registry: Registry = REGISTRY, **settings: Any
) -> tuple[House, Issuer]:
    """A house that takes tokens of the issuer, with its owner linked."""
    file = folder / "jwks.json"
    given = {"oauth_issuer": ISSUER, "oauth_jwks_file": file, "public_url": PUBLIC, **settings}
    chosen = {name: value for name, value in given.items() if value is not None}
    house = House(folder, settings=chosen, registry=registry)
    issuer = Issuer(house.clock, file)
    await house.furnish()
    if linked:
        await house.services.people.link("owner", ISSUER, SUBJECT, OWNER)
    return house, issuer
