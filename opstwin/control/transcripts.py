"""What a command said, as it may be kept and shown: without secrets, and with nothing that drives a terminal."""

import re
from collections.abc import Sequence
from typing import Final

from opstwin.domain.command import Command
from opstwin.domain.secret_text import without_secrets
from opstwin.domain.text import visible
from opstwin.domain.values import Json
from opstwin.logs import MASK, looks_secret
from opstwin.targets.ports import ExecResult

_HASH: Final = re.compile(r"\$(?:[0-9][a-z]?|y|gy|argon2id?|scrypt)\$[./A-Za-z0-9$=,+-]{16,}")
"""Hashed passwords as crypt(5) writes them."""


def safe_output(text: str) -> str:
    """`text` with secrets masked (by the name before them, or by their form) and hidden characters made visible."""
    return visible(_HASH.sub(MASK, without_secrets(text)))


def safe_words(command: Command) -> list[Json]:
    """The words of a command for the audit and for answers."""
    return [*_words(command.argv)]


def transcript(command: Command, result: ExecResult, duration_s: float) -> dict[str, Json]:
    """All of a command and its end, as the audit keeps it."""
    return {
        "argv": safe_words(command), "exit_code": result.exit_code, "stdout": safe_output(result.stdout),
        "stderr": safe_output(result.stderr), "truncated": result.truncated, "stopped": result.stopped,
        "duration_s": round(duration_s, 3),
    }  # fmt: skip


def _words(argv: Sequence[str]) -> list[str]:
    shown: list[str] = []
    for place, word in enumerate(argv):
        flag = argv[place - 1] if place else ""
        hides = flag.startswith("-") and "=" not in flag and looks_secret(flag) and not word.startswith("-")
        shown.append(MASK if hides else safe_output(word))
    return shown
