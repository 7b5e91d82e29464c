"""The whole loop as an AI client goes it, in both eras: what it can do, and that it cannot get around the gate."""

import asyncio
import json
from typing import Any

import mcp_types as types
import pytest

from opstwin.domain.access import ActorKind
from opstwin.domain.plan import Plan, PlanState
from opstwin.tools.all_tools import REGISTRY
from opstwin.tools.registry import Effect, Toolset
from tests.interaction.house import House, within
from tests.interaction.mcp_house import ERAS, ai_client, open_house, text_of

eras = pytest.mark.parametrize("era", list(ERAS))
WORDS = {"words": "deploy app:1 as web with 2 replicas"}


async def approve(house: House, plan: str, decision: str = "approve") -> None:
    async with house.caller() as person:
        shown = (await person.get(f"/plans/{plan}")).json()
        await person.post(f"/plans/{plan}:decide", {"decision": decision, "digest": shown["digest"], "reason": "x"})


async def working(house: House) -> None:
    """Apply what is started, until cancelled."""
    while True:
        await house.work()
        await asyncio.sleep(0)


@eras
@pytest.mark.req("S1.41", "S1.43")
@pytest.mark.proves("K4")
async def test_an_ai_client_goes_the_whole_loop_and_the_audit_names_it_and_its_person(house: House, era: str) -> None:
    async with open_house(house) as url, ai_client(url, house.tokens["planner"], era) as client:
        seen = await client.call_tool("discover", {"id": "local"})
        assert not seen.is_error, text_of(seen)
        drafted = await client.call_tool("plan_create", WORDS)
        plan = drafted.structured_content["id"]
        assert "plan_show" in text_of(drafted) or "plan_apply" in text_of(drafted)
        waiting = await client.call_tool("plan_apply", {"id": plan})
        assert waiting.structured_content["status"] == "waiting_for_human"
        assert not waiting.is_error
        assert f"opstwin approve {plan}" in text_of(waiting)
        assert f"{url}/plans/{plan}" in text_of(waiting)
        assert "2 to add" in text_of(waiting)
        assert not house.effects
        await approve(house, plan)
        worker = asyncio.create_task(working(house))
        applied = await client.call_tool("plan_apply", {"id": plan})
        worker.cancel()
        assert applied.structured_content["state"] == "succeeded", text_of(applied)
        assert len([effect for effect in house.effects if effect.op == "create"]) >= 2
    started = [row for row in await house.audit() if row.action == "execution.start" and row.outcome != "refused"]
    actor = started[0].actor
    assert (actor.kind, actor.id, actor.on_behalf_of, actor.face) == (ActorKind.AGENT, "planner", "owner", "mcp")


async def test_what_went_wrong_while_applying_is_told_as_words_of_the_target(house: House) -> None:
    async with open_house(house) as url, ai_client(url, house.tokens["planner"], "stateless") as client:
        plan = (await client.call_tool("plan_create", {"words": "deploy app:bad as web"})).structured_content["id"]
        await approve(house, plan)
        worker = asyncio.create_task(working(house))
        applied = await client.call_tool("plan_apply", {"id": plan})
        worker.cancel()
    data, lines = applied.structured_content, text_of(applied).splitlines()
    assert data["state"] == "rolled_back"
    assert {"path": "error", "source": f"steps and errors of {plan}"} in data["untrusted"]
    assert lines[0].startswith("untrusted text ")
    assert lines[-2].startswith("end of untrusted text ")
    assert lines[-1] == f"Next: {data['hint']}"


@pytest.mark.parametrize(
    ("name", "arguments", "call"),
    [
        ("plan_apply", {"id": "plan_0000000000"}, "approvals_list()"),
        ("execution_get", {"id": "exec_0000000000"}, "history_search()"),
        ("discover", {"id": "nowhere"}, "twin_query()"),
        ("exec_run", {"resource": "nothing", "argv": ["ps"]}, "twin_query()"),
    ],
)
async def test_an_error_names_a_call_and_sends_no_model_to_a_shell(
    house: House, name: str, arguments: dict[str, Any], call: str
) -> None:
    async with open_house(house) as url, ai_client(url, house.tokens["planner"], "stateless") as client:
        refused = await client.call_tool(name, arguments)
    assert refused.is_error
    assert call in refused.structured_content["error"]["next_step"]
    assert call in text_of(refused)
    assert "opstwin " not in text_of(refused)


