"""Why a model gave no answer, as `ModelError`: a reason that programs read, and words that people read."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Any, Final

from opstwin.errors import ModelError

LONGEST_WORDS: Final = 200
"""Characters of a provider's own words that are passed on."""


class Reason(StrEnum):
    """`details["reason"]` of every `ModelError` of this package."""

    NO_KEY = "no_key"
    DOWN = "down"
    TIMEOUT = "timeout"
    RATE_LIMITED = "rate_limited"
    BREAKER = "breaker"
    BUDGET = "budget"
    BAD_OUTPUT = "bad_output"
    TRUNCATED = "truncated"
    REFUSED = "refused"


_WORDS: Final[Mapping[Reason, tuple[str, str]]] = {
    Reason.NO_KEY: ("has no key, or does not take it", "Set the key that it names, and start the hub again."),
    Reason.DOWN: ("cannot be reached or fails", "Ask again later; requests are handled without it."),
    Reason.TIMEOUT: ("did not answer in time", "Ask again later, or raise models.read_timeout_s."),
    Reason.RATE_LIMITED: ("takes no more requests for now", "Ask again later, or add a second provider."),
    Reason.BREAKER: ("failed several times in a row; calls to it are paused", "Ask again later."),
    Reason.BUDGET: ("has no budget left", "Raise the budget, or wait until it begins anew."),
    Reason.BAD_OUTPUT: ("answered with nothing that can be used", "Ask again, or use another model."),
    Reason.TRUNCATED: ("broke off in the middle of its answer", "Ask again."),
    Reason.REFUSED: ("refused the request", "See models.providers in the settings: the model's name and address."),
}


def failure(
    reason: Reason, provider: str, *, words: str = "", next_step: str = "", retry_after_s: float | None = None,
    again: bool = False,
) -> ModelError:  # fmt: skip
    """The error for one reason; `provider` is empty where none is to blame.

    `words` come behind the sentence; `again`: the same request, changed by us, may do.
    """
    details: dict[str, object] = {"reason": reason.value, "provider": provider, **({"again": True} if again else {})}
    sentence = f"Model provider {provider} {_WORDS[reason][0]}" if provider else ""
    message = ": ".join(part for part in (sentence, words[:LONGEST_WORDS].rstrip(".")) if part)
    return ModelError(
        f"{message}.", next_step=next_step or _WORDS[reason][1], details=details, retry_after_s=retry_after_s
    )  # fmt: skip


def reason_of(error: ModelError) -> Reason:
    """Why; `down` when an error does not say."""
    try:
        return Reason(str(error.details.get("reason")))
    except ValueError:
        return Reason.DOWN


def of_status(
    provider: str, status: int, body: object, headers: Mapping[str, str], cover: Callable[[str], str]
) -> ModelError:
    """The error for an answer with this HTTP status, or for an error inside a stream (status 200).

    `cover` masks secrets in the provider's words; it may repeat the key.
    """
    inner = _inner(body)
    kind = f"{inner.get('type') or ''} {inner.get('code') or ''}"
    reason = _reason(status, kind)
    # What a failing server says of itself helps nobody; what it says of the request does.
    words = cover(str(inner.get("message") or "")) if reason in (Reason.REFUSED, Reason.BUDGET) else ""
    after_s = retry_after_s(headers) if reason in (Reason.RATE_LIMITED, Reason.DOWN) else None
    return failure(reason, provider, words=words or f"status {status}", retry_after_s=after_s)


def unwelcome(status: int, body: object, optional: Mapping[str, object]) -> str:
    """Which optional field of a request an answer says it does not take; empty when none."""
    if status not in (400, 422):
        return ""
    inner = _inner(body)
    said = f"{inner.get('param') or ''} {inner.get('message') or ''}"
    return next((name for name in optional if re.search(rf"(?<![A-Za-z]){name}(?![A-Za-z])", said)), "")


def is_filtered(status: int, body: object) -> bool:
    """Whether a filter of the provider refused what was asked; Azure says it so."""
    return status == 400 and _inner(body).get("code") == "content_filter"


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Seconds of `retry-after-ms` or `Retry-After` (RFC 9110, 10.2.3: seconds or a moment), None without one."""
    for name, unit in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        value = headers.get(name, "")
        if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", value):
            return float(value) / unit
    try:
        moment = parsedate_to_datetime(headers.get("retry-after", ""))
        now = parsedate_to_datetime(headers.get("date", ""))
    except ValueError:
        return None
    return max(0.0, (_aware(moment) - _aware(now)).total_seconds())


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _inner(body: object) -> Mapping[str, Any]:
    inner = body.get("error", body) if isinstance(body, Mapping) else body
    return inner if isinstance(inner, Mapping) else {}


def _reason(status: int, kind: str) -> Reason:
    if status == 402 or "insufficient_quota" in kind or "billing" in kind:
        return Reason.BUDGET
    if status == 429 or "rate_limit" in kind:
        return Reason.RATE_LIMITED
    if status in (401, 403):
        return Reason.NO_KEY
    if status in (408, 504):
        return Reason.TIMEOUT
    if 400 <= status < 500 and status not in (409, 425):
        return Reason.REFUSED
    return Reason.DOWN
