"""What is asked, read without a model, in English and Korean: a change, a question, a diagnosis, a way back."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from opstwin.agent.mentions import mentioned, place_in
from opstwin.agent.phrases import (
    ADDRESS,
    COMPARE,
    DECISION,
    DIAGNOSE,
    EXPLAIN,
    HISTORY,
    STATUS,
    UNDO,
    asks_life,
    decides,
    declines,
    question_of,
    refusal_of,
    small_talk,
)
from opstwin.control.ledger import Ledger
from opstwin.control.written_hosts import written_addresses, written_hosts
from opstwin.domain.ask import Ask
from opstwin.domain.resource import WorkloadRecord
from opstwin.domain.target import Target
from opstwin.errors import InvalidInput, Unclear
from opstwin.intent.words import read_request

__all__ = ("CHANGE", "COMPARE", "DECISION", "DIAGNOSE", "EXPLAIN", "HISTORY", "PENDING", "STATUS", "UNCLEAR", "UNDO")

CHANGE: Final = "change"
PENDING: Final = "pending"
UNCLEAR: Final = "unclear"
_TOKEN: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_PLAN: Final = re.compile(r"\bplan_[0-9a-z]{1,40}\b")
_EXECUTION: Final = re.compile(r"\bexec_[0-9a-z]{1,40}\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Understood:
    """What a sentence comes to. `ask` is set for a change that was read whole, `doubt` says why one was not.

    `subject` is a plan, an execution, a workload that is known, or else what the sentence can only mean as a name.
    `refused` says why what it asks for is never done.
    """

    kind: str
    subject: str = ""
    target: str = ""
    ask: Ask | None = None
    doubt: InvalidInput | None = None
    refused: str = ""


def language_of(text: str) -> str:
    """`ko` where there is Korean in it."""
    return "ko" if any("가" <= letter <= "힣" for letter in text) else "en"


def whole_request(words: str) -> str:
    """The words, where they are one whole request for a change, every word of it read; else nothing."""
    try:
        read_request(words)
    except InvalidInput:
        return ""
    return words


def named_hosts(said: Iterable[str]) -> frozenset[str]:
    """The hosts that are written as addresses in what was said; the image of a request is none."""
    return written_hosts(text.replace(_image_in(text), " ") if _image_in(text) else text for text in said)


def _image_in(words: str) -> str:
    try:
        ask = read_request(words)
    except InvalidInput:
        return ""
    return ask.image or (ask.workload.image if ask.workload is not None else "")


async def understood(ledger: Ledger, words: str, *, waits: bool) -> Understood:
    """What `words` ask for. `waits` says that a plan of this conversation waits for a decision."""
    names = {item.name for item in await ledger.all(WorkloadRecord)}
    targets = {str(item.id) for item in await ledger.all(Target)}
    named = _PLAN.search(words) or _EXECUTION.search(words)
    if decides(words) or (waits and declines(words)):
        return Understood(kind=DECISION, subject=named[0] if named else "")
    talk = small_talk(words)
    if talk:
        return Understood(kind=talk)
    try:
        ask = read_request(words)
        return Understood(kind=CHANGE, subject=ask.name, target=ask.target or "", ask=ask)
    except InvalidInput as doubt:
        refused = refusal_of(words)
        address = "" if refused else _address_in(words)
        if address:
            return Understood(kind=ADDRESS, subject=address, doubt=doubt)
        return Understood(
            kind=UNCLEAR if refused else _kind(words, doubt, waits=waits), doubt=doubt, refused=refused,
            subject=named[0] if named else _subject(words, names, targets),
            target=_named(words, targets - names) or _place(words, names),
        )  # fmt: skip


def _kind(words: str, doubt: InvalidInput, *, waits: bool) -> str:
    kind = question_of(words)
    if kind:
        return PENDING if waits and kind == EXPLAIN else kind
    if declines(words):
        return DECISION
    question = words.rstrip().endswith(("?", "？")) or (
        isinstance(doubt, Unclear) and doubt.details.get("reason") == "question"
    )
    return PENDING if waits and question else UNCLEAR


def _address_in(words: str) -> str:
    """The one address whose health a question is about; empty for all else."""
    found = written_addresses(words)
    is_about = asks_life(words) and question_of(words) in ("", STATUS)
    return found[0] if len(found) == 1 and is_about else ""


def _place(words: str, names: set[str]) -> str:
    """What can only be meant as a target, though none is called so: that is told, and no other one is taken."""
    place = place_in(words)
    return "" if place in names else place


def _subject(words: str, names: set[str], targets: set[str]) -> str:
    """The known workload that is named, else what can only be the name of something."""
    others = (word for word in mentioned(words, language_of(words)) if word not in targets and word != place_in(words))
    return _named(words, names) or next(others, "")


def all_named(words: str, known: Iterable[str]) -> tuple[str, ...]:
    """The known names among the words, each once, in their order; Korean particles may follow them."""
    present = set(known)
    return tuple(dict.fromkeys(token for token in _TOKEN.findall(words.lower()) if token in present))


def _named(words: str, known: Iterable[str]) -> str:
    return next(iter(all_named(words, known)), "")
