"""The store with the clock's moments filled in: what the rest of control reads from and writes to."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

from opstwin.clock import Clock
from opstwin.control.ids import Ids
from opstwin.domain.audit import AuditEntry
from opstwin.domain.event import Event
from opstwin.domain.records import Record, Stored
from opstwin.errors import NotFound
from opstwin.twin.store import MAX_PAGE, Commit, Query, Receipt, TwinStore, Write

S = TypeVar("S", bound=Stored)
R = TypeVar("R", bound=Record)


@dataclass(frozen=True, slots=True)
class Ledger:
    """The twin store, the clock and the maker of ids, together."""

    store: TwinStore
    clock: Clock
    ids: Ids

    async def get(self, kind: type[S], id: str) -> S | None:
        """One record, or None."""
        return await self.store.get(kind, id)

    async def need(self, kind: type[S], id: str, *, next_step: str = "") -> S:
        """One record; raises `NotFound` naming the kind and the id."""
        found = await self.store.get(kind, id)
        if found is None:
            word = kind.__name__.lower()
            raise NotFound(f"There is no {word} {id!r}.", next_step=next_step, details={"kind": word, "id": id})
        return found

    async def each(self, kind: type[S], where: Mapping[str, str | bool | None] | None = None) -> AsyncIterator[S]:
        """All records of a kind, page by page."""
        after: str | None = None
        while True:
            page = await self.store.find(Query(kind, where or {}, after=after, limit=MAX_PAGE))
            for item in page.items:
                yield item
            if page.next is None:
                return
            after = page.next

    async def all(self, kind: type[S], where: Mapping[str, str | bool | None] | None = None) -> list[S]:
        """All records of a kind as a list."""
        return [item async for item in self.each(kind, where)]

    async def some(self, kind: type[R], ids: Iterable[str]) -> dict[str, R]:
        """Those of `ids` that are there, by id; far cheaper than asking for one after the other."""
        wanted = iter(dict.fromkeys(ids))
        found: dict[str, R] = {}
        while chunk := tuple(islice(wanted, MAX_PAGE)):
            page = await self.store.find(Query(kind, ids=chunk, limit=MAX_PAGE))
            found |= {item.id: item for item in page.items}
        return found

    async def commit(
        self, writes: Sequence[Write] = (), audit: Sequence[AuditEntry] = (), events: Sequence[Event] = ()
    ) -> Receipt:
        """Store it all or nothing, stamped with now."""
        commit = Commit(
            at=self.clock.now(), uptime_s=self.clock.monotonic_s(), writes=writes, audit=audit, events=events
        )
        return await self.store.commit(commit)
