"""Making the plan: the one tool call of the proposal, and the card that is shown of what came of it."""

from datetime import datetime
from typing import Any

from opstwin.agent.events import PlanShown
from opstwin.agent.nodes.check import taken_apart
from opstwin.agent.nodes.retrieve import examples_for
from opstwin.agent.state import MAX_PLANS, State, said
from opstwin.agent.turn import Turn
from opstwin.agent.wording import say
from opstwin.control.confiding import confided
from opstwin.domain.plan import Plan, PlanState, summary
from opstwin.domain.plan_text import plan_lines
from opstwin.domain.values import Json
from opstwin.errors import RequestError
from opstwin.tools.plan_briefs import approve_command
from opstwin.tools.plan_views import approve_url
from opstwin.twin.store import Query


async def plan(state: State, turn: Turn) -> State:
    """The plan's id and digest; or the trouble, when it is one that other words may mend."""
    made = await _made_before(state, turn)
    if made is None:
        tool, arguments = taken_apart(state)
        if arguments.get("words") == state["words"] and turn.said:
            arguments["words"] = turn.said
        answer = await turn.call(tool, arguments)
        if answer.error is not None:
            trouble = answer.text if isinstance(answer.error, RequestError) else ""
            return State(trouble=trouble or str(answer.error), outcome="" if trouble else "failed")
        id = (
            str(answer.data.get("plan_id") or answer.data.get("id") or "")
            if tool == "run_create"
            else str(answer.data["id"])
        )
        made = await turn.services.ledger.get(Plan, id)
    if made is None:
        return State(trouble="No plan came of it.", outcome="failed")
    return await _shown(state, turn, made)


async def card_of(state: State, turn: Turn, made: Plan) -> dict[str, Json]:
    """What is shown of a plan, with what the conversation knows beside it."""
    veil, kept = turn.services.veil.over, set(state.get("examples", []))
    examples = [item for item in await examples_for(state["words"], turn) if item.id in kept]
    shown: list[Json] = [
        {"id": item.id, "summary": veil(f"{item.service} {item.image}: {item.outcome}"), "outcome": item.outcome}
        for item in examples
    ]
    reasons = dict.fromkeys(reason for change in made.changes for reason in change.reasons)
    lines: list[Json] = [veil(line) for line in plan_lines(made, state["language"])]
    return {
        "id": made.id, "digest": made.digest, "target": made.target, "summary": str(summary(made.changes)),
        "diff": lines, "risk": made.risk.value, "reasons": [veil(item) for item in reasons], "examples": shown,
        "confidence": state.get("confidence"), "notes": [veil(item) for item in made.notes], "tainted": made.tainted,
        "state": made.state.value, "expires_at": made.expires_at.isoformat(),
        "approve_url": approve_url(made, turn.caller), "approve_command": approve_command(made.id),
    }  # fmt: skip


async def _shown(state: State, turn: Turn, made: Plan) -> State:
    await turn.services.veil.ready()
    card = await card_of(state, turn, made)
    done = made.state is PlanState.APPLIED
    if done:
        text = turn.say(say(state["language"], "nothing_to_do", plan=made.id))
    else:
        turn.tell(PlanShown(plan_id=made.id, card=card))
        first = say(state["language"], "planned", plan=made.id, summary=card["summary"], risk=made.risk.value)
        text = turn.say(f"{first} {say(state['language'], 'decide', command=approve_command(made.id))}")
    plans = [*state.get("plans", []), str(made.id)][-MAX_PLANS:]
    found = State(trouble="", talk=said(state, text), plans=list(dict.fromkeys(plans)))
    if done:
        return found | State(outcome="answered")
    return found | State(
        plan_id=str(made.id), digest=str(made.digest), expires_at=made.expires_at.isoformat(), execution_id="",
        outcome="waiting",
    )  # fmt: skip


async def _made_before(state: State, turn: Turn) -> Plan | None:
    """The plan that this very turn made before its process died; there is then no second one."""
    tool, arguments = taken_apart(state)
    words = arguments.get("words")
    if tool != "plan_create" or not isinstance(words, str):
        return None
    began = datetime.fromisoformat(state["began_at"])
    where: dict[str, Any] = {"state": PlanState.PENDING.value}
    page = await turn.services.ledger.store.find(Query(Plan, where, limit=20, newest_first=True))
    mine = (item for item in page.items if item.requested_by == turn.caller.actor and item.created_at >= began)
    known = set(state.get("plans", []))
    return next((item for item in mine if item.request in (words, confided(words, {})) and item.id not in known), None)


def after_check(state: State) -> str:
    """A model mends its own proposal a few times; without one the trouble is told."""
    return "mend" if state.get("trouble") else "plan"


def after_plan(state: State) -> str:
    """Where it goes on after the plan was made, or was not."""
    if state.get("trouble"):
        return "report" if state.get("outcome") else "mend"
    return "await_approval" if state.get("outcome") == "waiting" else "rest"
