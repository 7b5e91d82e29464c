"""The first step: what is asked."""

from typing import Final

from opstwin.agent.state import State
from opstwin.agent.turn import Turn
from opstwin.agent.understanding import CHANGE, COMPARE, DECISION, DIAGNOSE, EXPLAIN, HISTORY, UNDO, understood
from opstwin.domain.plan import Plan, PlanState
from opstwin.logs import MASK

BRANCHES: Final = {CHANGE: "retrieve", UNDO: "undo", DIAGNOSE: "diagnose", COMPARE: "compare", EXPLAIN: "explain",
                   HISTORY: "explain"}  # fmt: skip


async def understand(state: State, turn: Turn) -> State:
    """What kind of request it is, and about what."""
    waits = await stands(state, turn) is not None
    found = await understood(turn.services.ledger, turn.said or state["words"], waits=waits)
    kept = state["words"].lower()
    # What is asked about is kept: a word that is masked in what is kept of the request is a secret, and no name.
    subject, target = (name if name.lower() in kept else "" for name in (found.subject, found.target))
    changed = State(kind=found.kind, subject=subject, target=target)
    if turn.model is None:
        changed |= State(source="fallback", why="no_key")
    elif found.kind == CHANGE and MASK in state["words"]:
        # A change is made in the very words, and those go to no model.
        changed |= State(source="fallback", why="secret")
    return changed


async def stands(state: State, turn: Turn) -> Plan | None:
    """The plan of this conversation that still waits for a decision."""
    plan = await turn.services.ledger.get(Plan, state.get("plan_id", "")) if state.get("plan_id") else None
    open_ = plan is not None and plan.state in (PlanState.PENDING, PlanState.APPROVED)
    return plan if plan is not None and open_ and turn.services.ledger.clock.now() < plan.expires_at else None


def after_understand(state: State) -> str:
    """Where it goes on. A model, where there is one, reads all but what is a person's own to decide."""
    if state["kind"] == DECISION:
        return "answer"
    if state.get("source") == "fallback":
        return BRANCHES.get(state["kind"], "answer")
    return "retrieve" if state["kind"] == CHANGE else "converse"
