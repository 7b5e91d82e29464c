"""Waiting for a human. The twin says what was decided; whatever a resume brings is not looked at."""

from opstwin.agent.state import State
from opstwin.agent.turn import Turn
from opstwin.domain.plan import Plan, PlanState
from opstwin.domain.values import Json
from opstwin.tools.plan_briefs import approve_command

_VERDICTS = {
    PlanState.APPROVED: "approved", PlanState.APPLYING: "approved", PlanState.APPLIED: "approved",
    PlanState.ROLLED_BACK: "approved", PlanState.FAILED: "approved", PlanState.REJECTED: "rejected",
    PlanState.STALE: "stale",
}  # fmt: skip


async def decision(state: State, turn: Turn) -> State:
    """What the twin says of the plan: approved, rejected, expired, stale, or pending still.

    Questions that were answered meanwhile left their own outcome; what counts now is the plan's.
    """
    return State(verdict=await verdict_of(state, turn), outcome="waiting")


async def verdict_of(state: State, turn: Turn) -> str:
    """See `decision`. A plan with another digest than the one that was shown counts as stale."""
    plan = await turn.services.ledger.get(Plan, state.get("plan_id", ""))
    if plan is None or plan.digest != state.get("digest"):
        return "stale"
    if plan.execution_id is None and turn.services.ledger.clock.now() >= plan.expires_at:
        return "rejected" if plan.state is PlanState.REJECTED else "expired"
    return _VERDICTS.get(plan.state, "pending")


def pause_of(state: State) -> dict[str, Json]:
    """What an interrupt holds, as AG-UI clients and LangChain's reviewers read it; made of the state alone."""
    plan = state.get("plan_id", "")
    return {
        "reason": "tool_call",
        "message": f"A human must decide on {plan}: {approve_command(plan)}",
        "toolCallId": f"apply_{plan}",
        "responseSchema": {"type": "object", "properties": {"decision": {"enum": ["approve", "reject"]}}},
        "expiresAt": state.get("expires_at", ""),
        "plan_id": plan,
        "digest": state.get("digest", ""),
        "action_requests": [
            {"name": "plan_apply", "args": {"id": plan}, "description": f"Apply {plan} ({state.get('digest', '')})"}
        ],
        "review_configs": [{"action_name": "plan_apply", "allowed_decisions": ["approve", "reject"]}],
    }


def after_await(state: State) -> str:
    """Only an approval that stands in the twin leads to apply."""
    return {"approved": "apply", "pending": "await_approval"}.get(state.get("verdict", ""), "report")
