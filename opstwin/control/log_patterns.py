"""What a search of logs looks for: plain words, a level, or a regular expression that cannot run away.

Expressions are carried out by RE2, whose time is linear in the text whatever the pattern is, in bounded memory.
"""

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final

from opstwin.errors import InvalidInput

MAX_PROGRAM_BYTES: Final = 1 << 20
"""Memory for one compiled expression; RE2 refuses what needs more."""

_START: Final = r"(?:\b|\x1b\[[0-9;]*m)"
"""Where a word may begin: also behind a terminal's colour, which ends with a letter."""

_ERROR: Final = _START + (
    r"(error|err|fatal|panic|critical|crit|emerg|alert|exception|traceback|fail(ed|ure)?|refused|denied|killed|oom)\b"
)
_WARNING: Final = _START + r"(warn(ing)?|deprecated|timeout|timed out|retry(ing)?)\b"


class Level(StrEnum):
    """`error`: lines with a word that programs use for failures. `warning`: those, and lines with softer words."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Pattern:
    """Everything that a line must hold; without anything every line fits. Case does not matter."""

    text: str = ""
    regex: str = ""
    level: Level | None = None

    def __post_init__(self) -> None:
        """Raises `InvalidInput` for an expression that RE2 does not take."""
        if self.regex:
            _compiled(self.regex)

    def fits(self, line: str) -> bool:
        """Whether the line is looked for."""
        if self.text and self.text.casefold() not in line.casefold():
            return False
        if self.regex and not _holds(self.regex, line):
            return False
        return self.level is None or has_level(line, self.level)


def has_level(line: str, level: Level) -> bool:
    """Whether a line sounds like an error, or for `warning` like an error or a warning."""
    return _holds(_ERROR, line) or (level is Level.WARNING and _holds(_WARNING, line))


def _holds(pattern: str, line: str) -> bool:
    return _compiled(pattern).search(line.encode("utf-8", "replace")) is not None


@lru_cache(maxsize=64)
def _compiled(pattern: str) -> Any:
    import re2  # type: ignore[import-untyped]

    options = re2.Options()
    options.log_errors, options.case_sensitive, options.max_mem = False, False, MAX_PROGRAM_BYTES
    try:
        return re2.compile(pattern.encode("utf-8", "replace"), options)
    except re2.error as error:
        said = error.args[0] if error.args else ""
        reason = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
        raise InvalidInput(
            f"regex cannot be used: {reason[:200]}.",
            field="regex",
            next_step="Correct it (RE2: no look-around, no back-references), or search for plain words with text.",
        ) from None
