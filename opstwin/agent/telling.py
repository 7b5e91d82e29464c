"""Answers of tools as people read them, in their language. What others wrote in them is cleaned, and stays data."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from opstwin.agent.telling_words import cause_word, outlook_word, phrase, state_word
from opstwin.control.diagnosing_words import severity_word
from opstwin.tools.untrusted import cleaned

_MOST: Final = 10
_QUOTED: Final = 5
_SAID: Final = frozenset({"start_error", "health_output", "why", "warning"})
"""Facts that are words of an engine, of a cluster or of a program."""

Data = Mapping[str, Any]


def told(tool: str, data: Data, language: str, subject: str = "") -> str:
    """The answer of a tool about `subject` in words; empty for a tool whose own text is as good."""
    teller = _TELLERS.get(tool)
    return "\n".join(teller(data, language, subject)) if teller is not None and data else ""


def plain(text: object, limit: int = 200) -> str:
    """What others wrote, on one line, with nothing in it that hides or poses."""
    return cleaned(str(text), limit=limit, one_line=True)


def moment(text: object) -> str:
    """`2026-11-21 13:05`."""
    return str(text)[:16].replace("T", " ")


def _past(data: Data, language: str, subject: str) -> list[str]:
    return past_lines([*data["exceptions"], *data["items"]], language, subject)


def past_lines(found: Sequence[Data], language: str, subject: str, period: str = "") -> list[str]:
    """Deployments, the newest first; `period` is what was said of when."""
    rows = sorted(found, key=lambda item: str(item["deployed_at"]), reverse=True)
    if not rows:
        when = phrase(language, period) if period else ""
        return [phrase(language, "no_past_of" if subject else "no_past", name=subject, when=when)]
    good = sum(1 for item in rows if item["success"])
    key = "past_of" if subject else "past"
    lines = [phrase(language, key, name=subject, count=len(rows), good=good, bad=len(rows) - good)]
    lines += [f"- {_deployment(item, language)}" for item in rows[:_MOST]]
    newest = rows[0]
    if newest["previous"] and newest["image"]:
        lines.append(phrase(language, "go_back", name=newest["workload"]))
    return [*lines, phrase(language, "see_history")]


def _deployment(item: Data, language: str) -> str:
    image = f"{plain(item['image'])} ×{item['replicas']}" if item["image"] else phrase(language, "taken_down")
    before = item["previous"] if item["previous"] != item["image"] else ""
    was = f" ({phrase(language, 'was', image=plain(before))})" if before else ""
    kills = f" OOM {item['oom_events']}" if item["oom_events"] else ""
    ended = state_word(language, item["outcome"])
    return f"{moment(item['deployed_at'])} {item['target']}/{item['workload']}: {image}{was}, {ended}{kills}"


def _findings(data: Data, language: str, _subject: str) -> list[str]:
    lines = [str(data["summary"])]
    for item in data["items"]:
        lines.append(f"- {severity_word(item['severity'], language)}: {plain(item['why'], 600)}")
        theirs = [fact for fact in item["evidence"] if fact["source"] == "log" or fact["fact"] in _SAID]
        lines += [f"  > {plain(fact['value'])}" for fact in theirs[:_QUOTED] if fact["value"]]
        step = next((call["cli"] for call in item["next_calls"] if call["cli"]), "")
        lines += [f"  {phrase(language, 'next', command=step)}"] if step else []
    for item in data["unchecked"]:
        lines.append(f"- {phrase(language, 'cannot_tell', count=item['count'], target=item['target'])}")
    return lines


def _drifts(data: Data, language: str, _subject: str) -> list[str]:
    items: Sequence[Data] = data["items"]
    if not items:
        return [phrase(language, "no_drift")]
    lines = [phrase(language, "drifts", count=len(items))]
    for item in items[:_MOST]:
        since = f" {phrase(language, 'since', at=moment(item['since']))}" if item["since"] else ""
        lines.append(f"- {item['resource']}: {state_word(language, item['kind'])}{since}")
        lines += [
            f"  {plain(change['path'])}: {plain(change['desired'])} → {plain(change['observed'])}"
            for change in item["differences"][:_MOST]
        ]
        lines.append(f"  {cause_word(language, item['cause'], plain(item['cause_text'], 400))}")
        lines.append(f"  {outlook_word(language, item['outlook'], plain(item['outlook_text'], 400))}")
    step = items[0]["next_call"]["cli"]
    return [*lines, phrase(language, "next", command=step)] if step else lines


def _execution(data: Data, language: str, _subject: str) -> list[str]:
    state = state_word(language, data["state"])
    lines = [phrase(language, "execution", id=data["id"], plan=data["plan_id"], target=data["target"], state=state)]
    for step in data["steps"][:_MOST]:
        change, back = step["change"], "↩ " if step["phase"] == "back" else ""
        done = state_word(language, step["state"])
        lines.append(f"- {back}{state_word(language, change['op'])} {change['kind']} {plain(change['name'])}: {done}")
    error = data["error"] or {}
    if error:
        lines.append(f"  > {plain(error.get('message', ''), 400)}")
    return [*lines, phrase(language, "next", command=f"opstwin show {data['id']}")]


def _plan(data: Data, language: str, _subject: str) -> list[str]:
    state, risk = state_word(language, data["state"]), state_word(language, data["risk"])
    lines = [phrase(language, "plan", id=data["id"], target=data["target"], state=state, risk=risk)]
    lines.append(phrase(language, "asked_for", request=plain(data["request"], 400)))
    lines += [plain(line, 300) for line in data["lines"][1:] if line.strip()]
    lines += [f"- {plain(note, 400)}" for note in data["notes"]]
    if data["state"] == "pending":
        lines.append(phrase(language, "decide_it", command=f"opstwin approve {data['id']}"))
    return lines


def _waiting(data: Data, language: str, _subject: str) -> list[str]:
    rows = [*data["exceptions"], *data["items"]]
    if not rows:
        return [phrase(language, "none_waits")]
    lines = [phrase(language, "waiting", count=len(rows))]
    for item in rows[:_MOST]:
        risk = state_word(language, item["risk"])
        lines.append("- " + phrase(
            language, "waits", id=item["id"], target=item["target"], request=plain(item["request"]), risk=risk,
            command=item["approve_command"],
        ))  # fmt: skip
    return lines


def _log(data: Data, language: str, subject: str) -> list[str]:
    lines = [phrase(language, "unread", name=item["resource"]) for item in data["exceptions"][:_MOST]]
    if not data["items"]:
        return [*lines, phrase(language, "no_lines", name=subject)]
    lines.append(phrase(language, "lines", name=subject))
    lines += [f"  > {plain(item['text'], 300)}" for item in data["items"]]
    counts = data["counts"]["lines"]
    if counts["error_like"]:
        lines.append(phrase(language, "error_like", count=counts["error_like"], all=counts["looked_at"]))
    return [*lines, phrase(language, "all_lines", name=subject)]


def _address(data: Data, language: str, _subject: str) -> list[str]:
    where = plain(str(data["endpoint"]).partition("://")[2])
    if data["exists"] is None:
        return [phrase(language, "answers_unclear", place=where)]
    if not data["exists"]:
        return [phrase(language, "answers_not", place=where)]
    what = " ".join(plain(data[key], 80) for key in ("kind", "id", "version") if data[key])
    return [phrase(language, "answers", place=where, what=f" ({what})" if what else "")]


_TELLERS: Final[Mapping[str, Callable[[Data, str, str], list[str]]]] = {
    "history_search": _past, "diagnose": _findings, "drift_explain": _drifts, "execution_get": _execution,
    "discover_endpoint": _address, "plan_show": _plan, "approvals_list": _waiting, "logs_search": _log,
}  # fmt: skip
