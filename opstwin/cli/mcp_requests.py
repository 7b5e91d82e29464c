"""How a tool call becomes a request of the HTTP API: what goes into the path, the query, the body and If-Match."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from opstwin.cli.client import Hub, segment
from opstwin.cli.exits import CliError, Exit

_FOLLOW: Final = "follow"
"""The field that turns an answer into a stream without an end; a tool call is answered once."""

_VARIABLE: Final = re.compile(r"{(\w+)(:path)?}")

Offer = Mapping[str, Any]
"""One tool as `GET /tools` describes it."""


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


def offered(item: Offer) -> Offer:
    """A tool as an MCP client gets it: without the field that asks for a stream."""
    schema = item["input_schema"]
    kept = {name: value for name, value in schema.get("properties", {}).items() if name != _FOLLOW}
    return {**item, "input_schema": {**schema, "properties": kept}}


def request_of(offer: Offer, given: Mapping[str, Any]) -> Request:
    """A tool call as the request that its route takes. Raises `CliError` that names the field."""
    fields = dict(given)
    known = offer["input_schema"]["properties"]
    for name in fields:
        if name not in known:
            raise _wrong(name[:80], "is not offered here", f"Use only: {', '.join(known) or 'no fields'}.")
    path = _VARIABLE.sub(lambda match: _in_path(offer, match, fields), str(offer["path"]))
    headers: dict[str, str] = {}
    if offer["if_match"]:
        headers["If-Match"] = f'"{_revision(str(offer["if_match"]), fields)}"'
    if offer["method"] == "GET":
        fields = {name: _as_text(value) for name, value in fields.items() if value is not None}
    return Request(str(offer["method"]), path, fields, headers)


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
