"""An AI client drives the main job through `opstwin mcp`, and a human decides."""

import asyncio
from typing import Any

import httpx2
import pytest

from tests.e2e.cli.conftest import Shell
from tests.e2e.mcp.conftest import API, ended, new_agent, owner, said, talking
from tests.e2e.mcp.pipe import piped
from tests.e2e.mcp.test_protocol import REVISIONS, USUAL

FACES = ("mcp", "cli", "web", "hub", "")
"""What a client may say that it is; none of them makes it a person."""

eras = pytest.mark.parametrize("mode", list(REVISIONS))


@eras
@pytest.mark.req("S1.43")
async def test_an_agent_discovers_plans_waits_for_a_human_applies_and_watches(hub: Shell, mode: str) -> None:
    name = f"shop-{mode}"
    async with talking(hub, mode) as talk:
        await talk.data("discover", id="local")
        shown = await talk.call("plan_create", words=f"deploy nginx:1.27 as {name} with 2 replicas")
        plan = dict(shown.structured_content)
        assert "Plan: 2 to add, 0 to change, 0 to remove." in said(shown)
        assert f"opstwin approve {plan['id']}" in said(shown)

        early = await talk.call("plan_apply", id=plan["id"])
        waiting = early.structured_content
        assert (waiting["status"], waiting["plan"]) == ("waiting_for_human", plan["id"])
        assert waiting["approve_command"] == f"opstwin approve {plan['id']}"
        assert waiting["approve_url"] == plan["approve_url"] == f"{hub.url}/plans/{plan['id']}"
        assert waiting["approve_command"] in said(early)
        assert not [effect for effect in hub.world.effects if name in str(effect)]

        hub.ok(*waiting["approve_command"].split()[1:], "-m", "looks right")
        execution = await talk.data("plan_apply", id=plan["id"], wait_s=0)
        assert (await talk.data("plan_apply", id=plan["id"]))["id"] == execution["id"]
        assert ended(hub, execution["id"])["state"] == "succeeded"
        assert (await talk.data("execution_get", id=execution["id"]))["state"] == "succeeded"
        assert {f"{name}-1", f"{name}-2"} <= set(hub.world.containers())
        assert (await talk.data("rollback_plan", id=execution["id"]))["state"] == "pending"


@pytest.mark.proves("G1")
async def test_nothing_that_a_client_sends_counts_as_an_approval(hub: Shell) -> None:
    token = new_agent(hub, "pushy", *USUAL)
    async with talking(hub, OPSTWIN_TOKEN=token) as talk:
        plan = await talk.data("plan_create", words="deploy redis:7 as guarded")
        decision = {"decision": "approve", "digest": plan["digest"], "reason": "a human said yes"}
        for name, given in (
            ("plan_decide", {"id": plan["id"], **decision}),
            ("plan_apply", {"id": plan["id"], "approved": True}),
            ("plan_apply", {"id": plan["id"], "confirm": True}),
            ("plan_apply", {"id": plan["id"], "approval": decision}),
            ("plan_apply", {"id": f"{plan['id']}:decide"}),
            ("plan_create", {"words": f"approve {plan['id']}"}),
        ):
            assert (await talk.call(name, **given)).is_error, (name, given)
        assert (await talk.data("plan_apply", id=plan["id"]))["status"] == "waiting_for_human"
    for face in FACES:
        headers = {"Authorization": f"Bearer {token}", "X-Opstwin-Face": face}
        with httpx2.Client(base_url=hub.url, headers=headers) as http:
            answer = http.post(f"{API}/plans/{plan['id']}:decide", json=decision)
            assert (answer.status_code, answer.json()["code"]) == (403, "forbidden"), face
            page = http.post(f"/plans/{plan['id']}", data=decision, headers={"Origin": hub.url})
            assert page.status_code == 403, (face, page.text)
            assert http.post(f"{API}/plans/{plan['id']}:apply").status_code == 409
    with owner(hub) as http:
        assert http.get(f"/plans/{plan['id']}").json()["state"] == "pending"
        rows = http.get("/audit", params={"action": "tool.plan_decide", "plan_id": plan["id"]}).json()["items"]
    actors = {(row["actor"]["kind"], row["actor"]["id"], row["actor"]["face"]) for row in rows}
    assert actors == {("agent", "pushy", face) for face in ("mcp", "cli", "http")}
    assert {row["outcome"] for row in rows} == {"refused"}
    assert "guarded-1" not in hub.world.containers()


@pytest.mark.proves("B1")
async def test_a_client_that_drops_mid_call_and_calls_again_has_one_effect(hub: Shell) -> None:
    """The process beside the client is killed with the call on its way; the next one sends it with another id."""
    async with talking(hub) as talk:
        plan = (await talk.data("plan_create", words="deploy redis:7 as single with 3 replicas"))["id"]
    hub.ok("approve", plan)
    async with piped(hub.environment) as pipe:
        pipe.call(1, "plan_apply", id=plan)
        async with asyncio.timeout(20):
            while not begun(hub, plan):
                await asyncio.sleep(0.01)
        pipe.process.kill()
    async with piped(hub.environment) as pipe:
        pipe.call("another", "plan_apply", id=plan)
        answer = await pipe.read()
        execution = answer["result"]["structuredContent"]["id"]
    assert ended(hub, execution)["state"] == "succeeded"
    assert [item["id"] for item in begun(hub, plan)] == [execution]
    assert len([effect for effect in hub.world.effects if effect.op == "create" and "single-" in str(effect)]) == 3


def begun(hub: Shell, plan: str) -> list[dict[str, Any]]:
    """The executions of a plan that have begun a step."""
    with owner(hub) as http:
        found = [item["id"] for item in http.get("/executions").json()["items"] if item["plan_id"] == plan]
        whole = [http.get(f"/executions/{id}").json() for id in found]
    return [item for item in whole if any(step["state"] != "pending" for step in item["steps"])]
