"""Step-up: an AI client whose token lacks a scope is told, before the call, which scopes to ask its person for."""

from collections.abc import Awaitable, Callable
from typing import Any

from opstwin.domain.access import Scope
from opstwin.errors import Forbidden
from opstwin.server.mcp.choosing import PATHS, choice_of
from opstwin.server.metadata import SCOPES, challenge
from opstwin.server.problems import Refused
from opstwin.tools import guard
from opstwin.tools.registry import AnyTool, Caller, Registry
from opstwin.tools.services import Services

Check = Callable[[Caller, str, Any], Awaitable[None]]
"""Raises `Refused` for a message (caller, path, parsed JSON-RPC) that its token is not enough for."""


def stepping(registry: Registry, services: Services) -> Check:
    """The check of one hub."""

    async def check(caller: Caller, path: str, message: Any) -> None:
        headers = await step_up(registry, services, caller, path, message)
        if headers is not None:
            refusal = Forbidden(
                "The access token lacks a scope that this tool needs.",
                next_step="Sign in again and allow what the answer's WWW-Authenticate header names.",
            )
            raise Refused(403, refusal, headers)

    return check


async def step_up(
    registry: Registry, services: Services, caller: Caller, path: str, message: Any
) -> dict[str, str] | None:
    """The header of a 403 when `message` calls a tool that another token of the same client and person could call.

    None when there is nothing to ask for: the caller may, or its person may not either, or it has a token of the hub
    (the guard then refuses within the protocol). A refusal is written into the audit as the guard's are.
    """
    tool = _called(registry, path, message) if caller.issuer else None
    needed = _needed(tool, caller) if tool is not None else None
    if tool is None or needed is None:
        return None
    given = message["params"].get("arguments")
    try:
        await guard.admit(tool, services, caller, given if isinstance(given, dict) else {})
    except Forbidden:
        # Clients replace what they have by what is named here, so it names both.
        wanted = {needed, *caller.scopes}
        return challenge(services.settings, path, error="insufficient_scope", scopes=wanted)
    return None


def _called(registry: Registry, path: str, message: Any) -> AnyTool | None:
    """The tool that a message calls, when the address offers it."""
    if not isinstance(message, dict) or message.get("method") != "tools/call" or path not in PATHS:
        return None
    params = message.get("params")
    name = params.get("name") if isinstance(params, dict) else None
    return next((tool for tool in registry if tool.name == name and choice_of(path).has(tool)), None)


def _needed(tool: AnyTool, caller: Caller) -> Scope | None:
    """The scope that the token lacks and its person has."""
    if tool.people_only or tool.may(caller):
        return None
    return tool.scope if tool.scope in SCOPES and tool.scope in caller.principal.scopes else None
