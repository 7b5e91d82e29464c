"""What a turn came to, gathered from its events."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from opstwin.agent.events import AgentEvent, Ended, PlanShown, Said, ToolEnded, Waiting
from opstwin.domain.values import Json
from opstwin.tools.chat_views import CallView

STOPPED: Final = "stopped"
FAILED: Final = "failed"
WAITS: Final = "waiting"
CLOSING: Final = frozenset({"applied", "rolled_back", "rejected", "expired", "stale"})
"""Outcomes after which a thread waits for nothing any more."""


@dataclass(slots=True)
class Heard:
    """Text, calls, plan and end of one turn."""

    text: str = ""
    calls: list[CallView] = field(default_factory=list)
    card: Mapping[str, Json] = field(default_factory=dict)
    plan_id: str = ""
    ended: Ended | None = None

    def take(self, event: AgentEvent) -> None:
        """Note one event."""
        match event:
            case Said():
                self.text += event.text
            case ToolEnded():
                self.calls.append(CallView(name=event.name, summary=event.summary, failed=event.failed))
            case PlanShown():
                self.plan_id, self.card = event.plan_id, event.card
            case Waiting():
                self.plan_id = event.plan_id
            case Ended():
                self.ended = event
            case _:
                pass
