"""The main job through the API: discover, plan, approve, apply, verify."""

import pytest

from tests.interaction.house import House

READS = (
    "/hub", "/me", "/twin", "/components", "/targets", "/resources", "/drift", "/workloads", "/plans", "/executions",
    "/deployments", "/events", "/audit", "/audit/head", "/audit/key", "/people", "/resources/local/container/web-1",
    "/resources/local/container/web-1/logs", "/resources/local/container/web-1/usage", "/workloads/local/web",
)  # fmt: skip


@pytest.mark.req("S5.64")
async def test_a_request_in_words_is_planned_approved_applied_and_verified(house: House) -> None:
    async with house.caller() as client:
        plan = await client.planned()
        assert (plan["state"], plan["risk"], plan["summary"]["add"]) == ("pending", "low", 2)
        assert plan["approve_url"] == f"http://127.0.0.1:7373/plans/{plan['id']}"
        waiting = await client.post(f"/plans/{plan['id']}:apply")
        assert (waiting.status_code, waiting.json()["code"]) == (409, "not_approved")
        assert f"opstwin approve {plan['id']}" in waiting.json()["next_step"]
        body = {"decision": "approve", "reason": "looks right", "digest": plan["digest"]}
        assert (await client.post(f"/plans/{plan['id']}:decide", body)).json()["state"] == "approved"
        started = await client.post(f"/plans/{plan['id']}:apply")
        assert started.status_code == 202
        assert started.headers["Location"] == f"/api/v1/executions/{started.json()['id']}"
        await house.work()
        ended = (await client.get(f"/executions/{started.json()['id']}")).json()
        assert ended["state"] == "succeeded"
        assert [step["state"] for step in ended["steps"]] == ["done", "done"]
        assert (await client.get("/deployments")).json()["items"][0]["outcome"] == "succeeded"
        for path in READS:
            answer = await client.get(path)
            assert answer.status_code == 200, (path, answer.text)
    assert sorted(house.world.containers()) == ["web-1", "web-2"]


async def test_a_plan_says_before_it_is_approved_which_secrets_the_hub_does_not_have(house: House) -> None:
    async with house.caller() as person:
        file = "name: web\nimage: app:1\nsecret_env:\n  A: env:NOT_SET_ANYWHERE\n  B: file:not-there\n"
        plan = (await person.post("/plans", {"file": file})).json()
    assert any("no usable value for env:NOT_SET_ANYWHERE, file:not-there" in note for note in plan["notes"])
