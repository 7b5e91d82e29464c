"""What an AI client sees of the hub: the handshake in both eras, the tools, their hints, and errors it can read."""

from typing import Any

import httpx2
import pytest
from mcp import MCPError

from tests.e2e.cli.conftest import Shell
from tests.e2e.mcp.conftest import API, new_agent, said, talking, talking_inside

READ = "read idempotent"
OFFERED = {
    "hub_info": READ,
    "who_am_i": READ,
    "twin": READ,
    "components_list": READ,
    "targets_list": READ,
    "target_get": READ,
    "target_test": f"{READ} open",
    "discover": f"{READ} open",
    "discover_endpoint": f"{READ} open",
    "resources_list": READ,
    "desired_put": "destructive idempotent open",
    "drift": READ,
    "resource_get": READ,
    "logs": f"{READ} open",
    "usage": f"{READ} open",
    "workloads_list": READ,
    "workload_get": READ,
    "plan_create": "open",
    "plans_list": READ,
    "plan_show": READ,
    "plan_apply": "destructive idempotent open",
    "executions_list": READ,
    "execution_get": READ,
    "execution_cancel": "destructive idempotent open",
    "history": READ,
    "events": READ,
    "audit_list": READ,
    "audit_verify": READ,
    "audit_key": READ,
}
"""The tools of an agent with the usual scopes, in their order, with the hints that are true."""

USUAL = ("twin:read", "twin:plan", "twin:apply")
HINTS = {
    "read_only_hint": "read",
    "destructive_hint": "destructive",
    "idempotent_hint": "idempotent",
    "open_world_hint": "open",
}


@pytest.mark.parametrize(("mode", "version"), [("auto", "2026-07-28"), ("legacy", "2025-11-25")])
async def test_mcp_initialize_list_call(hub: Shell, mode: str, version: str) -> None:
    """Over stdio, in both eras of the protocol."""
    async with talking(hub, mode) as talk:
        assert talk.client.protocol_version == version
        assert talk.client.server_info.name == "opstwin"
        steps = ("`discover`", "`plan_create`", "`plan_show`", "`opstwin approve", "`plan_apply`", "`execution_get`")
        found = [talk.client.instructions.index(word) for word in steps]
        assert found == sorted(found)
        tools = await talk.tools()
        hints = {tool.name: {hint: getattr(tool.annotations, hint) for hint in HINTS} for tool in tools}
        assert all(isinstance(value, bool) for tool in hints.values() for value in tool.values())
        told = {name: " ".join(word for hint, word in HINTS.items() if found[hint]) for name, found in hints.items()}
        assert list(told.items()) == list(OFFERED.items())
        for tool in tools:
            assert tool.title, tool.name
            assert tool.description, tool.name
            assert (tool.input_schema["type"], tool.input_schema["additionalProperties"]) == ("object", False)
            assert tool.output_schema is not None
            assert tool.output_schema["type"] == "object"
        me = await talk.data("who_am_i")
        assert (me["actor"]["id"], me["actor"]["face"], me["kind"]) == ("mcp-local", "mcp", "agent")
        assert me["scopes"] == sorted(USUAL)


BAD: list[tuple[str, dict[str, Any], str, str]] = [
    ("plan_create", {"words": "make it nice"}, "unclear", ""),
    ("plan_create", {"words": "restart web", "wordz": 1}, "invalid_input", "wordz"),
    ("plan_create", {"words": 7}, "invalid_input", "words"),
    ("resources_list", {"limit": 0}, "invalid_input", "limit"),
    ("plan_show", {"id": "plan_nothing"}, "not_found", "plan_nothing"),
    ("plan_show", {}, "invalid_input", "id"),
    ("plan_show", {"id": "../me"}, "invalid_input", "id"),
    ("resource_get", {"id": "local/../../me"}, "invalid_input", "id"),
    ("target_get", {"id": "local:test"}, "invalid_input", "id"),
    ("target_get", {"id": ["local"]}, "invalid_input", "id"),
    ("desired_put", {"id": "local/container/legacy-db", "spec": None}, "invalid_input", "if_revision"),
    ("logs", {"id": "local/container/legacy-db", "follow": True}, "invalid_input", "follow"),
    ("hub_info", {"path": "/me", "self": 1}, "invalid_input", "path"),
    ("people_list", {}, "not_found", "people_list"),
    ("no_such_tool", {}, "not_found", "no_such_tool"),
]


async def test_what_is_wrong_comes_back_as_a_result_with_the_next_step(hub: Shell) -> None:
    async with talking_inside(hub, new_agent(hub, "clumsy", *USUAL)) as talk:
        for name, given, code, named in BAD:
            result = await talk.call(name, **given)
            assert result.is_error, (name, given)
            error = result.structured_content["error"]
            assert error["code"] == code, (name, given, error)
            assert named in error["message"], (name, given, error)
            assert error["next_step"], (name, given, error)
            assert said(result) == f"{error['message']} {error['next_step']}"


async def test_a_long_answer_is_cut_in_the_text_alone_and_says_how_to_ask_for_less(hub: Shell) -> None:
    hub.world.run("chatty", "nginx:1.27")
    for number in range(20):
        hub.world.say("chatty", f"{number} {'x' * 2000}")
    async with talking_inside(hub, new_agent(hub, "reader", *USUAL)) as talk:
        result = await talk.call("logs", id="local/container/chatty", tail=20)
        assert len(result.structured_content["items"]) == 20
        assert len(said(result)) < 21_000
        assert "ask for less" in said(result)
        short = await talk.call("logs", id="local/container/chatty", tail=1)
        assert "ask for less" not in said(short)
    hub.world.remove("chatty")


@pytest.mark.proves("F1")
async def test_a_client_is_offered_only_what_its_agent_may_do_and_refused_the_rest_by_the_hub(hub: Shell) -> None:
    """With fewer scopes there are fewer tools, and a call of another tool does not reach the hub's work."""
    token = new_agent(hub, "looker", "twin:read")
    async with talking(hub, OPSTWIN_TOKEN=token) as talk:
        names = [tool.name for tool in await talk.tools()]
        assert names == [name for name, hints in OFFERED.items() if hints.startswith("read")]
        refused = await talk.call("plan_create", words="deploy nginx:1.27 as web")
        assert refused.is_error
        assert refused.structured_content["error"]["code"] == "not_found"
        assert (await talk.data("who_am_i"))["actor"]["id"] == "looker"
    looker = {"Authorization": f"Bearer {token}", "X-Opstwin-Face": "mcp"}
    answer = httpx2.post(f"{hub.url}{API}/plans", json={"words": "deploy nginx:1.27 as web"}, headers=looker)
    assert (answer.status_code, answer.json()["details"]["scope"]) == (403, "twin:plan")


async def test_a_persons_token_is_refused_to_an_ai_client(hub: Shell) -> None:
    async with talking_inside(hub, hub.token) as talk:
        with pytest.raises(MCPError, match="agent's token, never with a person's"):
            await talk.tools()
        refused = await talk.call("plan_create", words="deploy nginx:1.27 as web")
    assert refused.is_error
    assert refused.structured_content["error"]["code"] == "forbidden"
    assert "opstwin people add" in said(refused)
