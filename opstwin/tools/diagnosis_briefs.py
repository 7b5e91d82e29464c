"""Diagnoses and explained drift in short, and as Markdown."""

from collections.abc import Mapping
from typing import Any, Final

from opstwin.control.diagnosing_calls import as_text
from opstwin.domain.values import Json
from opstwin.tools.untrusted import fenced

_SAID: Final = frozenset({"start_error", "health_output", "why", "warning"})
"""Facts that are words of an engine, of a cluster or of a program."""


def brief_findings(answer: Mapping[str, Any]) -> Mapping[str, Json]:
    """A diagnosis, its facts as lines; those that are words of others apart from ours."""
    brief: dict[str, Json] = {key: answer[key] for key in ("summary", "counts", "next", "hint") if answer.get(key)}
    if answer["unchecked"]:
        brief["unchecked"] = [
            {"code": item["code"], "target": item["target"], "count": item["count"]} for item in answer["unchecked"]
        ]
    brief["items"] = [_brief_finding(item) for item in answer["items"]]
    return brief


def _brief_finding(item: Mapping[str, Any]) -> Json:
    shown: dict[str, Json] = {key: item[key] for key in ("code", "severity", "subject", "since", "why")}
    theirs = [fact for fact in item["evidence"] if _is_theirs(fact)]
    shown["evidence"] = [_brief_fact(fact) for fact in item["evidence"] if fact not in theirs]
    if theirs:
        shown["quoted"] = [_brief_fact(fact) for fact in theirs]
    shown["next"] = [_brief_call(call) for call in item["next_calls"]]
    return shown


def _brief_fact(fact: Mapping[str, Any]) -> Json:
    value = "" if fact["value"] is None else f"={str(fact['value'])[:160]}"
    at = f" at {fact['at'][:19]}" if fact["at"] else ""
    return f"{fact['fact']}{value} ({fact['source']}{at})"


def _is_theirs(fact: Mapping[str, Any]) -> bool:
    """Whether a fact holds words of a program or of an engine."""
    return fact["source"] == "log" or fact["fact"] in _SAID


def _brief_call(call: Mapping[str, Any]) -> Json:
    return {"tool": call["tool"], **call["arguments"]}


def brief_stories(answer: Mapping[str, Any]) -> Mapping[str, Json]:
    """Explained drift: fields as desired and observed, cause and outlook in words."""
    brief: dict[str, Json] = {key: answer[key] for key in ("summary", "counts", "next", "hint") if answer.get(key)}
    brief["items"] = [
        {
            "resource": item["resource"], "kind": item["kind"], "since": item["since"],
            "differs": {
                change["path"]: [_short(change["desired"]), _short(change["observed"])]
                for change in item["differences"][:10]
            },
            "cause": item["cause_text"], "outlook": item["outlook_text"], "next": _brief_call(item["next_call"]),
        }
        for item in answer["items"]
    ]  # fmt: skip
    return brief


def _short(value: Any) -> Json:
    return value if value is None or isinstance(value, bool | int | float) else str(value)[:160]


def findings_text(brief: Mapping[str, Any]) -> str:
    """A brief diagnosis as Markdown, with a fence around the words of others."""
    lines = [str(brief["summary"])]
    for item in brief["items"]:
        since = f" since {item['since'][:19]}" if item["since"] else ""
        lines.append(f"- **{item['severity']}** {item['code']} {item['subject']}{since}: {item['why']}")
        lines += [f"  - {fact}" for fact in item["evidence"][:4]]
        if item.get("quoted"):
            lines.append(fenced("\n".join(item["quoted"]), f"log and output of {item['subject']}"))
        lines += [f"  - next: {_call_text(call)}" for call in item["next"][:1]]
    for item in brief.get("unchecked", ()):
        lines.append(f"- cannot tell {item['code']} of {item['count']} on {item['target']}")
    return "\n".join([*lines, *_tail(brief)])


def stories_text(brief: Mapping[str, Any]) -> str:
    """Briefly explained drift as Markdown."""
    lines = [str(brief["summary"])]
    for item in brief["items"]:
        since = f" since {item['since'][:19]}" if item["since"] else ""
        lines.append(f"- **{item['resource']}** {item['kind']}{since}")
        lines += [f"  - {path}: {desired} → {observed}" for path, (desired, observed) in item["differs"].items()]
        lines += [f"  - {item['cause']}", f"  - {item['outlook']}", f"  - next: {_call_text(item['next'])}"]
    return "\n".join([*lines, *_tail(brief)])


def _call_text(call: Mapping[str, Any]) -> str:
    return as_text(call["tool"], {key: value for key, value in call.items() if key != "tool"})


def _tail(brief: Mapping[str, Any]) -> list[str]:
    more = [f"More: cursor={brief['next']}"] if brief.get("next") else []
    return more + ([f"Next: {brief['hint']}"] if brief.get("hint") else [])
