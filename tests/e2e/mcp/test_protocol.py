"""What an AI client sees of the hub through `opstwin mcp` and over HTTP: the same, in both eras."""

from contextlib import AbstractAsyncContextManager

import pytest
from mcp import MCPError

from tests.e2e.cli.conftest import Shell
from tests.e2e.mcp.conftest import Talk, new_agent, owner, said, talking, talking_over_http

REVISIONS = {"auto": "2026-07-28", "legacy": "2025-11-25"}
USUAL = ("twin:read", "twin:plan", "twin:apply", "twin:exec")
LOOP = ["discover", "plan_create", "plan_show", "plan_apply", "execution_get"]
HINTS = ("read_only_hint", "destructive_hint", "idempotent_hint", "open_world_hint")


def way_in(hub: Shell, transport: str, mode: str) -> AbstractAsyncContextManager[Talk]:
    """A client of the hub: with the program beside it, or without."""
    if transport == "stdio":
        return talking(hub, mode)
    return talking_over_http(hub, new_agent(hub, f"http-{mode}", *USUAL), mode)


@pytest.mark.req("S1.41")
@pytest.mark.parametrize("mode", list(REVISIONS))
@pytest.mark.parametrize("transport", ["stdio", "http"])
async def test_mcp_initialize_list_call(hub: Shell, transport: str, mode: str) -> None:
    """Both transports, both eras of the protocol: begin, list, call. The SDK checks each answer against its schema."""
    async with way_in(hub, transport, mode) as talk:
        assert talk.client.protocol_version == REVISIONS[mode]
        assert talk.client.server_info.name == "opstwin"
        assert talk.client.instructions.index("discover") < talk.client.instructions.index("plan_apply")
        tools = {tool.name: tool for tool in await talk.tools()}
        assert set(LOOP) <= set(tools)
        for tool in tools.values():
            assert all(isinstance(getattr(tool.annotations, hint), bool) for hint in HINTS), tool.name
            assert tool.output_schema is not None, tool.name
        assert "local" in said(await talk.call("discover", id="local"))
        assert (await talk.data("twin_query", target="local"))["counts"]


async def test_both_transports_offer_the_same_tools_resources_and_prompts(hub: Shell) -> None:
    async with talking(hub) as near, talking_over_http(hub, new_agent(hub, "far", *USUAL)) as far:
        assert await near.tools() == await far.tools()
        for name in ("list_prompts", "list_resource_templates"):
            ours, theirs = [await getattr(talk.client, name)() for talk in (near, far)]
            assert ours.model_dump(exclude={"meta"}) == theirs.model_dump(exclude={"meta"})


@pytest.mark.parametrize("mode", list(REVISIONS))
async def test_what_is_wrong_comes_back_with_the_next_step(hub: Shell, mode: str) -> None:
    async with talking(hub, mode) as talk:
        for name, given, code in (
            ("plan_create", {"words": "make it nice"}, "unclear"),
            ("plan_create", {"words": "restart web", "wordz": 1}, "invalid_input"),
            ("plan_show", {"id": "plan_nothing"}, "not_found"),
            ("twin_query", {"limit": 0}, "invalid_input"),
            ("people_list", {}, "not_found"),
        ):
            result = await talk.call(name, **given)
            assert result.is_error, (name, given)
            error = result.structured_content["error"]
            assert (error["code"], bool(error["next_step"])) == (code, True), (name, given, error)
            assert error["next_step"] in said(result)


@pytest.mark.proves("F1")
async def test_a_client_is_offered_only_what_its_agent_may_do_and_refused_the_rest(hub: Shell) -> None:
    async with talking(hub, OPSTWIN_TOKEN=new_agent(hub, "looker", "twin:read")) as talk:
        names = {tool.name for tool in await talk.tools()}
        assert {"discover", "twin_query"} <= names
        assert not {"plan_create", "plan_apply", "rollback_plan"} & names
        refused = await talk.call("plan_create", words="deploy nginx:1.27 as web")
        assert refused.is_error
        assert refused.structured_content["error"]["code"] == "forbidden"


@pytest.mark.parametrize("options", [["--read-only"], ["--toolset", "core"]])
async def test_a_client_can_be_offered_less(hub: Shell, options: list[str]) -> None:
    async with talking(hub, options=options) as talk:
        names = {tool.name for tool in await talk.tools()}
        assert "twin_query" in names
        assert "plan_apply" not in names
        assert (await talk.call("plan_apply", id="plan_1")).is_error
    assert {line.split()[0] for line in hub.ok("mcp", "tools", *options).splitlines()[1:]} == names


async def test_a_persons_token_is_refused_to_an_ai_client(hub: Shell) -> None:
    async with talking(hub, OPSTWIN_TOKEN=hub.token) as talk:
        for name, given in (("discover", {"id": "local"}), ("plan_create", {"words": "deploy nginx:1.27 as mine"})):
            refused = await talk.call(name, **given)
            assert refused.is_error
            assert "agent's token, never with a person's" in said(refused)
            assert "opstwin people add" in said(refused)


async def test_a_token_that_the_hub_does_not_know_is_an_error_that_says_what_to_set(hub: Shell) -> None:
    with pytest.raises(MCPError, match="OPSTWIN_TOKEN"):
        async with talking(hub, OPSTWIN_TOKEN="opt_" + "x" * 40) as talk:
            await talk.tools()


@pytest.mark.req("S1.43")
def test_the_tools_of_an_ai_client_can_be_listed(hub: Shell) -> None:
    """As the agent of this machine, which is made once and acts for the person who started the hub."""
    names = {line.split()[0] for line in hub.ok("mcp", "tools").splitlines()[1:]}
    assert {*LOOP, "twin_get"} <= names
    assert not {"plan_decide", "adopt", "token_issue"} & names
    assert {tool["name"] for tool in hub.json("mcp", "tools")} == names
    with owner(hub) as http:
        me = http.get("/me").json()["actor"]["id"]
        [made] = [item for item in http.get("/people").json()["items"] if item["id"] == "mcp-local"]
        assert (made["kind"], made["on_behalf_of"]) == ("agent", me)
        assert made["scopes"] == sorted(USUAL)
        assert len(http.get("/people/mcp-local/tokens").json()["items"]) == 1
