"""Tools that ask the client: in the middle of a call (2025-11-25), or before a second one (2026-07-28)."""

import json
from collections.abc import Mapping
from typing import Any, Final

import mcp_types as types
from mcp.shared.exceptions import MCPError
from mcp.shared.message import ServerMessageMetadata

from opstwin.server.mcp.conformance.contents import (
    DEFAULTS_FORM,
    ENUMS_FORM,
    NAME_FORM,
    OK_FORM,
    form,
    sampling,
    says,
)
from opstwin.server.mcp.tasks_wire import Context

Params = types.CallToolRequestParams
Answer = types.CallToolResult | types.InputRequiredResult

_COLOUR_FORM: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {"color": {"type": "string"}},
    "required": ["color"],
}
_FEEDBACK_FORM: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {"username": {"type": "string"}, "email": {"type": "string"}},
    "required": ["username", "email"],
}


def answer_to(params: Params | types.GetPromptRequestParams, key: str) -> Mapping[str, Any] | None:
    """What a person at the client filled in for `key`, or None without a usable answer."""
    given = (params.input_responses or {}).get(key)
    return given.content if isinstance(given, types.ElicitResult) and given.content is not None else None


def need(requests: types.InputRequests, state: str | None = None) -> types.InputRequiredResult:
    """The answer that asks for more before the call can be answered."""
    return types.InputRequiredResult(input_requests=requests, request_state=state)


async def elicitation(_context: Context, params: Params) -> Answer:
    """One question to a person."""
    name = answer_to(params, "user_name")
    return says(f"Hello, {name.get('name')}!") if name else need({"user_name": form("What is your name?", NAME_FORM)})


async def asks_model(_context: Context, params: Params) -> Answer:
    """One question to the client's model."""
    given = (params.input_responses or {}).get("capital_question")
    if isinstance(given, types.CreateMessageResult):
        return says(f"The model said: {_words(given.content)}")
    return need({"capital_question": sampling("What is the capital of France?")})


async def asks_roots(_context: Context, params: Params) -> Answer:
    """The client's folders."""
    given = (params.input_responses or {}).get("client_roots")
    if isinstance(given, types.ListRootsResult):
        return says("Roots: " + ", ".join(str(root.uri) for root in given.roots))
    return need({"client_roots": types.ListRootsRequest()})


async def with_state(_context: Context, params: Params) -> Answer:
    """A question whose answer must come back with the state that went out with it."""
    if params.request_state is None:
        return need({"confirm": form("Please confirm", OK_FORM)}, "round-1")
    return says(f"state-ok: {params.request_state}")


async def many(_context: Context, params: Params) -> Answer:
    """Three questions of three kinds at once."""
    requests: types.InputRequests = {
        "user_name": form("What is your name?", NAME_FORM),
        "greeting": sampling("Generate a greeting", 50),
        "client_roots": types.ListRootsRequest(),
    }
    given = params.input_responses or {}
    return says(f"{len(given)} answers") if given.keys() >= requests.keys() else need(requests, "asked")


async def rounds(_context: Context, params: Params) -> Answer:
    """One question after the other; what was said is carried in the state."""
    state: dict[str, Any] = json.loads(params.request_state) if params.request_state else {}
    name, colour = answer_to(params, "step1"), answer_to(params, "step2")
    if state.get("round") == 1 and name:
        carried = json.dumps({"round": 2, "name": name.get("name")})
        return need({"step2": form("Step 2: What is your favorite color?", _COLOUR_FORM)}, carried)
    if state.get("round") == 2 and colour:
        return says(f"{state.get('name')} likes {colour.get('color')}.")
    return need({"step1": form("Step 1: What is your name?", NAME_FORM)}, json.dumps({"round": 1}))


async def within_capabilities(context: Context, _params: Params) -> Answer:
    """Only what the client said that it can be asked for."""
    can = context.session.client_capabilities or types.ClientCapabilities()
    requests: types.InputRequests = {}
    if can.sampling is not None:
        requests["sample"] = sampling("Say hello", 50)
    if can.elicitation is not None:
        requests["ask"] = form("What is your name?", NAME_FORM)
    return need(requests, "asked-what-it-can")


async def without_sampling(context: Context, _params: Params) -> Answer:
    """Refuses a client that cannot be asked for its model's words."""
    can = context.session.client_capabilities
    if can is None or can.sampling is None:
        raise MCPError(
            code=types.MISSING_REQUIRED_CLIENT_CAPABILITY,
            message="This tool needs a client that offers sampling.",
            data={"requiredCapabilities": {"sampling": {}}},
        )
    return says("The client offers sampling.")


async def asks_at_once(context: Context, params: Params) -> Answer:
    """A question to a person in the middle of the call."""
    return await _ask_form(context, str((params.arguments or {}).get("message", "")), _FEEDBACK_FORM)


async def asks_defaults(context: Context, _params: Params) -> Answer:
    """A form with a default for every plain type."""
    return await _ask_form(context, "Please check these values", DEFAULTS_FORM)


async def asks_enums(context: Context, _params: Params) -> Answer:
    """A form with every kind of choice."""
    return await _ask_form(context, "Please choose", ENUMS_FORM)


async def asks_model_at_once(context: Context, params: Params) -> Answer:
    """A question to the client's model in the middle of the call."""
    request = sampling(str((params.arguments or {}).get("prompt", "")))
    related = ServerMessageMetadata(related_request_id=context.request_id)
    answered = await context.session.send_request(request, types.CreateMessageResult, metadata=related)
    return says(f"LLM response: {_words(answered.content)}")


async def _ask_form(context: Context, message: str, schema: dict[str, Any]) -> types.CallToolResult:
    answered = await context.session.elicit_form(message, schema, context.request_id)
    content = json.dumps(answered.content or {})
    return says(f"User response: action={answered.action}, content={content}")


def _words(content: object) -> str:
    return content.text if isinstance(content, types.TextContent) else "(no words)"