@eras
async def test_progress_is_told_while_an_execution_goes_on(house: House, era: str) -> None:
    told: list[tuple[float, float | None, str | None]] = []

    async def heard(progress: float, total: float | None, message: str | None) -> None:
        told.append((progress, total, message))

    async with open_house(house) as url, ai_client(url, house.tokens["planner"], era) as client:
        plan = (await client.call_tool("plan_create", WORDS)).structured_content["id"]
        await approve(house, plan)
        worker = asyncio.create_task(working(house))
        await client.call_tool("plan_apply", {"id": plan}, progress_callback=heard)
        worker.cancel()
    values = [value for value, _, _ in told]
    assert values == sorted(set(values)), "the protocol wants each value above the one before"
    assert told[-1][0] == told[-1][1]
    assert "succeeded" in str(told[-1][2])


@eras
@pytest.mark.proves("G3")
@pytest.mark.parametrize("answer", ["accept", "decline", "cancel"])
@pytest.mark.parametrize("mode", ["url", "form"])
async def test_what_a_client_answers_to_the_question_is_not_an_approval(
    house: House, era: str, answer: str, mode: str
) -> None:
    asked: list[Any] = []

    async def answered(_context: Any, params: types.ElicitRequestParams) -> types.ElicitResult:
        asked.append(params)
        content = {"approve": True, "confirm": True} if answer == "accept" and mode == "form" else None
        return types.ElicitResult(action=answer, content=content)

    async with (
        open_house(house) as url,
        ai_client(url, house.tokens["planner"], era, elicitation_callback=answered) as client,
    ):
        plan = (await client.call_tool("plan_create", WORDS)).structured_content["id"]
        result = await client.call_tool("plan_apply", {"id": plan, "wait_s": 0})
        assert result.structured_content["status"] == "waiting_for_human"
        assert len(asked) == 1
        assert f"{url}/plans/{plan}" in f"{asked[0].message} {getattr(asked[0], 'url', '')}"
    assert not house.effects
    kept = await house.services.ledger.need(Plan, plan)
    assert kept.state is PlanState.PENDING


@eras
async def test_when_the_human_decides_at_the_page_the_same_call_goes_on(house: House, era: str) -> None:
    async def answered(_context: Any, params: types.ElicitRequestParams) -> types.ElicitResult:
        await approve(house, str(params.message).split()[3].rstrip(":"))
        return types.ElicitResult(action="accept")

    async with (
        open_house(house) as url,
        ai_client(url, house.tokens["planner"], era, elicitation_callback=answered) as client,
    ):
        plan = (await client.call_tool("plan_create", WORDS)).structured_content["id"]
        worker = asyncio.create_task(working(house))
        result = await client.call_tool("plan_apply", {"id": plan})
        worker.cancel()
        assert result.structured_content["state"] == "succeeded", text_of(result)


@eras
@pytest.mark.proves("G1", "G3")
@pytest.mark.parametrize("extra", [{"confirm": True}, {"approved": True}, {"approval_id": "appr_1"}, {"force": "yes"}])
async def test_a_model_cannot_confirm_by_an_argument(house: House, era: str, extra: dict[str, Any]) -> None:
    async with open_house(house) as url, ai_client(url, house.tokens["planner"], era) as client:
        plan = (await client.call_tool("plan_create", WORDS)).structured_content["id"]
        result = await client.call_tool("plan_apply", {"id": plan, **extra})
        assert result.is_error
        assert result.structured_content["error"]["code"] == "invalid_input"
        assert next(iter(extra)) in text_of(result)
    assert not house.effects


@eras
@pytest.mark.proves("F1")
async def test_a_tool_that_is_not_offered_is_refused_when_it_is_called(house: House, era: str) -> None:
    """Every tool, at every address that leaves it out, and those that no AI client is ever offered."""
    async with open_house(house) as url:
        for path in ("/mcp", "/mcp/readonly", "/mcp/x/core"):
            async with ai_client(url, house.tokens["planner"], era, path) as client:
                offered = {tool.name for tool in (await client.list_tools()).tools}
                for tool in REGISTRY:
                    if tool.name in offered:
                        continue
                    result = await client.call_tool(tool.name, {})
                    assert result.is_error, tool.name
                    code = result.structured_content["error"]["code"]
                    assert code == ("forbidden" if tool.toolset else "not_found"), tool.name
    refused = {row.action for row in await house.audit() if row.outcome == "refused"}
    assert {f"tool.{tool.name}" for tool in REGISTRY if tool.toolset and tool.changes} <= refused
    assert not house.effects


