"""What a command said, as it may be kept and shown: without secrets, and with nothing that drives a terminal."""

import re
from collections.abc import Callable
from typing import Final, Protocol

from opstwin.domain.command import Command
from opstwin.domain.secret_text import without_secrets, words_without_secrets
from opstwin.domain.text import visible
from opstwin.domain.values import Json
from opstwin.logs import MASK
from opstwin.targets.ports import ExecResult

_HASH: Final = re.compile(r"\$(?:[0-9][a-z]?|y|gy|argon2id?|scrypt)\$[./A-Za-z0-9$=,+-]{16,}")
"""Hashed passwords as crypt(5) writes them."""


class Covering(Protocol):
    """What knows the secrets of the twin."""

    async def ready(self) -> None:
        """Learn what they are now."""
        ...

    def over(self, text: str) -> str:
        """`text` without them, and without what looks like a secret."""
        ...


class ByLook:
    """Covers what looks like a secret or is named like one, and knows no other."""

    async def ready(self) -> None:
        return

    def over(self, text: str) -> str:
        return without_secrets(text)


def safe_output(text: str, cover: Callable[[str], str] = without_secrets) -> str:
    """`text` with secrets masked (by `cover`, and hashed passwords) and hidden characters made visible."""
    return visible(_HASH.sub(MASK, cover(text)))


def safe_words(command: Command, cover: Callable[[str], str] = without_secrets) -> list[Json]:
    """The words of a command for the audit and for answers."""
    return [*words_without_secrets(command.argv, lambda word: safe_output(word, cover))]


def transcript(command: Command, result: ExecResult, duration_s: float, cover: Callable[[str], str]) -> dict[str, Json]:
    """All of a command and its end, as the audit keeps it."""
    return {
        "argv": safe_words(command, cover), "exit_code": result.exit_code, "stdout": safe_output(result.stdout, cover),
        "stderr": safe_output(result.stderr, cover), "truncated": result.truncated, "stopped": result.stopped,
        "duration_s": round(duration_s, 3),
    }  # fmt: skip
