"""A proposal before it is planned: one known planning tool, with input that it takes."""

from typing import Final

from opstwin.agent.state import State
from opstwin.agent.turn import Turn
from opstwin.domain.values import Json
from opstwin.errors import OpstwinError
from opstwin.logs import MASK
from opstwin.tools import guard

PROPOSING: Final = frozenset({"plan_create", "rollback_plan", "run_create"})
"""The tools that draft a plan and do nothing else. No other tool that changes anything is ever called."""


async def check(state: State, turn: Turn) -> State:
    """`trouble` says what is wrong with the proposal, empty when nothing is."""
    tool, arguments = taken_apart(state)
    if tool not in PROPOSING:
        return State(trouble=f"{tool[:40] or 'nothing'} proposes no plan.")
    if MASK in str(arguments) and not (turn.said and arguments.get("words") == state["words"]):
        return State(trouble="A secret in it is masked, and is not kept. Say the whole request again.")
    try:
        guard.validated(turn.registry[tool], arguments, as_text=False)
    except OpstwinError as error:
        return State(trouble=str(error))
    return State(trouble="")


def taken_apart(state: State) -> tuple[str, dict[str, Json]]:
    """The tool and the arguments of the proposal."""
    proposal = state.get("proposal") or {}
    arguments = proposal.get("arguments")
    return str(proposal.get("tool", "")), dict(arguments) if isinstance(arguments, dict) else {}
