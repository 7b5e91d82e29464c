"""Exit codes, and the errors that carry them. `docs/cli.md` lists the same table; a test compares them."""

from collections.abc import Mapping
from enum import IntEnum
from typing import Any, Final


class Exit(IntEnum):
    """What the shell sees."""

    OK = 0
    ERROR = 1
    CHANGES = 2
    AUTH = 3
    UNREACHABLE = 4
    REFUSED = 5
    WAITING = 6
    PARTIAL = 7
    INTERRUPTED = 130


MEANING: Final[Mapping[Exit, str]] = {
    Exit.OK: "done",
    Exit.ERROR: "an error; the message names the next step",
    Exit.CHANGES: "there are changes (only with --detailed-exitcode)",
    Exit.AUTH: "not signed in",
    Exit.UNREACHABLE: "the hub or the target does not answer",
    Exit.REFUSED: "refused by policy",
    Exit.WAITING: "waiting for a human to approve",
    Exit.PARTIAL: "not applied: rolled back, or stopped for a human",
    Exit.INTERRUPTED: "interrupted; the work goes on in the hub",
}

_BY_CODE: Final[Mapping[str, Exit]] = {
    "unauthenticated": Exit.AUTH,
    "forbidden": Exit.REFUSED,
    "not_approved": Exit.WAITING,
    "unreachable": Exit.UNREACHABLE,
    "timeout": Exit.UNREACHABLE,
    "store_unavailable": Exit.UNREACHABLE,
}


class CliError(Exception):
    """What ends a verb: an exit code, what happened, and the next command."""

    def __init__(
        self,
        exit_code: Exit,
        message: str,
        *,
        next_step: str = "",
        code: str = "",
        details: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.exit_code = exit_code
        self.message = message
        self.next_step = next_step
        self.code = code or exit_code.name.lower()
        self.details = dict(details or {})

    def as_json(self) -> dict[str, Any]:
        """The form for scripts."""
        return {
            "error": {
                "code": self.code,
                "message": self.message,
                "next_step": self.next_step,
                **({"details": self.details} if self.details else {}),
            }
        }


def from_problem(problem: Mapping[str, Any]) -> CliError:
    """The error in an `application/problem+json` answer."""
    code = str(problem.get("code", "error"))
    message = str(problem.get("detail") or problem.get("title") or "The hub refused.")
    return CliError(
        _BY_CODE.get(code, Exit.ERROR), message, next_step=str(problem.get("next_step") or ""), code=code,
        details=problem.get("details") or {},
    )  # fmt: skip
