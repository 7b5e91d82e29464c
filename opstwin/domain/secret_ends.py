"""Secrets in text that is still being written: masked piece by piece as they would be in the whole. Pure.

What was handed out cannot be taken back. Each step of the masking hands on what no later letter can change, up to the
last space before it; the rest is held back.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from opstwin.domain.secret_text import LOOKS, NAMED, OPTION, WEB_TOKEN, covering, forms_of, hidden
from opstwin.logs import MASK, SECRET_TEXT

LONGEST: Final = 4_000
"""Characters that are held back and looked into: a longer secret is masked once the whole text is there."""

_BEGUN: Final = 64
"""Letters of a known secret by which its beginning is found."""

_GAPS: Final = frozenset("\"'+\\/_-")
"""Beside spaces, what may stand between the letters of a secret, and what its encodings write in more than one way."""

_SPACES: Final = " \n"
_BEARER: Final = re.compile(r"(?:\S*(?:Basic|Bearer) )+\S*")
_KEY_BEGINS: Final = re.compile(r"-----BEGIN [A-Z ]*-{0,5}\Z")
_QUOTED: Final = r"(?:\\?\"(?:[^\"\\]|\\[^\"])*\\?|'[^']*)"
_NAME_BEGINS: Final = re.compile(
    r"(?<![A-Za-z0-9_.-])[A-Za-z0-9_.-]{0,60}?(?:pass|pwd|secret|token|key|credential|authorization|cookie)"
    rf"[A-Za-z0-9_.-]{{0,60}}\\?[\"']?\s*(?:[=:]\s*{_QUOTED}?)?\Z",
    re.IGNORECASE,
)
_OPTION_BEGINS: Final = re.compile(rf"--[A-Za-z][A-Za-z0-9-]{{1,40}} +{_QUOTED}?\Z")


class Beginnings:
    """The beginnings of known secrets, in every form in which `pattern_of` finds them."""

    def __init__(self, secrets: Iterable[str]) -> None:
        forms = {_bare(form) for secret in secrets for form in forms_of(secret)}
        self._begun = frozenset(form[:size] for form in forms for size in range(1, min(len(form), _BEGUN + 1)))
        self._long = tuple(form for form in forms if len(form) > _BEGUN)

    def at_the_end_of(self, text: str) -> int:
        """Where in `text` a secret may have begun that is not over yet; the length of `text` when none has."""
        places = [place for place, char in enumerate(text) if not _is_gap(char)]
        bare = _bare(text)
        if len(bare) != len(places):
            return 0  # some letter is two in lower case
        long = [found for form in self._long if (found := _begins_in(bare, form)) is not None]
        if long:
            return places[min(long)]
        sizes = range(min(_BEGUN, len(bare)), 0, -1)
        return next((places[-size] for size in sizes if bare[-size:] in self._begun), len(text))


@dataclass(slots=True)
class _Step:
    """One step of the masking. `found` are what it looks at as one, `begins` what at the end may become that."""

    mask: Callable[[str], str]
    found: Sequence[re.Pattern[str]]
    begins: Sequence[re.Pattern[str]] = ()
    beginnings: Beginnings | None = None
    _held: str = ""

    def add(self, piece: str) -> str:
        self._held += piece
        looks = len(self._held) <= LONGEST and any(space in piece for space in _SPACES)
        return self._take(self._settled(self._held)) if looks else ""

    def rest(self) -> str:
        return self._take(len(self._held))

    def _take(self, cut: int) -> str:
        taken, self._held = self._held[:cut], self._held[cut:]
        return self.mask(taken) if taken else ""

    def _settled(self, text: str) -> int:
        spans = [match.span() for form in self.found for match in form.finditer(text)]
        opened = [match.start() for form in self.begins if (match := form.search(text)) is not None]
        opened += [start for start, end in spans if end == len(text)]
        if self.beginnings is not None:
            opened.append(self.beginnings.at_the_end_of(text))
        cut = _behind_space(text, min(opened, default=len(text)))
        while crossing := [start for start, end in spans if start < cut < end]:
            cut = _behind_space(text, min(crossing))
        return cut


@dataclass(slots=True)
class Ongoing:
    """Text that is still being written, without the secrets that `known` finds and without what looks like one.

    `known` and `beginnings` are of the same secrets.
    """

    known: re.Pattern[str] | None = None
    beginnings: Beginnings | None = None
    _steps: tuple[_Step, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        steps = () if self.known is None else (_Step(_sub(self.known), [self.known], beginnings=self.beginnings),)
        self._steps = (
            *steps,
            _Step(_sub(WEB_TOKEN, covering), [WEB_TOKEN]),
            _Step(_sub(LOOKS), [LOOKS, _BEARER], [_KEY_BEGINS]),
            _Step(_sub(SECRET_TEXT), [SECRET_TEXT, _BEARER]),
            _Step(_sub(NAMED, hidden), [NAMED], [_NAME_BEGINS]),
            _Step(_sub(OPTION, hidden), [OPTION], [_OPTION_BEGINS]),
        )

    def add(self, piece: str) -> str:
        """Take what was written next; returns what stands fast now."""
        for step in self._steps:
            piece = step.add(piece) if piece else ""
        return piece

    def rest(self) -> str:
        """Take what is held back: the text is whole."""
        piece = ""
        for step in self._steps:
            piece = (step.add(piece) if piece else "") + step.rest()
        return piece


def _sub(form: re.Pattern[str], instead: str | Callable[[re.Match[str]], str] = MASK) -> Callable[[str], str]:
    return lambda text: form.sub(instead, text)


def _behind_space(text: str, end: int) -> int:
    """The last place up to `end` that stands behind a space or a line break."""
    return max(text.rfind(space, 0, end) for space in _SPACES) + 1


def _begins_in(bare: str, form: str) -> int | None:
    """Where the end of `bare` is the beginning of `form`, with `_BEGUN` letters of it or more."""
    found = bare.find(form[:_BEGUN])
    while found >= 0 and not form.startswith(bare[found:]):
        found = bare.find(form[:_BEGUN], found + 1)
    return found if found >= 0 else None


def _bare(text: str) -> str:
    return "".join(char for char in text if not _is_gap(char)).lower()


def _is_gap(char: str) -> bool:
    return char in _GAPS or char.isspace()
