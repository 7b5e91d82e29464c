"""What this very turn made before its process died: a plan, the way back, or a run's plan, and no second one."""

import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from opstwin.agent.deploying import MAX_TEXT
from opstwin.agent.nodes.check import taken_apart
from opstwin.agent.state import MAX_PLANS, State
from opstwin.agent.turn import Turn
from opstwin.control.ids import id_from
from opstwin.control.runs import joined
from opstwin.domain.plan import Origin, Plan, PlanState
from opstwin.domain.run import Run, StageName
from opstwin.domain.values import Json, canonical

_OF_RUN: Final = re.compile(r"(run_[0-9]+): ")
"""How the request of a run's plan begins."""


async def plan_id_of(state: State, turn: Turn) -> str:
    """The id of the plan that this call of this turn of this conversation makes: the same after a kill, and no other's.

    The plans before it tell turns apart that begin at one moment. A plan that was withdrawn keeps its id to itself.
    """
    tool, arguments = taken_apart(state)
    whole: list[Json] = [turn.thread, state["began_at"], state["words"], [*state.get("plans", [])], tool, arguments]
    id = _id_from(whole)
    while (made := await turn.services.ledger.get(Plan, id)) is not None and _is_withdrawn(made):
        id = _id_from([*whole, id])
    return id


async def made_before(state: State, turn: Turn) -> tuple[Plan | None, State]:
    """The plan that this turn made already, whatever became of it since, and what is known of its draft.

    None where it made none. A run whose plan was stored and not yet joined to it is joined now.
    """
    made = await turn.services.ledger.get(Plan, await plan_id_of(state, turn))
    if made is None or made.requested_by != turn.caller.actor or _is_to_be_checked(made):
        return None, State()
    run = await turn.services.ledger.get(Run, _run_of(made)) if taken_apart(state)[0] == "run_create" else None
    if run is None:
        return made, State()
    run = await joined(turn.services.ledger, run, made, turn.caller.actor)
    details = (stage.details for stage in run.stages if stage.name is StageName.ANALYSIS)
    return made, of_analysis(next(details, {}))


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


def _id_from(whole: Json) -> str:
    return id_from("plan", hashlib.sha256(canonical(whole).encode("utf-8", "surrogatepass")).digest())


def _is_withdrawn(made: Plan) -> bool:
    """Whether the tool took its plan back, or it became stale before anything ran: then nothing was made."""
    return made.origin is Origin.COMPONENT and made.state is PlanState.STALE and made.execution_id is None


def _is_to_be_checked(made: Plan) -> bool:
    """Whether the tool looks at its plan once more when it is stored: then it is called again, and finds this one."""
    return made.origin is Origin.COMPONENT and made.state is PlanState.PENDING


def _run_of(plan: Plan) -> str:
    found = _OF_RUN.match(plan.request)
    return found[1] if found else ""
