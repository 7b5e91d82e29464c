"""What the SDK raises, as Opstwin's errors: who must act next, in the engine's own words."""

import errno
import json
import re
import socket
from collections.abc import Iterator
from typing import Final

import requests
from docker.errors import APIError, DockerException
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError

from opstwin.errors import NotFound, OpstwinError, Rejected, Timeout, Unreachable
from opstwin.logs import redacted

MAX_WORDS: Final = 600
"""An engine may quote whole requests; this much says what is wrong."""

FAILURES: Final = (DockerException, requests.RequestException, HTTPError, OSError, KeyError, ValueError)
"""All that a call through the SDK can end with; answers that are no engine's end as `KeyError` or `ValueError`."""

_ABSENT: Final = re.compile(
    r"no such (container|image|volume|network|exec)|^network .+ not found$|^get [^:]+: no such volume", re.IGNORECASE
)
_NOT_THERE: Final = frozenset(
    {errno.ECONNREFUSED, errno.ENOENT, errno.EACCES, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EAGAIN}
)


def translated(error: Exception, operation: str, place: str) -> OpstwinError:
    """`error` as `NotFound`, `Rejected`, `Unreachable` or `Timeout`.

    `NotFound` stands for positive evidence only: an engine's own 404 that says what there is none of.
    """
    if isinstance(error, APIError) and error.response is not None:
        return _answered(error.response, operation, place)
    causes = list(_causes(error))
    if any(_never_connected(cause) for cause in causes):
        return Unreachable(
            f"No Docker Engine answers at {place}: {_reason(causes)}.",
            next_step="Start it or correct the target's address, then: opstwin targets test <target>",
            details={"operation": operation},
        )
    if any(isinstance(cause, requests.Timeout | TimeoutError) for cause in causes):
        return timed_out(operation, place)
    if any(isinstance(cause, requests.ConnectionError | HTTPError | OSError) for cause in causes):
        return Timeout(
            f"The Docker Engine at {place} broke off during {operation}; what came of it is not known.",
            next_step="Look before you try again: opstwin discover",
            details={"operation": operation},
        )
    return Unreachable(
        f"What answers at {place} is no Docker Engine.",
        next_step="Correct the target's address, then: opstwin targets test <target>",
        details={"operation": operation},
    )


def timed_out(operation: str, place: str) -> Timeout:
    """The error for a deadline that passed without an answer."""
    return Timeout(
        f"The Docker Engine at {place} did not answer {operation} in time; what came of it is not known.",
        next_step="Look before you try again: opstwin discover",
        details={"operation": operation},
    )


def words_of(error: OpstwinError) -> str:
    """What the engine itself said, or the error's message."""
    return str(error.details.get("engine") or error.message)


def status_of(error: OpstwinError) -> int:
    """The HTTP status that the engine answered with, 0 when it did not."""
    status = error.details.get("status")
    return status if isinstance(status, int) else 0


def _answered(answer: requests.Response, operation: str, place: str) -> OpstwinError:
    status, text = answer.status_code, _said(answer.text)
    said = redacted(text or answer.reason or "no reason given")[:MAX_WORDS]
    details: dict[str, object] = {"operation": operation, "status": status, "engine": said}
    if status == 404 and text is not None and _ABSENT.search(text):
        return NotFound(f"{said}.", next_step="See what is there: opstwin discover", details=details)
    if status in (502, 503, 504):
        return Timeout(
            f"{place} answered {status} to {operation}; what came of it is not known.",
            next_step="Look before you try again: opstwin discover",
            details=details,
        )
    return Rejected(
        f"The Docker Engine refused {operation}: {said}.", next_step="Correct it and plan again.", details=details
    )


def _said(body: str) -> str | None:
    """The `message` of an engine's answer; None when it is no engine's answer."""
    try:
        answer = json.loads(body)
    except ValueError:
        return None
    message = answer.get("message") if isinstance(answer, dict) else None
    return " ".join(message.split()).rstrip(".") if isinstance(message, str) else None


def _causes(error: BaseException) -> Iterator[BaseException]:
    """`error` and all that it wraps, by `raise from`, by context or (as urllib3 does) as an argument."""
    queue, seen = [error], set[int]()
    while queue:
        cause = queue.pop(0)
        if id(cause) in seen:
            continue
        seen.add(id(cause))
        yield cause
        queue += [item for item in (cause.__cause__, cause.__context__, *cause.args) if isinstance(item, BaseException)]
        reason = getattr(cause, "reason", None)
        queue += [reason] if isinstance(reason, BaseException) else []


def _never_connected(cause: BaseException) -> bool:
    if isinstance(cause, NewConnectionError | ConnectTimeoutError | requests.ConnectTimeout | socket.gaierror):
        return True
    return isinstance(cause, OSError) and cause.errno in _NOT_THERE


def _reason(causes: list[BaseException]) -> str:
    for cause in causes:
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror.lower()
    return "no connection"
