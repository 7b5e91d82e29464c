"""The bounded loop of a model and its tools: calls are checked, done once, and end in a text or in one proposal."""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Final, cast

from opstwin.agent import guards
from opstwin.agent.models.failures import Reason, failure
from opstwin.agent.models.lanes import tokens_in, tokens_of
from opstwin.agent.models.port import (
    Delta,
    LanguageModel,
    Message,
    ModelReply,
    ModelRequest,
    Role,
    Stop,
    Tokens,
    ToolCall,
)
from opstwin.agent.nodes.check import PROPOSING
from opstwin.agent.offers import offered, offers
from opstwin.agent.state import State
from opstwin.agent.turn import Turn
from opstwin.domain.values import Json
from opstwin.errors import ModelError
from opstwin.tools.registry import AnyTool

MAX_RESULT: Final = 12_000
MAX_CALLS: Final = 6
"""Tool calls of one reply that are answered; more are refused."""

_LAST: Final = "This is the last step: answer now from what you have, without tools."
_EMPTY: Final = "Your answer was empty. Answer in words, or call one tool."
_CUT: Final = "Your answer was cut off. Answer much shorter."
_GO_ON: Final = "Your answer broke off there. Go on behind its last word, and repeat nothing of it. Be short."
_SORRY: Final = "Do not apologise. Say what you found, or ask one short question, or call one tool."
_TWO: Final = "One turn proposes one change at most; none of these was made. Propose the one that was asked for."
_AGAIN: Final = "You have the answer to this very call above; it was not made again."
_NO_JSON: Final = "The arguments are no JSON object. Call it again with one."


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the loop ended: with a proposal (tool and arguments), or with a text."""

    text: str = ""
    proposal: Mapping[str, Json] | None = None
    repairs: int = 0


@dataclass(slots=True)
class Loop:
    """One loop. Raises `ModelError` when the model is of no use, with the reason."""

    turn: Turn
    model: LanguageModel
    system: str
    repairs: int = 0
    _messages: list[Message] = field(default_factory=list)
    _done: set[str] = field(default_factory=set)
    _repeats: int = 0
    _is_new: bool = False
    _tools: dict[str, AnyTool] = field(default_factory=dict)

    async def run(self, state: State) -> Outcome:
        """Talk until there is an end."""
        self._tools = offered(self.turn.registry, self.turn.caller)
        self._messages = _opening(state)
        while True:
            reply = await self._asked()
            ended = await self._took(reply)
            if ended is not None:
                return ended

    async def _asked(self) -> ModelReply:
        spent = self.turn.spent
        if spent.over:
            raise _useless("budget", spent.over)
        last = spent.is_last or self._repeats >= spent.limits.repeats
        messages = [*self._messages, Message(role=Role.USER, text=_LAST)] if last else self._messages
        request = ModelRequest(
            purpose="chat", system=self.system, messages=tuple(messages),
            tools=() if last else offers(list(self._tools.values())),
        )  # fmt: skip
        spent.steps += 1
        try:
            async with asyncio.timeout(max(spent.left_s, 0.001)):
                reply = await self._answer(request)
        except TimeoutError:
            raise _useless("budget", "time") from None
        except ModelError as error:
            if error.details.get("reason") != "truncated":
                raise
            reply = self._cut_off(request)
        spent.take(reply)
        if last and reply.calls:
            raise _useless("bad_output", "it calls tools where there are none")
        return reply

    async def _answer(self, request: ModelRequest) -> ModelReply:
        """The reply, its text shown as it is written. Once something had to be mended it is shown when it is whole.

        Then what stands there already is not said again, and a server that cannot stream is asked in its own way.
        """
        self._is_new = bool(self.repairs)
        if self._is_new:
            return await self.model.complete(request)
        async with aclosing(cast("AsyncGenerator[Delta, None]", self.model.stream(request))) as deltas:
            async for delta in deltas:
                self.turn.hear(delta.text)
                if delta.reply is not None:
                    return delta.reply
        raise failure(Reason.TRUNCATED, "")

    def _cut_off(self, request: ModelRequest) -> ModelReply:
        """What there is of an answer that broke off. Nobody told what it took, so that is what it must have been."""
        begun = self.turn.unheard()
        return ModelReply(
            text=begun, stop=Stop.LENGTH, tokens=Tokens(input=tokens_in(request), output=tokens_of(begun))
        )

    async def _took(self, reply: ModelReply) -> Outcome | None:
        """What a reply comes to; None when the model is to go on."""
        if reply.stop is Stop.REFUSED:
            raise _useless("refused", "")
        if reply.stop is Stop.LENGTH and not reply.calls:
            begun = self.turn.unheard()
            self._mend(replace(reply, text=begun or reply.text), _GO_ON if begun else _CUT, "truncated")
            return None
        if reply.calls:
            self.turn.heard(reply, is_new=self._is_new)
            if reply.stop is Stop.LENGTH:
                self._mend(reply, _CUT, "truncated")
                return None
            return await self._called(reply)
        if not reply.text.strip():
            self._mend(reply, _EMPTY)
            return None
        if guards.is_apology(reply.text):
            self.turn.unheard()
            self._mend(reply, _SORRY)
            return None
        return Outcome(text=self.turn.heard(reply, is_new=self._is_new), repairs=self.repairs)

    async def _called(self, reply: ModelReply) -> Outcome | None:
        proposing = [call for call in reply.calls if call.name in PROPOSING and call.name in self._tools]
        if len(proposing) > 1:
            self._mend(reply, _TWO)
            return None
        results, wrong = [], False
        for place, call in enumerate(reply.calls):
            if call in proposing and call.arguments is not None:
                continue
            text, is_wrong = await self._result(call) if place < MAX_CALLS else (_TWO, True)
            wrong = wrong or is_wrong
            results.append(Message(role=Role.TOOL, text=text[:MAX_RESULT], call_id=call.id))
        if proposing and proposing[0].arguments is not None:
            return Outcome(proposal=_proposal(proposing[0]), repairs=self.repairs)
        self._messages += [Message(role=Role.ASSISTANT, text=reply.text, calls=reply.calls), *results]
        if wrong:
            self._count("bad_output")
        return None

    async def _result(self, call: ToolCall) -> tuple[str, bool]:
        """What a call is answered with, and whether the call itself was wrong."""
        if call.name not in self._tools:
            return f"There is no tool {call.name[:40]!r} for you. Yours: {', '.join(self._tools)}.", True
        if call.arguments is None:
            return _NO_JSON, True
        key = guards.call_key(call.name, call.arguments)
        if key in self._done:
            self._repeats += 1
            return _AGAIN, False
        self._done.add(key)
        answer = await self.turn.call(call.name, call.arguments)
        return answer.text, False

    def _mend(self, reply: ModelReply, words: str, reason: str = "bad_output") -> None:
        """Have the model try again, unless it has tried enough."""
        self._count(reason)
        if reply.calls:
            self._messages.append(Message(role=Role.ASSISTANT, text=reply.text, calls=reply.calls))
            self._messages += [Message(role=Role.TOOL, text=words, call_id=call.id) for call in reply.calls]
        else:
            said = [Message(role=Role.ASSISTANT, text=reply.text)] if reply.text.strip() else []
            self._messages += [*said, Message(role=Role.USER, text=words)]

    def _count(self, reason: str) -> None:
        self.repairs += 1
        if self.repairs > self.turn.spent.limits.repairs:
            raise _useless(reason, "it kept on being wrong")


def _opening(state: State) -> list[Message]:
    """The talk so far, short, then what is asked now, then what was wrong with the last proposal."""
    roles = {"user": Role.USER, "assistant": Role.ASSISTANT}
    before: Sequence[Sequence[str]] = state.get("talk", [])[:-1]
    messages = [Message(role=roles[who], text=text) for who, text in before if who in roles and text]
    messages.append(Message(role=Role.USER, text=state["words"]))
    if state.get("trouble"):
        tool = str(state.get("proposal", {}).get("tool", ""))
        messages.append(Message(role=Role.ASSISTANT, text=f"(called {tool})"))
        messages.append(Message(role=Role.USER, text=f"The hub refused that {tool} call:\n{state['trouble']}"))
    return messages


def _proposal(call: ToolCall) -> dict[str, Json]:
    return {"tool": call.name, "arguments": dict(call.arguments or {})}


def _useless(reason: str, why: str) -> ModelError:
    return ModelError(
        f"The model was of no use: {why or reason}.", next_step="Go on without it.", details={"reason": reason}
    )