@eras
async def test_addresses_offer_less_and_never_more(house: House, era: str) -> None:
    async with open_house(house) as url:

        async def offered(path: str, role: str = "planner") -> list[types.Tool]:
            async with ai_client(url, house.tokens[role], era, path) as client:
                return (await client.list_tools()).tools

        whole = await offered("/mcp")
        default = [tool for tool in REGISTRY if tool.toolset and tool.toolset is not Toolset.ADMIN]
        assert [tool.name for tool in whole] == [tool.name for tool in default]
        read_only = await offered("/mcp/readonly")
        assert [tool.name for tool in read_only] == [tool.name for tool in default if tool.effect is Effect.READ]
        assert all(tool.annotations.read_only_hint for tool in read_only)
        for toolset in Toolset:
            names = [tool.name for tool in await offered(f"/mcp/x/{toolset.value}")]
            assert names == [tool.name for tool in REGISTRY if tool.toolset is toolset]


@eras
@pytest.mark.proves("B1")
async def test_a_call_that_is_sent_again_with_its_key_has_one_effect(house: House, era: str) -> None:
    headers = {"Idempotency-Key": "client-7"}
    async with open_house(house) as url, ai_client(url, house.tokens["planner"], era, headers=headers) as client:
        first = await client.call_tool("plan_create", WORDS)
        second = await client.call_tool("plan_create", WORDS)
        assert first.structured_content["id"] == second.structured_content["id"]
    assert len(await house.services.ledger.all(Plan)) == 1


@pytest.mark.proves("G5")
async def test_a_forged_a_changed_and_a_spent_request_state_are_refused(house: House) -> None:
    async with (
        open_house(house) as url,
        ai_client(url, house.tokens["planner"], "stateless", elicitation_callback=_declined) as client,
    ):
        plan = (await client.call_tool("plan_create", WORDS)).structured_content["id"]
        other = (await client.call_tool("plan_create", {"words": "deploy app:2 as api"})).structured_content["id"]
        arguments = {"id": plan, "wait_s": 0}
        required = await client.session.call_tool("plan_apply", arguments, allow_input_required=True)
        state = required.request_state
        middle = len(state) // 2
        changed = f"{state[:middle]}{'A' if state[middle] != 'A' else 'B'}{state[middle + 1 :]}"

        async def tried(given: dict[str, Any], sealed: str) -> Any:
            return await client.session.call_tool(
                "plan_apply", given, request_state=sealed, input_responses={}, allow_input_required=True
            )

        for given, sealed in ((arguments, changed), (arguments, "v1.AAAA"), ({"id": other, "wait_s": 0}, state)):
            with pytest.raises(Exception, match="requestState"):
                await tried(given, sealed)
        once = await tried(arguments, state)
        assert once.structured_content["status"] == "waiting_for_human"
        again = await tried(arguments, state)
        assert again.is_error
        assert "used before" in text_of(again)
    assert not house.effects


async def _declined(_context: Any, _params: Any) -> types.ElicitResult:
    return types.ElicitResult(action="decline")


async def test_leaving_before_anything_was_done_stops_the_execution(house: House) -> None:
    async with open_house(house) as url, ai_client(url, house.tokens["planner"], "stateless") as client:
        plan = (await client.call_tool("plan_create", WORDS)).structured_content["id"]
        await approve(house, plan)
        call = asyncio.create_task(client.call_tool("plan_apply", {"id": plan, "wait_s": 50}))
        await within(10, _started(house, plan))
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
        await within(10, _cancelled(house))
        await house.work()
        assert not [effect for effect in house.effects if effect.op == "create"]


async def _started(house: House, plan: str) -> None:
    newest = 0
    while (await house.services.ledger.need(Plan, plan)).execution_id is None:
        newest = await house.store.wait(newest, 1)


async def _cancelled(house: House) -> None:
    while "execution.cancel" not in {row.action for row in await house.audit()}:
        await asyncio.sleep(0.01)


