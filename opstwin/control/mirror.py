"""A copy in memory of the records that are read most, brought up to date by what was touched since the last look.

It is right with any number of writers: every commit numbers its notes without a gap in the order of the commits, so a
copy that has read all notes has missed nothing. What it was told is read from the store again, never guessed.
"""

from collections.abc import Collection, Iterator, Mapping
from itertools import islice
from typing import Any, Final, TypeVar

from opstwin.domain.records import FOLLOWED, Record
from opstwin.domain.touched import Touched
from opstwin.twin.store import MAX_PAGE, Query, TwinStore
from opstwin.twin.touching import word_of

R = TypeVar("R", bound=Record)
Touches = Mapping[type[Record], Collection[str]]
"""Ids by kind."""

_KINDS: Final = {word_of(kind): kind for kind in FOLLOWED}


class Mirror:
    """All targets, workloads, desired and observed records of one store. One caller at a time refreshes it."""

    def __init__(self, store: TwinStore) -> None:
        self._store = store
        self._records: dict[type[Any], dict[str, Any]] = {}
        self._seen: int | None = None

    def of(self, kind: type[R]) -> Mapping[str, R]:
        """The records of one kind by id, as of the last refresh."""
        return self._records.get(kind, {})

    async def refresh(self) -> Touches | None:
        """Take over everything that was committed before this call; returns what may have changed, None for all of it.

        Raises `StoreError`; the copy is then as far as it got, and the next refresh does the rest.
        """
        notes = None if self._seen is None else await self._notes(self._seen)
        if notes is None:
            await self._read_all()
            return None
        touched: dict[type[Record], set[str]] = {}
        for note in notes:
            if note.kind in _KINDS:
                touched.setdefault(_KINDS[note.kind], set()).update(note.ids)
        for kind, ids in touched.items():
            await self._read(kind, ids)
        if notes:
            self._seen = notes[-1].seq
        return touched

    async def _notes(self, seen: int) -> list[Touched] | None:
        """The notes after `seen`, None when some of them were dropped already."""
        found: list[Touched] = []
        while True:
            after = found[-1].seq if found else seen
            page = await self._store.find(Query(Touched, after=str(after), limit=MAX_PAGE))
            if page.items and page.items[0].seq != after + 1:
                return None
            found += page.items
            if page.next is None:
                return found

    async def _read_all(self) -> None:
        # The number first: what is committed while the records are read is then read again, and not missed.
        newest = await self._store.find(Query(Touched, limit=1, newest_first=True))
        records = {kind: {item.id: item for item in await self._everything(kind)} for kind in FOLLOWED}
        self._records = records
        self._seen = newest.items[0].seq if newest.items else 0

    async def _everything(self, kind: type[R]) -> list[R]:
        found: list[R] = []
        after: str | None = None
        while True:
            page = await self._store.find(Query(kind, after=after, limit=MAX_PAGE))
            found += page.items
            if page.next is None:
                return found
            after = page.next

    async def _read(self, kind: type[Record], ids: Collection[str]) -> None:
        for some in _chunks(ids):
            page = await self._store.find(Query(kind, ids=some, limit=MAX_PAGE))
            there: dict[str, Any] = {item.id: item for item in page.items}
            records = self._records[kind]
            for id in some:
                if id in there:
                    records[id] = there[id]
                else:
                    records.pop(id, None)


def _chunks(ids: Collection[str]) -> Iterator[list[str]]:
    rest = iter(ids)
    while some := list(islice(rest, MAX_PAGE)):
        yield some
