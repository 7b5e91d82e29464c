"""Answers without a model: about the plan that waits, about decisions, and what can be asked at all."""

import re
from typing import Any, Final

from opstwin.agent.answering import answered, doubted
from opstwin.agent.nodes.understand import stands
from opstwin.agent.state import State, said
from opstwin.agent.turn import Turn
from opstwin.agent.understanding import DECISION, PENDING
from opstwin.agent.wording import say
from opstwin.domain.plan import Plan
from opstwin.domain.plan_text import field_lines, plan_lines, risk_word
from opstwin.domain.reasons import told
from opstwin.domain.values import to_json
from opstwin.tools.plan_briefs import approve_command

_NUMBER: Final = re.compile(r"(?<![A-Za-z0-9.])\d+(?:\.\d+)?(?:\s*(?:[kmgt]i?b?|m|%))?(?![A-Za-z0-9])", re.I)
_WHY: Final = re.compile(r"\bwhy\b|\bhow come\b|왜", re.I)
_UNITS: Final = {"": 1, "k": 1000, "m": 1000**2, "g": 1000**3, "t": 1000**4,
                 "ki": 1024, "mi": 1024**2, "gi": 1024**3, "ti": 1024**4}  # fmt: skip
_MOST: Final = 8


async def answer(state: State, turn: Turn) -> State:
    """Words for what was asked; no plan is made or changed."""
    kind = state["kind"]
    plan = await stands(state, turn)
    found = await answered(state, turn)
    if found is not None:
        return found
    if kind == DECISION:
        return _told(state, turn, _decided(state, plan))
    if kind == PENDING and plan is not None:
        await turn.services.veil.ready()
        return _told(state, turn, "\n".join(_about(state, plan)))
    return _told(state, turn, await doubted(state, turn), outcome="needs_more")


def _told(state: State, turn: Turn, text: str, outcome: str = "answered") -> State:
    shown = turn.say(text)
    return State(outcome=outcome, talk=said(state, shown))


def _decided(state: State, plan: Plan | None) -> str:
    if plan is None:
        return say(state["language"], "nothing_waits")
    return say(state["language"], "words_decide", command=approve_command(plan.id), plan=plan.id)


def _about(state: State, plan: Plan) -> list[str]:
    """Lines about a plan, from its own record alone."""
    language = state["language"]
    value = _NUMBER.search(state["words"])
    lines: list[str] = []
    if _WHY.search(state["words"]) and value is not None:
        lines += _why(state, plan, value[0].strip())
    elif _WHY.search(state["words"]):
        reasons = dict.fromkeys(told(reason, language) for change in plan.changes for reason in change.reasons)
        risk = risk_word(plan.risk, language)
        lines.append(say(language, "why_risk", risk=risk, reasons="; ".join(reasons) or plan.request))
    else:
        lines += [say(language, "all_of_it", plan=plan.id), *plan_lines(plan, language)]
    if state.get("examples"):
        lines.append(say(language, "leaned_on", examples=", ".join(state["examples"])))
    return [*lines, say(language, "still_waits", plan=plan.id)]


def _why(state: State, plan: Plan, value: str) -> list[str]:
    """Where a value of the plan comes from: the request, a draft, a change of a field, or what was there before."""
    language, wanted = state["language"], _amount(value)
    drafted = state.get("draft") or {}
    request = str(drafted.get("words") or plan.request)
    lines = []
    if any(_amount(found) == wanted for found in _NUMBER.findall(request)):
        lines.append(say(language, "why_said", value=value, request=request))
    elif wanted in _amounts(drafted.get("filled")):
        lines += str(drafted.get("reasoning", "")).splitlines()[:_MOST]
    for change in plan.changes:
        for item in change.fields:
            if wanted in _amounts(to_json(item.after)) and len(lines) < _MOST:
                lines += [f"{change.name}: {line}" for line in field_lines([item], language)]
    if lines:
        return lines
    holding = next((change.name for change in plan.changes if wanted in _amounts(to_json(change.after))), "")
    if holding:
        return [say(language, "kept_value", value=value, name=holding)]
    return [say(language, "no_value", value=value, plan=plan.id)]


def _amount(text: str) -> float:
    """A quantity as a number: `256 MiB` and `256Mi` are the same, `500m` is 500 millicores."""
    found = re.match(r"(\d+(?:\.\d+)?)\s*([a-z%]*)", text.strip(), re.I)
    if found is None:
        return -1.0
    unit = found[2].lower().removesuffix("b")
    return float(found[1]) * (1 if found[2] in ("m", "%") else _UNITS.get(unit, 1))


def _amounts(value: Any) -> set[float]:
    if isinstance(value, dict):
        return {found for item in value.values() for found in _amounts(item)}
    if isinstance(value, list):
        return {found for item in value for found in _amounts(item)}
    if isinstance(value, bool) or value is None:
        return set()
    return {float(value)} if isinstance(value, int | float) else {_amount(str(value))}
