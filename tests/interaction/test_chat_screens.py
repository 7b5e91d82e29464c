"""What stays on the screen of a conversation: a plan's reasons when it is shown again, and what a model took."""

import pytest

from opstwin.agent.events import Ended, PlanShown, Said
from opstwin.domain.values import Json
from tests.interaction.chat_home import proposal
from tests.interaction.test_chat_verbs import Desk, desk

__all__ = ["desk"]


async def test_a_plan_that_is_shown_again_has_its_reasons_examples_and_confidence_still(desk: Desk) -> None:
    plan = await desk.home.planned()
    script = list(proposal(plan))
    shown: dict[str, Json] = {"reasons": ["it grew"], "examples": ["dep_7: succeeded"], "confidence": 0.82}
    script[3] = PlanShown(plan_id=plan["id"], card=shown)
    desk.home.talk.answers.append(script)
    ran = await desk.run("chat", lines="deploy app:1 as web\nplan\n")
    for words in ("Why: it grew", "Leans on: dep_7: succeeded", "Confidence: 82%"):
        assert ran.out.count(words) == 2
    until = f"{str(plan['expires_at'])[:16].replace('T', ' ')} UTC"
    assert until in ran.err
    thread = (await desk.home.get("/threads"))["items"][0]["id"]
    back = await desk.run("chat", "--thread", thread, lines="plan\n")
    assert back.out.count("Leans on: dep_7: succeeded") == 2


@pytest.mark.parametrize(
    ("words", "by", "who"),
    [
        ("deploy app:1 as web", "Filled in by: a language model (replicas, resources)", "Who may approve: owner"),
        ("app:1을 web으로 배포해줘", "채운 주체: 언어 모델 (replicas, resources)", "승인할 수 있는 사람: owner"),
    ],
)
async def test_a_card_says_who_filled_in_what_and_who_may_approve_it(desk: Desk, words: str, by: str, who: str) -> None:
    plan = await desk.home.planned()
    script = list(proposal(plan))
    shown: dict[str, Json] = {
        "source": "model", "filled": ["replicas", "resources"], "confidence": 0.64, "approvers": ["owner", "operator"],
        "approve_command": f"opstwin approve {plan['id']}", "approve_url": "http://hub/plans/x",
    }  # fmt: skip
    script[3] = PlanShown(plan_id=plan["id"], card=shown)
    desk.home.talk.answers.append(script)
    ran = await desk.run("chat", lines=f"{words}\n")
    assert by in ran.out
    assert f"{who}, operator · opstwin approve {plan['id']} · http://hub/plans/x" in ran.out


async def test_a_plan_is_shown_in_the_language_of_the_readers_shell(desk: Desk) -> None:
    plan = await desk.home.planned()
    assert "위험도: 낮음" in (await desk.run("show", str(plan["id"]), LC_ALL="ko_KR.UTF-8")).out
    assert "Risk: low" in (await desk.run("show", str(plan["id"]))).out


@pytest.mark.parametrize(
    ("words", "told"),
    [("why?", "asked in vain · 450 tokens · price not known"), ("왜?", "모델에 물었지만 쓰지 못함 · 토큰 450")],
)
async def test_what_a_model_took_is_told_also_when_its_answer_was_of_no_use(desk: Desk, words: str, told: str) -> None:
    ended = Ended(outcome="answered", source="fallback", why="bad", cost_usd=None, input_tokens=400, output_tokens=50)
    desk.home.talk.answers.append([Said(text="It is fine."), ended])
    assert told in (await desk.run("ask", words)).err


async def test_a_turn_without_a_model_says_nothing_of_tokens(desk: Desk) -> None:
    ended = Ended(outcome="answered", source="fallback", why="none is set up", cost_usd=0.0)
    desk.home.talk.answers.append([Said(text="It is fine."), ended])
    assert "tokens" not in (await desk.run("ask", "why?")).err
