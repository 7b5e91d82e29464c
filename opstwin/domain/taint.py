"""What of a request stands in text that others wrote: words as fingerprints, kept, compared and told apart. Pure.

Only fingerprints are kept of what was read, never the text. Too much is found rather than too little: a match asks for
one more pair of eyes and refuses nothing.
"""

import base64
import hashlib
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar, Final

from opstwin.domain.ordinary_names import is_ordinary
from opstwin.domain.text import readings, visible

LIFE: Final = timedelta(hours=24)
"""How long what an AI client read counts as where its next requests may come from."""

MARK_BYTES: Final = 5
"""A request of 1,000 words meets a foreign fingerprint among 100,000 by chance once in 10,000 times (2^40 values)."""

MAX_SHOWN: Final = 80
MAX_MATCHES: Final = 5
MAX_TEXT: Final = 400_000
"""Characters of one answer that are remembered word by word."""

MAX_MARKS: Final = 60_000
"""Fingerprints of one record: 400 KB."""

LISTS: Final = ("names and images", "names of resources")
"""How sources begin that only list what is there: whoever asks for an image that lies on the target repeats them."""

_SEEN: Final = re.compile(r"[^\s:]+ ago: resource\.(?:found image \S+ is there|changed image \S+ changed)\.")
"""How `twin_get` tells that the hub saw an image: its words are ours but for the name of the image."""

_UNNAMED: Final = "…"
_RUN: Final = 4
"""Words in a row that count, however common each of them is."""

_LONG: Final = 12
_NAME: Final = 5
_SPLIT: Final = re.compile(r"[\s\"'`<>()\[\]{}|;,⟦⟧*]+")
_ENDS: Final = ".:!?…~_#-&$"
_ADDRESS: Final = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?")
_NUMBER: Final = re.compile(r"v?\d[\d.,:%/x+tz_-]*[a-z]{0,3}|[0-9a-f-]{7,}|sha256:[0-9a-f]+")
_INSIDE: Final = re.compile(r"\w[/:@.=]\w|^/\w|^\W?\w+=")
_HANGUL: Final = re.compile(r"(?<=[!-~])(?=[가-힣])|(?<=[가-힣])(?=[!-~])")
"""Where a Korean particle is joined to a name."""

_PARTS: Final = re.compile(r"[/:@?#&=+]+")

_COMMANDS: Final = (
    "base64 bash chmod chown chroot crontab curl dash dd eval insmod iptables kubectl miner mkfs nc ncat nsenter perl "
    "powershell python python3 rm rsync ruby scp sftp shred socat ssh telnet wget xmrig zsh"
)
COMMANDS: Final = frozenset(_COMMANDS.split())
"""Programs that a request should not have from a log, however short their names are."""

_FORMS: Final = (
    "unless-stopped healthcheck start_period start_interval container_name service_healthy service_started "
    "service_completed_successfully host_path read_only cpu_millicores memory_bytes start_period_s interval_s "
    "timeout_s secret_env working_dir stop_grace_period restart_policy environment environment_variable cmd-shell "
    "opstwin.io/v1"
)
_PLACES: Final = (
    "127.0.0.1 0.0.0.0 localhost host.docker.internal docker.io index.docker.io registry-1.docker.io quay.io ghcr.io "
    "gcr.io registry.k8s.io docker.io/library /library /bin/sh /dev/null"
)
_USUAL: Final = (
    "latest stable alpine debian ubuntu server client service worker backend frontend local library image images debug "
    "release health healthz status config check start ready false sleep"
)
_OPERATIONS: Final = (
    "create update replace delete restart recreate remove exec start stop deploy scale autoscale stop_autoscale "
    "upgrade rollback expose set_env set_resources move copy forward back pending intended done failed skipped "
    "approved rejected applying applied verifying rolling_back rolled_back succeeded needs_human stale"
)
"""What the hub itself calls its operations, their phases and their states: every answer about a plan holds them."""

