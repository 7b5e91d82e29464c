"""Messages in headers exactly as the official SDK writes and reads them, and errors with what a client needs."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mcp.shared.inbound import (
    NAME_BEARING_METHODS,
    classify_inbound_request,
    decode_header_value,
    encode_header_value,
    mcp_param_headers,
    validate_mcp_param_headers,
    x_mcp_header_map,
)

from opstwin.cli.exits import CliError, Exit
from opstwin.cli.mcp_messages import Message, failed, header_parameters, in_header, stateless_headers

META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {},
}  # fmt: skip
TEXT = st.text(max_size=12) | st.sampled_from(
    ["", " ", " a", "a ", "a b", "\t", "=?base64?eA==?=", "=?base64??=", "한"]
)
SCALAR = TEXT | st.integers() | st.booleans() | st.none()
SCHEMA = {
    "type": "object",
    "properties": {
        "where": {"type": "string", "x-mcp-header": "Where"},
        "plain": {"type": "string"},
        "deep": {"type": "object", "properties": {"count": {"type": "integer", "x-mcp-header": "Count"},
                                                  "sure": {"type": "boolean", "x-mcp-header": "Sure"}}},
    },
}  # fmt: skip


def message(method: str, **params: Any) -> Message:
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params | {"_meta": META}}
    return Message(json.dumps(body).encode())


@given(TEXT)
def test_a_text_stands_in_a_header_as_the_sdk_writes_it(text: str) -> None:
    assert in_header(text) == encode_header_value(text)
    assert decode_header_value(in_header(text)) == text


@given(name=TEXT, method=st.sampled_from([*NAME_BEARING_METHODS, "tools/list", "server/discover"]))
def test_the_sdks_server_finds_no_difference_between_headers_and_body(name: str, method: str) -> None:
    sent = message(method, name=name, uri=name)
    headers = {key.lower(): value for key, value in stateless_headers(sent, {}).items()}
    assert type(classify_inbound_request(sent.body, headers=headers)).__name__ == "InboundModernRoute"
    assert ("mcp-name" in headers) == (method in NAME_BEARING_METHODS)


@given(where=SCALAR, count=SCALAR, sure=SCALAR, held=st.booleans())
def test_arguments_that_a_tool_wants_in_headers_are_there_as_the_sdk_puts_them(
    where: Any, count: Any, sure: Any, held: bool
) -> None:
    given = {"where": where, "plain": "x", "deep": {"count": count, "sure": sure} if held else None}
    wanted = dict(header_parameters([{"name": "t", "inputSchema": SCHEMA}, {"name": "none"}, {"inputSchema": []}]))["t"]
    assert wanted == x_mcp_header_map(SCHEMA)
    headers = stateless_headers(message("tools/call", name="t", arguments=given), wanted)
    told = {key: value for key, value in headers.items() if key.startswith("Mcp-Param-")}
    assert told == mcp_param_headers(x_mcp_header_map(SCHEMA), given)
    assert validate_mcp_param_headers(SCHEMA, given, told) is None


@pytest.mark.parametrize("arguments", [None, [], "text", 7, {"deep": []}])
def test_arguments_that_are_none_are_in_no_header(arguments: Any) -> None:
    headers = stateless_headers(message("tools/call", name="t", arguments=arguments), x_mcp_header_map(SCHEMA))
    assert set(headers) == {"MCP-Protocol-Version", "Mcp-Method", "Mcp-Name"}


@pytest.mark.parametrize("method", ["tasks/get", "tasks/update", "tasks/cancel"])
def test_a_task_is_named_in_the_header(method: str) -> None:
    assert stateless_headers(message(method, taskId="exec_1"), {})["Mcp-Name"] == "exec_1"


@pytest.mark.parametrize("meta", [None, [], {}, {"io.modelcontextprotocol/protocolVersion": 7}])
def test_a_message_that_names_no_revision_is_of_the_handshake_era(meta: Any) -> None:
    assert Message(json.dumps({"method": "ping", "params": {"_meta": meta}}).encode()).revision == ""
    assert Message(b'{"method": 7, "params": []}').method == ""


def test_an_error_says_what_happened_and_the_next_step_twice_for_people_and_programs() -> None:
    error = CliError(Exit.ERROR, "No.", next_step="Do x.", code="conflict", details={"plan": "p\ud800"})
    body = json.loads(failed("한", error))
    assert (body["id"], body["error"]["message"]) == ("한", "No. Do x.")
    assert body["error"]["data"]["error"]["code"] == "conflict"
    assert body["error"]["data"]["error"]["next_step"] == "Do x."
