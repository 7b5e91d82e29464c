"""The draft of what is proposed: a deployment gets what nobody said, on a cluster with manifests of its own."""

from collections.abc import Mapping

from opstwin.agent.deploying import Base, base_of, drafted, kept_of
from opstwin.agent.learning import learned
from opstwin.agent.nodes.check import taken_apart
from opstwin.agent.state import State
from opstwin.agent.turn import Turn
from opstwin.domain.values import Json
from opstwin.errors import OpstwinError
from opstwin.logs import MASK


async def draft(state: State, turn: Turn) -> State:
    """The proposal, and what a draft fills in; without a proposal of a model, one in the person's own words."""
    tool, arguments = taken_apart(state)
    if not tool:
        tool, arguments = "plan_create", {"words": state["words"]}
    made = State(proposal={"tool": tool, "arguments": arguments}, draft={}, trouble="")
    base = await _base(tool, arguments, turn, state)
    if base is None:
        return made
    if turn.services.readers.previewer(base.target) is not None:
        # A run drafts by itself, with the manifests.
        by_run = "words" in arguments and not set(arguments) - {"words", "target"}
        return made | State(proposal={"tool": "run_create", "arguments": arguments}) if by_run else made
    return made | await _filled(base, state, turn)


async def _base(tool: str, arguments: Mapping[str, Json], turn: Turn, state: State) -> Base | None:
    if tool != "plan_create":
        return None
    try:
        return await base_of(arguments, turn)
    except OpstwinError:
        return None  # planning says what is wrong with it


async def _filled(base: Base, state: State, turn: Turn) -> State:
    words, language = state["words"], state["language"]
    try:
        found = await drafted(base, words, language, turn, _without(state))
        if found is None:
            return State()
        found = await learned(base, found, words, language, turn)
    except OpstwinError:
        return State()  # planning says what is wrong with it
    spent = turn.spent
    return State(
        draft=kept_of(base, found, words), confidence=found.confidence,
        examples=list(dict.fromkeys([*found.examples, *([] if found.examples else state.get("examples", []))])),
        cost_usd=spent.cost_usd, input_tokens=spent.input_tokens, output_tokens=spent.output_tokens,
    )  # fmt: skip


def _without(state: State) -> str:
    """Why no model is asked; empty when one is. Words with a secret in them go to none."""
    if state.get("source") == "fallback":
        return state.get("why", "") or "no_key"
    return "secret" if MASK in state["words"] else ""
