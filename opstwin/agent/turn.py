"""One turn of a conversation while it runs: who asks, what is called for them, and who listens. It is never kept."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final

from opstwin.agent.budgets import Spent
from opstwin.agent.events import AgentEvent, Said, ToolBegan, ToolEnded
from opstwin.agent.guards import harmless, unfenced
from opstwin.agent.models.port import LanguageModel
from opstwin.domain.access import Actor, ActorKind, Scope
from opstwin.domain.values import Json
from opstwin.errors import OpstwinError
from opstwin.tools import guard
from opstwin.tools.handing import handed_out, told_failure
from opstwin.tools.registry import AnyTool, Caller, Registry
from opstwin.tools.services import Services
from opstwin.tools.shaping import CONCISE, shaped

FACE: Final = "chat"
AGENT: Final = "planner"
_NEVER: Final = frozenset({Scope.APPROVE, Scope.ADMIN})
_SHOWN: Final = 1_500


def agent_of(caller: Caller) -> Caller:
    """The agent that acts for a caller: with the caller's scopes, without approving and administering."""
    person = caller.actor.human
    id = caller.actor.id if caller.actor.kind is ActorKind.AGENT else AGENT
    actor = Actor(kind=ActorKind.AGENT, id=id, on_behalf_of=person, face=FACE)
    return replace(caller, actor=actor, scopes=caller.scopes - _NEVER)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a tool gave: the whole as JSON, and its text as a model may read it; or the error that it raised."""

    data: Mapping[str, Any]
    text: str
    error: OpstwinError | None = None


@dataclass(slots=True)
class Turn:
    """A turn under way. `caller` is the agent; `events` are read by who listens.

    `said` is what the person said, with the secrets in it, which are never kept; empty when a turn is taken up again.
    """

    services: Services
    registry: Registry
    caller: Caller
    model: LanguageModel | None
    spent: Spent
    said: str = ""
    events: "asyncio.Queue[AgentEvent | None]" = field(default_factory=asyncio.Queue)
    calls: int = 0

    def tell(self, event: AgentEvent) -> None:
        """Let whoever listens know."""
        self.events.put_nowait(event)

    def say(self, text: str) -> str:
        """Say something in the answer; returns it as it was said."""
        shown = harmless(self.services.veil.over(text), self.caller.base_url)
        if shown:
            self.tell(Said(text=f"{shown}\n\n"))
        return shown

    async def call(self, name: str, raw: Mapping[str, Json]) -> Answer:
        """Call a tool as the agent. A refusal or failure is an answer too; nothing is raised for one."""
        tool = self.registry[name]
        self.calls += 1
        id = f"call_{self.calls}"
        await self.services.veil.ready()
        self.tell(ToolBegan(call_id=id, name=name, arguments=_covered(raw, self.services)))
        answer = await self._answered(tool, raw)
        self.tell(
            ToolEnded(call_id=id, name=name, summary=harmless(unfenced(answer.text)[:_SHOWN], self.caller.base_url),
                      failed=answer.error is not None)
        )  # fmt: skip
        return answer

    async def _answered(self, tool: AnyTool, raw: Mapping[str, Json]) -> Answer:
        try:
            whole = await guard.call(tool, self.services, self.caller, raw)
        except OpstwinError as error:
            given = {"error": {"code": error.code, "message": error.message, "next_step": error.next_step}}
            _, text = await told_failure(self.services, self.caller, error, given, str(error))
            return Answer({}, text, error)
        shape = partial(shaped, tool, form=CONCISE, fields=None)
        _, text = await handed_out(self.services, self.caller, tool, raw, whole, shape)
        return Answer(whole, text)


def _covered(raw: Mapping[str, Json], services: Services) -> dict[str, Json]:
    from opstwin.tools.untrusted import covered

    shown: dict[str, Json] = covered(dict(raw), services.veil.over)
    return shown
