"""What a registry says about how to sign in (RFC 9110 section 11, and the token flow of Docker and OCI). Pure."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

_SCHEME: Final = re.compile(r"(?:^|,\s*)(?P<scheme>Basic|Bearer)(?=\s|$)", re.IGNORECASE)
_PARAMETER: Final = re.compile(
    r'(?P<name>[A-Za-z_]{1,40})\s*=\s*(?:"(?P<quoted>[^"\\]{0,2000})"|(?P<bare>[^\s,"]{1,2000}))'
)
_LONGEST: Final = 8_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenge:
    """One way to sign in: `scheme` is `basic` or `bearer`."""

    scheme: str
    parameters: Mapping[str, str] = field(default_factory=dict)


def challenge_of(headers: Iterable[str]) -> Challenge | None:
    """The way to take: Bearer where it is offered, else Basic; None when neither is."""
    found = {item.scheme: item for header in headers for item in _all(header[:_LONGEST])}
    return found.get("bearer") or found.get("basic")


def _all(header: str) -> Iterable[Challenge]:
    starts = list(_SCHEME.finditer(header))
    for place, start in enumerate(starts):
        end = starts[place + 1].start() if place + 1 < len(starts) else len(header)
        parameters = {
            match["name"].lower(): match["quoted"] if match["quoted"] is not None else match["bare"]
            for match in _PARAMETER.finditer(header, start.end(), end)
        }
        yield Challenge(scheme=start["scheme"].lower(), parameters=parameters)
