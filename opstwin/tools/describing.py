"""The tool that lists the other tools, made from their declarations: for faces that offer them to somebody else."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from opstwin.domain.access import Scope
from opstwin.domain.values import Json
from opstwin.tools.fields import Nothing
from opstwin.tools.registry import AnyTool, Caller, Effect, Route, Tool
from opstwin.tools.services import Services
from opstwin.tools.views import Listed

_NAMED: Final = frozenset({"properties", "$defs"})
"""Schema keywords whose keys are names and not keywords."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolView:
    """One tool, as far as a caller must know it to call its route.

    `path` is below `/api/v1`; `if_match` names the field that goes into the If-Match header instead of the body.
    `annotations` are the hints of the Model Context Protocol under their names there. Hints never replace a check.
    """

    name: str
    title: str
    purpose: str
    effect: Effect
    scope: Scope
    people_only: bool
    method: str
    path: str
    if_match: str
    input_schema: Mapping[str, Json]
    output_schema: Mapping[str, Json]
    annotations: Mapping[str, bool]


def listing(tools: Sequence[AnyTool]) -> AnyTool:
    """The tool that lists `tools`: to each caller those that it may use."""

    @cache
    def described() -> tuple[ToolView, ...]:
        return tuple(_view(tool) for tool in tools)

    async def handler(_services: Services, caller: Caller, _ask: Nothing) -> Listed[ToolView]:
        # A quarter of a second's work, once.
        views = await asyncio.to_thread(described)
        return Listed(items=tuple(view for view, tool in zip(views, tools, strict=True) if tool.may(caller)))

    return Tool(
        name="tools_list",
        title="List tools",
        purpose="The tools that the caller may use, with the schemas of what they take and give.",
        effect=Effect.READ,
        scope=Scope.READ,
        input=Nothing,
        output=Listed[ToolView],
        handler=handler,
        route=Route(method="GET", path="/tools"),
    )


def annotations(tool: AnyTool) -> dict[str, bool]:
    """The four hints of the Model Context Protocol (schema 2026-07-28, ToolAnnotations), from the declaration."""
    return {
        "readOnlyHint": not tool.changes,
        "destructiveHint": tool.effect in (Effect.APPLY, Effect.ADMIN),
        "idempotentHint": not tool.changes or tool.repeatable or tool.route.method == "PUT",
        "openWorldHint": tool.outward,
    }


def _view(tool: AnyTool) -> ToolView:
    return ToolView(
        name=tool.name, title=tool.title, purpose=tool.purpose, effect=tool.effect, scope=tool.scope,
        people_only=tool.people_only, method=tool.route.method, path=tool.route.path,
        if_match=tool.route.if_match, input_schema=_lean(tool.input.model_json_schema()),
        output_schema=_lean(tool.output_schema.json_schema(mode="serialization")), annotations=annotations(tool),
    )  # fmt: skip


def _lean(schema: Any) -> Any:
    """A schema without the titles that only repeat the names of its fields."""
    if isinstance(schema, list):
        return [_lean(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: {name: _lean(item) for name, item in value.items()} if key in _NAMED else _lean(value)
        for key, value in schema.items()
        if key != "title"
    }