_ORDINARY: Final = frozenset(f"{_FORMS} {_PLACES} {_USUAL} {_OPERATIONS}".split())
"""Words of the forms in which a request is written, and places that say nothing about who named them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaintMatch:
    """One thing in a request that stands in what others wrote, where it was read, and when it was given out."""

    text: str
    source: str
    at: datetime

    @property
    def is_listed(self) -> bool:
        """Whether it is known to stand in a list of what is there, and was not read in anything that tells more."""
        return self.source.startswith(LISTS) and self.text != _UNNAMED


@dataclass(frozen=True, slots=True, kw_only=True)
class Taint:
    """Why a request is tainted; at least one match."""

    matches: tuple[TaintMatch, ...]

    @property
    def is_listed(self) -> bool:
        """Whether lists of what is there are all that the request repeats."""
        return all(match.is_listed for match in self.matches)

    def is_listed_as(self, names: Iterable[str]) -> bool:
        """Whether it only repeats words of these names, and has them from lists of what is there; no when in doubt."""
        if not self.is_listed or len(self.matches) >= MAX_MATCHES:
            return False
        return {match.text for match in self.matches} <= {_shown(word) for word in tokens(names)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Fingerprints of what the AI clients of one human (`account`) were given from one source within an hour.

    `marks` are sorted fingerprints in base64. Not `complete` means that there was more than is kept: until it expires
    every request of that human counts as taken from it.
    """

    INDEXED: ClassVar[tuple[str, ...]] = ("account",)
    ORDER: ClassVar[str] = "position"

    id: str
    account: str
    source: str
    marks: str
    complete: bool = True
    at: datetime
    expires_at: datetime
    version: int = 0


def seen_images(happened: Iterable[object]) -> list[str]:
    """Which lines of what happened lately only list an image.

    A target's own events cannot look so: theirs begin with another type, and their message with a name and a colon.
    """
    return [line for line in happened if isinstance(line, str) and _SEEN.fullmatch(line)]


def marks_of(texts: Iterable[str], account: str) -> frozenset[bytes]:
    """The fingerprints of everything in `texts` that a request of the account could repeat."""
    key = _key(account)
    return frozenset(_mark(token, key) for token in tokens(texts))


def packed(marks: Collection[bytes]) -> str:
    """Fingerprints as the text of a record."""
    return base64.b64encode(b"".join(sorted(marks))).decode()


def unpacked(text: str) -> frozenset[bytes]:
    """Fingerprints out of the text of a record."""
    raw = base64.b64decode(text)
    return frozenset(raw[place : place + MARK_BYTES] for place in range(0, len(raw), MARK_BYTES))


def tokens(texts: Iterable[str]) -> set[str]:
    """Words, their parts and runs of words, each as it is compared."""
    found: set[str] = set()
    for reading in readings("\n".join(texts)):
        words = _words(reading)
        for word in dict.fromkeys(words):
            found.update(part for part in _parts(word) if len(part) > 1 and not _is_number(part))
        found.update(_runs(words))
    return found


def suspects(values: Iterable[str], names: Iterable[str] = ()) -> set[str]:
    """What of a request's `values` would not be there by chance if it also stands in a text of others.

    Of `names` (images, programs, hosts) shorter and more common words count too.
    """
    found = {token for value in values for token in tokens([value]) if _is_distinct(token)}
    named = {token for name in names for token in tokens([name]) if len(token) >= _NAME}
    return found | (named - _ORDINARY)


def chosen(called: Iterable[str]) -> set[str]:
    """Of the names that new things are to have, those that two would hardly choose by chance."""
    return {name for name in called if not is_ordinary(name)} - _ORDINARY


