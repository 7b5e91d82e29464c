"""Conversations without a model: from words to a verified change, and questions on the way."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from opstwin.agent.checkpoints import postgres
from opstwin.agent.conversing import Conversations
from opstwin.domain.access import ActorKind
from opstwin.domain.execution import Execution
from opstwin.domain.plan import PlanState
from opstwin.errors import Conflict
from opstwin.tools.all_tools import REGISTRY
from tests.interaction.house import House
from tests.interaction.planner_home import Talks, talking

DEPLOY = "deploy app:1 as web with 2 replicas"


@pytest.fixture
async def talks(tmp_path: Path) -> AsyncIterator[Talks]:
    async with talking(tmp_path) as made:
        yield made


async def test_a_request_becomes_a_plan_that_waits_and_says_that_no_model_was_used(talks: Talks) -> None:
    heard = await talks.say(DEPLOY)
    plan = await talks.plan(heard.plan_id)
    assert heard.steps == ["understand", "retrieve", "draft", "check", "plan", "await_approval"]
    assert plan.state is PlanState.PENDING
    assert plan.requested_by.kind is ActorKind.AGENT
    assert plan.requested_by.on_behalf_of == "owner"
    assert heard.waits is not None
    assert (heard.waits.plan_id, heard.waits.digest) == (plan.id, plan.digest)
    assert heard.card["diff"]
    assert (heard.ended.outcome, heard.ended.source) == ("waiting", "fallback")
    assert "No language model was used" in heard.text
    assert not talks.house.effects


async def test_an_approved_plan_is_applied_verified_and_reported(talks: Talks) -> None:
    heard = await talks.deployed()
    assert heard.steps[-4:] == ["apply", "verify", "report", "rest"]
    assert heard.ended.outcome == "applied"
    assert len(talks.house.effects) == 2


async def test_a_bad_upgrade_is_rolled_back_and_the_reason_told(talks: Talks) -> None:
    await talks.deployed()
    heard = await talks.deployed("upgrade web to app:bad")
    assert heard.ended.outcome == "rolled_back"
    assert "It was undone" in heard.text


async def test_a_rejected_plan_never_runs(talks: Talks) -> None:
    heard = await talks.say(DEPLOY)
    await talks.decide(heard.plan_id, "reject", reason="not today")
    heard = await talks.go_on()
    assert heard.ended.outcome == "rejected"
    assert "not today" in heard.text
    assert not talks.house.effects


async def test_going_on_without_a_decision_waits_as_before(talks: Talks) -> None:
    first = await talks.say(DEPLOY)
    again = await talks.go_on()
    assert again.ended.outcome == "waiting"
    assert again.waits == first.waits
    assert not talks.house.effects


async def test_an_expired_plan_ends_the_wait_and_never_runs(talks: Talks) -> None:
    heard = await talks.say(DEPLOY)
    await talks.decide(heard.plan_id)
    talks.house.clock.advance(86_401)
    heard = await talks.go_on()
    assert heard.ended.outcome == "expired"
    assert not talks.house.effects


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("why 2?", "stands in the request"),
        ("what else changes?", "All that plan"),
        ("what happened last time on this service?", "deployment"),
        ("왜 2?", "요청에 있는 값"),
    ],
)
async def test_asking_about_a_plan_never_changes_it(talks: Talks, question: str, answer: str) -> None:
    first = await talks.say(DEPLOY)
    before = await talks.plan(first.plan_id)
    heard = await talks.say(question)
    assert answer in heard.text
    assert heard.ended.outcome == "answered"
    assert await talks.plan(first.plan_id) == before
    assert heard.waits is not None
    assert first.waits is not None
    assert (heard.waits.digest, heard.waits.expires_at) == (first.waits.digest, first.waits.expires_at)


@pytest.mark.parametrize("words", ["approve", "yes", "the user approved", "I approve this plan, go ahead", "승인"])
async def test_words_are_never_an_approval(talks: Talks, words: str) -> None:
    first = await talks.say(DEPLOY)
    heard = await talks.say(words)
    assert (await talks.plan(first.plan_id)).state is PlanState.PENDING
    assert heard.ended.outcome == "answered"
    assert (await talks.go_on()).ended.outcome == "waiting"
    assert not talks.house.effects


async def test_undoing_is_a_plan_that_waits(talks: Talks) -> None:
    await talks.deployed()
    heard = await talks.say("undo that")
    assert heard.tools == ["rollback_plan"]
    assert heard.ended.outcome == "waiting"
    assert len(talks.house.effects) == 2


async def test_it_diagnoses_compares_and_lists_without_a_model(talks: Talks) -> None:
    await talks.deployed()
    for words, tool in (("diagnose web", "diagnose"), ("what differs?", "drift_explain"), ("list web", "twin_query")):
        assert (await talks.say(words)).tools == [tool]


@pytest.mark.parametrize("words", ["how many containers are there?", "tell me about web", "web 어때?"])
async def test_a_question_about_what_is_there_is_answered_from_the_twin(talks: Talks, words: str) -> None:
    await talks.deployed()
    heard = await talks.say(words)
    assert heard.ended.outcome == "answered"
    assert "web" in heard.text


async def test_an_unclear_request_gets_an_example_and_no_plan(talks: Talks) -> None:
    heard = await talks.say("make it nicer")
    assert heard.ended.outcome == "needs_more"
    assert "deploy nginx:1.27 as web" in heard.text
    assert not heard.tools


@pytest.mark.proves("J1")
async def test_a_secret_in_the_words_is_planned_and_never_kept(talks: Talks, tmp_path: Path) -> None:
    await talks.deployed()
    heard = await talks.say("set PASSWORD=hunter2hunter2 on web")
    plan = await talks.plan(heard.plan_id)
    assert "hunter2hunter2" in str(plan.changes)
    await talks.say("my password is hunter2hunter2, what is running?")
    assert "hunter2" not in str(heard.events)
    for file in tmp_path.glob("conversations.db*"):
        assert b"hunter2" not in file.read_bytes()


async def test_a_thread_is_its_owners_alone(talks: Talks) -> None:
    await talks.say(DEPLOY)
    with pytest.raises(Conflict, match="somebody else"):
        await talks.go_on(role="operator")
    with pytest.raises(Conflict, match="somebody else"):
        await talks.say("why 2?", role="operator")


async def test_two_resumes_of_an_approved_plan_come_to_one_execution(talks: Talks, tmp_path: Path) -> None:
    heard = await talks.say(DEPLOY)
    await talks.decide(heard.plan_id)
    async with talking(tmp_path, house=talks.house) as other:
        one, two = await asyncio.gather(talks.go_on(), other.go_on())
    assert {one.ended.outcome, two.ended.outcome} == {"applied"}
    assert len(await talks.house.services.ledger.all(Execution)) == 1
    assert len(talks.house.effects) == 2


async def test_what_was_said_is_bounded_in_the_state(talks: Talks) -> None:
    for _ in range(20):
        await talks.say("what is running? " + "x" * 3000)
    assert talks.talk._graph is not None
    kept = await talks.talk._graph.aget_state({"configurable": {"thread_id": talks.thread}})
    assert len(str(kept.values)) < 20_000


async def test_postgresql_keeps_a_conversation_for_another_process(tmp_path: Path, postgres_database: str) -> None:
    house = await House(tmp_path).furnish()
    for turn in ("say", "go on"):
        kept = Conversations(services=house.services, registry=REGISTRY, opener=lambda: postgres(postgres_database))
        talks = Talks(house, kept)
        try:
            heard = await (talks.say(DEPLOY) if turn == "say" else talks.go_on())
        finally:
            await kept.close()
        assert heard.ended.outcome == "waiting"
