"""Answers to everyday questions without a model: what is there, how it does, what it uses, wrote, and what waits."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from opstwin.agent.failing import told_error
from opstwin.agent.guidance import guidance, not_understood, tried, waits_still
from opstwin.agent.mentions import health_of, period_of, sort_of
from opstwin.agent.nodes.diagnose import answered_by
from opstwin.agent.nodes.understand import stands
from opstwin.agent.phrases import ADDRESS, GREETING, HELP, HOW, LOGS, PLANS, STATUS, THANKS, USAGE
from opstwin.agent.sides import NOTHING, side_of
from opstwin.agent.standing_text import WELL, Row, heading, line_of, verdict
from opstwin.agent.state import State, said
from opstwin.agent.telling import past_lines, plain
from opstwin.agent.telling_words import phrase
from opstwin.agent.turn import Turn
from opstwin.agent.understanding import understood
from opstwin.domain.kinds import runs
from opstwin.domain.resource import WorkloadRecord
from opstwin.domain.values import Json
from opstwin.tools.plan_briefs import approve_command
from opstwin.tools.untrusted import fenced

_MOST: Final = 10
_LOOKED_AT: Final = 200
_LINES: Final = 15
_PARTS: Final = frozenset({"pod", "replicaset"})
"""What a cluster makes of a Deployment; told where it is asked for."""


async def answered(state: State, turn: Turn) -> State | None:
    """The answer to a question of one of these kinds; None for any other."""
    way = _WAYS.get(state["kind"])
    return await way(state, turn) if way is not None else None


async def doubted(state: State, turn: Turn) -> str:
    """What is told about words that ask for nothing that is known, or for what is never done."""
    found = await understood(turn.services.ledger, turn.said or state["words"], waits=False)
    names = await known_names(turn)
    if found.refused:
        return guidance(found.refused, state["language"], state["words"], names)
    return not_understood(found.doubt, state["language"], names)


async def known_names(turn: Turn) -> list[str]:
    """The workloads that there are, by name."""
    records = await turn.services.ledger.all(WorkloadRecord)
    return sorted({item.name for item in records if item.workload is not None})


async def _talk(state: State, turn: Turn) -> State:
    text = guidance(state["kind"], state["language"], state["words"], await known_names(turn))
    plan = await stands(state, turn)
    if plan is not None:
        text = f"{text}\n{waits_still(state['language'], plan.id, approve_command(plan.id))}"
    return _told(state, turn, text)


async def _status(state: State, turn: Turn) -> State:
    """What is there: of one thing or of a kind, well or not, with how to go on."""
    language, subject, sort = state["language"], state.get("subject", ""), sort_of(state["words"])
    names = await known_names(turn)
    raw: dict[str, Json] = {"limit": _LOOKED_AT}
    if subject:
        raw["workload" if subject in names else "text"] = subject
    if sort and not (subject and sort in ("workload", "container")):
        raw["kind"] = sort
    health = "" if subject else health_of(state["words"])
    raw |= {"health": health} if health else {}
    raw |= {"target": state["target"]} if state.get("target") else {}
    answer = await turn.call("twin_query", raw)
    if answer.error is not None:
        return _told(state, turn, told_error(answer.error, language), outcome="needs_more")
    found = (*answer.data["exceptions"], *answer.data["items"])
    rows = [row for row in found if "kind" in raw or (runs(row["kind"]) and row["kind"] not in _PARTS)]
    lines = _standing(state, rows, raw, names, found)
    if answer.data["next"] is not None:
        lines.append(phrase(language, "more_there", command="opstwin get"))
    return _told(state, turn, "\n".join(lines), quoted="names and images")


def _standing(
    state: State, rows: Sequence[Row], raw: Mapping[str, Json], names: Sequence[str], seen: Sequence[Row]
) -> list[str]:
    language, subject = state["language"], state.get("subject", "")
    if subject and not rows:
        known = [phrase(language, "known", names=", ".join(names[:_MOST]))] if names else []
        return [
            phrase(language, "not_known", name=plain(subject, 80)),
            *known,
            tried("not_understood", language, names),
        ]
    first = verdict(subject, rows, state["words"], language) if subject else heading(rows, raw, language, seen)
    ours_first = sorted(rows, key=lambda row: not row["managed"])
    lines = [first, *(f"- {line_of(row, language)}" for row in ours_first[:_MOST])]
    if len(rows) > _MOST:
        lines.append(phrase(language, "more", count=len(rows) - _MOST, command="opstwin get"))
    return [*lines, *_onward(rows, subject, language)]


def _onward(rows: Sequence[Mapping[str, Any]], subject: str, language: str) -> list[str]:
    ailing = next((row for row in rows if row["health"] not in WELL and row["managed"]), None)
    if ailing is not None:
        return [phrase(language, "ask_why", name=ailing["workload"] or plain(ailing["name"], 80))]
    return [phrase(language, "ask_next", name=subject)] if subject else []


async def _logs(state: State, turn: Turn) -> State:
    language, subject = state["language"], state.get("subject", "")
    if not subject:
        names = await known_names(turn)
        known = phrase(language, "known", names=", ".join(names[:_MOST])) if names else ""
        text = phrase(language, "whose_logs", known=known, name=names[0] if names else "web")
        return _told(state, turn, text, outcome="needs_more")
    return await answered_by(state, turn, "logs_search", {"subject": subject, "limit": _LINES})


async def _usage(state: State, turn: Turn) -> State:
    """What workloads use now, beside their limits."""
    language, subject = state["language"], state.get("subject", "")
    records = [item for item in await turn.services.ledger.all(WorkloadRecord) if item.workload is not None]
    wanted = [item for item in records if subject in ("", item.name)][:_MOST]
    if not wanted:
        known = [phrase(language, "known", names=", ".join(sorted({item.name for item in records})))] if records else []
        missing = (
            [phrase(language, "not_known", name=plain(subject, 80))] if subject else [phrase(language, "never_seen")]
        )
        return _told(state, turn, "\n".join([*missing, *known]))
    lines = [await _used(turn, item, language) for item in wanted]
    lines.append(phrase(language, "predict", name=wanted[0].name))
    return _told(state, turn, "\n".join(lines))


async def _used(turn: Turn, record: WorkloadRecord, language: str) -> str:
    answer = await turn.call("workload_get", {"target": str(record.target), "name": record.name})
    found: list[Mapping[str, Any]] = []
    for item in list(answer.data.get("resources", []))[:_MOST]:
        observed = item.get("observed") or {}
        if observed.get("kind") in ("container", "pod") and observed.get("presence") == "present":
            used = await turn.call("usage", {"id": str(observed["id"])})
            found += [used.data] if used.error is None else []
    fields = side_of(str(record.target), record.name, answer.data, found).fields

    def shown(key: str, otherwise: str) -> str:
        return fields[key] if fields.get(key, NOTHING) != NOTHING else phrase(language, otherwise)

    return phrase(
        language, "use", name=record.name, target=record.target, cpu=shown("uses_cpu", "unmeasured"),
        memory=shown("uses_memory", "unmeasured"), cpu_limit=shown("cpu", "no_limit"),
        memory_limit=shown("memory", "no_limit"),
    )  # fmt: skip


async def past(state: State, turn: Turn, raw: Mapping[str, Json]) -> State:
    """The deployments that `raw` asks `history_search` for, those of the time that is asked about."""
    language, (period, days) = state["language"], period_of(state["words"])
    if not period:
        return await answered_by(state, turn, "history_search", dict(raw))
    asked = raw if state.get("subject") else {}  # of all, where a time is asked about and nothing is named
    answer = await turn.call("history_search", {**asked, "limit": _LOOKED_AT})
    if answer.error is not None:
        return _told(state, turn, told_error(answer.error, language), outcome="needs_more")
    since = turn.services.ledger.clock.now() - timedelta(days=days)
    rows = [*answer.data["exceptions"], *answer.data["items"]]
    rows = [item for item in rows if datetime.fromisoformat(item["deployed_at"]) >= since]
    lines = past_lines(rows, language, str(asked.get("workload", "")), period)
    lines += [] if asked.get("workload") else [phrase(language, "outside")]
    return _told(state, turn, "\n".join(lines), quoted="names and images")


async def _waiting(state: State, turn: Turn) -> State:
    return await answered_by(state, turn, "approvals_list", {})


async def _address(state: State, turn: Turn) -> State:
    """Whether something answers at the address that is asked about."""
    return await answered_by(state, turn, "discover_endpoint", {"endpoint": state["subject"]})


def _told(state: State, turn: Turn, text: str, outcome: str = "answered", quoted: str = "") -> State:
    """The answer, said; what is remembered of it for a later model is marked where others wrote some of it."""
    shown = turn.say(text)
    return State(outcome=outcome, talk=said(state, fenced(shown, quoted) if quoted else shown))


_WAYS: Final[Mapping[str, Callable[[State, Turn], Awaitable[State]]]] = {
    STATUS: _status, ADDRESS: _address, LOGS: _logs, USAGE: _usage, PLANS: _waiting,
    GREETING: _talk, THANKS: _talk, HELP: _talk, HOW: _talk,
}  # fmt: skip
