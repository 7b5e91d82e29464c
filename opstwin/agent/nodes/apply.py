"""Starting what was approved. The hub takes an approval once, so two of these come to one execution."""

from opstwin.agent.state import State
from opstwin.agent.turn import Turn
from opstwin.errors import Conflict, NotApproved, StalePlan


async def apply(state: State, turn: Turn) -> State:
    """The execution's id, or why there is none."""
    answer = await turn.call("plan_apply", {"id": state.get("plan_id", "")})
    if answer.error is None:
        return State(execution_id=str(answer.data["id"]), trouble="", outcome="")
    if isinstance(answer.error, StalePlan):
        return State(outcome="stale", trouble=answer.text)
    if isinstance(answer.error, NotApproved):
        rejected = answer.error.details.get("status") == "rejected"
        return State(outcome="rejected" if rejected else "expired", trouble=answer.text)
    retry = answer.error.retry_after_s if isinstance(answer.error, Conflict) else None
    if retry and state.get("repairs", 0) < turn.spent.limits.steps:
        await turn.services.ledger.clock.sleep(retry)
        return State(outcome="again", repairs=state.get("repairs", 0) + 1)
    return State(outcome="failed", trouble=answer.text)


def after_apply(state: State) -> str:
    """On to watching it, or to telling why nothing was started."""
    if state.get("outcome") == "again":
        return "apply"
    return "report" if state.get("outcome") else "verify"