def matches(
    wanted: Collection[str], evidence: Iterable[Evidence], before: Mapping[str, TaintMatch] | None = None
) -> dict[str, TaintMatch]:
    """Which of `wanted` were read, each with where it was read last, rather in a text than in a list of what is there.

    Under "" stands that there was more than is kept. `before` are matches in other evidence, to be told together.
    """
    found = dict(before or {})
    keyed: dict[str, dict[bytes, str]] = {}
    for record in evidence:
        if record.account not in keyed:
            key = _key(record.account)
            keyed[record.account] = {_mark(token, key): token for token in wanted}
        asked = keyed[record.account]
        read = [asked[mark] for mark in unpacked(record.marks) & asked.keys()]
        for token in read if record.complete else (*read, ""):
            match = TaintMatch(text=_shown(token), source=record.source, at=record.at)
            if token not in found or _weight(found[token]) < _weight(match):
                found[token] = match
    return found


def taint_of(found: Collection[TaintMatch]) -> Taint | None:
    """The matches that say most, at most one for each stretch of text; None where there are none.

    What was read in a text comes before what was only listed, so that a flood of names leaves none of it out.
    """
    kept: list[TaintMatch] = []
    for match in sorted(found, key=lambda item: (item.is_listed, -len(item.text), item.text)):
        if not any(match.text in other.text for other in kept):
            kept.append(match)
    return Taint(matches=tuple(kept[:MAX_MATCHES])) if kept else None


def _weight(match: TaintMatch) -> tuple[bool, datetime]:
    return not match.is_listed, match.at


def _shown(token: str) -> str:
    text = visible(token, one_line=True) or _UNNAMED
    return text if len(text) <= MAX_SHOWN else text[: MAX_SHOWN - 1] + "…"


def _key(account: str) -> bytes:
    return hashlib.blake2b(account.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _mark(token: str, key: bytes) -> bytes:
    return hashlib.blake2b(token.encode("utf-8", "surrogatepass"), digest_size=MARK_BYTES, key=key).digest()


def _words(reading: str) -> list[str]:
    return [word for word in (chunk.strip(_ENDS) for chunk in _SPLIT.split(_HANGUL.sub(" ", reading))) if word]


_ASSIGNED: Final = 8
"""Beyond this many the rest of a word is one value: a hostile line could ask for the square of its length in work."""


def _parts(word: str) -> Iterator[str]:
    """The word, and what it is made of: value and name, host and path, image without its tag."""
    for part in _values_in(word):
        yield part
        if _INSIDE.search(part):
            yield from _pieces(part)


def _values_in(word: str) -> Iterator[str]:
    """The word, and what stands behind each of its first `=` signs."""
    yield word
    for _ in range(_ASSIGNED):
        _, assigned, value = word.partition("=")
        word = value.strip(_ENDS)
        if not assigned or not word:
            return
        yield word


def _pieces(word: str) -> Iterator[str]:
    bare = word.partition("://")[2] or word
    bare = bare.rpartition("@")[2] if "://" in word else bare.partition("@")[0]
    head, _, tail = bare.rpartition(":")
    host, slash, path = bare.partition("/")
    yield from (bare, host, "/" + path if slash else host, path, path.partition(":")[0])
    yield head if head and "/" not in tail else bare
    name = host.partition(":")[0]
    yield from (name, ".".join(name.split(".")[-2:]))
    yield from _PARTS.split(bare)


def _runs(words: list[str]) -> Iterator[str]:
    """Every few words in a row; numbers count as one word, so that lines that differ in them only are kept once."""
    plain = ["0" if _is_number(word) else word for word in words]
    for place in range(len(plain) - _RUN + 1):
        run = plain[place : place + _RUN]
        if sum(word != "0" for word in run) > 1:
            yield " ".join(run)


def _is_number(word: str) -> bool:
    return _NUMBER.fullmatch(word) is not None and _ADDRESS.fullmatch(word) is None and any(map(str.isdigit, word))


def _is_distinct(token: str) -> bool:
    if token in _ORDINARY:
        return False
    return len(token) >= _LONG or " " in token or token in COMMANDS or _INSIDE.search(token) is not None
