"""What AI clients are offered: declared, small, stable, and exactly what the registry says."""

import json
import re

import pytest

from opstwin.server.mcp.choosing import Choice
from opstwin.tools.all_tools import REGISTRY
from opstwin.tools.registry import Effect, Toolset
from tests.interaction.golden_tools import FILE, definitions
from tests.interaction.house import House
from tests.interaction.mcp_house import ERAS, ai_client, open_house

DEFAULT = {
    "discover", "twin_query", "twin_get", "plan_create", "plan_show", "plan_apply", "execution_get", "execution_cancel",
    "rollback_plan", "exec_run", "logs_search", "metrics_query", "history_search", "approvals_list", "drift_explain",
    "diagnose",
}  # fmt: skip
TOKENS = 3500
CHARACTERS_A_TOKEN = 4


def test_the_default_set_is_these_sixteen() -> None:
    assert {tool.name for tool in REGISTRY if Choice().has(tool)} == DEFAULT


def test_all_definitions_together_fit_the_budget() -> None:
    text = json.dumps(definitions(), ensure_ascii=False, separators=(",", ":"))
    assert len(text) / CHARACTERS_A_TOKEN <= TOKENS


@pytest.mark.proves("H5")
@pytest.mark.parametrize("era", list(ERAS))
async def test_the_live_server_offers_what_was_agreed_and_nothing_else(house: House, era: str) -> None:
    """A tool without a declaration, or with a changed one, stands out here before a client meets it."""
    async with open_house(house) as url, ai_client(url, house.tokens["planner"], era) as client:
        first, second = (await client.list_tools()).tools, (await client.list_tools()).tools
    live = [tool.model_dump(mode="json", by_alias=True, exclude_none=True) for tool in first]
    assert live == [tool.model_dump(mode="json", by_alias=True, exclude_none=True) for tool in second]
    agreed = json.loads(FILE.read_text(encoding="utf-8"))
    assert live == agreed, "changed on purpose? python -m tests.interaction.golden_tools"


def test_every_definition_has_all_that_a_client_may_ask_for() -> None:
    for item in definitions():
        assert re.fullmatch(r"[a-z][a-z0-9_]{2,40}", item["name"])
        assert set(item["annotations"]) == {"readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint"}
        assert item["title"]
        assert 0 < len(item["description"]) <= 130
        assert item["inputSchema"]["additionalProperties"] is False
        assert item["inputSchema"]["properties"]["response_format"]["enum"] == ["concise", "detailed"]
        assert "fields" in item["inputSchema"]["properties"]
        assert item["outputSchema"]["properties"]


def test_hints_say_what_the_declaration_says() -> None:
    hints = {item["name"]: item["annotations"] for item in definitions()}
    for tool in REGISTRY:
        if tool.name not in hints:
            continue
        assert hints[tool.name]["readOnlyHint"] == (tool.effect is Effect.READ)
        assert hints[tool.name]["destructiveHint"] == (tool.effect in (Effect.APPLY, Effect.ADMIN))


def test_every_toolset_holds_something() -> None:
    assert {tool.toolset for tool in REGISTRY} == {None, *Toolset}
