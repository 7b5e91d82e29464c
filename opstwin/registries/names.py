"""Names of images, taken apart as a registry needs them. Pure."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from opstwin.errors import InvalidInput
from opstwin.manifests.checks.grammar import image_of

HUB: Final = "docker.io"
"""What a name without a host means, as container engines read it."""

_HUB_FORMS: Final = frozenset({"index.docker.io", "registry-1.docker.io"})
_HUB_API: Final = "registry-1.docker.io"
_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}", re.ASCII)
_TAG: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}", re.ASCII)
_HOST: Final = re.compile(
    r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*)(?::(?P<port>[0-9]{1,5}))?",
    re.ASCII,
)
_PARTS: Final = re.compile(r"[0-9]+|[^0-9]+", re.ASCII)
_LAST_PORT: Final = 65535


@dataclass(frozen=True, slots=True)
class ImageName:
    """An image: `host` is `docker.io` where none was written, `tag` and `digest` are empty where none was."""

    host: str
    repository: str
    tag: str = ""
    digest: str = ""

    @property
    def short(self) -> str:
        """The name without tag and digest, as people write it."""
        short = self.repository.removeprefix("library/")
        return f"{self.host}/{self.repository}" if self.host != HUB or _begins_with_host(short) else short

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        return f"{self.short}{tag}{f'@{self.digest}' if self.digest else ''}"


def image_name(text: str) -> ImageName:
    """`text` taken apart. Raises `InvalidInput` (field `image`) for what is no name of an image."""
    found = image_of(text)
    if found is None:
        raise _bad(text, "is not the name of an image", "Write it like registry.example.com/team/web:1.4.2.")
    name, tag, digest = found
    if digest and not is_digest(digest):
        raise _bad(text, "has a digest that is not sha256 with 64 digits", "Leave it out, or give the whole digest.")
    first, _, rest = name.partition("/")
    host, repository = (first, rest) if _begins_with_host(name) else (HUB, name)
    host = HUB if host.lower() in _HUB_FORMS else checked_host(host, "image")
    if host == HUB and "/" not in repository:
        repository = f"library/{repository}"
    return ImageName(host, repository, tag, digest)


def checked_host(text: str, field: str) -> str:
    """A registry's host, with its port where it has one, in lower case. Raises `InvalidInput`."""
    host = text.lower()
    match = _HOST.fullmatch(host)
    if match is None or len(host) > 253 or not 0 < int(match["port"] or 1) <= _LAST_PORT:
        raise InvalidInput(
            f"{field}: {text[:80]!r} is not the host of a registry.",
            field=field,
            next_step="Write it like registry.example.com or registry.example.com:5000.",
        )
    return HUB if host in _HUB_FORMS else host


def api_host(host: str) -> str:
    """Where the registry of that name answers."""
    return _HUB_API if host == HUB else host


def is_digest(text: str) -> bool:
    """Whether it is a SHA-256 digest as registries write it."""
    return bool(_DIGEST.fullmatch(text))


def is_tag(text: str) -> bool:
    """Whether it can be a tag."""
    return bool(_TAG.fullmatch(text))


def highest_first(tags: Iterable[str]) -> tuple[str, ...]:
    """Tags by their numbers, as numbers: `1.10`, `1.9`, …, and words behind them."""
    return tuple(sorted(tags, key=_parts, reverse=True))


def _parts(tag: str) -> tuple[list[tuple[int, str]], str]:
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in _PARTS.findall(tag)], tag


def _begins_with_host(name: str) -> bool:
    """Whether what stands before the first slash is a host, as container engines tell it from a repository."""
    first, slash, _ = name.partition("/")
    return bool(slash) and (bool({".", ":"} & set(first)) or first == "localhost" or first != first.lower())


def _bad(text: str, what: str, next_step: str) -> InvalidInput:
    return InvalidInput(f"{text[:80]!r} {what}.", field="image", next_step=next_step)
