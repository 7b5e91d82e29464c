"""The proposal without a model: one call of a planning tool, in the person's own words."""

from opstwin.agent.state import State
from opstwin.agent.turn import Turn
from opstwin.control.asking import target_of
from opstwin.domain.ask import Action
from opstwin.domain.target import Target
from opstwin.domain.values import Json
from opstwin.errors import OpstwinError
from opstwin.intent.words import read_request


async def draft(state: State, turn: Turn) -> State:
    """What is proposed: on a cluster with manifests of its own, elsewhere as a plan of the words."""
    words = state["words"]
    arguments: dict[str, Json] = {"words": words}
    tool = "run_create" if await _is_for_cluster(words, turn) else "plan_create"
    return State(proposal={"tool": tool, "arguments": arguments}, trouble="")


async def _is_for_cluster(words: str, turn: Turn) -> bool:
    try:
        ask = read_request(words)
        if ask.action is not Action.DEPLOY:
            return False
        targets = await turn.services.ledger.all(Target)
        target = await turn.services.ledger.need(Target, target_of(ask, targets))
        return turn.services.readers.previewer(target) is not None
    except OpstwinError:
        return False  # planning says what is wrong with it
