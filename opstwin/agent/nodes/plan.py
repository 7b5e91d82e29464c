"""Making the plan: the one tool call of the proposal, and the card that is shown of what came of it."""

from collections.abc import Mapping

from opstwin.agent.deploying import behind_of, file_with
from opstwin.agent.events import PlanShown
from opstwin.agent.failing import told_error
from opstwin.agent.made_before import made_before, of_stages, plan_id_of
from opstwin.agent.nodes.check import taken_apart
from opstwin.agent.nodes.retrieve import examples_for
from opstwin.agent.state import MAX_PLANS, State, said
from opstwin.agent.turn import Turn
from opstwin.agent.wording import field_word, say
from opstwin.control.wording import note_in
from opstwin.domain.plan import Plan, PlanState, summary
from opstwin.domain.plan_text import plan_lines, risk_word, summary_line
from opstwin.domain.reasons import told
from opstwin.domain.values import Json
from opstwin.errors import OpstwinError, RequestError
from opstwin.tools.plan_briefs import approve_command
from opstwin.tools.plan_views import approve_url
from opstwin.tools.waiting import NAMED, still_needed


async def plan(state: State, turn: Turn) -> State:
    """The plan's id and digest; or the trouble, when it is one that other words may mend."""
    made, of_draft = await made_before(state, turn)
    state = state | of_draft
    if made is None:
        (tool, arguments), key = taken_apart(state), await plan_id_of(state, turn)
        behind = behind_of(state.get("draft") or {}, state["words"], arguments)
        if arguments.get("words") == state["words"] and turn.said:
            arguments["words"] = turn.said
        file = await _with_draft(state, arguments, turn) if tool == "plan_create" else None
        answer = await (turn.call(tool, arguments, plan_id=key) if file is None else turn.call(tool, file, behind, key))
        if answer.error is not None:
            fallback = state.get("source") == "fallback"
            text = told_error(answer.error, state["language"]) if fallback else answer.text
            trouble = text if isinstance(answer.error, RequestError) else ""
            return State(trouble=trouble or str(answer.error), outcome="" if trouble else "failed")
        id = (
            str(answer.data.get("plan_id") or answer.data.get("id") or "")
            if tool == "run_create"
            else str(answer.data["id"])
        )
        made = await turn.services.ledger.get(Plan, id)
        if tool == "run_create":
            state = state | of_stages(answer.data.get("stages", []))
    if made is None:
        return State(trouble="No plan came of it.", outcome="failed")
    return await _shown(state, turn, made)


async def card_of(state: State, turn: Turn, made: Plan) -> dict[str, Json]:
    """What is shown of a plan, with what the conversation knows beside it."""
    veil, drafted = turn.services.veil.over, state.get("draft") or {}
    shown, able = await _examples(state, turn), await still_needed(turn.services, made)
    reasons = dict.fromkeys(told(reason, state["language"]) for change in made.changes for reason in change.reasons)
    lines: list[Json] = [veil(line) for line in plan_lines(made, state["language"])]
    return {
        "id": made.id, "digest": made.digest, "target": made.target,
        "summary": summary_line(summary(made.changes), state["language"]),
        "diff": lines, "risk": made.risk.value, "reasons": [veil(item) for item in (*_told(state), *reasons)],
        "examples": shown, "confidence": state.get("confidence"), "source": str(drafted.get("source", "")),
        "why": veil(str(drafted.get("why", ""))), "tainted": made.tainted,
        "notes": [veil(note_in(item, state["language"])) for item in made.notes],
        "state": made.state.value, "expires_at": made.expires_at.isoformat(),
        "approve_url": approve_url(made, turn.caller), "approve_command": approve_command(made.id),
        "approvers": [*able[:NAMED]], "may_approve": turn.may_decide and turn.caller.principal.id in able,
        "filled": [*sorted(filled)] if isinstance(filled := drafted.get("filled"), dict) else [],
    }  # fmt: skip


async def _shown(state: State, turn: Turn, made: Plan) -> State:
    await turn.services.veil.ready()
    card = await card_of(state, turn, made)
    done = made.state is PlanState.APPLIED and made.execution_id is None
    if done:
        text = turn.say(say(state["language"], "nothing_to_do", plan=made.id))
    else:
        turn.tell(PlanShown(plan_id=made.id, card=card))
        risk = risk_word(made.risk, state["language"])
        first = say(state["language"], "planned", plan=made.id, summary=card["summary"], risk=risk)
        text = turn.say(" ".join(filter(None, (first, _filled_in(state), _decide(state["language"], card)))))
    plans = [*state.get("plans", []), str(made.id)][-MAX_PLANS:]
    found = State(
        trouble="", talk=said(state, text), plans=list(dict.fromkeys(plans)), draft=dict(state.get("draft") or {}),
        examples=list(state.get("examples", [])), confidence=state.get("confidence"),
    )  # fmt: skip
    if done:
        return found | State(outcome="answered")
    return found | State(
        plan_id=str(made.id), digest=str(made.digest), expires_at=made.expires_at.isoformat(), execution_id="",
        outcome="waiting",
    )  # fmt: skip


def _decide(language: str, card: Mapping[str, Json]) -> str:
    """What a person may do about a plan: nobody is told to approve what the hub would not let them."""
    given = {"command": card["approve_command"], "url": card["approve_url"]}
    if card["may_approve"]:
        return say(language, "decide", **given)
    able = card["approvers"]
    names = ", ".join(map(str, able)) if isinstance(able, list) else ""
    return say(language, "others_decide" if names else "nobody_decides", names=names, **given)


async def _with_draft(state: State, arguments: dict[str, Json], turn: Turn) -> dict[str, Json] | None:
    """The call with what the draft filled in; None without one, and where what was said can no more be read."""
    try:
        return await file_with(state.get("draft") or {}, arguments, turn)
    except OpstwinError:
        return None  # planning says what is wrong with it


async def _examples(state: State, turn: Turn) -> list[Json]:
    memory, veil, kept = turn.services.memory, turn.services.veil.over, state.get("examples", [])
    known = {item.id: item for item in await memory.curated()} if memory is not None and kept else {}
    known |= {item.id: item for item in await examples_for(state["words"], turn)}
    return [
        {"id": id, "summary": veil(f"{item.service} {item.image}: {item.outcome}"), "outcome": item.outcome}
        if (item := known.get(id)) is not None else {"id": id, "summary": id, "outcome": ""}
        for id in kept
    ]  # fmt: skip


def _told(state: State) -> list[str]:
    """The reasons of the draft, one a line."""
    return [line for line in str((state.get("draft") or {}).get("reasoning", "")).splitlines() if line.strip()]


def _filled_in(state: State) -> str:
    """What a draft filled in and who, in a sentence; empty where it filled in nothing."""
    found = state.get("draft") or {}
    filled = found.get("filled")
    if not isinstance(filled, dict) or not filled:
        return ""
    source = str(found.get("source", ""))
    key = "drafted_from_records" if source == "template" else "drafted_by"
    confidence = f"{state.get('confidence') or 0:.0%}"
    fields = ", ".join(field_word(state["language"], name) for name in filled)
    return say(state["language"], key, fields=fields, source=source, confidence=confidence)


def after_check(state: State) -> str:
    """A model mends its own proposal a few times; without one the trouble is told."""
    return "mend" if state.get("trouble") else "plan"


def after_plan(state: State) -> str:
    """Where it goes on after the plan was made, or was not."""
    if state.get("trouble"):
        return "report" if state.get("outcome") else "mend"
    return "await_approval" if state.get("outcome") == "waiting" else "rest"
