"""What an AI client is offered, asked as one asks: by the protocol."""

import json
from typing import Any, Final

from opstwin.cli.exits import CliError, Exit
from opstwin.cli.mcp_messages import Message
from opstwin.cli.mcp_options import Options
from opstwin.cli.mcp_relay import Job, Relay
from opstwin.cli.mcp_wire import parsed

_REVISION: Final = "2026-07-28"
_META: Final = {
    "io.modelcontextprotocol/protocolVersion": _REVISION,
    "io.modelcontextprotocol/clientCapabilities": {},
    "io.modelcontextprotocol/clientInfo": {"name": "opstwin", "version": "cli"},
}


def offered(options: Options) -> list[dict[str, Any]]:
    """The tools at the address that `options` choose, in the hub's order. Raises `CliError`."""
    answers: list[bytes] = []
    relay = Relay(options, answers.append)
    found: list[dict[str, Any]] = []
    cursor: str | None = ""
    while cursor is not None:
        params = {"_meta": _META} | ({"cursor": cursor} if cursor else {})
        message = {"jsonrpc": "2.0", "id": len(answers), "method": "tools/list", "params": params}
        relay.carry(Job(Message(json.dumps(message).encode())))
        result = _result(answers[-1])
        found += result["tools"]
        cursor = result.get("nextCursor")
    relay.close()
    return found


def _result(answer: bytes) -> dict[str, Any]:
    body = parsed(answer)
    if isinstance(body.get("result"), dict):
        return dict(body["result"])
    message = str(body.get("error", {}).get("message", "The hub gave no list."))
    raise CliError(Exit.ERROR, message, next_step="Update the hub.", code="error")
