"""The end of an answer: a plan that waits goes on waiting, unchanged."""

from opstwin.agent.nodes.understand import stands
from opstwin.agent.state import State
from opstwin.agent.turn import Turn


async def rest(state: State, turn: Turn) -> State:
    """Whether a plan of this conversation still waits."""
    waits = await stands(state, turn) is not None
    return State(verdict="pending" if waits else "", outcome=state.get("outcome") or "answered")


def after_rest(state: State) -> str:
    """Back to waiting, or done."""
    return "await_approval" if state.get("verdict") == "pending" else "end"
