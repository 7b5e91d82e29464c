"""A plan as the chat shows it: its changes, its risk, why it is so, what it leans on, how sure that is."""

from collections.abc import Mapping
from typing import Any

from opstwin.cli import output
from opstwin.cli.chat_words import say
from opstwin.cli.seeing import plan_view


def show_card(plan: dict[str, Any], card: Mapping[str, Any], language: str) -> None:
    """The plan as the hub has it, and what the conversation knows beside it."""
    output.line()
    plan_view(plan)
    for key, word in (("reasons", "because"), ("examples", "past")):
        for item in _listed(card.get(key)):
            output.line(say(language, word, text=_one(item)))
    confidence = card.get("confidence")
    if isinstance(confidence, int | float) and not isinstance(confidence, bool):
        output.line(say(language, "confidence", text=f"{confidence:.0%}"))
    elif confidence:
        output.line(say(language, "confidence", text=_one(confidence)))


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
