"""One turn of a conversation while it runs: who asks, what is called for them, and who listens. It is never kept."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from opstwin.agent.budgets import Spent
from opstwin.agent.events import AgentEvent, Said, ToolBegan, ToolEnded
from opstwin.agent.guards import harmless, unfenced
from opstwin.agent.models.port import LanguageModel, ModelReply
from opstwin.agent.streaming import Speech, unsaid
from opstwin.agent.tracing import failure_of, outcome_of, title_of
from opstwin.domain.access import Actor, ActorKind, Scope
from opstwin.domain.values import Json
from opstwin.errors import OpstwinError
from opstwin.tools import guard
from opstwin.tools.handing import handed_out, told_failure
from opstwin.tools.registry import AnyTool, Behind, Caller, Registry
from opstwin.tools.services import Services
from opstwin.tools.shaping import CONCISE, Part

FACE: Final = "chat"
AGENT: Final = "planner"
_NEVER: Final = frozenset({Scope.APPROVE, Scope.ADMIN})
_SHOWN: Final = 1_500


def agent_of(caller: Caller, said: str = "", named: frozenset[str] = frozenset()) -> Caller:
    """The agent that acts for a caller: with the caller's scopes, without approving and administering.

    `said` is the request in the caller's own words, `named` the hosts that they wrote as addresses; those of anybody
    but a person count for nothing.
    """
    person = caller.actor.human
    id = caller.actor.id if caller.actor.kind is ActorKind.AGENT else AGENT
    actor = Actor(kind=ActorKind.AGENT, id=id, on_behalf_of=person, face=FACE)
    said, named = (said, named) if caller.is_person else ("", frozenset())
    return replace(caller, actor=actor, scopes=caller.scopes - _NEVER, said=said, named=named)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a tool gave: the whole as JSON, and its text as a model may read it; or the error that it raised."""

    data: Mapping[str, Any]
    text: str
    error: OpstwinError | None = None


@dataclass(slots=True)
class Turn:
    """A turn of a `thread`, under way. `caller` is the agent; `events` are read by who listens.

    `said` is what the person said, with the secrets in it, which are never kept; empty when a turn is taken up again.
    `language` is that of what was said, in this turn or in the one that is taken up. `may_decide` says that it is a
    person who may approve plans at all. `speech` is the model's answer that is being written, `spoken` are those that
    stand there whole, as they were shown.
    """

    services: Services
    registry: Registry
    caller: Caller
    model: LanguageModel | None
    spent: Spent
    said: str = ""
    may_decide: bool = False
    thread: str = ""
    language: str = "en"
    events: "asyncio.Queue[AgentEvent | None]" = field(default_factory=asyncio.Queue)
    calls: int = 0
    speech: Speech | None = None
    spoken: list[str] = field(default_factory=list)

    def tell(self, event: AgentEvent) -> None:
        """Let whoever listens know."""
        self.events.put_nowait(event)

    def say(self, text: str) -> str:
        """Say something in the answer; returns it as it was said."""
        shown = harmless(self.services.veil.over(text), self.caller.base_url)
        if shown:
            self.tell(Said(text=f"{shown}\n\n"))
        return shown

    def hear(self, piece: str) -> None:
        """Show a piece of the model's answer, as far as it is harmless whatever comes behind it."""
        if piece:
            self.speech = self.speech or Speech(self.services.veil, self.caller.base_url)
            self._show(self.speech.add(piece))

    def heard(self, reply: ModelReply, *, is_new: bool) -> str:
        """The model's answer is whole: show what is not shown yet; returns all of it as it stands there.

        `is_new`: nothing of this reply was heard; what it repeats of what stands there is left out.
        """
        if is_new:
            self.hear(unsaid(reply, self.spoken, self.speech.text if self.speech is not None else ""))
        speech, self.speech = self.speech, None
        if speech is None:
            return ""
        self._show(speech.rest())
        if speech.text:
            self.tell(Said(text="\n\n"))
            self.spoken.append(speech.text)
        return speech.text

    def unheard(self) -> str:
        """The model's answer broke off: hold back no more of it; returns what of it stands there."""
        if self.speech is None:
            return ""
        self.speech.drop()
        if not self.speech.text:
            self.speech = None
            return ""
        return self.speech.text

    def give_up(self, words: str) -> None:
        """Say of an answer that stands there and broke off that it did; nothing where none did."""
        if begun := self.unheard():
            self.speech = None
            self.spoken.append(begun)
            self.tell(Said(text=" …\n\n"))
            self.say(words)

    def _show(self, text: str) -> None:
        if text:
            self.tell(Said(text=text))

    async def call(self, name: str, raw: Mapping[str, Json], behind: Behind | None = None, plan_id: str = "") -> Answer:
        """Call a tool as the agent. A refusal or failure is an answer too; nothing is raised for one.

        `behind` goes with a file that this turn drafted, `plan_id` with a call that makes a plan.
        """
        tool = self.registry[name]
        self.calls += 1
        id = f"call_{self.calls}"
        await self.services.veil.ready()
        self.tell(ToolBegan(call_id=id, name=name, arguments=_covered(raw, self.services),
                            title=title_of(tool, self.language)))  # fmt: skip
        answer = await self._answered(tool, raw, replace(self.caller, behind=behind, plan_id=plan_id))
        shown = harmless(self._outcome(tool, answer)[:_SHOWN], self.caller.base_url)
        self.tell(ToolEnded(call_id=id, name=name, summary=shown, failed=answer.error is not None))
        return answer

    def _outcome(self, tool: AnyTool, answer: Answer) -> str:
        text = unfenced(answer.text)
        if answer.error is not None:
            return self.services.veil.over(failure_of(answer.error, text, self.language))
        return self.services.veil.over(outcome_of(tool, answer.data, text, self.language))

    async def _answered(self, tool: AnyTool, raw: Mapping[str, Json], caller: Caller) -> Answer:
        try:
            whole = await guard.call(tool, self.services, caller, raw)
        except OpstwinError as error:
            given = {"error": {"code": error.code, "message": error.message, "next_step": error.next_step}}
            _, text = await told_failure(self.services, self.caller, error, given, str(error))
            return Answer({}, text, error)
        _, text = await handed_out(self.services, self.caller, tool, raw, whole, Part(CONCISE))
        return Answer(whole, text)


def _covered(raw: Mapping[str, Json], services: Services) -> dict[str, Json]:
    from opstwin.tools.untrusted import covered

    shown: dict[str, Json] = covered(dict(raw), services.veil.over)
    return shown
