"""A store and a set of places whose process dies at a chosen boundary of the journal."""

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from opstwin.domain.records import Stored
from opstwin.domain.target import Target
from opstwin.targets.ports import Order, Previewer, Reader, Renderer, Sighting, Writer
from opstwin.targets.sim.faults import Crash
from opstwin.twin.store import Commit, Page, Query, Receipt, TwinStore

S = TypeVar("S", bound=Stored)


def crash() -> None:
    """Die as far as the code under test can tell."""
    raise Crash


def kill() -> None:
    """Die for real: no handler, no flush, no goodbye."""
    os.kill(os.getpid(), signal.SIGKILL)


@dataclass
class Boundaries:
    """Counts the boundaries that are passed and dies at the `fatal` one (0: never)."""

    fatal: int = 0
    die: Callable[[], None] = crash
    passed: list[str] = field(default_factory=list)

    def cross(self, what: str) -> None:
        """Note a boundary, or die there."""
        self.passed.append(what)
        if len(self.passed) == self.fatal:
            self.die()


@dataclass
class MortalStore:
    """A store with a boundary before and after every commit."""

    inner: TwinStore
    at: Boundaries

    async def get(self, kind: type[S], id: str) -> S | None:
        return await self.inner.get(kind, id)

    async def find(self, query: Query[S]) -> Page[S]:
        return await self.inner.find(query)

    async def commit(self, commit: Commit) -> Receipt:
        name = commit.audit[0].action if commit.audit else "facts"
        self.at.cross(f"before {name}")
        receipt = await self.inner.commit(commit)
        self.at.cross(f"after {name}")
        return receipt

    async def wait(self, after: int, timeout_s: float) -> int:
        return await self.inner.wait(after, timeout_s)

    async def backup(self, path: Path) -> None:
        await self.inner.backup(path)

    async def close(self) -> None:
        await self.inner.close()


@dataclass
class MortalWriter:
    """A writer with a boundary before and after every effect."""

    inner: Writer
    at: Boundaries

    async def apply(self, order: Order) -> Sighting:
        self.at.cross(f"before effect {order.change.resource}")
        seen = await self.inner.apply(order)
        self.at.cross(f"after effect {order.change.resource}")
        return seen

    async def exec(self, resource, argv, *, timeout_s, limit_bytes):  # type: ignore[no-untyped-def]
        return await self.inner.exec(resource, argv, timeout_s=timeout_s, limit_bytes=limit_bytes)

    async def close(self) -> None:
        await self.inner.close()


@dataclass
class MortalPlaces:
    """Places whose writers are mortal."""

    inner: object
    at: Boundaries

    def reader(self, target: Target) -> Reader:
        return self.inner.reader(target)  # type: ignore[attr-defined,no-any-return]

    def renderer(self, target: Target) -> Renderer:
        return self.inner.renderer(target)  # type: ignore[attr-defined,no-any-return]

    def previewer(self, target: Target) -> Previewer | None:
        return self.inner.previewer(target)  # type: ignore[attr-defined,no-any-return]

    def writer(self, target: Target) -> Writer:
        return MortalWriter(self.inner.writer(target), self.at)  # type: ignore[attr-defined]
