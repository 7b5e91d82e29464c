"""A text as what the lexical search matches: words, pairs of Korean letters, and what the words mean. Pure."""

import re
import unicodedata
from collections.abc import Iterator
from functools import cache
from typing import Final

from opstwin.knowledge.lexicon import LANGUAGES, MEANS, PURPOSES

LONGEST: Final = 4_000
"""Characters of a text that are read; no record says more that matters."""

_RUNS: Final = re.compile(r"[a-z]+|[0-9]+|[가-힣]+")
_MEANT: Final = "="
_FILLING: Final = """
a an and as at by can deploy do for from how i in is it like me my need of on or our please run running service similar
that the then this to us want we what which with
"""
_BARE: Final = frozenset(_FILLING.split())
"""Words that every request holds and that tell nothing apart."""


def tokens(text: str) -> list[str]:
    """What a text is matched by, in its order, repetitions kept.

    English words as they are and with their plain ending taken off, Korean as pairs of neighbouring letters (words
    there carry particles at their end), and for each word with a known meaning that meaning, such as `=web`.
    """
    return list(_tokens(unicodedata.normalize("NFKC", text[:LONGEST]).lower()))


def _tokens(text: str) -> Iterator[str]:
    for run in _RUNS.findall(text):
        if run in _BARE:
            continue
        if "가" <= run[0] <= "힣":
            yield from _korean(run)
        else:
            yield _stem(run)
            if run in MEANS:
                yield _MEANT + MEANS[run]


def _korean(run: str) -> Iterator[str]:
    yield from (run[place : place + 2] for place in range(max(1, len(run) - 1)))
    rest = run
    for word in _korean_words():
        if word in rest:
            yield _MEANT + MEANS[word]
            # The longer word was meant: 자바스크립트 is not 자바.
            rest = rest.replace(word, " ")


@cache
def _korean_words() -> tuple[str, ...]:
    return tuple(sorted((word for word in MEANS if "가" <= word[0] <= "힣"), key=len, reverse=True))


def _stem(word: str) -> str:
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


def purpose_in(text: str) -> str:
    """What a text says the service is for (`web`, `api`, `worker`, `db`, `cache`); empty for none, and for several."""
    return _only(text, frozenset(PURPOSES))


def language_in(text: str) -> str:
    """What a text says it is written in (`node`, `python`, `go`, `java`); empty for none, and for several."""
    return _only(text, frozenset(LANGUAGES))


def _only(text: str, names: frozenset[str]) -> str:
    meant = {token[1:] for token in tokens(text) if token.startswith(_MEANT)} & names
    return meant.pop() if len(meant) == 1 else ""
