"""What is wrong: the hub's own diagnosis."""

from collections.abc import Mapping
from typing import Final

from opstwin.agent.failing import told_error
from opstwin.agent.guards import for_people, harmless
from opstwin.agent.state import State, said
from opstwin.agent.telling import told
from opstwin.agent.turn import Turn
from opstwin.agent.wording import say
from opstwin.domain.values import Json

_WHOLE: Final = {"twin_query": "opstwin get", "history_search": "opstwin history"}
"""Where people see all of what an answer shows the first of."""


async def diagnose(state: State, turn: Turn) -> State:
    """The findings, most severe first."""
    raw: dict[str, Json] = {"language": state["language"]}
    if state.get("subject"):
        raw["subject"] = state["subject"]
    if state.get("target"):
        raw["target"] = state["target"]
    return await answered_by(state, turn, "diagnose", raw)


def _about(raw: Mapping[str, Json]) -> str:
    return str(raw.get("workload") or raw.get("subject") or "")


async def answered_by(state: State, turn: Turn, tool: str, raw: dict[str, Json]) -> State:
    """A tool's answer as the turn's. What is remembered of it for a later model keeps its fence."""
    answer = await turn.call(tool, raw)
    language = state["language"]
    shown = told(tool, answer.data, language, _about(raw)) or for_people(answer.text)
    if answer.error is not None:
        shown = told_error(answer.error, language)
    elif "cursor=" in answer.text and tool in _WHOLE:
        shown = f"{shown}\n{say(language, 'see_all', command=_WHOLE[tool])}"
    turn.say(shown)
    kept = harmless(turn.services.veil.over(answer.text), turn.caller.base_url)
    return State(outcome="needs_more" if answer.error is not None else "answered", talk=said(state, kept))
