"""Applying a plan as a task (`io.modelcontextprotocol/tasks`): a handle, the human's decision, then the result."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import mcp_types as types
import pytest
from mcp.client.extension import advertise
from mcp.shared.exceptions import MCPError

from opstwin.domain.access import Scope
from opstwin.domain.execution import Execution
from opstwin.domain.plan import Plan, PlanState
from opstwin.server.mcp.tasks_wire import EXTENSION
from tests.interaction.house import HUB, House, within
from tests.interaction.mcp_house import ERAS, ai_client, open_house
from tests.interaction.task_client import (
    HeldBack,
    ask,
    at_work,
    audited,
    decide,
    envelope,
    executions,
    headers,
    task_client,
)  # fmt: skip

DIGITS = "0123456789abcdef"


@pytest.mark.parametrize("era", list(ERAS))
async def test_only_the_stateless_era_has_tasks(house: House, era: str) -> None:
    async with open_house(house) as url, ai_client(url, house.tokens["planner"], era) as client:
        told = (client.server_capabilities.extensions or {}) if client.server_capabilities else {}
        assert (EXTENSION in told) == (era == "stateless")


@pytest.mark.req("S1.43")
async def test_a_plan_waits_as_a_task_until_a_human_decided_and_then_goes_on_to_its_result(house: House) -> None:
    async with at_work(house) as client:
        plan = await client.plan()
        handle = await client.call("plan_apply", {"id": plan})
        assert handle["resultType"] == "task"
        assert handle["status"] == "input_required"
        assert not {"inputRequests", "result", "error", "requestState"} & handle.keys()
        assert (handle["ttlMs"], handle["pollIntervalMs"]) == (86_400_000, 5000)
        waiting = await client.get(handle["taskId"])
        assert waiting["resultType"] == "complete"
        request = waiting["inputRequests"]["approval"]
        assert request["method"] == "elicitation/create"
        assert f"/plans/{plan}" in str(request["params"])
        assert f"opstwin approve {plan}" in waiting["statusMessage"]
        assert not house.effects

        await decide(house, plan)
        assert (await client.get(handle["taskId"]))["status"] == "working"
        assert [item.plan_id for item in await executions(house)] == [plan]
        await house.work()
        done = await client.get(handle["taskId"])
        assert done["status"] == "completed"
        assert done["result"]["structuredContent"]["state"] == "succeeded"
        assert not done["result"].get("isError")
        assert house.effects


async def test_a_client_that_looks_by_itself_gets_the_result_of_the_one_call_that_it_made(house: House) -> None:
    async with at_work(house) as client:
        plan = await client.plan()
        calling = asyncio.create_task(client.client.call_tool("plan_apply", {"id": plan}))
        await decide(house, plan)
        while not calling.done():
            await house.work()
            await asyncio.sleep(0)
        assert (await within(10, calling)).structured_content["state"] == "succeeded"


@pytest.mark.parametrize(
    "arguments", [{"id": "plan_nosuch"}, {}, {"id": 7}, {"id": "plan_x", "confirm": True}], ids=str
)
async def test_a_call_that_cannot_become_a_task_is_answered_with_the_reason(
    house: House, arguments: dict[str, Any]
) -> None:
    async with at_work(house) as client:
        answer = await client.call("plan_apply", arguments)
        assert answer["isError"]
        assert "taskId" not in answer
        seen = await client.call("discover", {"id": "local"})
        assert not seen["isError"], "tools that take no time are answered at once"


async def test_an_approved_plan_is_begun_by_the_call_and_is_a_task_until_it_has_ended(house: House) -> None:
    async with at_work(house) as client:
        plan = await client.plan()
        await decide(house, plan)
        handle = await within(10, client.call("plan_apply", {"id": plan, "wait_s": 50}))
        assert handle["status"] == "working"
        assert len(await executions(house)) == 1
        await house.work()
        assert (await client.get(handle["taskId"]))["status"] == "completed"
        again = await client.call("plan_apply", {"id": plan})
        assert again["structuredContent"]["state"] == "succeeded"
        assert len(await executions(house)) == 1


@pytest.mark.proves("G3")
@pytest.mark.parametrize(
    "answer",
    [
        {"action": "accept"}, {"action": "accept", "content": {"approve": True, "decision": "approve"}},
        {"action": "decline"}, {"action": "cancel"}, {"action": "approve"}, {}, "approve", 7, None,
    ],
    ids=str,
)  # fmt: skip
async def test_what_a_client_answers_to_a_task_is_written_down_and_approves_nothing(house: House, answer: Any) -> None:
    async with at_work(house) as client:
        plan, task = await client.begun()
        assert await client.update(task, approval=answer) == {"resultType": "complete"}
        after = await client.get(task)
        assert after["status"] == "working", "the human was asked once, and is not asked again"
        assert f"opstwin approve {plan}" in after["statusMessage"]
        await client.update(task, approval={"action": "accept"})
        assert (await house.services.ledger.need(Plan, plan)).state is PlanState.PENDING
        assert not await executions(house)
        said = answer.get("action") if isinstance(answer, dict) else None
        known = said if said in ("accept", "decline", "cancel") else "other"
        assert [item["answer"] for item in await audited(house, "task.answer")] == [known]
        await decide(house, plan)
        assert "apply" in (await client.get(task))["statusMessage"]


async def test_answers_to_what_was_never_asked_are_passed_over(house: House) -> None:
    async with at_work(house) as client:
        _, task = await client.begun()
        await client.update(task, nosuch={"action": "accept"})
        assert (await client.get(task))["status"] == "input_required"
    assert not await audited(house, "task.answer")


async def test_a_client_that_can_lead_nobody_anywhere_is_told_where_to_decide(house: House) -> None:
    async with at_work(house, elicits=False) as client:
        plan, task = await client.begun()
        waiting = await client.get(task)
        assert waiting["status"] == "working"
        assert "inputRequests" not in waiting
        assert f"/plans/{plan}" in waiting["statusMessage"]


async def test_looking_at_a_task_that_waits_writes_nothing(house: House) -> None:
    async with at_work(house) as client:
        _, task = await client.begun()
        before = len(await house.audit())
        for _ in range(5):
            await client.get(task)
    assert len(await house.audit()) == before


async def rejected(house: House, plan: str) -> None:
    await decide(house, plan, "reject")


async def too_old(house: House, _plan: str) -> None:
    house.clock.advance(house.services.settings.plan_expires_s)


async def moved(house: House, plan: str) -> None:
    await decide(house, plan)
    house.world.run("web-1", "app:2")
    await house.services.observer.discover("local")


@pytest.mark.proves("G5")
@pytest.mark.parametrize(
    ("befall", "code"),
    [(rejected, "not_approved"), (moved, "stale_plan"), (too_old, "stale_plan")],
    ids=["rejected", "moved", "too-old"],
)
async def test_a_plan_that_can_no_longer_be_applied_ends_its_task_with_the_reason(
    tmp_path: Path, befall: Any, code: str
) -> None:
    house = await House(tmp_path, settings={"plan_expires_s": 600}).furnish()
    async with at_work(house) as client:
        plan, task = await client.begun()
        await befall(house, plan)
        ended = await client.get(task)
        assert ended["status"] == "completed", "an error of the tool is a result; failed is for errors of the protocol"
        assert ended["result"]["isError"]
        assert ended["result"]["structuredContent"]["error"]["code"] == code
        assert plan in ended["statusMessage"]
        assert await client.get(task) == ended
        assert await client.cancel(task) == {"resultType": "complete"}
        assert await client.get(task) == ended
    assert not await executions(house)
    assert [item["code"] for item in await audited(house, "task.end")] == [code]


async def test_an_execution_that_was_undone_ends_its_task_as_an_error(house: House) -> None:
    async with at_work(house) as client:
        plan, task = await client.begun("deploy app:bad as web with 2 replicas")
        await decide(house, plan)
        await client.get(task)
        await house.work()
        ended = await client.get(task)
        assert ended["status"] == "completed"
        assert ended["result"]["isError"]
        assert ended["result"]["structuredContent"]["state"] == "rolled_back"


async def test_a_task_that_is_cancelled_while_it_waits_never_begins(house: House) -> None:
    async with at_work(house) as client:
        plan, task = await client.begun()
        assert await client.cancel(task) == {"resultType": "complete"}
        assert (await client.get(task))["status"] == "cancelled"
        await decide(house, plan)
        assert (await client.get(task))["status"] == "cancelled"
        assert not await executions(house)
        assert len(await audited(house, "task.cancel")) == 1
        again = await client.call("plan_apply", {"id": plan})
        assert again["status"] == "working"
        assert again["taskId"] != task


async def test_a_task_that_is_over_stays_over_when_another_call_applies_its_plan(house: House) -> None:
    async with at_work(house) as client:
        plan, task = await client.begun()
        await client.cancel(task)
        await decide(house, plan)
        again = (await client.call("plan_apply", {"id": plan}))["taskId"]
        await client.cancel(task)
        await house.work()
        assert (await client.get(task))["status"] == "cancelled"
        assert (await client.get(again))["status"] == "completed"


async def test_a_task_that_is_cancelled_in_the_moment_it_begins_is_stopped_all_the_same(tmp_path: Path) -> None:
    twin = HeldBack()
    house = await House(tmp_path, store=twin).furnish()
    async with at_work(house) as client:
        plan, task = await client.begun()
        await decide(house, plan)
        looking = asyncio.create_task(client.get(task))
        await within(10, twin.reached.wait())
        await client.cancel(task)
        assert not await executions(house)
        twin.let_go.set()
        assert (await within(10, looking))["status"] == "cancelled"
        await house.work()
        assert (await client.get(task))["status"] == "cancelled"
    assert [item.state.value for item in await executions(house)] == ["rolled_back"]
    assert not house.effects


async def test_a_task_that_is_cancelled_before_its_first_effect_changes_nothing(house: House) -> None:
    async with at_work(house) as client:
        plan, task = await client.begun()
        await decide(house, plan)
        assert (await client.get(task))["status"] == "working"
        await client.cancel(task)
        await house.work()
        assert (await client.get(task))["status"] == "cancelled"
    assert not house.effects


async def test_a_task_that_is_cancelled_at_work_is_undone(house: House) -> None:
    async with at_work(house) as client:
        plan, task = await client.begun()
        await decide(house, plan)
        await client.get(task)
        working = asyncio.create_task(house.work())
        while not house.effects:
            await asyncio.sleep(0)
        await client.cancel(task)
        await within(10, working)
        ended = await client.get(task)
    state = (await executions(house))[0].state.value
    assert (ended["status"], state) in {("cancelled", "rolled_back"), ("completed", "succeeded")}
    assert (not house.world.containers()) == (state == "rolled_back")


async def test_a_task_that_has_ended_stays_as_it_is_when_it_is_cancelled(house: House) -> None:
    async with at_work(house) as client:
        plan, task = await client.begun()
        await decide(house, plan)
        await client.get(task)
        await house.work()
        done = await client.get(task)
        assert await client.cancel(task) == {"resultType": "complete"}
        assert await client.get(task) == done


@pytest.mark.proves("F5")
async def test_a_task_is_nobody_elses_and_looks_like_one_that_never_was(house: House) -> None:
    people = house.services.people
    await people.create_agent("other", "Other", "owner", HUB, scopes=frozenset(Scope) - {Scope.APPROVE})
    other = (await people.issue_token("other", HUB)).secret
    async with open_house(house) as url, task_client(url, house.tokens["planner"]) as mine:
        plan, task = await mine.begun()
        guessed = task[:-1] + DIGITS[(DIGITS.index(task[-1]) + 1) % 16]
        async with task_client(url, other) as theirs:
            for method, key in (("tasks/get", task), ("tasks/update", task), ("tasks/cancel", task)):
                given = {"inputResponses": {}} if method == "tasks/update" else {}
                with pytest.raises(MCPError) as refused:
                    await ask(theirs.client.session, method, key, **given)
                with pytest.raises(MCPError) as unknown:
                    await ask(theirs.client.session, method, guessed, **given)
                assert refused.value.error.code == unknown.value.error.code == types.INVALID_PARAMS
                assert refused.value.error.message.replace(task, "") == unknown.value.error.message.replace(guessed, "")
        for key in (guessed, "", "task_", plan, "x" * 5000, "#task:" + task, "../" + task, task.upper()):
            with pytest.raises(MCPError) as never:
                await mine.get(key)
            assert never.value.error.code == types.INVALID_PARAMS
        assert (await mine.get(task))["status"] == "input_required"


async def test_ids_of_tasks_on_one_plan_tell_the_plan_and_cannot_be_guessed_from_another(house: House) -> None:
    async with at_work(house) as client:
        plan, first = await client.begun()
        second = (await client.call("plan_apply", {"id": plan}))["taskId"]
    assert all(key.startswith(f"task_{plan.removeprefix('plan_')}_") for key in (first, second))
    assert len(first.rpartition("_")[2]) == 32
    assert first.rpartition("_")[2] != second.rpartition("_")[2]


async def test_a_task_outlives_the_hub_that_made_it(house: House, tmp_path: Path) -> None:
    async with at_work(house) as client:
        plan, task = await client.begun()
        await client.update(task, approval={"action": "accept"})
    again = House(tmp_path, clock=house.clock, store=house.store, world=house.world, seed=9)
    again.tokens = house.tokens
    async with at_work(again) as client:
        assert (await client.get(task))["status"] == "working"
        await decide(again, plan)
        await client.get(task)
        await again.work()
        assert (await client.get(task))["status"] == "completed"


async def test_a_task_can_be_asked_for_as_long_as_it_said_and_not_after(house: House) -> None:
    async with at_work(house) as client:
        plan, task = await client.begun()
        await decide(house, plan)
        ttl_ms = (await client.get(task))["ttlMs"]
        await house.work()
        kept = (await house.services.ledger.need(Execution, (await executions(house))[0].id)).finished_at
        assert kept is not None
        left = timedelta(milliseconds=ttl_ms) - (kept - (await house.services.ledger.need(Plan, plan)).created_at)
        house.clock.advance(left.total_seconds() - 1)
        assert (await client.get(task))["status"] == "completed"
        house.clock.advance(2)
        with pytest.raises(MCPError, match="There is no task"):
            await client.get(task)


@pytest.mark.proves("F1")
async def test_an_address_that_does_not_offer_to_apply_knows_no_tasks_and_begins_none(house: House) -> None:
    async with open_house(house) as url, task_client(url, house.tokens["planner"]) as client:
        plan, task = await client.begun()
        await decide(house, plan)
        async with task_client(url, house.tokens["planner"], "/mcp/readonly") as reader:
            with pytest.raises(MCPError, match="There is no task"):
                await reader.get(task)
        assert not await executions(house)


@pytest.mark.proves("F1")
async def test_a_client_that_lost_the_right_to_apply_neither_begins_nor_stops_its_task(house: House) -> None:
    async with at_work(house) as client:
        plan, task = await client.begun()
        await decide(house, plan)
        await house.services.people.set_scopes("planner", {Scope.READ, Scope.PLAN}, HUB)
        with pytest.raises(MCPError, match="twin:apply"):
            await client.cancel(task)
        ended = await client.get(task)
        assert ended["result"]["structuredContent"]["error"]["code"] == "forbidden"
    assert not await executions(house)


async def test_clients_without_tasks_are_answered_as_ever_and_refused_the_methods(house: House) -> None:
    async with open_house(house) as url, task_client(url, house.tokens["planner"]) as able:
        plan, task = await able.begun()
        for era, code in (("stateless", -32021), ("handshake", types.METHOD_NOT_FOUND)):
            said = [advertise(EXTENSION)] if era == "handshake" else []
            async with ai_client(url, house.tokens["planner"], era, extensions=said) as client:
                answer = await client.call_tool("plan_apply", {"id": plan})
                assert answer.structured_content["status"] == "waiting_for_human"
                for method in ("tasks/get", "tasks/update", "tasks/cancel"):
                    with pytest.raises(MCPError) as refused:
                        await ask(client.session, method, task, inputResponses={})
                    assert refused.value.error.code == code
                    if era == "stateless":
                        assert refused.value.error.data == {"requiredCapabilities": {"extensions": {EXTENSION: {}}}}


@pytest.mark.parametrize("name", [None, "task_somebody_elses", "=?base64?!?="])
async def test_a_request_routed_by_another_name_than_its_own_is_refused(house: House, name: str | None) -> None:
    async with open_house(house) as url, task_client(url, house.tokens["planner"]) as client:
        _, task = await client.begun()
        given = headers("tasks/get", house.tokens["planner"], name)
        async with httpx2.AsyncClient() as http:
            answer = await http.post(f"{url}/mcp", json=envelope("tasks/get", {"taskId": task}), headers=given)
        assert answer.status_code == 400
        assert answer.json()["error"]["code"] == types.HEADER_MISMATCH


async def test_two_clients_of_one_account_see_one_task_and_one_execution(house: House) -> None:
    async with open_house(house) as url, task_client(url, house.tokens["planner"]) as client:
        plan, task = await client.begun()
        await decide(house, plan)
        seen = await asyncio.gather(*(client.get(task) for _ in range(20)))
    assert {item["status"] for item in seen} == {"working"}
    assert len(await executions(house)) == 1
