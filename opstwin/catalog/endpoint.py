"""Addresses as people write them: a URL, or a bare host or IP with or without a port."""

import ipaddress
import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, urlsplit

from opstwin.domain.names import checked_text
from opstwin.errors import InvalidInput

_PORTS: Final = {"http": 80, "https": 443}
_HOST: Final = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?", re.ASCII)
_LOOKS_NUMERIC: Final = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)", re.ASCII)
_PATH: Final = re.compile(r"(?:/[A-Za-z0-9._~-]+)*/?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where something answers over HTTP. `host` is a lower-case name or an IP without brackets, `path` ends in no /."""

    scheme: str
    host: str
    port: int
    path: str = ""

    @property
    def url(self) -> str:
        """The address in one spelling; the port is left out where it is the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == _PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}{self.path}"

    def at(self, path: str) -> str:
        """The URL of `path` (which begins with a slash) below this endpoint."""
        return self.url + path

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can answer there, by the look of the address."""
        return self.host == "localhost" or (_is_ip(self.host) and ipaddress.ip_address(self.host).is_loopback)


def endpoint_of(text: str, field: str = "endpoint") -> Endpoint:
    """The endpoint that `text` names: `http://host:port/path`, `host:port`, `10.0.0.5`, `::1` or `[::1]:8080`.

    Raises `InvalidInput` for anything else, for credentials in the address, and for numbers that only look like an IP.
    """
    checked_text(text, field, 2048)
    try:
        parts = urlsplit(_with_scheme(text))
        port = parts.port
    except ValueError as error:
        raise _wrong(field, "is not an address") from error
    if parts.username is not None or parts.password is not None:
        raise _wrong(field, "must not carry a user or a password")
    if parts.scheme not in _PORTS or parts.query or parts.fragment or not _PATH.fullmatch(parts.path):
        raise _wrong(field, "must be http or https with a plain path")
    if ".." in parts.path.split("/") or port == 0 or text.rstrip().endswith(":"):
        raise _wrong(field, "is not an address")
    return Endpoint(parts.scheme, _host(parts, field), port or _PORTS[parts.scheme], parts.path.rstrip("/"))


def _with_scheme(text: str) -> str:
    if "://" in text:
        return text
    return f"http://[{text}]" if _is_ip(text) and ":" in text else f"http://{text}"


def _host(parts: SplitResult, field: str) -> str:
    host = (parts.hostname or "").lower()
    if _is_ip(host):
        return str(ipaddress.ip_address(host))
    if not _HOST.fullmatch(host) or ".." in host or _LOOKS_NUMERIC.fullmatch(host):
        raise _wrong(field, "names no host")
    return host


def _is_ip(text: str) -> bool:
    try:
        return not getattr(ipaddress.ip_address(text), "scope_id", None)
    except ValueError:
        return False


def _wrong(field: str, why: str) -> InvalidInput:
    return InvalidInput(
        f"{field} {why}.", field=field, next_step="Write it like http://10.0.0.5:8080, or 10.0.0.5:8080."
    )
