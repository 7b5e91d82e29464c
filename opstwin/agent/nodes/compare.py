"""What differs from what should be."""

from opstwin.agent.nodes.diagnose import answered_by
from opstwin.agent.state import State
from opstwin.agent.turn import Turn
from opstwin.domain.values import Json


async def compare(state: State, turn: Turn) -> State:
    """The drift of what was named, or all of it."""
    raw: dict[str, Json] = {"resource": state["subject"]} if state.get("subject") else {}
    if state.get("target"):
        raw["target"] = state["target"]
    return await answered_by(state, turn, "drift_explain", raw)
