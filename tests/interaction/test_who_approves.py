"""Who may approve a plan of a conversation, told to those who may and to those who may not."""

import json
from pathlib import Path

import pytest

from opstwin.cli.plan_card import offer
from tests.interaction.chat_home import Home, home_with, proposal
from tests.interaction.planner_home import talking
from tests.interaction.test_chat_verbs import Desk, desk

__all__ = ["desk"]


async def high_risk(home: Home) -> dict[str, object]:
    """A plan of the owner's that somebody else must approve; it waits in their thread t1."""
    async with home.house.caller() as client:
        file = json.dumps({"name": "db", "image": "app:1", "volumes": ["data:/data"]})
        made = (await client.post("/plans", {"file": file})).json()
        await home.decide(made)
        await client.post(f"/plans/{made['id']}:apply")
        await home.house.work()
        await home.house.services.observer.discover("local")
        plan = await client.planned("delete db with its volumes")
    assert not plan["rule"]["self_approval"]
    home.talk.answers.append(proposal(plan))
    return dict(plan)


async def test_who_asked_for_a_high_risk_is_not_offered_to_approve_it(desk: Desk) -> None:
    plan = await high_risk(desk.home)
    ran = await desk.run("chat", lines="delete db\n")
    assert ran.code == 6
    assert "Type: approve" not in ran.err
    for words in ("You may not approve it. Who may: operator", f"opstwin approve {plan['id']}",
                  f"/plans/{plan['id']}", "reject REASON"):  # fmt: skip
        assert words in ran.err


async def test_who_asked_for_a_high_risk_in_korean_is_told_in_korean(desk: Desk) -> None:
    await high_risk(desk.home)
    ran = await desk.run("chat", lines="db를 지워줘\n")
    assert "이 계정으로는 승인할 수 없습니다. 승인할 수 있는 사람: operator" in ran.err
    assert "승인 또는 거절" not in ran.err
    assert "위험도" in ran.out, "the plan itself is in the person's language too"


async def test_who_comes_back_to_it_is_not_offered_it_either_and_may_reject_it(desk: Desk) -> None:
    plan = await high_risk(desk.home)
    await desk.run("chat", "--thread", "t1", lines="")
    await desk.home.heard({"text": "delete db", "threadId": "t1", "runId": "r"})
    back = await desk.run("chat", "--thread", "t1", lines="plan\n")
    assert back.err.count("You may not approve it. Who may: operator") == 2
    assert "Type: approve" not in back.err
    assert (await desk.home.get(f"/plans/{plan['id']}"))["state"] == "pending"


async def test_an_interrupt_names_who_may_approve_and_offers_it_to_nobody_else(tmp_path: Path) -> None:
    home = await home_with(tmp_path)
    plan = await high_risk(home)
    told = (await home.heard({"text": "delete db", "threadId": "t1"}))[-1]["outcome"]["interrupts"][0]
    assert told["metadata"]["approvers"] == ["operator"]
    assert told["metadata"]["may_approve"] is False
    assert told["metadata"]["review_configs"][0]["allowed_decisions"] == ["reject"]
    assert told["message"].startswith(f"operator must decide on {plan['id']}")
    waiting = (await home.get("/threads/t1"))["waiting"]
    assert (waiting["may_approve"], waiting["approvers"]) == (False, ["operator"])
    low = await home.planned("deploy app:1 as web")
    home.talk.answers.append(proposal(low))
    mine = (await home.heard({"text": "deploy", "threadId": "t2"}))[-1]["outcome"]["interrupts"][0]
    assert mine["metadata"]["may_approve"] is True
    assert mine["metadata"]["review_configs"][0]["allowed_decisions"] == ["approve", "reject"]


async def test_an_agents_token_is_offered_no_approval(tmp_path: Path) -> None:
    home = await home_with(tmp_path)
    plan = await home.planned()
    home.talk.answers.append(proposal(plan))
    events = await home.heard({"text": "deploy app:1 as web", "threadId": "t1"}, role="planner")
    assert events[-1]["outcome"]["interrupts"][0]["metadata"]["may_approve"] is False


@pytest.mark.parametrize(
    ("words", "told"),
    [("delete web", "others approve it: operator"), ("web 삭제해줘", "승인은 다른 사람이 합니다: operator")],
)
async def test_the_agent_does_not_ask_for_an_approval_that_it_would_not_get(
    tmp_path: Path, words: str, told: str
) -> None:
    async with talking(tmp_path) as talks:
        await talks.deployed("deploy app:1 as web with 2 replicas")
        heard = await talks.say(words)
        rule = talks.house.services.policy[(await talks.plan(heard.plan_id)).risk]
    assert not rule.self_approval
    assert told in heard.text
    assert (heard.card["may_approve"], heard.card["approvers"]) == (False, ["operator"])
    assert heard.card["approve_command"] in heard.text
    assert heard.card["approve_url"] in heard.text
    assert "Approve or reject it here" not in heard.text


async def test_a_plan_that_one_may_approve_is_offered_as_before(tmp_path: Path) -> None:
    async with talking(tmp_path) as talks:
        heard = await talks.say("deploy app:1 as web")
    assert "Approve or reject it here" in heard.text
    assert heard.card["may_approve"] is True


@pytest.mark.parametrize(("language", "told"), [("en", "nobody else on this hub may yet"), ("ko", "사람이 없습니다")])
def test_where_nobody_may_approve_it_says_what_to_do(language: str, told: str) -> None:
    text = offer({"may_approve": False, "approvers": [], "expires_at": "2026-01-01T00:00:00Z"}, language)
    assert told in text
    assert "policy = solo" in text
