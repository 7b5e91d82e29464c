"""The way back from what this conversation did last: a plan like any other."""

from opstwin.agent.state import State, said
from opstwin.agent.turn import Turn
from opstwin.agent.wording import say
from opstwin.domain.plan import Plan


async def undo(state: State, turn: Turn) -> State:
    """A proposal of the way back, or words that there is nothing to go back from."""
    subject = state.get("subject", "") or await _last(state, turn)
    if subject:
        return State(proposal={"tool": "rollback_plan", "arguments": {"id": subject}}, draft={}, trouble="")
    text = turn.say(say(state["language"], "nothing_to_undo"))
    return State(proposal={}, outcome="needs_more", talk=said(state, text))


async def _last(state: State, turn: Turn) -> str:
    for id in reversed(state.get("plans", [])):
        plan = await turn.services.ledger.get(Plan, id)
        if plan is not None and plan.execution_id is not None:
            return str(plan.execution_id)
    return ""


def after_undo(state: State) -> str:
    """On to checking the proposal, where there is one."""
    return "check" if state.get("proposal") else "rest"
