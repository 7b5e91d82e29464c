"""Answers kept by what was asked: the same request of the same models is not sent twice.

They are kept in memory: the next one in the same hub takes no request, and after a restart the first one does again.
What is kept is what a provider wrote; the prompt itself is only a digest.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

from opstwin.agent.models.port import ModelReply, ModelRequest, Stop, Tokens
from opstwin.clock import Clock
from opstwin.domain.values import Digest, digest_of, to_json


def key_of(request: ModelRequest, models: Sequence[str]) -> Digest:
    """The digest of the request and of the models that would be asked. The purpose is metering, and no part of it."""
    return digest_of(to_json({"request": replace(request, purpose=""), "models": list(models)}))


def is_repeatable(request: ModelRequest) -> bool:
    """Whether the same answer will do again: with tools a request is a turn of a conversation, and is asked anew."""
    return not request.tools


def is_keepable(request: ModelRequest, reply: ModelReply) -> bool:
    """Whether an answer is worth keeping: whole, and of the form that was asked for as far as can be seen here."""
    if reply.stop is not Stop.END or reply.calls:
        return False
    if request.schema is None:
        return True
    try:
        return isinstance(json.loads(reply.text), dict)
    except (ValueError, RecursionError):
        return False


class Kept:
    """At most `entries` answers, each for `keep_s` seconds; the one used longest ago goes first."""

    def __init__(self, clock: Clock, *, keep_s: float, entries: int) -> None:
        self._clock, self._keep_s, self._entries = clock, keep_s, entries
        self._replies: dict[Digest, tuple[float, ModelReply]] = {}
        self._asking: dict[Digest, asyncio.Lock] = {}

    def get(self, key: Digest) -> ModelReply | None:
        """The answer as it is given again: it took no request, no tokens and no money."""
        found = self._replies.pop(key, None)
        if found is None or self._clock.monotonic_s() >= found[0]:
            return None
        self._replies[key] = found
        return replace(found[1], tokens=Tokens(), cost_usd=0.0, calls_made=0)

    def put(self, key: Digest, reply: ModelReply) -> None:
        """Keep an answer."""
        if self._keep_s:
            self._replies[key] = (self._clock.monotonic_s() + self._keep_s, reply)
            while len(self._replies) > self._entries:
                del self._replies[next(iter(self._replies))]

    def forget(self, key: Digest) -> None:
        """Drop an answer that turned out to be of no use."""
        self._replies.pop(key, None)

    @asynccontextmanager
    async def one_at_a_time(self, key: Digest) -> AsyncIterator[None]:
        """Who asks the same at the same time waits, and finds what the first one got."""
        lock = self._asking.setdefault(key, asyncio.Lock())
        try:
            async with lock:
                yield
        finally:
            if not lock.locked() and self._asking.get(key) is lock:
                del self._asking[key]
