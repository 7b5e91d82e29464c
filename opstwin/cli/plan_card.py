"""A plan as the chat shows it: its changes, its risk, why it is so, what it leans on, how sure that is."""

from collections.abc import Mapping
from typing import Any, Final

from opstwin.cli import output
from opstwin.cli.chat_words import say
from opstwin.cli.seeing import plan_view

_SOURCES: Final = frozenset({"model", "cache", "template"})


def show_card(plan: dict[str, Any], card: Mapping[str, Any], language: str) -> None:
    """The plan as the hub has it, and what the conversation knows beside it."""
    output.line()
    plan_view(plan, language)
    for key, word in (("reasons", "because"), ("examples", "past")):
        for item in _listed(card.get(key)):
            output.line(say(language, word, text=_one(item)))
    if card.get("source") in _SOURCES:
        by, fields = say(language, f"by_{card['source']}"), ", ".join(map(str, _listed(card.get("filled"))))
        output.line(say(language, "by", text=f"{by} ({fields})" if fields else by))
    confidence = card.get("confidence")
    if isinstance(confidence, int | float) and not isinstance(confidence, bool):
        output.line(say(language, "confidence", text=f"{confidence:.0%}"))
    elif confidence:
        output.line(say(language, "confidence", text=_one(confidence)))
    if names := ", ".join(map(str, _listed(card.get("approvers")))):
        how = f"{card.get('approve_command')} · {card.get('approve_url')}"
        output.line(say(language, "who", names=names, how=how))


def offer(waiting: Mapping[str, Any], language: str) -> str:
    """What the reader can do about a plan that waits: nobody is told to approve what the hub would not let them."""
    names = ", ".join(map(str, _listed(waiting.get("approvers"))))
    key = "decide" if waiting.get("may_approve") else "others" if names else "nobody"
    return say(
        language, key, names=names, command=waiting.get("approve_command"), url=waiting.get("approve_url"),
        until=f"{str(waiting.get('expires_at'))[:16].replace('T', ' ')} UTC",
    )  # fmt: skip


def _listed(value: object) -> list[object]:
    if isinstance(value, str):
        return [value] if value else []
    return list(value) if isinstance(value, list | tuple) else []


def _one(item: object) -> str:
    """One reason or example on one line."""
    if isinstance(item, Mapping):
        told = item.get("summary") or item.get("text")
        return " ".join(str(told).split()) if told else " · ".join(str(v) for v in item.values() if v not in (None, ""))
    return " ".join(str(item).split())
