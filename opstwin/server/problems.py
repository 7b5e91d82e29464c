"""Errors over HTTP: one status for each error class, told as `application/problem+json` (RFC 9457).

5xx means that the hub itself is at fault. A target that fails or refuses is 424: the hub did its part, repeating the
same call will not help by itself, and a proxy must not repeat it on its own.
"""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from opstwin import errors, logs

STATUS: Final[Mapping[type[errors.OpstwinError], int]] = {
    errors.OpstwinError: 500,
    errors.RequestError: 400,
    errors.InvalidInput: 422,
    errors.Unclear: 422,
    errors.NotFound: 404,
    errors.Unauthenticated: 401,
    errors.Forbidden: 403,
    errors.LimitExceeded: 429,
    errors.Conflict: 409,
    errors.StalePlan: 409,
    errors.NotApproved: 409,
    errors.Cancelled: 409,
    errors.TargetError: 424,
    errors.Unreachable: 424,
    errors.Timeout: 424,
    errors.Rejected: 424,
    errors.Unverified: 424,
    errors.ModelError: 503,
    errors.StoreError: 503,
    errors.AuditBroken: 503,
}

MEDIA_TYPE: Final = "application/problem+json"
_CHALLENGE: Final = 'Bearer realm="opstwin"'
_FRAMEWORK: Final[Mapping[int, tuple[type[errors.RequestError], str, str]]] = {
    404: (errors.NotFound, "There is nothing at this address.", "See what there is: GET /openapi.json"),
    405: (errors.RequestError, "This address does not take that method.", "See the Allow header."),
    413: (errors.LimitExceeded, "The body is too large.", "Send less at once."),
}


class Refused(Exception):
    """A refusal whose status says more than its error class does, such as 413 or 421. Only this package raises it."""

    def __init__(self, status: int, error: errors.OpstwinError, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(str(error))
        self.status = status
        self.error = error
        self.headers = dict(headers or {})


def problem(
    error: errors.OpstwinError,
    *,
    request_id: str,
    status: int | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """`error` as an answer; texts are free of secrets."""
    number = status or STATUS[type(error)]
    body = {
        "type": f"urn:opstwin:problem:{error.code}",
        "title": HTTPStatus(number).phrase,
        "status": number,
        "detail": logs.redacted(error.message),
        "code": error.code,
        "next_step": error.next_step,
        "details": logs.redact_event(None, "", dict(error.details)),
        "request_id": request_id,
    }
    extra = dict(headers or {})
    if error.retry_after_s is not None:
        body["retry_after_s"] = error.retry_after_s
        extra["Retry-After"] = str(max(1, round(error.retry_after_s)))
    if number == 401:
        extra.setdefault("WWW-Authenticate", _CHALLENGE)
    return json_response(body, number, extra, MEDIA_TYPE)


def json_response(
    body: Any, status: int, headers: Mapping[str, str] | None = None, media_type: str = "application/json"
) -> Response:
    """JSON that is always valid UTF-8: half a character in a log line becomes a question mark."""
    text = json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=str)
    return Response(text.encode("utf-8", "replace"), status, dict(headers or {}), media_type)


def id_of(scope: Mapping[str, Any]) -> str:
    """The request's id, empty before it has one."""
    return str(scope.get("state", {}).get("request_id", ""))


async def framework_error(request: Request, error: Exception) -> Response:
    """The handler of what the framework raises: no such route, wrong method, body too large."""
    assert isinstance(error, HTTPException)
    kind, message, step = _FRAMEWORK.get(
        error.status_code, (errors.RequestError, "The request cannot be read.", "Correct it and send it again.")
    )
    return problem(
        kind(message, next_step=step),
        request_id=id_of(request.scope),
        status=error.status_code,
        headers=error.headers,
    )


class LastResort:
    """The outermost loop of a request: whatever nobody foresaw is logged with its trace and told without it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def sending(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, sending)
        except ClientDisconnect:
            return
        except Exception as error:
            answer = _answer_to(scope, error)
            if started:
                raise
            await answer(scope, receive, send)


def _answer_to(scope: Scope, error: Exception) -> Response:
    request_id = id_of(scope)
    if isinstance(error, Refused):
        return problem(error.error, request_id=request_id, status=error.status, headers=error.headers)
    if isinstance(error, errors.OpstwinError):
        return problem(error, request_id=request_id)
    logs.logger().error("request_failed", path=scope["path"], exc_info=error)
    unforeseen = errors.OpstwinError(
        "The hub failed on this request.", next_step=f"Look for {request_id} in the hub's log."
    )
    return problem(unforeseen, request_id=request_id)
