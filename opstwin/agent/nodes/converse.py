"""The step in which a model reads, answers, or proposes one change. Its loop is bounded, and so is what it may call."""

from collections.abc import Sequence

from opstwin.agent import guards
from opstwin.agent.looping import Loop, Outcome
from opstwin.agent.models.port import LanguageModel
from opstwin.agent.nodes.retrieve import examples_for
from opstwin.agent.nodes.understand import BRANCHES, stands
from opstwin.agent.state import State, said
from opstwin.agent.turn import Turn
from opstwin.agent.wording import say
from opstwin.errors import ModelError
from opstwin.prompts.loading import prompts
from opstwin.tools.untrusted import cleaned


async def converse(state: State, turn: Turn) -> State:
    """The model's answer or proposal; the way without a model, with the reason, when the model was of no use."""
    model = turn.model
    if model is None:
        return _without(state, turn, "no_key")
    repairs = state.get("repairs", 0) + bool(state.get("trouble"))
    if repairs > turn.spent.limits.repairs:
        return _without(state, turn, "bad_output") | State(repairs=repairs)
    before = len(turn.spoken)
    try:
        ended = await _looped(state, turn, model, repairs)
    except ModelError as error:
        turn.give_up(say(state["language"], "broke_off"))
        return _without(state, turn, str(error.details.get("reason") or "down")) | State(repairs=repairs)
    finally:
        _set_right(state, turn, turn.spoken[before:])
    found = State(source=turn.spent.model, why="", repairs=ended.repairs, trouble="", **_counts(turn))
    if ended.proposal is not None:
        return found | State(proposal=dict(ended.proposal))
    return found | State(proposal={}, outcome="answered", talk=said(state, ended.text))


def _set_right(state: State, turn: Turn, spoken: Sequence[str]) -> None:
    """What a model claims to have done stands there already; it has done nothing."""
    if any(map(guards.claims_effect, spoken)):
        turn.say(say(state["language"], "not_done"))


async def _looped(state: State, turn: Turn, model: LanguageModel, repairs: int) -> Outcome:
    language = "Korean" if state["language"] == "ko" else "English"
    prompt = prompts("chat")["converse"].filled({"language": language, "facts": await _facts(state, turn)})
    return await Loop(turn, model, prompt, repairs).run(state)


async def _facts(state: State, turn: Turn) -> str:
    """What the hub knows of this conversation, for the model."""
    lines = []
    plan = await stands(state, turn)
    if plan is not None:
        lines.append(
            f"A plan of this conversation waits for a human: {plan.id}, risk {plan.risk.value}. Use plan_show."
        )
    if state.get("execution_id"):
        lines.append(f"The last execution of this conversation is {state['execution_id']}.")
    lines += [
        f"Past deployment {item.id}: {cleaned(item.manifest_summary or item.image, one_line=True)} ({item.outcome})."
        for item in await examples_for(state["words"], turn)
    ]
    return "\n".join(lines)


def _without(state: State, turn: Turn, reason: str) -> State:
    return State(source="fallback", why=reason, proposal={}, trouble="", outcome="", **_counts(turn))


def _counts(turn: Turn) -> State:
    spent = turn.spent
    return State(
        cost_usd=spent.cost_usd, input_tokens=spent.input_tokens, output_tokens=spent.output_tokens, steps=spent.steps
    )


def after_converse(state: State) -> str:
    """On to the proposal, to the end of the answer, or to the way without a model."""
    if state.get("source") == "fallback":
        branch = BRANCHES.get(state["kind"], "answer")
        return "draft" if branch == "retrieve" else branch
    return "draft" if state.get("proposal") else "rest"
