"""Notes of plans that may stand beside a decision: fixed sentences of ours, found again, and nothing else.

A note is text that was stored. It is told only when it is one of the sentences of `SHOWN` and each of its places holds
what belongs there: a name, a digest, or fields with their values as a plan's own lines have them. So no words that
somebody slipped into a note can describe a plan.
"""

import json
import re
from collections.abc import Mapping
from functools import cache
from typing import Final

from opstwin.control.wording import TEXTS

SHOWN: Final = (
    "image_digest", "image_pinned", "image_unknown", "image_missing", "defaults", "plain_secret", "host_path_there",
    "command_once", "unhealthy_left", "below_peak", "below_kill", "below_p95", "set_left_out",
    "secret_unset", "also_on",
)  # fmt: skip
"""Sentences that add what the changes cannot say. None says what becomes of anything, or that something is kept: where
one stood with the wrong plan, it could make a delete look like less."""

_NAME: Final = r"[A-Za-z0-9/_][A-Za-z0-9._:/@+-]{0,511}"
_PLACES: Final[Mapping[str, str]] = {
    **dict.fromkeys(("name", "target", "kind", "image", "registry", "source", "path"), _NAME),
    **dict.fromkeys(("variables", "people", "references", "places"), rf"{_NAME}(?:, {_NAME}){{0,199}}"),
    "digest": "sha256:[0-9a-f]{64}", "fields": ".+", "why": ".*",
    **dict.fromkeys(("asked", "peak", "killed", "advised", "p95"), "[0-9]{1,9}(?: MiB|m)"), "samples": "[0-9]{1,9}",
}  # fmt: skip
"""What each place of these sentences may hold; `fields` are looked at value by value, `why` is never told."""

_HOLE: Final = re.compile(r"\\\{(\w+)\\\}")
_FIELD: Final = re.compile(r'(?:[A-Za-z0-9_./-]|"(?:[^"\\]|\\.)*")+ = ')
_MORE: Final = re.compile(r"… [0-9]{1,9}")
_VALUES: Final = json.JSONDecoder()


def told_note(note: str, language: str) -> str:
    """The note in `language` (`en` or `ko`), without what others said in it; empty when it is not to be shown."""
    for pattern, texts in _patterns():
        found = pattern.fullmatch(note)
        if found is not None and _are_fields(found.groupdict().get("fields")):
            held = {name: "" if name == "why" else value for name, value in found.groupdict().items()}
            return texts[1 if language == "ko" else 0].format(**held).rstrip()
    return ""


def _are_fields(text: str | None) -> bool:
    """Whether it is a list of `path = value`, each value whole JSON; True where there is none to look at."""
    if text is None:
        return True
    at = 0
    while True:
        name = _FIELD.match(text, at)
        if name is None:
            return bool(at) and _MORE.fullmatch(text, at) is not None
        try:
            _, at = _VALUES.raw_decode(text, name.end())
        except (ValueError, RecursionError):
            return False
        if at == len(text):
            return True
        if not text.startswith(", ", at):
            return False
        at += len(", ")


@cache
def _patterns() -> tuple[tuple[re.Pattern[str], tuple[str, str]], ...]:
    return tuple((re.compile(_pattern(text)), TEXTS[key]) for key in SHOWN for text in TEXTS[key])


def _pattern(text: str) -> str:
    """A name that comes twice must be the same twice."""
    seen: set[str] = set()

    def place(hole: re.Match[str]) -> str:
        name = hole[1]
        again = name in seen
        seen.add(name)
        return f"(?P={name})" if again else f"(?P<{name}>{_PLACES[name]})"

    return _HOLE.sub(place, re.escape(text))
