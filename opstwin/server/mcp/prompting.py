"""Prompts: ready ways to begin, which clients show as commands."""

from collections.abc import Mapping
from typing import Any, Final

import mcp_types as types
from mcp.server.context import ServerRequestContext
from mcp.shared.exceptions import MCPError

from opstwin.domain.text import visible
from opstwin.prompts.loading import Prompt, prompts

FOLDER: Final = "mcp"
MAX_ARGUMENT: Final = 2000


async def list_prompts(
    _context: ServerRequestContext[Any, Any], _params: types.PaginatedRequestParams | None
) -> types.ListPromptsResult:
    """All prompts, in the order of their names."""
    return types.ListPromptsResult(prompts=[_described(item) for item in prompts(FOLDER).values()])


async def get_prompt(
    _context: ServerRequestContext[Any, Any], params: types.GetPromptRequestParams
) -> types.GetPromptResult:
    """One prompt with its blanks filled in. Raises `MCPError` that names what is wrong."""
    prompt = prompts(FOLDER).get(params.name)
    if prompt is None:
        raise _wrong(f"There is no prompt {params.name[:80]!r}. Use one of: {', '.join(prompts(FOLDER))}.")
    text = prompt.filled(_checked(prompt, params.arguments or {}))
    message = types.PromptMessage(role="user", content=types.TextContent(type="text", text=text))
    return types.GetPromptResult(description=prompt.description, messages=[message])


def _described(prompt: Prompt) -> types.Prompt:
    arguments = [
        types.PromptArgument(name=item.name, description=item.description, required=item.required)
        for item in prompt.arguments
    ]
    return types.Prompt(
        name=prompt.name, title=prompt.title, description=prompt.description, arguments=arguments,
        meta={"opstwin/version": prompt.version},
    )  # fmt: skip


def _checked(prompt: Prompt, given: Mapping[str, str]) -> dict[str, str]:
    known = {item.name: item for item in prompt.arguments}
    for name, value in given.items():
        if name not in known:
            raise _wrong(f"{prompt.name} has no argument {name[:80]!r}. It takes: {', '.join(known)}.")
        if len(value) > MAX_ARGUMENT:
            raise _wrong(f"{name} is longer than {MAX_ARGUMENT} characters.")
    missing = [name for name, item in known.items() if item.required and not given.get(name, "").strip()]
    if missing:
        raise _wrong(f"{prompt.name} needs {missing[0]}: {known[missing[0]].description}.")
    return {name: visible(value) for name, value in given.items()}


def _wrong(message: str) -> MCPError:
    return MCPError(types.INVALID_PARAMS, message)
