"""The suite's tools: every kind of content, progress, logging, failures, and changes of what is listed."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import mcp_types as types
from mcp.server.connection import allowed_log_levels
from mcp.server.subscriptions import PromptsListChanged, ServerEvent, SubscriptionBus, ToolsListChanged

from opstwin.server.mcp.conformance import asking
from opstwin.server.mcp.conformance.contents import (
    NAME_FORM,
    SCHEMA_2020_12,
    embedded,
    failed,
    form,
    image,
    said,
    says,
    sound,
    text,
)
from opstwin.server.mcp.tasks_wire import Context

Answer = types.CallToolResult | types.InputRequiredResult
Handler = Callable[[Context, types.CallToolRequestParams], Awaitable[Answer]]

_PAUSE_S: Final = 0.05
"""Between two notifications, so that a client has to take them one by one."""

_RECONNECT_S: Final = 0.2
"""What a client gets to come back to a stream that was closed in the middle of a call."""


def _takes(*required: str, **kinds: str) -> dict[str, Any]:
    properties = {name: {"type": kind} for name, kind in kinds.items()}
    schema: dict[str, Any] = {"type": "object", "properties": properties}
    return {**schema, "required": list(required)} if required else schema


@dataclass(frozen=True, slots=True)
class Fixture:
    """One tool: how it answers, and what it takes."""

    handler: Handler
    schema: Mapping[str, Any] = field(default_factory=_takes)


def _always(answer: Callable[[], Answer]) -> Fixture:
    async def handler(_context: Context, _params: types.CallToolRequestParams) -> Answer:
        return answer()

    return Fixture(handler)


def _mixed() -> Answer:
    held = embedded("test://mixed-content-resource", '{"test": "data", "value": 123}', "application/json")
    return said(text("Multiple content types test:"), image(), held)


async def _logs(context: Context, _params: types.CallToolRequestParams) -> Answer:
    for words in ("Tool execution started", "Tool processing data", "Tool execution completed"):
        await _log(context, words)
        await asyncio.sleep(_PAUSE_S)
    return says("The tool logged three lines.")


async def _progresses(context: Context, _params: types.CallToolRequestParams) -> Answer:
    for done in (0, 50, 100):
        await context.session.report_progress(done, 100, f"{done} of 100")
        await asyncio.sleep(_PAUSE_S)
    return says("The tool told of its progress.")


async def _asks_after_progress(context: Context, params: types.CallToolRequestParams) -> Answer:
    await context.session.report_progress(1, 2, "about to ask")
    if asking.answer_to(params, "user_name") is not None:
        return says("Thank you.")
    return asking.need({"user_name": form("What is your name?", NAME_FORM)})


async def _reconnects(context: Context, _params: types.CallToolRequestParams) -> Answer:
    await _log(context, "Before the stream closes")
    if context.close_sse_stream is not None:
        await context.close_sse_stream()
    await asyncio.sleep(_RECONNECT_S)
    await _log(context, "After the client came back")
    return says("The call went on after the stream was closed.")


async def _region(_context: Context, params: types.CallToolRequestParams) -> Answer:
    return says(f"region={(params.arguments or {}).get('region')}")


async def _log(context: Context, words: str) -> None:
    if "info" not in allowed_log_levels(context.protocol_version, context.meta):
        return
    line = types.LoggingMessageNotificationParams(level="info", data=words)
    await context.session.send_notification(types.LoggingMessageNotification(params=line), context.request_id)


def _announces(bus: SubscriptionBus, event: ServerEvent) -> Fixture:
    async def handler(_context: Context, _params: types.CallToolRequestParams) -> Answer:
        await bus.publish(event)
        return says("It was announced.")

    return Fixture(handler)


_REGION: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {"region": {"type": "string", "x-mcp-header": "Region"}},
}

_PLAIN: Final[Mapping[str, Fixture]] = {
    "test_simple_text": _always(lambda: says("This is a simple text response for testing.")),
    "test_image_content": _always(lambda: said(image())),
    "test_audio_content": _always(lambda: said(sound())),
    "test_embedded_resource": _always(
        lambda: said(embedded("test://embedded-resource", "This is an embedded resource content."))
    ),
    "test_multiple_content_types": _always(_mixed),
    "test_error_handling": _always(lambda: failed("This tool intentionally returns an error for testing")),
    "json_schema_2020_12_tool": Fixture(_always(lambda: says("Its schema is what counts.")).handler, SCHEMA_2020_12),
    "test_tool_with_logging": Fixture(_logs),
    "test_logging_tool": Fixture(_logs),
    "test_tool_with_progress": Fixture(_progresses),
    "test_reconnection": Fixture(_reconnects),
    "test_x_mcp_header": Fixture(_region, _REGION),
}
_ASKING: Final[Mapping[str, Fixture]] = {
    "test_sampling": Fixture(asking.asks_model_at_once, _takes("prompt", prompt="string")),
    "test_elicitation": Fixture(asking.asks_at_once, _takes("message", message="string")),
    "test_elicitation_sep1034_defaults": Fixture(asking.asks_defaults),
    "test_elicitation_sep1330_enums": Fixture(asking.asks_enums),
    "test_missing_capability": Fixture(asking.without_sampling),
    "test_streaming_elicitation": Fixture(_asks_after_progress),
    "test_input_required_result_elicitation": Fixture(asking.elicitation),
    "test_input_required_result_sampling": Fixture(asking.asks_model),
    "test_input_required_result_list_roots": Fixture(asking.asks_roots),
    "test_input_required_result_request_state": Fixture(asking.with_state),
    "test_input_required_result_tampered_state": Fixture(asking.with_state),
    "test_input_required_result_multiple_inputs": Fixture(asking.many),
    "test_input_required_result_multi_round": Fixture(asking.rounds),
    "test_input_required_result_capabilities": Fixture(asking.within_capabilities),
}


def fixtures(bus: SubscriptionBus) -> dict[str, Fixture]:
    """All tools by name; those that announce a change do so on `bus`."""
    announcing = {
        "test_trigger_tool_change": _announces(bus, ToolsListChanged()),
        "test_trigger_prompt_change": _announces(bus, PromptsListChanged()),
    }
    return {**_PLAIN, **_ASKING, **announcing}
