"""Calls that are sent twice: the same `Idempotency-Key` gets the first call's answer, without a second effect.

A key is used up by success only: a refused call had no effect, and the same call may succeed later. While the first
call is under way, a second one waits for its answer. A call whose hub died half-way is run again; the tools behind it
converge.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Final
from urllib.parse import quote

from opstwin.control.ledger import Ledger
from opstwin.domain.names import checked_text
from opstwin.domain.records import Reply
from opstwin.domain.values import Json, digest_of
from opstwin.errors import Conflict, InvalidInput
from opstwin.twin.store import Put, Remove, Write

UNDER_WAY: Final = 0
"""The status of a reply that has no answer yet; its body then names the process that works on it."""

MAX_KEY: Final = 200
KEPT_FOR: Final = timedelta(hours=24)
ABANDONED_AFTER: Final = timedelta(minutes=10)
"""A call under way in another replica for longer than this is taken to be dead."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a call was answered: a status and a JSON body. `repeated` says that an earlier call got it."""

    status: int
    body: Json
    repeated: bool = False


Work = Callable[[], Awaitable[Answer]]


@dataclass(slots=True)
class Replies:
    """The answers given so far, kept in the twin.

    `owner` names this process; `shared` says that other hubs write to the same twin and may be at work on a call.
    """

    ledger: Ledger
    owner: str
    shared: bool = False
    _locks: dict[str, asyncio.Lock] = field(default_factory=dict)

    async def once(self, principal: str, key: str, request: Json, work: Work, *, secret: bool = False) -> Answer:
        """The answer of `work`, done once for this key. The body of a `secret` answer is not kept.

        Raises `InvalidInput` when the key was used for another request, `Conflict` when a secret would be told twice or
        another hub is at work on it, and whatever `work` raises.
        """
        id = id_of_reply(principal, _checked(key))
        lock = self._locks.setdefault(id, asyncio.Lock())
        try:
            async with lock:
                known = await self.ledger.get(Reply, id)
                digest = digest_of(request)
                if known is not None and known.request_digest != digest:
                    raise _other_request()
                if known is not None and known.status != UNDER_WAY:
                    return _again(known)
                return await self._first(await self._claimed(id, digest, known), work, secret=secret)
        finally:
            if not lock.locked():
                self._locks.pop(id, None)

    async def forget_old(self) -> int:
        """Remove what is older than a day; returns how many."""
        now = self.ledger.clock.now()
        old = [item async for item in self.ledger.each(Reply) if now - item.created_at > KEPT_FOR]
        for item in old:
            await self._write(Remove(item))
        return len(old)

    async def _first(self, mine: Reply, work: Work, *, secret: bool) -> Answer:
        try:
            answer = await work()
        except BaseException:
            await self._write(Remove(mine))
            raise
        body = "" if secret else json.dumps(answer.body, ensure_ascii=False)
        await self._write(Put(replace(mine, status=answer.status, body=body)))
        return answer

    async def _claimed(self, id: str, digest: str, known: Reply | None) -> Reply:
        now = self.ledger.clock.now()
        theirs = known is not None and self.shared and known.body != self.owner
        if known is not None and theirs and now - known.created_at < ABANDONED_AFTER:
            raise _busy()
        mine = Reply(
            id=id, request_digest=digest, status=UNDER_WAY, body=self.owner, created_at=now,
            version=known.version if known else 0,
        )  # fmt: skip
        try:
            await self.ledger.commit([Put(mine)])
        except Conflict:
            raise _busy() from None
        return replace(mine, version=mine.version + 1)

    async def _write(self, write: Write) -> None:
        try:
            await self.ledger.commit([write])
        except Conflict:
            # Another hub took it for abandoned; its answer stands.
            return


def id_of_reply(principal: str, key: str) -> str:
    """The id under which an answer is kept: no other pair has it, whatever colons stand in either of them."""
    return f"{quote(principal, safe='')}:{key}"


def _again(known: Reply) -> Answer:
    if not known.body:
        raise Conflict(
            "This call was answered before, with a secret that is told only once.",
            next_step="Revoke what it made and make another, with a new Idempotency-Key.",
        )
    return Answer(known.status, json.loads(known.body), repeated=True)


def _checked(key: str) -> str:
    checked_text(key, "Idempotency-Key", MAX_KEY)
    if not key.strip() or not key.isascii():
        raise InvalidInput(
            "Idempotency-Key is empty or not ASCII.", field="Idempotency-Key", next_step="Use for example a UUID."
        )
    return key


def _other_request() -> InvalidInput:
    return InvalidInput(
        "This Idempotency-Key was used for another request.", field="Idempotency-Key", next_step="Use a new key."
    )


def _busy() -> Conflict:
    error = Conflict("The first call with this key is still under way.", next_step="Send it again in a moment.")
    error.retry_after_s = 1.0
    return error
