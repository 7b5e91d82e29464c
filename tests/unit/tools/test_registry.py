"""The registry of tools, and the pages that are made from it."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from opstwin.domain.access import Scope
from opstwin.server.openapi import document
from opstwin.server.reference import http_api_page, tools_page
from opstwin.tools.all_tools import REGISTRY
from opstwin.tools.fields import Nothing, OfPlan
from opstwin.tools.registry import Effect, Registry, Route, Tool

DOCS = Path(__file__).parents[3] / "docs"


async def nothing(_services: object, _caller: object, _ask: Nothing) -> dict[str, str]:
    return {}


def tool(**changes: object) -> Tool:  # type: ignore[type-arg]
    given = {
        "name": "some_tool", "title": "x", "purpose": "x", "effect": Effect.READ, "scope": Scope.READ, "input": Nothing,
        "output": dict[str, str], "handler": nothing, "route": Route(method="GET", path="/x"),
    }  # fmt: skip
    return Tool(**{**given, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "name", ["x", "Some", "some-tool", "some.tool", "_some", "1some", "a" * 42, "some tool", "옵스"]
)
def test_a_name_that_a_client_might_mangle_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="tool name"):
        tool(name=name)


def test_a_tool_that_changes_something_is_never_a_get() -> None:
    with pytest.raises(ValueError, match="must not be a GET"):
        tool(effect=Effect.PLAN)


def test_a_route_cannot_name_a_field_that_the_input_lacks() -> None:
    with pytest.raises(ValueError, match="no field id"):
        tool(route=Route(method="GET", path="/x/{id}"))
    assert tool(input=OfPlan, route=Route(method="GET", path="/x/{id}")).route.variables == ("id",)


@pytest.mark.parametrize("changes", [{"route": Route(method="GET", path="/y")}, {"name": "other_tool"}])
def test_two_tools_of_one_name_or_one_route_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="declared twice"):
        Registry([tool(), tool(**changes)])


def test_the_order_of_the_registry_is_fixed_and_every_name_is_found() -> None:
    names = [item.name for item in REGISTRY]
    assert [REGISTRY[name].name for name in names] == names
    assert len(REGISTRY) == len(set(names)) > 40


def test_every_input_refuses_unknown_fields() -> None:
    for item in REGISTRY:
        assert item.input.model_config.get("extra") == "forbid", item.name


def test_every_tool_that_changes_accounts_or_takes_decisions_is_for_people_only() -> None:
    for item in REGISTRY:
        if item.effect is Effect.ADMIN or item.scope is Scope.APPROVE:
            assert item.people_only, item.name


def test_no_text_of_a_caller_is_without_a_limit() -> None:
    for item in REGISTRY:
        schema = item.input.model_json_schema()
        for name, value in schema.get("properties", {}).items():
            for choice in value.get("anyOf", [value]):
                if choice.get("type") == "string" and "enum" not in choice:
                    assert "maxLength" in choice or "$" in choice.get("pattern", ""), f"{item.name}.{name}"
                if choice.get("type") == "integer":
                    assert {"maximum", "exclusiveMaximum"} & set(choice), f"{item.name}.{name}"


@pytest.mark.parametrize(("page", "made"), [("http-api.md", http_api_page), ("tools.md", tools_page)])
def test_the_reference_is_what_the_registry_says(page: str, made) -> None:  # type: ignore[no-untyped-def]
    kept = (DOCS / page).read_text(encoding="utf-8")
    assert kept == made(REGISTRY), "run: python -m opstwin.server.reference docs"


@pytest.mark.req("S1.37")
def test_the_openapi_document_describes_every_tool_and_refers_to_nothing_missing() -> None:
    described = document(REGISTRY, "1")
    operations = [item for path in described["paths"].values() for item in path.values()]
    assert {item["operationId"] for item in operations} == {item.name for item in REGISTRY}
    text = json.dumps(described)
    wanted = set(re.findall(r'"#/components/schemas/([^"]+)"', text))
    assert wanted <= set(described["components"]["schemas"])
    assert described["security"] == [{"token": []}]


@pytest.mark.req("S1.44")
def test_no_internal_step_or_action_can_be_run_from_outside() -> None:
    for path in document(REGISTRY, "1")["paths"]:
        assert not re.search(r"actions/.*/run|/steps?/|:run$|:step$", path), path


def test_a_page_that_is_out_of_date_is_noticed() -> None:
    other = Registry([replace(item, purpose="changed") if item.name == "hub_info" else item for item in REGISTRY])
    assert http_api_page(other) != http_api_page(REGISTRY)
    assert tools_page(other) != tools_page(REGISTRY)
