"""A model's answer in a conversation while it is written, and what comes of one that breaks off."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from opstwin.agent.budgets import Limits
from opstwin.agent.events import Said, ToolBegan
from opstwin.agent.models.failures import Reason, failure
from opstwin.agent.models.port import Delta, ModelReply, ModelRequest, Stop
from opstwin.agent.models.scripted import Fault, ScriptedModel, Trouble, Turn, call, calling
from opstwin.domain.plan import Plan
from tests.interaction.planner_home import Heard, talking

ASK = "how is web?"
ANSWER = "It needs 256 MiB because plan_1 used nearly as much last time."
CUT = Fault(trouble=Trouble.CUT, text="It needs 256 MiB because plan_1 us")
OVER = ModelReply(text="It needs 256 MiB because plan_1 us", stop=Stop.LENGTH)


async def said(folder: Path, *turns: Turn, words: str = ASK) -> tuple[Heard, ScriptedModel]:
    model = ScriptedModel(turns)
    async with talking(folder, model) as talks:
        heard = await talks.say(words)
        assert not talks.house.effects
        return heard, model


def pieces(heard: Heard) -> list[str]:
    return [item.text for item in heard.events if isinstance(item, Said)]


@dataclass
class Gated:
    """A model that stops in the middle of its answer until it is let go on; `closed` counts streams that ended."""

    gate: asyncio.Event = field(default_factory=asyncio.Event)
    asked: int = 0
    closed: int = 0

    async def complete(self, request: ModelRequest) -> ModelReply:
        raise failure(Reason.DOWN, "gated")

    async def stream(self, request: ModelRequest) -> AsyncIterator[Delta]:
        self.asked += 1
        try:
            yield Delta(text="The first half comes at once, ")
            await self.gate.wait()
            yield Delta(text="the second one later.")
            yield Delta(reply=ModelReply(text="The first half comes at once, the second one later."))
        finally:
            self.closed += 1


@pytest.mark.req("S5.9")
async def test_an_answer_is_heard_word_by_word(tmp_path: Path) -> None:
    heard, _ = await said(tmp_path, ANSWER)
    assert heard.text == f"{ANSWER}\n\n"
    assert len([piece for piece in pieces(heard) if piece.strip()]) >= 5


async def test_what_is_written_is_heard_before_the_rest_is(tmp_path: Path) -> None:
    model = Gated()
    async with talking(tmp_path, model) as talks:
        events = talks.talk.say("t", await talks.person(), ASK)
        first = await anext(item async for item in events if isinstance(item, Said))
        assert first.text == "The first half comes at once,"
        model.gate.set()
        rest = "".join([item.text async for item in events if isinstance(item, Said)])
    assert rest == " the second one later.\n\n"


async def test_who_stops_listening_ends_the_models_stream(tmp_path: Path) -> None:
    model = Gated()
    async with talking(tmp_path, model) as talks:
        events = talks.talk.say("t", await talks.person(), ASK)
        await anext(item async for item in events if isinstance(item, Said))
        assert model.closed == 0
        await events.aclose()  # type: ignore[attr-defined]
    assert (model.asked, model.closed) == (1, 1)


async def test_a_stream_that_takes_too_long_ends_with_the_budget_and_is_said_to_have_broken_off(tmp_path: Path) -> None:
    model = Gated()
    async with talking(tmp_path, model, Limits(seconds=0.2)) as talks:
        heard = await talks.say(ASK)
    assert heard.text.startswith("The first half comes at once, …\n\nThe model's answer broke off there.")
    assert (heard.ended.source, heard.ended.why, model.closed) == ("fallback", "the budget is used up", 1)


@pytest.mark.parametrize("broken", [CUT, OVER], ids=["cut", "over"])
@pytest.mark.parametrize(
    "then", ["used nearly as much last time.", ANSWER, "because plan_1 used nearly as much last time."],
    ids=["goes on", "begins anew", "overlaps"],
)  # fmt: skip
@pytest.mark.proves("B6")
async def test_an_answer_that_broke_off_is_gone_on_with_and_nothing_of_it_is_said_twice(
    tmp_path: Path, broken: Turn, then: str
) -> None:
    heard, model = await said(tmp_path, broken, then)
    assert heard.text == f"{ANSWER}\n\n"
    assert (heard.ended.source, len(model.requests)) == ("scripted", 2)
    assert [message.text for message in model.requests[1].messages[-2:-1]] == ["It needs 256 MiB because plan_1"]


@pytest.mark.parametrize("broken", [CUT, OVER], ids=["cut", "over"])
@pytest.mark.proves("B6")
async def test_an_answer_that_keeps_breaking_off_is_said_once_and_labelled(tmp_path: Path, broken: Turn) -> None:
    heard, model = await said(tmp_path, *[broken] * 9)
    assert heard.text.count("It needs 256 MiB") == 1
    assert "because plan_1 …\n\nThe model's answer broke off there. What follows is without it." in heard.text
    assert heard.ended.why == "its answer broke off"
    assert len(model.requests) == 3


async def test_a_question_in_korean_is_told_in_korean_that_its_answer_broke_off(tmp_path: Path) -> None:
    cut = Fault(trouble=Trouble.CUT, text="지난번 배포에서 메모리를 거의 다 썼기 때문에 그렇습")
    heard, _ = await said(tmp_path, *[cut] * 9, words="웹은 어떻습니까 web?")
    assert "모델의 답이 여기서 끊겼습니다" in heard.text


async def test_a_model_that_fails_in_the_middle_is_not_asked_again_from_the_start(tmp_path: Path) -> None:
    class Failing(Gated):
        async def stream(self, request: ModelRequest) -> AsyncIterator[Delta]:
            self.asked += 1
            yield Delta(text="The first half comes at once, ")
            raise failure(Reason.TIMEOUT, "gated")

    model = Failing()
    async with talking(tmp_path, model) as talks:
        heard = await talks.say("deploy app:1 as web")
        plans = await talks.house.services.ledger.all(Plan)
    assert (model.asked, len(plans)) == (1, 1)
    assert heard.text.startswith("The first half comes at once, …\n\nThe model's answer broke off there.")
    assert heard.ended.outcome == "waiting"


async def test_what_a_model_says_before_it_calls_a_tool_is_heard_before_the_call(tmp_path: Path) -> None:
    heard, _ = await said(tmp_path, calling(call("twin_query"), text="Let me look at what runs."), "Nothing runs here.")
    kinds = [type(item) for item in heard.events if isinstance(item, Said | ToolBegan)]
    assert kinds.index(ToolBegan) > 0
    assert heard.text == "Let me look at what runs.\n\nNothing runs here.\n\n"


async def test_what_was_said_before_something_had_to_be_mended_is_not_said_again(tmp_path: Path) -> None:
    deploy = call("plan_create", words="deploy app:1 as web")
    two = calling(deploy, call("plan_create", "b", words="deploy app:1 as x"), text="I propose a small web server.")
    heard, _ = await said(
        tmp_path, two, calling(deploy, text="I propose a small web server."), words="deploy app:1 as web"
    )
    assert heard.text.count("I propose a small web server.") == 1
    assert heard.ended.outcome == "waiting"


async def test_a_claim_beside_a_proposal_is_set_right(tmp_path: Path) -> None:
    deploy = call("plan_create", words="deploy app:1 as web")
    heard, _ = await said(
        tmp_path, calling(deploy, text="I have approved and applied it."), words="deploy app:1 as web"
    )
    assert "nothing was approved or applied in this turn" in heard.text


async def test_an_apology_is_never_shown(tmp_path: Path) -> None:
    heard, _ = await said(tmp_path, "I'm sorry, I apologize for the confusion.", "Nothing is wrong with web.")
    assert heard.text == "Nothing is wrong with web.\n\n"


@pytest.mark.proves("H4")
async def test_an_address_is_never_shown_whole_in_any_piece_or_sum_of_pieces(tmp_path: Path) -> None:
    heard, _ = await said(tmp_path, "It is all at https://evil.example/?q=CANARY and [here](https://evil.example) too.")
    for place in range(len(pieces(heard))):
        shown = "".join(pieces(heard)[: place + 1])
        assert "https://evil" not in shown
        assert "](h" not in shown
