"""A request's text as words: checked, split, nothing dropped but the spaces and the full stop at its end."""

import re
import unicodedata
from typing import Final

from opstwin.domain.names import checked_text

MAX_CHARACTERS: Final = 2000

_JAMO: Final = re.compile("[\u1100-\u11ff\ua960-\ua97f\ud7b0-\ud7ff\uac00-\ud7a3]+")
"""Hangul as macOS writes it into file names and pastes it: letters that join into syllables."""

_SEPARATORS: Final = ",，、"
_PAIR: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*=.*", re.ASCII | re.DOTALL)


def checked_request(text: str) -> str:
    """The text on one line, at most 2,000 characters, Hangul letters joined; else `InvalidInput`."""
    stripped = checked_text(text.strip(), "text", MAX_CHARACTERS)
    return _JAMO.sub(lambda match: unicodedata.normalize("NFC", match[0]), stripped)


def words_of(text: str) -> list[str]:
    """The words; a comma at a word's end is a word of its own, and the mark that ends a sentence is left out."""
    words: list[str] = []
    for chunk in text.split():
        bare = _without_possessive(chunk.rstrip(_SEPARATORS))
        words += [bare] if bare else []
        words += [","] if chunk[-1] in _SEPARATORS else []
    if words and not is_pair(words[-1]):
        words[-1] = words[-1].rstrip(".!。")
    return [word for word in words if word]


def _without_possessive(word: str) -> str:
    return word if is_pair(word) else word.removesuffix("'s").removesuffix("’s")


def is_pair(word: str) -> bool:
    """Whether the word is KEY=VALUE."""
    return _PAIR.fullmatch(word) is not None


def shown(word: str) -> str:
    """The word for a message: short, and without the value of a variable, which may be a secret."""
    return word.partition("=")[0] + "=…" if "=" in word else word[:80]
