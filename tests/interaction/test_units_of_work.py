"""A step is how the hub works inside: from outside, whole plans are asked for, and one step is never run alone."""

from collections.abc import Iterator
from typing import Any

import pytest

from opstwin.server.mcp.choosing import PATHS
from opstwin.server.metadata import METADATA
from opstwin.server.openapi import document
from opstwin.tools.all_tools import REGISTRY
from tests.interaction.house import API, House

OWN = {"/", "/plans/{id}", "/login", "/logout", "/health", "/ready", "/metrics", "/openapi.json", *PATHS, *METADATA}
"""What the hub serves besides its tools: pages for browsers, what probes and scrapers read, and the MCP face."""

INSIDE = {"step", "steps", "step_id", "action", "actions", "action_id", "change", "changes", "op", "order", "fence"}
"""What a unit of work is called, and what it is made of."""

TRIED = ("steps/0:run", "steps/0", "steps:run", "steps", "actions/0/run", "actions/0", "changes/0:apply", "0:run")


def names(schema: Any) -> Iterator[str]:
    """Every name of a field in a JSON schema, however deep."""
    if isinstance(schema, dict):
        yield from schema.get("properties", {})
        schema = list(schema.values())
    if isinstance(schema, list):
        for value in schema:
            yield from names(value)


@pytest.mark.req("S1.44")
async def test_the_hub_serves_its_tools_and_its_own_pages_and_nothing_else(house: House) -> None:
    served = {route.path for route in house.app.router.routes}  # type: ignore[attr-defined]
    assert served == {API + tool.route.path for tool in REGISTRY} | OWN


@pytest.mark.req("S1.44")
def test_no_tool_that_changes_something_takes_a_single_step() -> None:
    taken = {tool.name: INSIDE & set(names(tool.input.model_json_schema())) for tool in REGISTRY if tool.changes}
    assert {name: found for name, found in taken.items() if found} == {}


@pytest.mark.req("S1.44")
async def test_a_step_is_seen_in_its_execution_and_cannot_be_run_by_anybody(house: House) -> None:
    async with house.caller() as client:
        plan = await client.approved()
        execution = (await client.post(f"/plans/{plan['id']}:apply")).json()
        await house.work()
        [first, *_] = steps = (await client.get(f"/executions/{execution['id']}")).json()["steps"]
        assert [step["change"]["op"] for step in steps] == ["create", "create"]
        done = house.effects
        for place in (f"/executions/{execution['id']}", f"/plans/{plan['id']}", ""):
            for tried in (*TRIED, f"steps/{first['id']}:run", f"actions/{first['id']}/run"):
                answer = await client.post(f"{place}/{tried}", {"id": first["id"], "change": first["change"]})
                assert answer.status_code in (404, 405), (place, tried)
    assert house.effects == done


@pytest.mark.req("S1.37")
async def test_the_document_that_is_served_describes_what_the_hub_answers(house: House) -> None:
    async with house.caller("viewer") as client:
        described = (await client.http.get("/openapi.json")).json()
        for path, operations in described["paths"].items():
            for method in operations:
                answer = await client.http.request(method, path.replace("{id}", "x"), json={})
                assert answer.status_code != 405, (method, path)
                assert "nothing at this address" not in answer.text, (method, path)
    assert described == document(REGISTRY, house.services.version)
