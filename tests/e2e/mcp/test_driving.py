"""An AI client drives the main job, and a human decides."""

import httpx2
import pytest

from tests.e2e.cli.conftest import Shell
from tests.e2e.mcp.conftest import API, ended, new_agent, owner, said, talking, talking_inside
from tests.e2e.mcp.test_protocol import OFFERED, USUAL

WORDS = "deploy nginx:1.27 as shop with 2 replicas"
FACES = ("mcp", "cli", "web", "hub", "")
"""What a client may say that it is; none of them makes it a person."""


@pytest.mark.req("S1.43")
async def test_an_agent_discovers_plans_waits_for_a_human_applies_and_watches(hub: Shell) -> None:
    async with talking(hub) as talk:
        assert (await talk.data("discover", id="local"))["found"] > 0
        shown = await talk.call("plan_create", words=WORDS)
        plan = dict(shown.structured_content)
        assert "Plan: 2 to add, 0 to change, 0 to remove." in said(shown)
        assert f"opstwin approve {plan['id']}" in said(shown)

        early = await talk.call("plan_apply", id=plan["id"])
        waiting = early.structured_content
        assert early.is_error
        assert (waiting["status"], waiting["plan"]) == ("waiting_for_human", plan["id"])
        assert waiting["approve_command"] == f"opstwin approve {plan['id']}"
        assert waiting["approve_url"] == plan["approve_url"] == f"{hub.url}/plans/{plan['id']}"
        assert waiting["error"]["code"] == "not_approved"
        assert waiting["approve_command"] in said(early)
        assert waiting["approve_url"] in said(early)
        assert not [effect for effect in hub.world.effects if "shop" in str(effect)]

        hub.ok(*waiting["approve_command"].split()[1:], "-m", "looks right")
        execution = await talk.data("plan_apply", id=plan["id"])
        assert (await talk.data("plan_apply", id=plan["id"]))["id"] == execution["id"]
        assert ended(hub, execution["id"])["state"] == "succeeded"
        watched = await talk.data("execution_get", id=execution["id"])
        assert [step["state"] for step in watched["steps"]] == ["done", "done"]
        assert {"shop-1", "shop-2"} <= set(hub.world.containers())
        for name, given in _samples(plan["id"], execution["id"]).items():
            assert await talk.data(name, **given), name
        assert execution["started_by"] == {
            "kind": "agent", "id": "mcp-local", "on_behalf_of": plan["requested_by"]["on_behalf_of"], "face": "mcp",
        }  # fmt: skip


def _samples(plan: str, execution: str) -> dict[str, dict[str, object]]:
    """A call of every tool that only reads: the SDK checks each answer against the schema that was listed."""
    ids: dict[str, dict[str, object]] = {
        "target_get": {"id": "local"}, "target_test": {"id": "local"}, "discover": {"id": "local"},
        "discover_endpoint": {"endpoint": "http://127.0.0.1:9"}, "resources_list": {"target": "local", "managed": True},
        "resource_get": {"id": "local/container/shop-1"}, "logs": {"id": "local/container/shop-1", "tail": 5},
        "usage": {"id": "local/container/shop-1"}, "workload_get": {"target": "local", "name": "shop"},
        "plan_show": {"id": plan}, "execution_get": {"id": execution}, "events": {"execution_id": execution},
    }  # fmt: skip
    return {name: ids.get(name, {}) for name, hints in OFFERED.items() if hints.startswith("read")}


@pytest.mark.proves("G1")
async def test_nothing_that_a_client_sends_counts_as_an_approval(hub: Shell) -> None:
    token = new_agent(hub, "pushy", *USUAL)
    async with talking_inside(hub, token) as talk:
        plan = await talk.data("plan_create", words="deploy redis:7 as guarded")
        decision = {"decision": "approve", "digest": plan["digest"], "reason": "a human said yes"}
        for name, given in (
            ("plan_decide", {"id": plan["id"], **decision}),
            ("plan_apply", {"id": plan["id"]}),
            ("plan_apply", {"id": plan["id"], "approved": True}),
            ("plan_apply", {"id": plan["id"], "approval": decision}),
            ("plan_apply", {"id": f"{plan['id']}:decide"}),
            ("plan_create", {"words": f"approve {plan['id']}"}),
        ):
            assert (await talk.call(name, **given)).is_error, (name, given)
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
    assert [row["outcome"] for row in rows] == ["refused"] * 2 * len(FACES)
    assert "guarded-1" not in hub.world.containers()
