"""Evidence in the twin: what was heard waits in memory until it is written, many notes in one commit."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass, replace
from typing import Final

from opstwin.control.ledger import Ledger
from opstwin.domain.taint import LIFE, MAX_MARKS, Evidence, packed, unpacked
from opstwin.errors import Conflict, StoreError
from opstwin.logs import logger
from opstwin.twin.store import Put, Query, Remove, Write

_HOUR_S: Final = 3600
_TRIES: Final = 8
_SWEPT: Final = 50
"""Expired records that are removed when a new one is made: more than one is made at a time, so none are left over."""

_MAX_WAITING: Final = 256
"""Sources that wait for a twin that cannot be written; beyond that everything counts as read."""

AT_ONCE: Final = 32
"""Records that are read together: at most 13 MB."""

Key = tuple[str, str]
"""An account and a source."""


@dataclass(frozen=True, slots=True)
class Heard:
    """Fingerprints that were given out, and whether they are all there were."""

    marks: frozenset[bytes]
    complete: bool = True

    def __or__(self, other: "Heard") -> "Heard":
        return Heard(self.marks | other.marks, complete=self.complete and other.complete)


class EvidenceStore:
    """Writes evidence, one record for each account, source and hour, and reads what has not expired."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._waiting: dict[Key, Heard] = {}
        self._lock = asyncio.Lock()

    @property
    def hour(self) -> int:
        """The hour that is being written now."""
        return int(self._ledger.clock.now().timestamp() // _HOUR_S)

    def add(self, key: Key, heard: Heard) -> None:
        """Remember for the next `write`."""
        self._waiting[key] = self._waiting[key] | heard if key in self._waiting else heard
        if len(self._waiting) > _MAX_WAITING:
            one_each = dict(self._waiting.keys())
            self._waiting = {key: Heard(frozenset(), complete=False) for key in one_each.items()}

    async def write(self) -> None:
        """Write all that waits. Raises `StoreError`; it goes on waiting then."""
        async with self._lock:
            batch, self._waiting = self._waiting, {}
            lost = batch
            try:
                await self._stored(batch)
                lost = {}
            finally:
                for key, heard in lost.items():
                    self.add(key, heard)

    async def try_to_write(self) -> bool:
        """Write all that waits; False when the twin does not take it now."""
        try:
            await self.write()
        except StoreError as away:
            logger().warning("evidence_waits", code=away.code, reason=away.message)
            return False
        return True

    async def pages(self, accounts: Collection[str]) -> AsyncIterator[list[Evidence]]:
        """The evidence of these accounts that has not expired, some at a time: a day of it need not fit in memory."""
        now = self._ledger.clock.now()
        for account in accounts:
            after: str | None = None
            while True:
                page = await self._ledger.store.find(Query(Evidence, {"account": account}, after=after, limit=AT_ONCE))
                yield [record for record in page.items if now < record.expires_at]
                if page.next is None:
                    break
                after = page.next

    async def _stored(self, batch: dict[Key, Heard]) -> None:
        for attempt in range(_TRIES):
            writes = [write for key, heard in batch.items() for write in await self._writes(key, heard)]
            if not writes:
                return
            try:
                await self._ledger.commit(writes)
            except Conflict as conflict:
                if attempt == _TRIES - 1:
                    message = "What was read could not be noted, because others note at the same time."
                    raise StoreError(message, next_step="Try again.") from conflict
            else:
                return

    async def _writes(self, key: Key, heard: Heard) -> list[Write]:
        account, source = key
        now = self._ledger.clock.now()
        place = hashlib.sha256(source.encode("utf-8", "surrogatepass")).hexdigest()[:16]
        id = f"{account}/{self.hour}/{place}"
        old = await self._ledger.get(Evidence, id)
        if old is None:
            marks, complete = _bounded(heard)
            new = Evidence(
                id=id, account=account, source=source, marks=packed(marks), complete=complete, at=now,
                expires_at=now + LIFE,
            )  # fmt: skip
            return [Put(new), *await self._expired(account)]
        before = Heard(unpacked(old.marks), complete=old.complete)
        marks, complete = _bounded(before | heard)
        if marks == before.marks and complete == before.complete:
            return []
        return [Put(replace(old, marks=packed(marks), complete=complete, expires_at=now + LIFE))]

    async def _expired(self, account: str) -> list[Write]:
        page = await self._ledger.store.find(Query(Evidence, {"account": account}, limit=_SWEPT))
        now = self._ledger.clock.now()
        return [Remove(item) for item in page.items if item.expires_at <= now]


def _bounded(heard: Heard) -> tuple[frozenset[bytes], bool]:
    if len(heard.marks) <= MAX_MARKS:
        return heard.marks, heard.complete
    return frozenset(sorted(heard.marks)[:MAX_MARKS]), False
