"""The way to one provider: its limits, its breaker, and the one place where a request is made again.

The SDKs' own retries are off, and nothing above makes a request again, so that tries never multiply.
"""

import asyncio
import random
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Final

from opstwin.agent.models.costs import cost_usd
from opstwin.agent.models.failures import Reason, failure, reason_of
from opstwin.agent.models.metering import Meter
from opstwin.agent.models.places import Place
from opstwin.agent.models.port import Delta, ModelReply, ModelRequest, Stop, Tokens
from opstwin.agent.models.providers import Provider
from opstwin.clock import Clock
from opstwin.control.retrying import Backoff, Breakers, Chance
from opstwin.domain.values import TargetId, canonical, to_json
from opstwin.errors import ModelError, Unreachable
from opstwin.tools.rates import Limit

LONGEST_WAIT_S: Final = 20.0
"""The longest pause before a request, for a limit of ours or a `Retry-After` of theirs: longer, and people are told."""

BASE_S: Final = 0.5
CAP_S: Final = 8.0
"""Pauses between tries, with full jitter: what both vendors' SDKs wait by themselves."""

_AGAIN: Final = frozenset({Reason.DOWN, Reason.RATE_LIMITED, Reason.TRUNCATED})
"""What may go better at once. After a timeout the person has waited long enough: the next provider is asked."""

_FAILED: Final = _AGAIN | {Reason.TIMEOUT}
"""What says that the provider does not work; with any other answer it does."""

_BYTES_OF_A_TOKEN: Final = 4
"""Of UTF-8, roughly, in English, Korean and JSON; only for limits, and where a server tells no numbers."""


@dataclass(slots=True)
class Tries:
    """Requests that providers got for one answer."""

    made: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """What all lanes share."""

    clock: Clock
    breakers: Breakers
    backoff: Backoff
    requests: Limit
    tokens: Limit
    meter: Meter
    attempts: int
    chance: Chance

    @classmethod
    def on(cls, clock: Clock, meter: Meter, *, attempts: int, requests: int = 0, tokens: int = 0) -> "Traffic":
        """With limits a minute; 0 is any number."""
        chance = random.Random()  # noqa: S311 - jitter
        return cls(
            clock=clock, breakers=Breakers(clock), backoff=Backoff(clock, chance, base_s=BASE_S, cap_s=CAP_S),
            requests=Limit(requests, clock), tokens=Limit(tokens, clock), meter=meter, attempts=attempts,
            chance=chance,
        )  # fmt: skip


class Lane:
    """One provider. It is built when it is first asked, in a thread: its SDK takes a second to load."""

    def __init__(self, place: Place, build: Callable[[], Provider], traffic: Traffic) -> None:
        self.place, self._build, self._traffic = place, build, traffic
        self._provider: Provider | None = None
        self._key = TargetId(place.name)

    async def answer(
        self, request: ModelRequest, tries: Tries, *, streaming: bool
    ) -> AsyncGenerator[Delta, None]:  # fmt: skip
        """The answer in pieces, its reply last; after the first piece nothing is made again. Raises `ModelError`."""
        attempts, has_begun = self._traffic.attempts, False
        for attempt in range(attempts):
            provider = await self._ready(request)
            tries.made += 1
            try:
                async with aclosing(provider.answer(request, streaming=streaming)) as pieces:
                    async for piece in pieces:
                        has_begun = True
                        yield self._delta(request, piece)
                return
            except ModelError as error:
                self._ended(request, error)
                if has_begun or attempt + 1 == attempts or not await self._may_do(error, attempt):
                    raise

    def check(self) -> None:
        """Raises `ModelError` (breaker) while calls to the provider are paused."""
        if self._traffic.breakers.is_open(self._key):
            raise failure(Reason.BREAKER, self.place.name)

    async def _ready(self, request: ModelRequest) -> Provider:
        traffic = self._traffic
        traffic.meter.check(priced=self.place.price() is not None)
        if self._provider is None:
            self._provider = await asyncio.to_thread(self._build)
        await self._wait_for(traffic.requests, 1)
        await self._wait_for(traffic.tokens, tokens_in(request) + request.max_tokens)
        try:
            traffic.breakers.check(self._key)
        except Unreachable as error:
            raise failure(Reason.BREAKER, self.place.name, retry_after_s=error.retry_after_s) from None
        return self._provider

    async def _wait_for(self, limit: Limit, amount: int) -> None:
        # A request that is larger than a whole minute's share takes that.
        while wait_s := limit.wait_s(self.place.name, min(amount, limit.per_minute)):
            if wait_s > LONGEST_WAIT_S:
                words = "models.requests_per_minute and tokens_per_minute allow no more"
                raise failure(Reason.RATE_LIMITED, self.place.name, words=words, retry_after_s=round(wait_s, 1))
            await self._traffic.clock.sleep(wait_s)

    def _delta(self, request: ModelRequest, piece: str | ModelReply) -> Delta:
        if isinstance(piece, str):
            return Delta(text=piece)
        if not piece.text.strip() and not piece.calls and piece.stop in (Stop.END, Stop.TOOLS):
            raise failure(Reason.BAD_OUTPUT, self.place.name, words="the answer is empty")
        reply = self._priced(request, replace(piece, provider=self.place.name, model=piece.model or self.place.model))
        self._ended(request, None)
        self._traffic.meter.answered(request.purpose, replace(reply, model=self.place.model))
        return Delta(reply=reply)

    def _ended(self, request: ModelRequest, error: ModelError | None) -> None:
        traffic, place = self._traffic, self.place
        traffic.breakers.record(self._key, ok=error is None or reason_of(error) not in _FAILED)
        traffic.meter.called(place.name, place.model, request.purpose, failed=error is not None)

    async def _may_do(self, error: ModelError, attempt: int) -> bool:
        """Whether to make the request again, after the pause that this takes."""
        if error.details.pop("again", False):
            return True
        if reason_of(error) not in _AGAIN or self._traffic.breakers.is_open(self._key):
            return False
        wait_s = error.retry_after_s
        if wait_s is None:
            await self._traffic.backoff.pause(attempt)
        elif wait_s > LONGEST_WAIT_S:
            return False
        else:
            # Not before the moment that was named, and not everybody at that moment.
            await self._traffic.clock.sleep(wait_s + self._traffic.chance.uniform(0, BASE_S))
        return True

    def _priced(self, request: ModelRequest, reply: ModelReply) -> ModelReply:
        if reply.tokens.input:
            return replace(reply, cost_usd=cost_usd(self.place.price(reply.model), reply.tokens))
        guess = Tokens(input=tokens_in(request), output=tokens_of(reply.text))
        return replace(reply, tokens=guess, cost_usd=None)


def tokens_in(request: ModelRequest) -> int:
    """The tokens of a request, roughly."""
    return tokens_of(canonical(to_json(replace(request, purpose=""))))


def tokens_of(text: str) -> int:
    """The tokens of a text, roughly."""
    return len(text.encode("utf-8", "surrogatepass")) // _BYTES_OF_A_TOKEN + 1
