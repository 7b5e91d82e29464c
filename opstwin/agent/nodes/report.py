"""Telling what came of it."""

from opstwin.agent.failing import told_reason
from opstwin.agent.state import State, said
from opstwin.agent.turn import Turn
from opstwin.agent.wording import say
from opstwin.domain.approval import Approval, Decision
from opstwin.domain.execution import Execution, ExecutionState

_OUTCOMES = {"rejected": "rejected", "expired": "expired", "stale": "stale"}


async def report(state: State, turn: Turn) -> State:
    """The outcome and its words."""
    outcome = state.get("outcome", "")
    if not outcome or outcome == "waiting":
        outcome = _OUTCOMES.get(state.get("verdict", ""), "needs_more")
    text = turn.say(await _told(state, turn, outcome))
    return State(outcome=outcome, talk=said(state, text))


async def _told(state: State, turn: Turn, outcome: str) -> str:
    language, plan = state["language"], state.get("plan_id", "")
    if state.get("verdict") == "approved" and state.get("execution_id"):
        execution = await turn.services.ledger.need(Execution, state["execution_id"])
        ended = "needs_human" if execution.state is ExecutionState.NEEDS_HUMAN else outcome
        error = execution.error or {}
        reason = told_reason(str(error.get("message") or ""), str(error.get("next_step") or ""), language)
        return say(language, ended, execution=execution.id, reason=reason)
    if outcome == "rejected":
        return say(language, "rejected", plan=plan, reason=await _reason(turn, plan))
    if outcome in ("expired", "stale"):
        return say(language, outcome, plan=plan)
    return told_reason(state.get("trouble", ""), "", language) or say(language, "unclear", doubt="")


async def _reason(turn: Turn, plan: str) -> str:
    given = await turn.services.ledger.all(Approval, {"plan_id": plan})
    said_no = [item for item in given if item.decision is not Decision.APPROVE and item.reason]
    return f": {said_no[-1].reason}" if said_no else ""
