"""What faces are told about the tools."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from opstwin.control.people import actor_of
from opstwin.domain.access import ActorKind, Principal, Scope
from opstwin.tools.all_tools import REGISTRY
from opstwin.tools.describing import ToolView, annotations, listing
from opstwin.tools.fields import Nothing
from opstwin.tools.registry import AnyTool, Caller, Effect, Route

ADA = Principal(
    id="ada", kind=ActorKind.PERSON, display_name="Ada", scopes=frozenset(Scope), created_at=datetime.now(UTC)
)  # fmt: skip


async def shown(tools: list[AnyTool]) -> list[ToolView]:
    caller = Caller(principal=ADA, scopes=ADA.scopes, actor=actor_of(ADA, "test"), request_id="req_1")
    services: Any = None
    return list((await listing(tools).handler(services, caller, Nothing())).items)


async def test_every_tool_is_described_but_the_list_itself() -> None:
    tools = [tool for tool in REGISTRY if tool.name != "tools_list"]
    assert [view.name for view in await shown(tools)] == [tool.name for tool in tools]
    assert len(tools) == len(REGISTRY) - 1


async def test_every_schema_is_sound_and_describes_an_object() -> None:
    """An object at the root: clients before revision 2026-07-28 take nothing else."""
    for view in await shown(list(REGISTRY)):
        for schema in (view.input_schema, view.output_schema):
            Draft202012Validator.check_schema(schema)
            assert schema["type"] == "object", view.name


async def test_a_schema_keeps_a_field_that_is_called_title_and_loses_the_titles_of_fields() -> None:
    """The tool that lists tools has such a field in its output."""
    [view] = await shown([REGISTRY["tools_list"]])
    schema: Any = view.output_schema
    fields = schema["$defs"]["ToolView"]["properties"]
    assert fields["title"] == {"type": "string"}
    assert "title" not in schema


READ = {"effect": Effect.READ, "route": Route(method="GET", path="/x")}
WRITE = Route(method="POST", path="/x")


@pytest.mark.parametrize(
    ("changes", "hints"),
    [
        (READ, (True, False, True, False)),
        ({**READ, "outward": True}, (True, False, True, True)),
        ({"effect": Effect.PLAN, "route": WRITE}, (False, False, False, False)),
        ({"effect": Effect.APPLY, "route": WRITE, "outward": True}, (False, True, False, True)),
        ({"effect": Effect.APPLY, "route": WRITE, "repeatable": True}, (False, True, True, False)),
        ({"effect": Effect.APPLY, "route": Route(method="PUT", path="/x")}, (False, True, True, False)),
        ({"effect": Effect.ADMIN, "route": WRITE}, (False, True, False, False)),
    ],
)
def test_the_hints_follow_from_the_declaration(changes: dict[str, Any], hints: tuple[bool, ...]) -> None:
    told = annotations(replace(REGISTRY["hub_info"], **changes))
    assert list(told) == ["readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint"]
    assert tuple(told.values()) == hints
