"""The refusals of an API server, as it words them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from opstwin.targets.sim.kube.schema import Doc


class ApiFailure(Exception):
    """A request that ends in a `Status` with this code."""

    def __init__(  # noqa: PLR0913 - the parts of a Status
        self,
        code: int,
        reason: str,
        message: str,
        *,
        details: Mapping[str, Any] | None = None,
        retry_after_s: int | None = None,
        go_on: str = "",
        empty_details: bool = False,
    ) -> None:
        super().__init__(message)
        self.code, self.reason, self.message = code, reason, message
        self.details = dict(details or {})
        self.retry_after_s = retry_after_s
        self.go_on = go_on
        self.empty_details = empty_details

    def status(self) -> Doc:
        """The `Status` document."""
        found: Doc = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {"continue": self.go_on} if self.go_on else {},
            "status": "Failure",
            "message": self.message,
        }
        if self.reason:
            found["reason"] = self.reason
        if self.retry_after_s is not None:
            self.details["retryAfterSeconds"] = self.retry_after_s
        if self.details or self.empty_details:
            found["details"] = self.details
        found["code"] = self.code
        return found


NO_PAGE: Final = "404 page not found\n"
"""What is sent, as plain text, for a path that nothing is served at."""


@dataclass(frozen=True, slots=True)
class Cause:
    """One finding of a validation. `kind` is like `FieldValueInvalid`; `text` is what the server says about it."""

    kind: str
    field: str
    text: str


def required(field: str, extra: str = "") -> Cause:
    """A field that must be there."""
    return Cause("FieldValueRequired", field, f"Required value{': ' + extra if extra else ''}")


def invalid(field: str, value: str, why: str) -> Cause:
    """A field whose value (already written as the server would) is wrong."""
    return Cause("FieldValueInvalid", field, f"Invalid value: {value}: {why}")


def unsupported(field: str, value: str, known: Iterable[str]) -> Cause:
    """A value outside an enumeration."""
    return Cause(
        "FieldValueNotSupported", field,
        f'Unsupported value: "{value}": supported values: ' + ", ".join(f'"{item}"' for item in known),
    )  # fmt: skip


def resource_text(group: str, plural: str) -> str:
    """`deployments.apps`, or `pods` for the core group."""
    return f"{plural}.{group}" if group else plural


def not_found(group: str, plural: str, name: str) -> ApiFailure:
    """404 of one object."""
    details = {"name": name, "group": group, "kind": plural}
    return ApiFailure(
        404, "NotFound", f'{resource_text(group, plural)} "{name}" not found',
        details={key: value for key, value in details.items() if value},
    )  # fmt: skip


def no_such_path() -> ApiFailure:
    """404 of a path that nothing is served at."""
    return ApiFailure(404, "", NO_PAGE)


def exists(group: str, plural: str, name: str) -> ApiFailure:
    """409 of a create."""
    details = {"name": name, "group": group, "kind": plural}
    return ApiFailure(
        409, "AlreadyExists", f'{resource_text(group, plural)} "{name}" already exists',
        details={key: value for key, value in details.items() if value},
    )  # fmt: skip


def conflict(group: str, plural: str, name: str, why: str) -> ApiFailure:
    """409 of a write that is based on something old, or forbidden by a precondition."""
    details = {"name": name, "group": group, "kind": plural}
    return ApiFailure(
        409, "Conflict", f'Operation cannot be fulfilled on {resource_text(group, plural)} "{name}": {why}',
        details={key: value for key, value in details.items() if value},
    )  # fmt: skip


def stale(group: str, plural: str, name: str) -> ApiFailure:
    """409 of a write with an old resourceVersion."""
    return conflict(
        group, plural, name,
        "the object has been modified; please apply your changes to the latest version and try again",
    )  # fmt: skip


def forbidden(group: str, plural: str, name: str, why: str) -> ApiFailure:
    """403 by admission or by rights."""
    details = {"name": name, "group": group, "kind": plural}
    text = f'{resource_text(group, plural)} "{name}"' if name else resource_text(group, plural)
    return ApiFailure(
        403, "Forbidden", f"{text} is forbidden: {why}",
        details={key: value for key, value in details.items() if value},
    )  # fmt: skip


def unprocessable(group: str, kind: str, name: str, causes: list[Cause]) -> ApiFailure:
    """422 with all that validation found."""
    texts = [f"{cause.field}: {cause.text}" for cause in causes]
    message = texts[0] if len(texts) == 1 else "[" + ", ".join(texts) + "]"
    details: dict[str, Any] = {"name": name, "group": group, "kind": kind}
    details = {key: value for key, value in details.items() if value}
    details["causes"] = [{"reason": c.kind, "message": c.text, "field": c.field} for c in causes]
    return ApiFailure(
        422, "Invalid", f'{resource_text(group, kind)} "{name}" is invalid: {message}', details=details
    )  # fmt: skip


def bad_request(message: str) -> ApiFailure:
    """400."""
    return ApiFailure(400, "BadRequest", message)


def expired(message: str) -> ApiFailure:
    """410: what was asked for is compacted."""
    return ApiFailure(410, "Expired", message)


def too_many(message: str, retry_after_s: int) -> ApiFailure:
    """429."""
    return ApiFailure(429, "TooManyRequests", message, retry_after_s=retry_after_s)
