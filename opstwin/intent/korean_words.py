"""Korean: how a run of Hangul is cut into words that are known."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from opstwin.intent.clauses import Unit, in_percent
from opstwin.intent.english_words import RESERVED
from opstwin.intent.korean_lexicon import ASCII_WORDS, lexicon, longest


def is_hangul(char: str) -> bool:
    """Whether the character is a Hangul syllable."""
    return "\uac00" <= char <= "\ud7a3"


@dataclass(frozen=True, slots=True)
class _Run:
    """Hangul without its spaces; `words[i]` is the written word that character i came from."""

    text: str
    words: tuple[int, ...]


def units_of(words: Sequence[str]) -> list[Unit]:
    """The words as units; what is not known is of kind UNKNOWN."""
    units: list[Unit] = []
    for part in _parts(words):
        units += [part] if isinstance(part, Unit) else _cut(part, words)
    return in_percent([unit for unit in units if unit.kind != "NOISE"])


def _parts(words: Sequence[str]) -> Iterator[Unit | _Run]:
    run: list[tuple[str, int]] = []
    for index, word in enumerate(words):
        for piece in _pieces(word):
            if is_hangul(piece[0]):
                run += [(char, index) for char in piece]
                continue
            yield from _closed(run)
            run = []
            yield _ascii(piece)
    yield from _closed(run)


def _closed(run: list[tuple[str, int]]) -> Iterator[_Run]:
    if run:
        yield _Run("".join(char for char, _ in run), tuple(index for _, index in run))


def _pieces(word: str) -> Iterator[str]:
    """A word cut where Hangul begins and ends: `web을` is `web` and `을`."""
    start = 0
    for at in range(1, len(word) + 1):
        if at == len(word) or is_hangul(word[at]) != is_hangul(word[start]):
            yield word[start:at]
            start = at


def _ascii(piece: str) -> Unit:
    if piece == ",":
        return Unit(piece, "COMMA")
    word = piece.lower()
    return Unit(piece, ASCII_WORDS.get(word, "ENGLISH" if word in RESERVED else ""))


def _cut(run: _Run, words: Sequence[str]) -> list[Unit]:
    """The run as known words; when that fails, word by word, each that is not known as one of kind UNKNOWN."""
    cut = _known(run)
    if cut is not None:
        return cut
    units: list[Unit] = []
    for index in sorted(set(run.words)):
        text = "".join(char for char, word in zip(run.text, run.words, strict=True) if word == index)
        cut = _known(_Run(text, (index,) * len(text)))
        units += [Unit(words[index], "UNKNOWN")] if cut is None else cut
    return units


def _known(run: _Run) -> list[Unit] | None:
    lengths = _lengths(run)
    if 0 not in lengths:
        return None
    units: list[Unit] = []
    at = 0
    while at < len(run.text):
        units += lexicon()[run.text[at : at + lengths[at]]]
        at += lengths[at]
    return units


def _lengths(run: _Run) -> dict[int, int]:
    """For each place from which the rest can be cut into known words: how long the first of them is.

    Read from the end, so each place is decided once. Words within one written word come first, then longer ones.
    """
    end, known, most = len(run.text), lexicon(), longest()
    lengths: dict[int, int] = {}
    for at in range(end - 1, -1, -1):
        fitting = [
            n
            for n in range(1, min(most, end - at) + 1)
            if run.text[at : at + n] in known and (at + n == end or at + n in lengths)
        ]
        if fitting:
            whole = [n for n in fitting if run.words[at] == run.words[at + n - 1]]
            lengths[at] = max(whole or fitting)
    return lengths
