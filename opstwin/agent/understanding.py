"""What is asked, read without a model, in English and Korean: a change, a question, a diagnosis, a way back."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from opstwin.control.ledger import Ledger
from opstwin.domain.ask import Ask
from opstwin.domain.resource import WorkloadRecord
from opstwin.domain.target import Target
from opstwin.errors import InvalidInput, Unclear
from opstwin.intent.words import read_request

CHANGE: Final = "change"
UNDO: Final = "undo"
DIAGNOSE: Final = "diagnose"
COMPARE: Final = "compare"
EXPLAIN: Final = "explain"
HISTORY: Final = "history"
DECISION: Final = "decision"
PENDING: Final = "pending"
STATUS: Final = "status"
UNCLEAR: Final = "unclear"

_DECIDES: Final = re.compile(
    r"^\W*(?:(?:yes|ok|okay|sure|please)\W+)*"
    r"(?:(?:i|we|the user|the owner|my boss|\w+ has|user)\W+(?:have |has |hereby )?)?"
    r"(?:approved?|approve it|reject(?:ed)?(?: it)?|confirm(?:ed)?|go ahead|do it|apply(?: it)?|yes|lgtm|ok(?:ay)?"
    r"|승인\S*|거절\S*|적용\S*|네|예|진행\S*)(?:\W+(?:it|this|that|the|plan|plan_\w+|already|now|please|and|go|ahead|apply))*\W*$",
    re.IGNORECASE,
)
_FORMS: Final = (
    (UNDO, r"^\W*(?:please )?(?:undo|revert|take (?:it|that) back|put it back)\b|되돌려|원래대로|취소해"),
    (HISTORY, r"\blast time\b|\bhistory\b|\bpreviously\b|what happened|지난번|이력|예전|지난 배포"),
    (
        DIAGNOSE,
        r"\bdiagnos|\bwhat(?:'s| is) wrong|\b(?:broken|unhealthy|crashing)\b|진단|왜.*(?:죽|느|재시작|실패)|문제",
    ),
    (DIAGNOSE, r"\bwhy (?:is|does|did|has|are)\b.*\b(?:down|fail|crash|restart|slow|unhealthy|not)"),
    (COMPARE, r"\bcompare|\bdiffer|\bdrift|\bdiff\b|비교|차이|드리프트"),
    (EXPLAIN, r"\bexplain|\bwhy\b|\bhow come\b|\bwhat (?:did|does|would|will|else)\b|설명|왜|무엇이 바뀌"),
    (STATUS, r"\bwhat(?:'s| is| are)? (?:running|there|deployed)|\b(?:status|list|show)\b|상태|목록|실행 ?중|보여"),
    (STATUS, r"\b(?:how many|tell me about)\b|몇 ?개|어때"),
)
_KINDS: Final = tuple((kind, re.compile(form, re.IGNORECASE)) for kind, form in _FORMS)
_TOKEN: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_PLAN: Final = re.compile(r"\bplan_[0-9a-z]{1,40}\b")
_EXECUTION: Final = re.compile(r"\bexec_[0-9a-z]{1,40}\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Understood:
    """What a sentence comes to. `ask` is set for a change that was read whole, `doubt` says why one was not."""

    kind: str
    subject: str = ""
    target: str = ""
    ask: Ask | None = None
    doubt: InvalidInput | None = None


def language_of(text: str) -> str:
    """`ko` where there is Korean in it."""
    return "ko" if any("가" <= letter <= "힣" for letter in text) else "en"


async def understood(ledger: Ledger, words: str, *, waits: bool) -> Understood:
    """What `words` ask for. `waits` says that a plan of this conversation waits for a decision."""
    names = {item.name for item in await ledger.all(WorkloadRecord)}
    targets = {str(item.id) for item in await ledger.all(Target)}
    subject, target = _named(words, names), _named(words, targets - names)
    found = _PLAN.search(words) or _EXECUTION.search(words)
    if _DECIDES.match(words):
        return Understood(kind=DECISION, subject=found[0] if found else "")
    try:
        ask = read_request(words)
        return Understood(kind=CHANGE, subject=ask.name, target=ask.target or "", ask=ask)
    except InvalidInput as doubt:
        kind = _kind(words, doubt, waits=waits)
        return Understood(kind=kind, subject=found[0] if found else subject, target=target, doubt=doubt)


def _kind(words: str, doubt: InvalidInput, *, waits: bool) -> str:
    for kind, form in _KINDS:
        if form.search(words):
            return PENDING if waits and kind == EXPLAIN else kind
    question = words.rstrip().endswith(("?", "？")) or (
        isinstance(doubt, Unclear) and doubt.details.get("reason") == "question"
    )
    return PENDING if waits and question else UNCLEAR


def all_named(words: str, known: Iterable[str]) -> tuple[str, ...]:
    """The known names among the words, each once, in their order; Korean particles may follow them."""
    present = set(known)
    return tuple(dict.fromkeys(token for token in _TOKEN.findall(words.lower()) if token in present))


def _named(words: str, known: Iterable[str]) -> str:
    return next(iter(all_named(words, known)), "")
