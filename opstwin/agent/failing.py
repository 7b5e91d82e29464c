"""Failures in the person's language. They are written in English; those that conversations meet are told in Korean.

What stands in their places (names, numbers, words of a target) is data and stays as it is.
"""

import re
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Final

from opstwin.agent.failing_words import KINDS, MESSAGES, STEPS
from opstwin.errors import OpstwinError, Unclear
from opstwin.tools.untrusted import cleaned

_HOLE: Final = re.compile(r"\\\{(\w+)\\\}")
_LIMIT: Final = 1_000


def told_error(error: OpstwinError, language: str) -> str:
    """What went wrong and what to do about it."""
    if language != "ko" or (isinstance(error, Unclear) and error.details.get("language") == "ko"):
        return cleaned(str(error), limit=_LIMIT)
    return cleaned(f"{_message(error.message, error.code)} {korean_step(error.next_step)}".strip(), limit=_LIMIT)


def told_reason(message: str, step: str, language: str) -> str:
    """The same for an error that was kept: its message and its next step."""
    if language != "ko":
        return cleaned(f"{message} {step}".strip(), limit=_LIMIT)
    return cleaned(f"{_message(message, '')} {korean_step(step)}".strip(), limit=_LIMIT)


def korean_step(step: str) -> str:
    """A next step in Korean; its commands alone where its words are not known."""
    known = _translated(step, _steps())
    if known:
        return known
    commands = re.findall(r"opstwin [a-z]+(?: [A-Za-z0-9_./<>:-]+| --[a-z-]+| \"[^\"]*\")*", step)
    return f"다음: {' · '.join(commands)}" if commands else step


def _message(message: str, code: str) -> str:
    known = _translated(message, _messages())
    return known or (f"{KINDS[code]}: {message}" if code in KINDS else message)


def _translated(text: str, patterns: Iterable[tuple[re.Pattern[str], str]]) -> str:
    for pattern, korean in patterns:
        found = pattern.fullmatch(text)
        if found is not None:
            return korean.format(**{name: _inside(name, value) for name, value in found.groupdict().items()})
    return ""


def _inside(name: str, value: str) -> str:
    """A place that holds another failure is told in Korean too."""
    return (_translated(value, _messages()) or value) if name == "why" else value


@cache
def _messages() -> tuple[tuple[re.Pattern[str], str], ...]:
    return tuple(_compiled(MESSAGES))


@cache
def _steps() -> tuple[tuple[re.Pattern[str], str], ...]:
    return tuple(_compiled(STEPS))


def _compiled(texts: Iterable[tuple[str, str]]) -> Iterator[tuple[re.Pattern[str], str]]:
    for english, korean in texts:
        yield re.compile(_HOLE.sub(r"(?P<\1>.+?)", re.escape(english)), re.DOTALL), korean
