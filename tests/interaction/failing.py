"""A store that can be told to take no writes."""

from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from opstwin.domain.records import Stored
from opstwin.errors import StoreError
from opstwin.twin.store import Commit, Page, Query, Receipt, TwinStore

S = TypeVar("S", bound=Stored)


@dataclass
class FailingStore:
    """All of another store; while `fails`, it cannot be written."""

    inner: TwinStore
    fails: bool = False

    async def get(self, kind: type[S], id: str) -> S | None:
        return await self.inner.get(kind, id)

    async def find(self, query: Query[S]) -> Page[S]:
        return await self.inner.find(query)

    async def commit(self, commit: Commit) -> Receipt:
        if self.fails:
            raise StoreError("The disk is full.", next_step="Make room.")
        return await self.inner.commit(commit)

    async def wait(self, after: int, timeout_s: float) -> int:
        return await self.inner.wait(after, timeout_s)

    async def backup(self, path: Path) -> None:
        await self.inner.backup(path)

    async def close(self) -> None:
        await self.inner.close()
