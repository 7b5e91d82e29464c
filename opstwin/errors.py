"""The error tree, split by who must act next.

Every error carries a stable `code`, a message for the person or model that reads it, the `next_step` (the call
or command that helps), safe `details` (never secrets) and, where waiting helps, `retry_after_s`.
"""

from collections.abc import Mapping
from typing import ClassVar


class OpstwinError(Exception):
    """Root of all errors that Opstwin raises on purpose."""

    code: ClassVar[str] = "internal"

    def __init__(
        self,
        message: str,
        *,
        next_step: str = "",
        details: Mapping[str, object] | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.next_step = next_step
        self.details: dict[str, object] = dict(details or {})
        self.retry_after_s = retry_after_s

    def __str__(self) -> str:
        return f"{self.message} {self.next_step}".strip()


class RequestError(OpstwinError):
    """The caller changes something and asks again."""

    code = "request"


class InvalidInput(RequestError):
    """A value is wrong; `details["field"]` names it where one field is to blame."""

    code = "invalid_input"

    def __init__(
        self,
        message: str,
        *,
        field: str = "",
        next_step: str = "",
        details: Mapping[str, object] | None = None,
    ) -> None:
        merged = {**({"field": field} if field else {}), **(details or {})}
        super().__init__(message, next_step=next_step, details=merged)
        self.field = field


class Unclear(InvalidInput):
    """The request is understood in part; `details["missing"]` or `details["choices"]` say what is needed."""

    code = "unclear"


class NotFound(RequestError):
    """What was named does not exist, or is not the caller's to see."""

    code = "not_found"


class Unauthenticated(RequestError):
    """No valid credential came with the call."""

    code = "unauthenticated"


class Forbidden(RequestError):
    """The caller is known and may not do this."""

    code = "forbidden"


class LimitExceeded(RequestError):
    """Too large, too many or too fast; `retry_after_s` is set when waiting helps."""

    code = "limit_exceeded"


class Conflict(RequestError):
    """Somebody else changed the record first: read it again and repeat."""

    code = "conflict"


class StalePlan(RequestError):
    """The world or the desired state moved since the plan was made: observe, then plan again."""

    code = "stale_plan"


class NotApproved(RequestError):
    """A human must decide first; `details` say who may and where."""

    code = "not_approved"


class Cancelled(RequestError):
    """Somebody with the right to do so asked for it to stop."""

    code = "cancelled"


class TargetError(OpstwinError):
    """A target did not do, or did not say, what was asked."""

    code = "target"


class Unreachable(TargetError):
    """The target gave no answer at all; nothing is known about what it holds."""

    code = "unreachable"


class Timeout(TargetError):
    """The outcome is unknown: observe before trying again."""

    code = "timeout"


class Rejected(TargetError):
    """The target said no, and will say no again until something changes."""

    code = "rejected"


class Unverified(TargetError):
    """What is there is not, or does not stay, what the plan promised; it is rolled back."""

    code = "unverified"


class ModelError(OpstwinError):
    """The language model is down, over budget or unusable; the deterministic way is used instead."""

    code = "model"


class StoreError(OpstwinError):
    """The twin or its audit cannot be written; nothing is applied until it can."""

    code = "store_unavailable"


class AuditBroken(StoreError):
    """The audit chain does not verify; `details["seq"]` is the first bad row."""

    code = "audit_broken"
