"""Reads a request in English or Korean. It understands all of it, or says what it did not understand."""

from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from typing import Final

from opstwin.domain.ask import Action, Ask
from opstwin.errors import Unclear
from opstwin.intent import english, english_words, korean, korean_lexicon, korean_words
from opstwin.intent.building import Reading
from opstwin.intent.clauses import Unit, read_clauses
from opstwin.intent.courtesy import without_courtesy
from opstwin.intent.finishing import ACTIONS, finish
from opstwin.intent.shapes import has_quote
from opstwin.intent.tokens import checked_request, is_pair, shown, words_of
from opstwin.intent.unclear import Doubt, example_of, unclear

_VERB: Final = "VERB "
_UNSURE_ENDS: Final = ".!?;"
_ABOUT: Final[Mapping[str, Mapping[str, str]]] = {
    "ENV": {"delete": "unset"},
    "AUTOSCALING": {
        "stop": "unscale", "delete": "unscale", "unset": "unscale",
        "start": "autoscale", "add": "autoscale", "change": "autoscale",
    },
}  # fmt: skip
"""What some verbs ask for when the sentence is about a thing of that kind."""


def read_request(text: str) -> Ask:
    """One action on one workload, read from a sentence.

    Every word must be accounted for and nothing is guessed. Raises `Unclear` whose `details` hold `reason`, `language`
    (`en` or `ko`), `example` (a full, right sentence) and, where they apply, `missing` (parts), `choices` or `unread`
    (words); and `InvalidInput` for text that is too long or holds control characters, and for impossible values.
    """
    whole = checked_request(text)
    language = "ko" if any(korean_words.is_hangul(char) for char in whole) else "en"
    request = without_courtesy(whole, korean=language == "ko")
    words = words_of(request)
    _check_words(words, language)
    return finish(_READERS[language](request, words))


def _check_words(words: Sequence[str], language: str) -> None:
    if not words:
        raise _general("empty", language)
    for word in words:
        if word.lower() in english_words.PHRASES:
            continue
        if has_quote(word):
            raise _general("quotes", language, shown(word))
        if is_pair(word) and word[-1] in (_UNSURE_ENDS if word is words[-1] else "?;"):
            raise _general("ending", language, shown(word))
        if not is_pair(word) and word.endswith(("?", "？")):
            raise _general("question", language)


def _general(reason: str, language: str, *unread: str) -> Unclear:
    return unclear(Doubt(reason=reason, unread=unread), language, example_of(Action.DEPLOY, language))


def _read_english(request: str, words: Sequence[str]) -> Reading:
    units = english_words.units_of(words)
    if any(unit.kind == "NEGATION" for unit in units):
        raise _general("negation", "en")
    if english_words.is_question(words):
        raise _general("question", "en")
    at, family = _only_verb(units, "en", words)
    before = read_clauses([unit for unit in units[:at] if unit.kind != "COMMA"], english.TARGET)
    if before.unread or len(before.all("target")) > 1:
        raise _leftover("en", family, before.unread or units[:at])
    family = _about(family, units)
    draft = read_clauses(units[at + 1 :], english.FRAMES[family])
    if draft.unread:
        raise _leftover("en", family, draft.unread)
    if family == "roll" and "back" not in draft.marks:
        raise _leftover("en", family, [units[at]])
    return Reading(draft, family, "en", prefix_target=before.one("target"))


def _read_korean(request: str, words: Sequence[str]) -> Reading:
    units = korean_words.units_of(words)
    at, family = _korean_verb(request, units, words)
    family = _about(family, units)
    rest = [*units[:at], Unit("", "END"), *units[at + 1 :]]
    draft = read_clauses(rest, korean.FRAMES[family])
    if draft.unread:
        raise _korean_doubt(request) or _leftover("ko", family, draft.unread)
    return Reading(draft, family, "ko")


def _korean_verb(request: str, units: Sequence[Unit], words: Sequence[str]) -> tuple[int, str]:
    nouns = [at for at, unit in enumerate(units) if unit.kind == "AUTOSCALING"]
    if len(nouns) == 1 and not any(unit.kind.startswith(_VERB) for unit in units):
        return nouns[0], "autoscale"
    try:
        return _only_verb(units, "ko", words)
    except Unclear as error:
        raise _korean_doubt(request) or error from None


def _korean_doubt(request: str) -> Unclear | None:
    """Why a sentence that could not be read was perhaps not meant as an order."""
    if korean.has_negation(request):
        return _general("negation", "ko")
    if korean.has_question(request):
        return _general("question", "ko")
    return None


def _only_verb(units: Sequence[Unit], language: str, words: Sequence[str]) -> tuple[int, str]:
    """Where the one verb stands, and its family."""
    verbs = [(at, unit) for at, unit in enumerate(units) if unit.kind.startswith(_VERB)]
    if len(verbs) == 1:
        return verbs[0][0], verbs[0][1].kind.removeprefix(_VERB)
    if verbs:
        named = [unit.text for _, unit in verbs]
        first = ACTIONS[verbs[0][1].kind.removeprefix(_VERB)]
        raise unclear(Doubt(reason="actions", choices=named), language, example_of(first, language))
    near = _near_verbs(words, language)
    reason = "near_action" if near else "no_action"
    doubt = Doubt(reason=reason, missing=("action",), choices=near)
    raise unclear(doubt, language, example_of(Action.DEPLOY, language))


def _about(family: str, units: Sequence[Unit]) -> str:
    """The family of the verb, given what the sentence is about."""
    return next((_ABOUT[unit.kind].get(family, family) for unit in units if unit.kind in _ABOUT), family)


def _near_verbs(words: Sequence[str], language: str) -> list[str]:
    """Known verbs that look like a word of the request; they are offered, never taken."""
    known, cutoff = (english_words.VERB_WORDS, 0.75) if language == "en" else (korean_lexicon.VERB_WORDS, 0.6)
    near: list[str] = []
    for word in words[:40]:
        near += get_close_matches(word[:20].lower(), known, n=2, cutoff=cutoff)
    return list(dict.fromkeys(near))[:5]


def _leftover(language: str, family: str, unread: Sequence[Unit]) -> Unclear:
    words = [shown(unit.text) for unit in unread if unit.text][:20]
    action = ACTIONS[family]
    reason = "relative" if action is Action.SCALE and _is_difference(unread) else "leftover"
    return unclear(Doubt(reason=reason, unread=words), language, example_of(action, language))


def _is_difference(unread: Sequence[Unit]) -> bool:
    """Whether what was not read says "more by so many" instead of how many there should be."""
    return any(unit.kind == "RELATIVE" or unit.text[:1].isdigit() or korean.has_relative(unit.text) for unit in unread)


_READERS: Final[Mapping[str, Callable[[str, Sequence[str]], Reading]]] = {"en": _read_english, "ko": _read_korean}
