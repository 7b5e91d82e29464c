"""What differs: two workloads, two targets, or what runs from what should run."""

from collections.abc import Mapping, Sequence
from typing import Any

from opstwin.agent.nodes.diagnose import answered_by
from opstwin.agent.sides import Side, lines_of, side_of
from opstwin.agent.state import State, said
from opstwin.agent.turn import Turn
from opstwin.agent.understanding import all_named
from opstwin.agent.wording import say
from opstwin.domain.resource import WorkloadRecord
from opstwin.domain.target import Target
from opstwin.domain.values import Json
from opstwin.tools.untrusted import fenced

_MOST = 20
"""Workloads of two targets that are compared, and resources of a workload whose use is read."""


async def compare(state: State, turn: Turn) -> State:
    """The two that are named, side by side; else the drift of what is named, or all of it."""
    records = [item for item in await turn.services.ledger.all(WorkloadRecord) if item.workload is not None]
    targets = [str(item.id) for item in await turn.services.ledger.all(Target)]
    names = all_named(state["words"], {item.name for item in records})
    places = all_named(state["words"], set(targets) - set(names))
    pairs = _pairs(records, names, places)
    if not pairs:
        return await _drift(state, turn)
    lines: list[str] = []
    for one, other in pairs[:_MOST]:
        lines += lines_of(await _side(turn, one), await _side(turn, other), state["language"])
    if len(pairs) > _MOST:
        lines.append(say(state["language"], "more_of_them", count=len(pairs) - _MOST))
    text = turn.say("\n".join(lines))
    return State(outcome="answered", talk=said(state, fenced(text, "compared workloads")))


async def _drift(state: State, turn: Turn) -> State:
    raw: dict[str, Json] = {"resource": state["subject"]} if state.get("subject") else {}
    if state.get("target"):
        raw["target"] = state["target"]
    return await answered_by(state, turn, "drift_explain", raw)


def _pairs(
    records: Sequence[WorkloadRecord], names: Sequence[str], places: Sequence[str]
) -> list[tuple[tuple[str, str], tuple[str, str]]]:
    """(target, name) of each two; none unless two are named."""
    if len(names) >= 2:
        one, other = (_place(records, name, places) for name in names[:2])
        return [((one, names[0]), (other, names[1]))]
    if len(places) < 2:
        return []
    there = {item.name for item in records if item.target in places[:2]}
    wanted = names or sorted(there)
    return [((places[0], name), (places[1], name)) for name in wanted]


def _place(records: Sequence[WorkloadRecord], name: str, places: Sequence[str]) -> str:
    """Where it is: on a target that is named, else on the first that has it."""
    there = [str(item.target) for item in records if item.name == name]
    return next((target for target in places if target in there), there[0])


async def _side(turn: Turn, key: tuple[str, str]) -> Side:
    target, name = key
    answer = await turn.call("workload_get", {"target": target, "name": name})
    if answer.error is not None:
        return side_of(target, name, None, [])
    found: list[Mapping[str, Any]] = []
    for item in list(answer.data.get("resources", []))[:_MOST]:
        observed = item.get("observed") or {}
        if observed.get("kind") in ("container", "pod") and observed.get("presence") == "present":
            used = await turn.call("usage", {"id": str(observed["id"])})
            found += [used.data] if used.error is None else []
    return side_of(target, name, answer.data, found)
