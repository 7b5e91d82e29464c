"""A language model that says what it was told to say: for tests, demonstrations and scenarios without a provider."""

from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final, TypeAlias

from opstwin.agent.models.failures import Reason, failure
from opstwin.agent.models.port import Delta, ModelReply, ModelRequest, Stop, Tokens, ToolCall
from opstwin.domain.values import Json

NAME: Final = "scripted"
TOKENS: Final = Tokens(input=120, output=30)
"""What a scripted answer takes unless it says otherwise."""


class Trouble(StrEnum):
    """How a provider fails without a status: it hangs, closes the connection, breaks off, or answers with no JSON."""

    HANG = "hang"
    CLOSED = "closed"
    CUT = "cut"
    GARBAGE = "garbage"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One request that fails: with an HTTP status, or in another way. `CUT` breaks off after `text`."""

    status: int = 0
    trouble: Trouble | None = None
    retry_after_s: int | None = None
    text: str = ""

    @property
    def reason(self) -> Reason:
        """The reason of the `ModelError` that comes of it."""
        if self.trouble is not None:
            return _TROUBLES[self.trouble]
        return _STATUSES.get(self.status, Reason.DOWN if self.status >= 500 else Reason.REFUSED)


_TROUBLES: Final = {
    Trouble.HANG: Reason.TIMEOUT, Trouble.CLOSED: Reason.DOWN, Trouble.CUT: Reason.TRUNCATED,
    Trouble.GARBAGE: Reason.BAD_OUTPUT,
}  # fmt: skip
_STATUSES: Final = {
    401: Reason.NO_KEY, 403: Reason.NO_KEY, 402: Reason.BUDGET, 408: Reason.TIMEOUT, 504: Reason.TIMEOUT,
    429: Reason.RATE_LIMITED,
}  # fmt: skip

Turn: TypeAlias = str | ModelReply | Fault
"""One answer of a script."""

Answering: TypeAlias = Callable[[ModelRequest], Turn]


def calling(*calls: ToolCall, text: str = "") -> ModelReply:
    """An answer that calls tools."""
    return ModelReply(text=text, calls=calls, stop=Stop.TOOLS, tokens=TOKENS)


def call(name: str, id: str = "call_1", **arguments: Json) -> ToolCall:
    """A call with these arguments."""
    return ToolCall(id=id, name=name, arguments=arguments)


def reply_to(turn: str | ModelReply) -> ModelReply:
    """A turn as a whole reply."""
    return ModelReply(text=turn, tokens=TOKENS) if isinstance(turn, str) else turn


class ScriptedModel:
    """A `LanguageModel` that takes its turns in order; one that is a function is given the request.

    `otherwise` answers when the script is at its end; without it that is a `ModelError` (down). `requests` holds every
    request that it got. Its answers cost nothing.
    """

    def __init__(self, replies: Iterable[Turn | Answering] = (), otherwise: Turn | Answering | None = None) -> None:
        self._turns, self._otherwise = list(replies), otherwise
        self.requests: list[ModelRequest] = []

    async def complete(self, request: ModelRequest) -> ModelReply:
        """See `LanguageModel`."""
        turn = self._next(request)
        if isinstance(turn, Fault):
            raise failure(turn.reason, NAME, retry_after_s=turn.retry_after_s)
        return self._signed(turn)

    async def stream(self, request: ModelRequest) -> AsyncIterator[Delta]:
        """See `LanguageModel`; a word at a time."""
        turn = self._next(request)
        if isinstance(turn, Fault):
            for word in _words(turn.text if turn.trouble is Trouble.CUT else ""):
                yield Delta(text=word)
            raise failure(turn.reason, NAME, retry_after_s=turn.retry_after_s)
        for word in _words(reply_to(turn).text):
            yield Delta(text=word)
        yield Delta(reply=self._signed(turn))

    def _next(self, request: ModelRequest) -> Turn:
        self.requests.append(request)
        turn = self._turns.pop(0) if self._turns else self._otherwise
        if turn is None:
            raise failure(Reason.DOWN, NAME, words="its script is at its end")
        return turn(request) if callable(turn) else turn

    def _signed(self, turn: str | ModelReply) -> ModelReply:
        reply = reply_to(turn)
        return replace(reply, provider=NAME, model=reply.model or NAME, cost_usd=0.0)


def _words(text: str) -> list[str]:
    """The text in pieces that make it up again."""
    return [piece for word in text.splitlines(keepends=True) for piece in _pieces(word)]


def _pieces(line: str) -> list[str]:
    return [f"{word} " for word in line.split(" ")[:-1]] + [last for last in line.split(" ")[-1:] if last]
