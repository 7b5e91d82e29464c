"""A model under watch: every turn is kept, so that a trial knows what was asked, and whether it counts at all."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Final

from opstwin.agent.models.failures import Reason, reason_of
from opstwin.agent.models.port import Delta, LanguageModel, ModelReply, ModelRequest
from opstwin.errors import ModelError

STALE: Final = "stale"
"""The key in a `ModelError`'s details with which a recording says that it does not fit."""

_NOT_THE_MODELS: Final = frozenset(
    {Reason.NO_KEY, Reason.DOWN, Reason.TIMEOUT, Reason.RATE_LIMITED, Reason.BREAKER, Reason.BUDGET}
)
"""Failures of the way to a model: they say nothing about how well it drafts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One request, and its answer or why there is none."""

    request: ModelRequest
    reply: ModelReply | None = None
    error: ModelError | None = None


@dataclass(slots=True)
class Watched:
    """A `LanguageModel` that keeps the turns of another one."""

    model: LanguageModel
    turns: list[Turn] = field(default_factory=list)

    async def complete(self, request: ModelRequest) -> ModelReply:
        """See `LanguageModel`."""
        try:
            reply = await self.model.complete(request)
        except ModelError as error:
            self.turns.append(Turn(request=request, error=error))
            raise
        self.turns.append(Turn(request=request, reply=reply))
        return reply

    async def stream(self, request: ModelRequest) -> AsyncIterator[Delta]:
        """See `LanguageModel`; in one piece."""
        yield Delta(reply=await self.complete(request))

    @property
    def invalid(self) -> str:
        """Why the trial says nothing about the model; empty when it counts."""
        for turn in self.turns:
            if turn.error is not None and STALE in turn.error.details:
                return f"stale recording: {turn.error.details[STALE]}"
            if turn.error is not None and reason_of(turn.error) in _NOT_THE_MODELS:
                return f"model not asked: {reason_of(turn.error).value}"
        return ""