@pytest.mark.proves("B1", "C6")
async def test_two_requests_with_one_key_at_the_same_time_never_share_an_answer(house: House) -> None:
    """The second is told that its key is taken, or gets its own answer; never that of the other request."""
    headers = {"Idempotency-Key": "client-7"}
    async with (
        open_house(house) as url,
        ai_client(url, house.tokens["planner"], "stateless", headers=headers) as client,
    ):
        first, second = await asyncio.gather(
            client.call_tool("plan_create", {"words": "deploy app:1 as cache"}),
            client.call_tool("plan_create", {"words": "deploy app:2 as db"}),
        )
    answers = [item.structured_content for item in (first, second) if not item.is_error]
    assert len({item["id"] for item in answers}) == len(answers) >= 1
    for item in (first, second):
        assert not item.is_error or item.structured_content["error"]["code"] in ("invalid_input", "conflict")


async def test_a_compose_file_without_a_name_is_answered_with_the_field_that_gives_one(house: House) -> None:
    file = "services:\n  web:\n    image: app:1\n"
    async with open_house(house) as url, ai_client(url, house.tokens["planner"], "stateless") as client:
        refused = await client.call_tool("plan_create", {"file": file})
        assert "or give the name as project" in text_of(refused)
        drafted = await client.call_tool("plan_create", {"file": file, "project": "shop"})
    assert not drafted.is_error, text_of(drafted)


FILES: dict[str, Any] = {
    "workload": {"name": "web", "image": "app:1", "env": {"GREETING": "hé"}, "replicas": 2},
    "compose": {"name": "shop", "services": {"web": {"image": "app:1", "environment": {"A": "1"}}}},
    "workloads": [{"name": "web", "image": "app:1"}, {"name": "api", "image": "app:2"}],
}


@eras
@pytest.mark.parametrize("kind", FILES)
async def test_a_file_that_comes_as_an_object_makes_the_plan_that_its_text_makes(
    house: House, era: str, kind: str
) -> None:
    """Some AI clients read a text that is JSON, and send what it says."""
    written = FILES[kind]
    text = "\n---\n".join(map(json.dumps, written if isinstance(written, list) else [written]))
    async with open_house(house) as url, ai_client(url, house.tokens["planner"], era) as client:
        made = await client.call_tool("plan_create", {"file": written, "response_format": "detailed"})
        again = await client.call_tool("plan_create", {"file": text, "response_format": "detailed"})
    assert not made.is_error, made
    assert made.structured_content is not None
    assert again.structured_content is not None
    assert made.structured_content["changes"] == again.structured_content["changes"]
    assert made.structured_content["changes"]


@pytest.mark.parametrize("file", [5, True, [], [1], ["x"], {"no": "file"}, {}, [[{"name": "web"}]]])
async def test_what_is_no_file_in_any_form_is_refused_by_its_name(house: House, file: Any) -> None:
    async with house.caller("planner") as agent:
        answer = await agent.post("/plans", {"file": file})
    assert answer.status_code == 422, answer.text
    assert answer.json()["next_step"]
    assert not house.effects


@eras
async def test_the_execution_of_a_command_says_where_its_output_is(house: House, era: str) -> None:
    house.world.run("web-1", "app:1")
    await house.services.observer.discover("local")
    async with house.caller("owner") as owner, house.caller("operator") as operator:
        await owner.post("/resources/local/container/web-1:adopt", {})
        plan = (await owner.post("/exec", {"resource": "local/container/web-1", "argv": ["echo", "hello"]})).json()
        body = {"decision": "approve", "reason": "x", "digest": plan["digest"]}
        assert (await operator.post(f"/plans/{plan['plan_id']}:decide", body)).status_code == 200
        started = (await operator.post(f"/plans/{plan['plan_id']}:apply")).json()
    await house.work()
    async with open_house(house) as url, ai_client(url, house.tokens["planner"], era) as client:
        told = (await client.call_tool("execution_get", {"id": started["id"]})).structured_content
        assert told is not None
        assert told["hint"] == f"what it said: exec_run(plan_id={plan['plan_id']})"
        said = (await client.call_tool("exec_run", {"plan_id": plan["plan_id"]})).structured_content
    assert said is not None
    assert said["stdout"] == "hello\n"
