"""All language models of a hub as one: what leaves is covered, what was asked before is kept, and one may fail."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace

from opstwin.agent.models.failures import Reason, failure, reason_of
from opstwin.agent.models.keeping import Kept, is_keepable, is_repeatable, key_of
from opstwin.agent.models.lanes import Lane, Tries
from opstwin.agent.models.metering import Meter, Usage
from opstwin.agent.models.outward import Cover, outward
from opstwin.agent.models.places import Place
from opstwin.agent.models.port import Delta, ModelReply, ModelRequest
from opstwin.domain.model_place import ModelPlace
from opstwin.domain.values import Digest
from opstwin.errors import ModelError
from opstwin.logs import logger


async def nothing() -> None:
    """For a gateway whose cover needs no preparing, or that has nothing to close."""


async def unasked(_place: Place) -> None:
    """For a gateway that nobody asks whether its providers answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What a gateway is made of. `ready` is awaited before `cover` is used; `close` ends the HTTP client.

    `max_tokens` bounds every answer. `knock` raises `ModelError` when a provider does not answer, `keyed` when there is
    no key for it.
    """

    lanes: Sequence[Lane]
    cover: Cover
    kept: Kept
    meter: Meter
    temperature: float | None = None
    max_tokens: int | None = None
    knock: Callable[[Place], Awaitable[None]] = unasked
    keyed: Callable[[Place], Awaitable[None]] = unasked
    ready: Callable[[], Awaitable[None]] = nothing
    close: Callable[[], Awaitable[None]] = nothing


class Gateway:
    """A `LanguageModel`. The first provider answers; when it fails before its first word, the next one is asked."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._models = [lane.place.identity for lane in parts.lanes]

    async def complete(self, request: ModelRequest) -> ModelReply:
        """See `LanguageModel`."""
        outgoing = await self._outgoing(request)
        async with aclosing(self._answer(outgoing, streaming=False)) as deltas:
            async for delta in deltas:
                if delta.reply is not None:
                    return delta.reply
        raise failure(Reason.TRUNCATED, self._parts.lanes[0].place.name)

    async def stream(self, request: ModelRequest) -> AsyncIterator[Delta]:
        """See `LanguageModel`."""
        outgoing = await self._outgoing(request)
        async with aclosing(self._answer(outgoing, streaming=True)) as deltas:
            async for delta in deltas:
                yield delta

    async def forget(self, request: ModelRequest) -> None:
        """Drop the answer that is kept for a request: it turned out to be of no use."""
        self._parts.kept.forget(self._key(await self._outgoing(request)))

    async def check(self) -> None:
        """Return when a provider answers, without asking it for an answer. Raises `ModelError` when none does."""
        errors = await asyncio.gather(*map(self._away, self._parts.lanes))
        missed = [error for error in errors if error is not None]
        if len(missed) == len(errors):
            raise _of_all(missed)

    async def about(self, *, ask: bool) -> tuple[ModelPlace, ...]:
        """The providers one by one, whether each has its key, and with `ask` whether it answers now, for nothing."""
        return tuple(await asyncio.gather(*(self._about(lane.place, ask=ask) for lane in self._parts.lanes)))

    def usage(self) -> Usage:
        """What was asked and what it cost, since this process began."""
        return self._parts.meter.usage()

    @property
    def models(self) -> tuple[str, ...]:
        """The providers in their order, as `name/model`."""
        return tuple(f"{lane.place.name}/{lane.place.model}" for lane in self._parts.lanes)

    async def close(self) -> None:
        """End its connections."""
        await self._parts.close()

    async def _outgoing(self, request: ModelRequest) -> ModelRequest:
        await self._parts.ready()
        covered = outward(request, self._parts.cover)
        warm = self._parts.temperature if request.temperature is None else request.temperature
        most = min(request.max_tokens, self._parts.max_tokens or request.max_tokens)
        return replace(covered, temperature=warm, max_tokens=most)

    async def _about(self, place: Place, *, ask: bool) -> ModelPlace:
        known = ModelPlace(
            name=place.name, kind=place.kind, model=place.model, address=place.base_url, credential=place.credential,
            has_key=True,
        )  # fmt: skip
        try:
            await self._parts.keyed(place)
        except ModelError as error:
            return replace(known, has_key=False, why=str(error))
        try:
            await (self._parts.knock(place) if ask else unasked(place))
        except ModelError as error:
            return replace(known, answers=False, why=str(error))
        return replace(known, answers=True if ask else None)

    async def _away(self, lane: Lane) -> ModelError | None:
        try:
            lane.check()
            await self._parts.knock(lane.place)
        except ModelError as error:
            return error
        return None

    async def _answer(self, request: ModelRequest, *, streaming: bool) -> AsyncGenerator[Delta, None]:
        if not is_repeatable(request):
            async for delta in self._asked(request, streaming=streaming):
                yield delta
            return
        kept, key = self._parts.kept, self._key(request)
        async with kept.one_at_a_time(key):
            known = kept.get(key)
            if known is not None:
                self._parts.meter.kept(request.purpose, known)
                yield Delta(text=known.text)
                yield Delta(reply=known)
                return
            async for delta in self._asked(request, streaming=streaming):
                if delta.reply is not None and is_keepable(request, delta.reply):
                    kept.put(key, delta.reply)
                yield delta

    async def _asked(self, request: ModelRequest, *, streaming: bool) -> AsyncGenerator[Delta, None]:
        tries, errors = Tries(), list[ModelError]()
        for lane in self._parts.lanes:
            has_begun = False
            try:
                async with aclosing(lane.answer(request, tries, streaming=streaming)) as deltas:
                    async for delta in deltas:
                        has_begun = True
                        yield delta if delta.reply is None else _counted(delta.reply, tries)
                return
            except ModelError as error:
                _log(error)
                if has_begun:
                    raise
                errors.append(error)
        raise _of_all(errors)

    def _key(self, request: ModelRequest) -> Digest:
        return key_of(request, self._models)


def _counted(reply: ModelReply, tries: Tries) -> Delta:
    return Delta(reply=replace(reply, calls_made=tries.made))


def _log(error: ModelError) -> None:
    logger().warning("model_failed", provider=error.details.get("provider"), reason=reason_of(error).value,
                     message=error.message)  # fmt: skip


def _of_all(errors: Sequence[ModelError]) -> ModelError:
    """One error for all: the reason is that of the provider that was asked first."""
    first = errors[0]
    if len(errors) == 1:
        return first
    waits = [error.retry_after_s for error in errors if error.retry_after_s is not None]
    why = {str(error.details.get("provider")): reason_of(error).value for error in errors}
    return ModelError(
        " ".join(error.message for error in errors), next_step=first.next_step,
        details={**first.details, "providers": why}, retry_after_s=min(waits, default=None),
    )  # fmt: skip
