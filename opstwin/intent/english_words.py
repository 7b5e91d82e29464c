"""English: the words and phrases that are known."""

from collections.abc import Mapping, Sequence
from typing import Final

from opstwin.intent.clauses import Unit, in_percent

_VERBS: Final[Mapping[str, str]] = {
    "deploy": "deploy run launch create install spin-up",
    "scale": "scale scale-up scale-down scale-out scale-in increase decrease reduce raise lower bump",
    "upgrade": "upgrade downgrade",
    "change": "set update change configure give limit assign switch",
    "unset": "unset",
    "restart": "restart reboot re-start bounce",
    "stop": "stop halt shutdown shut-down turn-off switch-off",
    "start": "start resume turn-on switch-on",
    "delete": "delete remove destroy get-rid-of",
    "rollback": "rollback roll-back revert undo",
    "roll": "roll",
    "expose": "expose publish open",
    "add": "add",
    "autoscale": "autoscale auto-scale",
    "move": "move migrate",
    "copy": "copy",
}
_WORDS: Final[Mapping[str, str]] = {
    "AS": "as",
    "AUTOSCALING": "autoscaling auto-scaling autoscaler",
    "BETWEEN": "between",
    "AT_LEAST": "at-least",
    "AT_MOST": "at-most",
    "PERCENT": "percent",
    "USE": "use usage utilization utilisation",
    "COMPOSE": "compose docker-compose",
    "PROJECT": "project",
    "NAMED": "named called",
    "NAME": "name",
    "ON": "on in",
    "AT": "at",
    "OF": "of for",
    "TO": "to",
    "FROM": "from",
    "USING": "using",
    "WITH": "with having",
    "INCLUDING": "including",
    "AND": "and &",
    "BUT": "but",
    "ALL": "all",
    "DIRECTION": "up down",
    "REPLICAS": "replica replicas copies instance instances",
    "PORT": "port ports",
    "MEMORY": "memory ram mem memory-limit",
    "CPU": "cpu cpus core cores vcpu vcpus cpu-limit",
    "ENV": "env envs env-var env-vars env-variable env-variables environment environment-variable "
    "environment-variables variable variables",
    "IMAGE": "image",
    "VERSION": "version tag",
    "VOLUME": "volume volumes",
    "DATA": "data",
    "KEEP": "keep keeping",
    "TARGET": "target server cluster",
    "WORKLOAD": "workload service container app",
    "LAST": "last-change latest-change last-deployment",
    "PREVIOUS": "to-previous-version to-previous-revision to-last-version to-previous-state",
    "BACK": "back",
    "NEGATION": "not never no none don't dont don’t doesn't shouldn't won't can't cannot without except unless instead",
    "RELATIVE": "by more fewer less double half another extra additional",
    "POINTING": "it this that these those them they both something anything nothing my our your me us you i we "
    "last latest previous next same other",
    "THEN": "then if when while until after before once everything every each",
}
_NOISE: Final = frozenset({"the", "a", "an", "its", "their", "please", "kindly", "now", "just", "thanks"})
_QUESTION_WORDS: Final = (
    "should can could would will what why how when where who which is are am do does did may shall has have"
)
_QUESTIONS: Final = frozenset(_QUESTION_WORDS.split())
_NUMBER_WORDS: Final = (
    "zero one two three four five six seven eight nine ten "
    "eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty"
)
_NUMBERS: Final = {word: str(number) for number, word in enumerate(_NUMBER_WORDS.split())}
_LONGEST_PHRASE: Final = 3


def _phrases() -> dict[str, str]:
    verbs = {word: f"VERB {family}" for family, words in _VERBS.items() for word in words.split()}
    others = {word: kind for kind, words in _WORDS.items() for word in words.split()}
    joined = {**verbs, **others}
    return joined | {word.replace("-", " "): kind for word, kind in joined.items()}


PHRASES: Final = _phrases()
RESERVED: Final = _NOISE | {word for word in PHRASES if " " not in word}
"""Words that are never taken for a name, in Korean sentences neither."""

VERB_WORDS: Final = tuple(sorted(word for word, kind in PHRASES.items() if kind.startswith("VERB")))


def units_of(words: Sequence[str]) -> list[Unit]:
    """The words as units: phrases joined, number words as digits, words without meaning here left out."""
    kept = [word for word in words if word.lower() not in _NOISE]
    units: list[Unit] = []
    at = 0
    while at < len(kept):
        length = next((n for n in range(_LONGEST_PHRASE, 0, -1) if " ".join(kept[at : at + n]).lower() in PHRASES), 0)
        if length:
            phrase = " ".join(kept[at : at + length])
            units.append(_known(phrase, units))
        else:
            units.append(_single(kept[at]))
        at += max(length, 1)
    while units and units[-1].kind == "COMMA":
        units.pop()
    return in_percent(units)


def _known(phrase: str, before: Sequence[Unit]) -> Unit:
    """A known phrase; "1 copy" counts, where "copy" alone asks for something."""
    kind = PHRASES[phrase.lower()]
    counts = kind == "VERB copy" and bool(before) and before[-1].text.isdigit()
    return Unit(phrase, "REPLICAS" if counts else kind)


def _single(word: str) -> Unit:
    if word == ",":
        return Unit(word, "COMMA")
    return Unit(_NUMBERS.get(word.lower(), word))


def is_question(words: Sequence[str]) -> bool:
    """Whether the sentence begins like a question."""
    return bool(words) and words[0].lower() in _QUESTIONS
