"""The face that an MCP client names: a label in the audit that takes rights away and never gives any."""

import pytest

from opstwin.tools.all_tools import REGISTRY
from opstwin.tools.registry import Effect
from tests.interaction.house import API, ROLES, Client, House
from tests.interaction.test_permissions import call, expected

ANY_FACE = ("mcp", "cli", "web", "hub", "start", "person")


async def statuses(client: Client) -> dict[str, int]:
    return {tool.name: await call(client, tool) for tool in REGISTRY}


@pytest.mark.proves("F1")
@pytest.mark.parametrize("face", ANY_FACE)
async def test_no_face_lets_an_agent_do_more(house: House, face: str) -> None:
    async with house.caller("planner", **{"X-Opstwin-Face": face}) as client:
        got = await statuses(client)
    assert {name: status != 403 for name, status in got.items()} == {
        tool.name: expected(tool, "planner") for tool in REGISTRY
    }
    assert not house.effects


@pytest.mark.proves("G1")
async def test_an_mcp_client_with_a_persons_token_can_do_nothing_and_its_tries_are_audited(house: House) -> None:
    """A model must not decide with the rights of the person whose token it was given."""
    async with house.caller("owner") as person:
        plan = await person.planned()
    async with house.caller("owner", **{"X-Opstwin-Face": "mcp"}) as client:
        assert set((await statuses(client)).values()) == {403}
        answer = await client.post(f"/plans/{plan['id']}:decide", {"decision": "approve", "digest": plan["digest"]})
    assert answer.status_code == 403
    assert "opstwin people add" in answer.json()["next_step"]
    refused = [row for row in await house.audit() if row.outcome == "refused"]
    assert {row.action for row in refused} == {
        f"tool.{tool.name}" for tool in REGISTRY if tool.effect is not Effect.READ
    }
    assert {(row.actor.id, row.actor.face) for row in refused} == {("owner", "mcp")}
    async with house.caller("owner") as person:
        assert (await person.get(f"/plans/{plan['id']}")).json()["state"] == "pending"
    assert not house.effects


async def test_a_browser_stays_the_web_face_whatever_it_says(house: House) -> None:
    cookie = await house.session("owner")
    async with house.caller(None, Cookie=cookie, **{"X-Opstwin-Face": "mcp"}) as browser:
        assert (await browser.get("/me")).json()["actor"]["face"] == "web"


@pytest.mark.parametrize("role", ROLES)
async def test_everybody_is_shown_exactly_the_tools_that_they_may_use(house: House, role: str) -> None:
    async with house.caller(role) as client:
        shown = (await client.get("/tools")).json()["items"]
    assert [item["name"] for item in shown] == [
        tool.name for tool in REGISTRY if expected(tool, role) and tool.name != "tools_list"
    ]
    for item in shown:
        tool = REGISTRY[item["name"]]
        assert (item["method"], item["path"]) == (tool.route.method, tool.route.path)
        assert item["people_only"] == tool.people_only
    assert all(item["path"].startswith("/") and not item["path"].startswith(API) for item in shown)
