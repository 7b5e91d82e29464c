"""Messages of the Model Context Protocol between a client on stdin and the hub's HTTP address.

Both eras are told apart by the message alone: a stateless one (from 2026-07-28) names its revision in `params._meta`,
one of the handshake era (to 2025-11-25) does not.
"""

import binascii
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from opstwin.cli.exits import CliError

PARSE_ERROR: Final = -32700
INVALID_REQUEST: Final = -32600
INTERNAL_ERROR: Final = -32603
CONNECTION_CLOSED: Final = -32000
"""Error codes: JSON-RPC 2.0 section 5.1, and the SDKs' code for an answer that cannot come any more."""

LISTEN: Final = "subscriptions/listen"
CANCELLED: Final = "notifications/cancelled"
INITIALIZED: Final = "notifications/initialized"

_VERSION: Final = "io.modelcontextprotocol/protocolVersion"
_NAMED: Final = {
    "tools/call": "name", "prompts/get": "name", "resources/read": "uri", "tasks/get": "taskId",
    "tasks/update": "taskId", "tasks/cancel": "taskId",
}  # fmt: skip
"""Methods whose subject is told in a header too (specification 2026-07-28, Transports; Tasks extension)."""

_PLAIN: Final = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?")
_WRAPPED: Final = re.compile(r"=\?base64\?.*\?=")
_TOKENS: Final = re.compile(rb'"(?:[^"\\]|\\.)*"|[{}\[\]]')
_ID: Final = re.compile(rb'\s*:\s*(-?\d+(?![\d.eE])|"(?:[^"\\]|\\.)*")')
_UNREACHED: Final = frozenset({"hub_unreachable", "unreachable"})


class Unreadable(Exception):
    """A line that is no single message; `id` is the request's where it can be told."""

    def __init__(self, code: int, reason: str, id: str | int | None = None) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason
        self.id = id


class Message:
    """One message of the client: `raw` is what it sent, on one line."""

    __slots__ = ("body", "raw")

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self.body = _parsed(raw)

    @property
    def method(self) -> str:
        """The method; empty for an answer to a question of the hub."""
        found = self.body.get("method")
        return found if isinstance(found, str) else ""

    @property
    def params(self) -> Mapping[str, Any]:
        """The parameters."""
        found = self.body.get("params")
        return found if isinstance(found, dict) else {}

    @property
    def id(self) -> Any:
        """The id, None for a notification."""
        return self.body.get("id")

    @property
    def is_request(self) -> bool:
        """Whether the client waits for an answer."""
        return "id" in self.body and "method" in self.body

    @property
    def revision(self) -> str:
        """The protocol's revision that a stateless message names; empty in the handshake era."""
        meta = self.params.get("_meta")
        found = meta.get(_VERSION) if isinstance(meta, dict) else None
        return found if isinstance(found, str) else ""


def _parsed(raw: bytes) -> Mapping[str, Any]:
    try:
        body = json.loads(raw)
    except RecursionError:
        raise Unreadable(PARSE_ERROR, "The message is nested too deeply.", _found_id(raw)) from None
    except ValueError as error:
        raise Unreadable(PARSE_ERROR, f"The line is not JSON: {error}.", _found_id(raw)) from None
    if not isinstance(body, dict):
        raise Unreadable(INVALID_REQUEST, "A line must hold one message; batches are not served.")
    return body


def _found_id(raw: bytes) -> str | int | None:
    """The id of a message that cannot be parsed, read off its outermost level."""
    depth = 0
    for token in _TOKENS.finditer(raw):
        if token[0] in b"{[":
            depth += 1
        elif token[0] in b"}]":
            depth -= 1
        elif depth == 1 and token[0] == b'"id"' and (value := _ID.match(raw, token.end())):
            found: str | int = json.loads(value[1])
            return found
    return None


def stateless_headers(message: Message, parameters: Mapping[tuple[str, ...], str]) -> dict[str, str]:
    """The headers that repeat what a stateless message says, so that proxies can read it.

    `parameters` are the arguments that the called tool wants in headers, by their path.
    """
    headers = {"MCP-Protocol-Version": in_header(message.revision), "Mcp-Method": in_header(message.method)}
    subject = message.params.get(_NAMED.get(message.method, ""))
    if isinstance(subject, str):
        headers["Mcp-Name"] = in_header(subject)
    for path, name in parameters.items():
        text = _scalar(_at(message.params.get("arguments"), path))
        if text is not None:
            headers[f"Mcp-Param-{name}"] = in_header(text)
    return headers


def in_header(text: str) -> str:
    """A text as a header can hold it: as it is, or in base64 (specification 2026-07-28, Transports)."""
    if _PLAIN.fullmatch(text) and not _WRAPPED.fullmatch(text):
        return text
    packed = binascii.b2a_base64(text.encode("utf-8", "surrogatepass"), newline=False).decode()
    return f"=?base64?{packed}?=" if text else ""


def header_parameters(tools: Any) -> Iterator[tuple[str, dict[tuple[str, ...], str]]]:
    """For each listed tool the arguments that it wants repeated in headers (`x-mcp-header` in its input schema)."""
    for tool in tools if isinstance(tools, list) else ():
        yield str(tool.get("name")), dict(_marked(tool.get("inputSchema"), ()))


def _marked(schema: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    fields = schema.get("properties") if isinstance(schema, dict) else None
    for name, field in fields.items() if isinstance(fields, dict) else ():
        mark = field.get("x-mcp-header") if isinstance(field, dict) else None
        if isinstance(mark, str) and _PLAIN.fullmatch(mark):
            yield (*path, name), mark
        yield from _marked(field, (*path, name))


def _at(node: Any, path: tuple[str, ...]) -> Any:
    for key in path:
        node = node.get(key) if isinstance(node, dict) else None
    return node


def _scalar(value: Any) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int | float) else None


def refused(id: Any, code: int, message: str, data: Any = None) -> bytes:
    """An error as the answer to the request `id`."""
    error = {"code": code, "message": message} | ({"data": data} if data is not None else {})
    return json.dumps({"jsonrpc": "2.0", "id": id, "error": error}, ensure_ascii=False).encode("utf-8", "replace")


def failed(id: Any, error: CliError) -> bytes:
    """What went wrong between here and the hub as the answer to the request `id`, with the next step."""
    code = CONNECTION_CLOSED if error.code in _UNREACHED else INTERNAL_ERROR
    return refused(id, code, f"{error.message} {error.next_step}".strip(), error.as_json())
