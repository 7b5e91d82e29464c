"""What one word can be by its look alone: a name, an image, a port, an amount."""

import re
from collections.abc import Callable, Mapping
from typing import Final

from opstwin.domain.names import checked_image
from opstwin.errors import InvalidInput
from opstwin.intent.quantities import is_cpu, is_memory
from opstwin.intent.tokens import is_pair

_NAME: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_.-]*[A-Za-z0-9])?", re.ASCII)
_KEY: Final = re.compile(r"[A-Z_][A-Z0-9_]*", re.ASCII)
_ANY_KEY: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_COUNT: Final = re.compile(r"[-+]?[0-9]{1,12}", re.ASCII)
_PERCENT: Final = re.compile(r"[0-9]{1,6}%", re.ASCII)
_PORT: Final = re.compile(
    r"(?:(?:(?:[0-9.]{7,15}|\[[0-9a-fA-F:.]{2,45}\]):)?[0-9]{1,9}:)?[0-9]{1,9}(?:/[a-z]{1,8})?", re.ASCII
)
_VOLUME: Final = re.compile(r"[^:=]{1,255}:/[^:=]{0,255}(?::r[ow])?", re.ASCII)
_AMOUNT: Final = re.compile(r"[0-9]{1,18}(?:\.[0-9]{1,9})?[A-Za-z]{0,3}", re.ASCII)
_VALUE: Final = re.compile(r"[!-~]+", re.ASCII)
_QUOTES: Final = frozenset("'\"`“”‘’„«»「」『』")


def has_quote(word: str) -> bool:
    """Whether the word holds a quotation mark of any kind."""
    return not _QUOTES.isdisjoint(word)


def is_name(word: str) -> bool:
    """Could name a workload or a target; numbers, amounts and CONSTANT words could not."""
    return (
        _NAME.fullmatch(word) is not None
        and not is_cpu(word)
        and not is_memory(word)
        and _KEY.fullmatch(word) is None
        and _COUNT.fullmatch(word) is None
    )


def is_image(word: str) -> bool:
    """An image reference with a tag or a digest."""
    return _is_reference(word) and ("@" in word or ":" in word.rsplit("/", 1)[-1])


def is_untagged(word: str) -> bool:
    """An image reference without a tag; many plain words are one."""
    return _is_reference(word) and not is_image(word)


def is_untagged_path(word: str) -> bool:
    """An image reference that only an image can be, yet without a tag: `registry.example.com/team/api`."""
    return "/" in word and is_untagged(word)


def _is_reference(word: str) -> bool:
    if _PORT.fullmatch(word) or is_pair(word):
        return False
    try:
        checked_image(word)
    except InvalidInput:
        return False
    return True


def _fits(pattern: re.Pattern[str]) -> Callable[[str], bool]:
    return lambda word: pattern.fullmatch(word) is not None


SHAPES: Final[Mapping[str, Callable[[str], bool]]] = {
    "name": is_name,
    "target": is_name,
    "source": is_name,
    "project": is_name,
    "place": is_name,
    "image": is_image,
    "untagged": is_untagged,
    "untagged_path": is_untagged_path,
    "count": _fits(_COUNT),
    "least": _fits(_COUNT),
    "most": _fits(_COUNT),
    "percent": _fits(_PERCENT),
    "port": _fits(_PORT),
    "memory": _fits(_AMOUNT),
    "cpu": _fits(_AMOUNT),
    "pair": is_pair,
    "key": _fits(_KEY),
    "any_key": _fits(_ANY_KEY),
    "value": _fits(_VALUE),
    "volume": _fits(_VOLUME),
}
