"""What this very turn made before its process died: a plan, the way back, or a run's plan, and no second one."""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from opstwin.agent.deploying import MAX_TEXT, request_of
from opstwin.agent.nodes.check import taken_apart
from opstwin.agent.state import MAX_PLANS, State
from opstwin.agent.turn import Turn
from opstwin.control.confiding import confided
from opstwin.control.runs import joined, request_of_run
from opstwin.domain.plan import Plan, PlanState
from opstwin.domain.run import Run, StageName
from opstwin.domain.values import Json
from opstwin.twin.store import Query

_OF_RUN: Final = re.compile(r"(run_[0-9]+): ")
"""How the request of a run's plan begins."""

_LOOKED_AT: Final = 20
"""The newest plans that wait, among which a turn's own is looked for."""


async def made_before(state: State, turn: Turn) -> tuple[Plan | None, State]:
    """The plan that this turn made already, and what is known of its draft; None where it made none.

    A run whose plan was stored and not yet joined to it is joined now.
    """
    requests = _requests(state)
    if not requests:
        return None, State()
    by_run = taken_apart(state)[0] == "run_create"
    mine = await _mine(state, turn)
    if not by_run:
        return next((plan for plan in mine if plan.request in requests), None), State()
    found = next((plan for plan in mine if _is_of_run(plan, requests)), None)
    run = await turn.services.ledger.get(Run, _run_of(found)) if found is not None else None
    if found is None or run is None:
        return None, State()
    run = await joined(turn.services.ledger, run, found, turn.caller.actor)
    details = (stage.details for stage in run.stages if stage.name is StageName.ANALYSIS)
    return found, of_analysis(next(details, {}))


def of_stages(stages: Iterable[Mapping[str, Any]]) -> State:
    """What a run that was just made says of its draft."""
    named = (item.get("details") or {} for item in stages if item.get("name") == StageName.ANALYSIS.value)
    return of_analysis(next(named, {}))


def of_analysis(found: Mapping[str, Any]) -> State:
    """What the stage that analysed says of a run's draft; nothing where it did not."""
    if not found.get("source"):
        return State()
    confidence = found.get("confidence")
    told: dict[str, Json] = {key: str(found.get(key) or "")[:MAX_TEXT] for key in ("source", "why", "reasoning")}
    return State(
        draft=told | {"confidence": confidence}, confidence=confidence,
        examples=[str(item) for item in found.get("cited", [])][:MAX_PLANS],
    )  # fmt: skip


def _requests(state: State) -> set[str]:
    """What the plan of this proposal would say that was asked for."""
    tool, arguments = taken_apart(state)
    if tool == "rollback_plan":
        return {f"roll back {arguments.get('id', '')}"}
    if tool == "plan_create" and (state.get("draft") or {}).get("filled"):
        return {confided(request_of(state["words"]))}
    words = arguments.get("words")
    return {words, confided(words, {})} if isinstance(words, str) else set()


def _run_of(plan: Plan) -> str:
    found = _OF_RUN.match(plan.request)
    return found[1] if found else ""


def _is_of_run(plan: Plan, requests: Iterable[str]) -> bool:
    run = _run_of(plan)
    return bool(run) and any(request_of_run(run, words) == plan.request for words in requests)


async def _mine(state: State, turn: Turn) -> list[Plan]:
    """The plans that wait, which this turn's actor made since it began and which the conversation does not know."""
    began, known = datetime.fromisoformat(state["began_at"]), set(state.get("plans", []))
    where: dict[str, str | bool | None] = {"state": PlanState.PENDING.value}
    page = await turn.services.ledger.store.find(Query(Plan, where, limit=_LOOKED_AT, newest_first=True))
    mine = (item for item in page.items if item.requested_by == turn.caller.actor and item.created_at >= began)
    return [item for item in mine if item.id not in known]
