"""Tools as the protocol describes them. Made once from the declarations: order and text stay the same between calls."""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, Final

import mcp_types as types

from opstwin.tools.compacting import input_schema, output_schema
from opstwin.tools.describing import annotations
from opstwin.tools.registry import AnyTool

TTL_MS: Final = 300_000
"""How long a client may keep a list. A call is checked anew in any case."""

WAITING: Final = frozenset({"plan_apply", "execution_get"})
"""The tools whose answer may wait for an execution to end."""


@cache
def offer(tool: AnyTool) -> types.Tool:
    """One tool with its hints and schemas."""
    hints: Mapping[str, Any] = annotations(tool)
    return types.Tool(
        name=tool.name,
        title=tool.title,
        description=tool.purpose,
        input_schema=input_schema(tool, waits=tool.name in WAITING),
        output_schema=output_schema(tool),
        annotations=types.ToolAnnotations.model_validate(hints),
    )


def listed(tools: Iterable[AnyTool]) -> types.ListToolsResult:
    """The answer to `tools/list`."""
    return types.ListToolsResult(tools=[offer(tool) for tool in tools], ttl_ms=TTL_MS, cache_scope="private")
