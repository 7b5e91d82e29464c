"""Past deployments that are like what is asked: their ids, for the draft and for the plan's card."""

from typing import Final

from opstwin.agent.drafting.confidence import rate_of
from opstwin.agent.state import State
from opstwin.agent.turn import Turn
from opstwin.domain.ask import Action
from opstwin.domain.deployment import image_parts
from opstwin.domain.example import Example
from opstwin.domain.similarity import Sought
from opstwin.errors import InvalidInput
from opstwin.intent.words import read_request

_DEPLOYING: Final = frozenset({Action.DEPLOY, Action.UPGRADE})


async def retrieve(state: State, turn: Turn) -> State:
    """The ids of similar deployments, and how often what is similar held; none without a memory."""
    found = await examples_for(state["words"], turn)
    return State(
        examples=[item.id for item in found], confidence=round(rate_of(found), 2) if found else None,
    )  # fmt: skip


async def examples_for(words: str, turn: Turn) -> tuple[Example, ...]:
    """What worked before and is like it, of the person's own organisation."""
    memory = turn.services.memory
    try:
        ask = read_request(words)
    except InvalidInput:
        return ()
    if memory is None or ask.action not in _DEPLOYING:
        return ()
    image, _ = image_parts(ask.image or (ask.workload.image if ask.workload is not None else ""))
    tenant = memory.tenant_of(turn.caller.actor.human)
    return await memory.similar(Sought(image=image, target=ask.target or ""), words=words, tenant=tenant)
