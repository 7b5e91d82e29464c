"""What was done and why: a plan, an execution, or the past of a workload."""

from opstwin.agent.answering import past
from opstwin.agent.nodes.diagnose import answered_by
from opstwin.agent.nodes.understand import stands
from opstwin.agent.state import State
from opstwin.agent.turn import Turn
from opstwin.domain.plan import Plan
from opstwin.domain.values import Json


async def explain(state: State, turn: Turn) -> State:
    """The record that the question is about: what is named, else the workload's past, else the last of this talk."""
    subject = state.get("subject", "")
    if subject.startswith("plan_"):
        return await answered_by(state, turn, "plan_show", {"id": subject, "language": state["language"]})
    execution = subject if subject.startswith("exec_") else ""
    if not subject:
        execution = state.get("execution_id", "")
    if execution and state["kind"] != "history":
        return await answered_by(state, turn, "execution_get", {"id": execution})
    raw: dict[str, Json] = {"limit": 5}
    workload = subject if subject and not execution else await _workload(state, turn)
    if workload:
        raw["workload"] = workload
    return await past(state, turn, raw)


async def _workload(state: State, turn: Turn) -> str:
    """The workload of the plan that waits, or of the last one of this conversation."""
    plan: Plan | None = await stands(state, turn)
    if plan is None and state.get("plans"):
        plan = await turn.services.ledger.get(Plan, state["plans"][-1])
    names = [item.name for item in plan.workloads] if plan is not None else []
    return names[0] if names else ""
