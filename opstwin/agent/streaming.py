"""A model's answer, shown as it is written: nothing of it is shown before it is known to be harmless.

What was shown cannot be taken back. So the text goes out up to the last space behind which nothing can change it: a
link, a word, a secret that is not over yet is held back until it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from opstwin.agent.guards import MAX_ANSWER, disarmed, may_be_apology, uncut
from opstwin.agent.models.port import ModelReply
from opstwin.domain.secret_ends import Ongoing

_ENDS: Final = ".!?:…"


class Covering(Protocol):
    """Masks secrets (`opstwin.tools.veiling.Veil`)."""

    def ongoing(self) -> Ongoing:
        """For one text that is still being written."""
        ...


@dataclass(slots=True)
class Speech:
    """One answer of a model; `text` is what of it was shown.

    All pieces together are what `harmless` makes of the whole without its secrets. An apology is held back altogether.
    """

    veil: Covering
    own_url: str = ""
    text: str = ""
    _cover: Ongoing = field(init=False, repr=False)
    _start: str | None = field(default="", repr=False)
    _held: str = field(default="", repr=False)
    _space: str = ""
    _left: int = MAX_ANSWER

    def __post_init__(self) -> None:
        self._cover = self.veil.ongoing()

    def add(self, piece: str) -> str:
        """Take what was written next; returns what may be shown now."""
        if self._start is not None:
            self._start += piece
            if may_be_apology(self._start):
                return ""
            piece, self._start = self._start, None
        self._take(self._cover.add(piece))
        return self._shown(uncut(self._held))

    def rest(self) -> str:
        """Take all that is held back: the answer is whole. Returns what is still to be shown."""
        self._take(self._cover.add(self._start or "") + self._cover.rest())
        self._start = None
        return self._shown(len(self._held))

    def drop(self) -> None:
        """Forget what is held back: the answer broke off, and half a word may be half a secret."""
        self._cover, self._held = self.veil.ongoing(), ""

    def _take(self, covered: str) -> None:
        self._held += covered[: self._left]
        self._left -= len(covered[: self._left])

    def _shown(self, cut: int) -> str:
        taken, self._held = self._held[:cut], self._held[cut:]
        plain = self._space + disarmed(taken, self.own_url)
        plain = plain if self.text else plain.lstrip()
        shown = plain.rstrip()
        self._space = plain[len(shown) :]
        self.text += shown
        return shown


def unsaid(reply: ModelReply, spoken: Sequence[str], broken: str) -> str:
    """What of a reply does not stand there already.

    `broken` is an answer that broke off, which the reply repeats or goes on; `spoken` are answers of before.
    """
    text = reply.text.strip()
    if broken.strip():
        return _behind(broken.strip(), text)
    for said in (item.strip() for item in spoken):
        if said == text or (said.endswith(tuple(_ENDS)) and text.startswith(said) and text[len(said)].isspace()):
            text = text[len(said) :].strip()
    return text


def _behind(begun: str, text: str) -> str:
    """`text` without what it repeats of the end of `begun`, whole words alone."""
    for size in range(min(len(begun), len(text)), 0, -1):
        starts = size == len(begun) or begun[-size - 1].isspace()
        ends = size == len(text) or text[size].isspace()
        if starts and ends and begun.endswith(text[:size]):
            return text[size:].lstrip()
    return text
