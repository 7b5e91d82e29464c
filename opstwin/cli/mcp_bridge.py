"""Tool calls of an MCP client as calls to the hub's HTTP API. A spoke: it has no other way to the hub's work.

Nothing here needs the MCP SDK. What a client sends is passed on as the agent's request; none of it can approve a plan.
"""

import json
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar
from urllib.parse import quote

from opstwin.cli.client import Hub, segment
from opstwin.cli.context import find_context
from opstwin.cli.exits import CliError, Exit
from opstwin.cli.mcp_identity import as_agent, forget
from opstwin.cli.output import plain

FACE: Final = "mcp"
MAX_TEXT: Final = 20_000
"""Characters of the text beside a structured answer: about 5,000 tokens, well below what clients cut off at."""

_FOLLOW: Final = "follow"
"""The field that turns an answer into a stream without an end; a tool call is answered once."""

_VARIABLE: Final = re.compile(r"{(\w+)(:path)?}")

Offer = Mapping[str, Any]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a tool call came to: data for programs, the same in short for a model, and whether nothing was done."""

    data: Mapping[str, Any]
    text: str
    failed: bool = False


class Bridge:
    """One MCP client's way to the hub. Looks for the hub anew at each call, so that either may be restarted."""

    def __init__(self, url: str | None = None, token: str | None = None) -> None:
        self._named = (url, token)
        self._offers: dict[str, Offer] = {}
        self._url = ""
        self._lock = threading.Lock()

    def offers(self) -> list[Offer]:
        """The tools that the hub lets this agent use, in the hub's order. Raises `CliError`."""
        found = [_offered(item) for item in self._asked(lambda hub: hub.get("/tools"))["items"]]
        self._offers = {str(item["name"]): item for item in found}
        return found

    def call(self, name: str, given: Mapping[str, Any]) -> Outcome:
        """The hub's answer. Whatever goes wrong is an outcome too, with what to do next."""
        try:
            request = request_of(self._offer(name), given)
            answer = self._asked(request.sent)
        except CliError as error:
            return self._failure(error)
        return Outcome(answer, in_short(answer))

    def _offer(self, name: str) -> Offer:
        if name not in self._offers:
            self.offers()
        if name not in self._offers:
            raise CliError(
                Exit.ERROR, f"There is no tool {name[:80]!r} for this agent.", code="not_found",
                next_step=f"Use one of: {', '.join(self._offers)}.",
            )  # fmt: skip
        return self._offers[name]

    def _asked(self, ask: Callable[[Hub], T]) -> T:
        """What the hub answers. Where it does not know the token of this machine's agent, a new one is tried, once."""
        hub = self._hub()
        try:
            return ask(hub)
        except CliError as error:
            if error.exit_code is not Exit.AUTH or not hub.context.own or not forget(hub.context.token):
                raise
        return ask(self._hub())

    def _hub(self) -> Hub:
        with self._lock:
            context = as_agent(find_context(*self._named))
        self._url = context.url
        return Hub(context, face=FACE)

    def _failure(self, error: CliError) -> Outcome:
        data = error.as_json()
        text = f"{error.message} {error.next_step}".strip()
        if error.code == "not_approved" and "approvals_needed" in error.details:
            data = self._waiting(error) | data
            text = (
                f"Nothing was applied: {error.message} Show the plan to a human and ask them to run "
                f"`{data['approve_command']}` or to open {data['approve_url']}; then call plan_apply again."
            )
        return Outcome(data, plain(text), failed=True)

    def _waiting(self, error: CliError) -> dict[str, Any]:
        plan = str(error.details["plan"])
        return {
            "status": "waiting_for_human",
            "plan": plan,
            "digest": error.details.get("digest"),
            "risk": error.details.get("risk"),
            "approvals_needed": error.details["approvals_needed"],
            "approve_command": f"opstwin approve {plan}",
            "approve_url": f"{self._url}/plans/{plan}",
        }


@dataclass(frozen=True, slots=True)
class Request:
    """One call to the hub's HTTP API."""

    method: str
    path: str
    fields: Mapping[str, Any]
    headers: Mapping[str, str]

    def sent(self, hub: Hub) -> dict[str, Any]:
        """The hub's answer. Raises `CliError`."""
        if self.method == "GET":
            return dict(hub.get(self.path, **self.fields))
        return dict(hub.send(self.method, self.path, self.fields, self.headers))


def request_of(offer: Offer, given: Mapping[str, Any]) -> Request:
    """A tool call as the request that its route takes. Raises `CliError` that names the field."""
    fields = dict(given)
    known = offer["input_schema"]["properties"]
    for name in fields:
        if name not in known:
            raise _wrong(
                name[:80], "is not offered here", f"Use only: {', '.join(known)}." if known else "Leave it out."
            )
    path = _VARIABLE.sub(lambda match: _in_path(offer, match, fields), str(offer["path"]))
    headers: dict[str, str] = {}
    if offer["if_match"]:
        headers["If-Match"] = f'"{_revision(str(offer["if_match"]), fields)}"'
    if offer["method"] == "GET":
        fields = {name: _as_text(value) for name, value in fields.items() if value is not None}
    return Request(str(offer["method"]), path, fields, headers)


def in_short(answer: Mapping[str, Any]) -> str:
    """An answer for a model that reads text only: a plan as its lines, anything else as JSON, cut where it is long."""
    lines = answer.get("lines")
    if isinstance(lines, list) and "digest" in answer:
        decide = f" A human decides: opstwin approve {answer['id']} or {answer['approve_url']}"
        state = f"State: {answer['state']}.{decide if answer['state'] == 'pending' else ''}"
        text = "\n".join([*map(str, lines), state])
    else:
        text = json.dumps(answer, ensure_ascii=False, separators=(",", ":"))
    if len(text) <= MAX_TEXT:
        return plain(text)
    rest = len(text) - MAX_TEXT
    return f"{plain(text[:MAX_TEXT])}\n… {rest} characters more: ask for less (limit, tail, target, or one by its id)."


def _offered(item: Offer) -> Offer:
    """A tool as an MCP client gets it: without the field that asks for a stream."""
    schema = item["input_schema"]
    kept = {name: value for name, value in schema.get("properties", {}).items() if name != _FOLLOW}
    return {**item, "input_schema": {**schema, "properties": kept}}


def _in_path(offer: Offer, match: re.Match[str], fields: dict[str, Any]) -> str:
    """A field as part of the path, quoted, and only where it has the form that the tool names."""
    name, is_path = match[1], bool(match[2])
    value = fields.pop(name, None)
    schema = offer["input_schema"]["properties"][name]
    if not isinstance(value, str):
        raise _wrong(name, "is missing" if value is None else "is not a text", "Give it as a text.")
    if not re.fullmatch(schema.get("pattern", r".*"), value) or len(value) > schema.get("maxLength", len(value)):
        example = (schema.get("examples") or ["see the tool's schema"])[0]
        raise _wrong(name, "does not have the right form", f"Such as: {example}.")
    return segment(value) if is_path else quote(segment(value), safe="")


def _revision(name: str, fields: dict[str, Any]) -> int:
    value = fields.pop(name, None)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise _wrong(name, "is not a whole number from 0", "Read the resource first and give its desired revision.")
    return value


def _as_text(value: object) -> str:
    """A value as a query string holds it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _wrong(field: str, problem: str, next_step: str) -> CliError:
    return CliError(
        Exit.ERROR, f"{field} {problem}.", next_step=next_step, code="invalid_input", details={"field": field}
    )
