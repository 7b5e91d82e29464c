"""Calls to the hub's HTTP API. httpx2 is imported when the first call is made, so that `--help` stays quick."""

import json
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from opstwin.cli.context import Context
from opstwin.cli.exits import CliError, Exit, from_problem

if TYPE_CHECKING:
    import httpx2

API: Final = "/api/v1"
_TIMEOUT_S: Final = 60.0
_LONGEST_ID: Final = 300


def segment(value: str) -> str:
    """A value as part of a path; the slashes of a resource id stay, and it cannot lead to another path."""
    if len(value) > _LONGEST_ID or any(part in ("", ".", "..") for part in value.split("/")):
        raise CliError(
            Exit.ERROR, f"{value[:80]!r} is not an id.", next_step="List them: opstwin get", code="invalid_input"
        )
    return quote(value, safe="/")


class Hub:
    """One hub. Every method raises `CliError` with the exit code that fits. `face` is how the audit names it."""

    def __init__(self, context: Context, *, timeout_s: float = _TIMEOUT_S, face: str = "cli") -> None:
        self.context = context
        self._timeout_s = timeout_s
        self._face = face

    def get(self, path: str, /, **params: Any) -> Any:
        """Read."""
        return self._json(self._send("GET", path, params=_given(params)))

    def post(
        self, path: str, body: Mapping[str, Any] | None = None, *, headers: Mapping[str, str] | None = None
    ) -> Any:
        """Do something, once: a repeat after a lost answer carries the same key."""
        return self._json(self._send("POST", path, body=dict(body or {}), headers=headers))

    def send(self, method: str, path: str, body: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Any:
        """Any other method."""
        return self._json(self._send(method, path, body=dict(body), headers=headers))

    def all(self, path: str, **params: Any) -> dict[str, Any]:
        """A list with all its pages."""
        first = self.get(path, limit=1000, **params)
        cursor = first.get("next")
        while cursor:
            page = self.get(path, limit=1000, cursor=cursor, **params)
            first["items"] += page["items"]
            cursor = page.get("next")
        first["next"] = None
        return dict(first)

    @contextmanager
    def stream(
        self, path: str, /, body: Mapping[str, Any] | None = None, *, last_id: str = "", **params: Any
    ) -> Iterator[Iterator[dict[str, Any]]]:
        """Server-sent events: yields an iterator of `{"event", "id", "data"}`.

        With a `body` it is posted. `last_id` is the id of the last event that was seen, to go on behind it.
        """
        import httpx2

        headers = self._headers() | {"Accept": "text/event-stream"}
        headers |= {"Last-Event-ID": last_id} if last_id else {}
        method = "GET" if body is None else "POST"
        timeout = httpx2.Timeout(self._timeout_s, read=None)
        try:
            with (
                httpx2.Client(base_url=self.context.url, timeout=timeout) as client,
                client.stream(method, API + path, params=_given(params), json=body, headers=headers) as answer,
            ):
                if not answer.is_success:
                    answer.read()
                    self._check(answer)
                yield _events(answer.iter_lines())
        except httpx2.TransportError as error:
            raise self._unreachable(error) from error

    def _send(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> "httpx2.Response":
        import httpx2

        sent = self._headers() | dict(headers or {})
        if method != "GET":
            sent.setdefault("Idempotency-Key", str(uuid.uuid4()))
        try:
            with httpx2.Client(base_url=self.context.url, timeout=self._timeout_s) as client:
                answer = client.request(method, API + path, params=params, json=body, headers=sent)
        except (httpx2.TransportError, httpx2.InvalidURL, httpx2.UnsupportedProtocol) as error:
            raise self._unreachable(error) from error
        self._check(answer)
        return answer

    def _headers(self) -> dict[str, str]:
        token = {"Authorization": f"Bearer {self.context.token}"} if self.context.token else {}
        return {"Accept": "application/json", "X-Opstwin-Face": self._face, **token}

    def _check(self, answer: "httpx2.Response") -> None:
        if answer.is_success:
            return
        try:
            problem = answer.json()
        except ValueError:
            problem = {"detail": f"The hub answered {answer.status_code}.", "code": "error"}
        raise from_problem(problem)

    def _json(self, answer: "httpx2.Response") -> Any:
        return answer.json() if answer.content else {}

    def _unreachable(self, error: Exception) -> CliError:
        return CliError(
            Exit.UNREACHABLE, f"The hub at {self.context.url} does not answer ({type(error).__name__}).",
            next_step="Start it: opstwin up", code="hub_unreachable",
        )  # fmt: skip


def _given(params: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in params.items() if value is not None}


def _events(lines: Iterator[str]) -> Iterator[dict[str, Any]]:
    """Frames of an event stream (WHATWG HTML, 9.2) whose data is JSON."""
    event: dict[str, Any] = {}
    data: list[str] = []
    for line in lines:
        if line == "":
            if data:
                yield {**event, "data": json.loads("\n".join(data))}
            event, data = {}, []
        elif not line.startswith(":"):
            key, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if key == "data":
                data.append(value)
            else:
                event[key] = value
