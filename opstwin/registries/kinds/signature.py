"""AWS Signature Version 4 for one POST, as AWS documents it. Pure."""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

_ALGORITHM: Final = "AWS4-HMAC-SHA256"


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """A pair of AWS keys; `session` is empty for those that do not expire."""

    access: str = field(repr=False)
    secret: str = field(repr=False)
    session: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Realm:
    """Where and when a signature is good: `now` as `YYYYMMDDTHHMMSSZ`."""

    region: str
    service: str
    now: str


def signed(url: str, headers: Mapping[str, str], body: bytes, keys: Keys, realm: Realm) -> dict[str, str]:
    """`headers` of a POST to a URL without a query, with host, date, session token and the signature."""
    parts = urlsplit(url)
    sent = {key.lower(): " ".join(value.split()) for key, value in headers.items()}
    sent |= {"host": parts.netloc, "x-amz-date": realm.now}
    if keys.session:
        sent["x-amz-security-token"] = keys.session
    names = ";".join(sorted(sent))
    lines = "".join(f"{name}:{sent[name]}\n" for name in sorted(sent))
    canonical = f"POST\n{parts.path or '/'}\n\n{lines}\n{names}\n{hashlib.sha256(body).hexdigest()}"
    scope = f"{realm.now[:8]}/{realm.region}/{realm.service}/aws4_request"
    text = f"{_ALGORITHM}\n{realm.now}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = f"AWS4{keys.secret}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, text.encode(), "sha256").hex()
    sent["authorization"] = (
        f"{_ALGORITHM} Credential={keys.access}/{scope}, SignedHeaders={names}, Signature={signature}"
    )
    return sent
