"""Is it there already? Present, absent or unknown, with an identity check, and what follows from it.

Silence is not absence: a partition would otherwise bootstrap a second controller. Absence needs a refused connection,
or a record in the twin that says it was never created.
"""

import json
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from opstwin.catalog.component import Identity, Probe
from opstwin.catalog.endpoint import endpoint_of
from opstwin.domain.access import Actor, ActorKind
from opstwin.domain.resource import Presence
from opstwin.domain.values import Json
from opstwin.targets.probing import Met, ProbeAnswer, Prober

PROBE_TIMEOUT_S: Final = 5.0
_OK: Final = 200
_WORD: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:+-]{0,63}", re.ASCII)


class Sight(StrEnum):
    """What the probe saw. `other`: a thing answers, and it is not the expected one. `unreadable`: a thing is there."""

    IDENTIFIED = "identified"
    OTHER = "other"
    UNREADABLE = "unreadable"
    REFUSED = "refused"
    SILENT = "silent"


class Provision(StrEnum):
    """What a plan for a component does about the part that must never be made twice."""

    EXPAND = "expand"
    BOOTSTRAP = "bootstrap"
    UPGRADE = "upgrade"
    NEEDS_DECISION = "needs_decision"


_PRESENCE: Final = {
    Sight.IDENTIFIED: Presence.PRESENT,
    Sight.OTHER: Presence.PRESENT,
    Sight.UNREADABLE: Presence.PRESENT,
    Sight.REFUSED: Presence.ABSENT,
    Sight.SILENT: Presence.UNKNOWN,
}
_EXISTS: Final = {Presence.PRESENT: True, Presence.ABSENT: False, Presence.UNKNOWN: None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """The outcome of one probe. `kind`, `id` and `version` are what the thing says of itself, plain words or empty."""

    sight: Sight
    url: str
    status: int | None = None
    kind: str = ""
    id: str = ""
    version: str = ""
    message: str = ""

    @property
    def presence(self) -> Presence:
        """Present, absent or unknown."""
        return _PRESENCE[self.sight]

    @property
    def exists(self) -> bool | None:
        """True, False, or None when nobody can tell."""
        return _EXISTS[self.presence]


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointSeen:
    """The answer to `opstwin discover URL`. `exists` is None when nobody can tell."""

    exists: bool | None
    endpoint: str
    presence: Presence
    status: int | None
    kind: str
    id: str
    version: str
    seen: str


async def look(prober: Prober, probe: Probe, asker: Actor) -> Seen:
    """What stands at the probe's URL, which `asker` named. Raises like the prober's `get`."""
    answer = await prober.get(probe.url, probe.timeout_s, by_person=asker.kind is ActorKind.PERSON)
    return _read(answer, probe.url, probe.identity)


async def discover_endpoint(
    prober: Prober, text: str, asker: Actor, timeout_s: float = PROBE_TIMEOUT_S
) -> EndpointSeen:
    """Whether anything answers at a URL or an IP. Raises `InvalidInput` for what is no address, and like `look`."""
    endpoint = endpoint_of(text)
    answer = await prober.get(endpoint.url, timeout_s, by_person=asker.kind is ActorKind.PERSON)
    seen = _read(answer, endpoint.url, None)
    return EndpointSeen(
        exists=seen.exists, endpoint=endpoint.url, presence=seen.presence, status=seen.status, kind=seen.kind,
        id=seen.id, version=seen.version, seen=seen.message,
    )  # fmt: skip


def decide(sight: Sight, twin_says_created: bool | None) -> Provision:
    """What follows from a sight and the twin's record (None: it has none).

    Only the expected thing is built upon. Bootstrap needs a refused connection and no record of a creation, or a record
    that says it was never created. All else is for a person.
    """
    if sight is Sight.IDENTIFIED:
        return Provision.EXPAND
    if sight is Sight.REFUSED and not twin_says_created:
        return Provision.BOOTSTRAP
    if sight is Sight.SILENT and twin_says_created is False:
        return Provision.BOOTSTRAP
    return Provision.NEEDS_DECISION


def _read(answer: ProbeAnswer, url: str, expected: Identity | None) -> Seen:
    if answer.met is Met.REFUSED:
        return Seen(sight=Sight.REFUSED, url=url, message=f"{url}: {answer.reason}.")
    if answer.met is Met.SILENT:
        return Seen(sight=Sight.SILENT, url=url, message=f"{url}: {answer.reason}.")
    if answer.met is Met.GARBLED:
        return Seen(sight=Sight.UNREADABLE, url=url, message=f"{url}: {answer.reason}.")
    if answer.status != _OK:
        what = f"{url} answers with status {answer.status}."
        return Seen(sight=Sight.UNREADABLE, url=url, status=answer.status, message=what)
    return _identified(answer.body, url, expected)


def _identified(body: bytes, url: str, expected: Identity | None) -> Seen:
    said = _document(body)
    kind, id, version = (_said(said, key) for key in ("kind", "id", "version"))
    who = f"{kind} {id}".strip() or "something that does not say what it is"
    right = expected is None or (kind, id) == (expected.kind, expected.id)
    message = f"{url} answers: {who}{f', version {version}' if version else ''}."
    if expected is not None and not right:
        message += f" Expected {expected.kind} {expected.id}."
    sight = Sight.IDENTIFIED if right else Sight.OTHER
    return Seen(sight=sight, url=url, status=_OK, kind=kind, id=id, version=version, message=message)


def _document(body: bytes) -> dict[str, Json]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _said(document: dict[str, Json], key: str) -> str:
    """One plain word of the document, or nothing: what a stranger says goes no further otherwise."""
    value = document.get(key)
    return value if isinstance(value, str) and _WORD.fullmatch(value) else ""
