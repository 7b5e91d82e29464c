"""Leading a human to the approval page from inside an AI client, where the client can do that.

What the client answers is not looked at: it comes from the client, which may be a program. Only the page counts.
"""

from dataclasses import dataclass
from typing import Any, Final

import anyio
import mcp_types as types
from mcp.server.context import ServerRequestContext
from mcp.shared.exceptions import MCPError, NoBackChannelError
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

Context = ServerRequestContext[Any, Any]

KEY: Final = "approval"
ASK_FOR_S: Final = 300.0
"""How long a client of the handshake era may take with its form; the plan stays pending in any case."""

_NOTHING: Final[dict[str, Any]] = {"type": "object", "properties": {}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What a human is asked to do: open `url`, where they sign in and decide."""

    plan: str
    message: str
    url: str


def can_ask(context: Context) -> bool:
    """Whether the client said that it can put something before a human."""
    return _elicitation(context) is not None


def required(context: Context, question: Question, state: str) -> types.InputRequiredResult | None:
    """The answer that makes a stateless client ask and call again; None where that is not how it works."""
    if context.protocol_version not in MODERN_PROTOCOL_VERSIONS or not can_ask(context):
        return None
    request = types.ElicitRequest(params=_params(context, question))
    return types.InputRequiredResult(input_requests={KEY: request}, request_state=state)


async def asked(context: Context, question: Question) -> bool:
    """Ask a client of the handshake era in the middle of the call. Returns whether a human could be asked at all."""
    if context.protocol_version in MODERN_PROTOCOL_VERSIONS or not can_ask(context):
        return False
    try:
        with anyio.fail_after(ASK_FOR_S):
            if _takes_url(context):
                await context.session.elicit_url(question.message, question.url, question.plan, context.request_id)
            else:
                await context.session.elicit_form(_in_words(question), _NOTHING, context.request_id)
    except (MCPError, NoBackChannelError, TimeoutError):
        # The client could not, or nobody came: the plan waits, and the answer says where.
        return False
    return True


def _params(context: Context, question: Question) -> types.ElicitRequestURLParams | types.ElicitRequestFormParams:
    if _takes_url(context):
        return types.ElicitRequestURLParams(
            message=question.message, url=question.url, elicitation_id=question.plan, mode="url"
        )
    return types.ElicitRequestFormParams(message=_in_words(question), requested_schema=_NOTHING, mode="form")


def _in_words(question: Question) -> str:
    return f"{question.message}\nOpen {question.url} to decide; an answer here does not approve anything."


def _takes_url(context: Context) -> bool:
    found = _elicitation(context)
    return found is not None and found.url is not None


def _elicitation(context: Context) -> types.ElicitationCapability | None:
    capabilities = context.session.client_capabilities
    return capabilities.elicitation if capabilities is not None else None
