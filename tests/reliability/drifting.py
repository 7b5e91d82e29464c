"""Random drift, minute after minute, under a reconciler that heals it, and what every write was good for."""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from opstwin.control.modes import Setting, set_mode
from opstwin.control.reconciling import Reconciler, TargetTick
from opstwin.domain.audit import AuditRow
from opstwin.domain.event import Event
from opstwin.domain.healing import HealRecord
from opstwin.domain.target import Mode, Target
from opstwin.domain.values import ResourceId
from opstwin.targets.ports import ExecResult, Order, Previewer, Reader, Renderer, Sighting, Writer
from opstwin.twin.store import Query
from tests.rig import BEN, Rig, SimPlaces

SHARE = 0.10
"""Of all resources, how many drift in a minute."""

Drift = Callable[[random.Random, str], None]
"""Somebody does something to the named thing, behind the reconciler's back, so that it is not as desired."""


@dataclass
class Account:
    """What drifted and was not brought back yet, and the writes to what nobody had touched."""

    spoilt: set[ResourceId] = field(default_factory=set)
    writes: int = 0
    needless: list[ResourceId] = field(default_factory=list)


@dataclass(frozen=True)
class CountingWriter:
    """A writer whose every order is entered in the account."""

    inner: Writer
    account: Account

    async def apply(self, order: Order) -> Sighting:
        self.account.writes += 1
        if order.change.resource not in self.account.spoilt:
            self.account.needless.append(order.change.resource)
        seen = await self.inner.apply(order)
        self.account.spoilt.discard(order.change.resource)
        return seen

    async def exec(
        self, resource: ResourceId, argv: Sequence[str], *, timeout_s: float, limit_bytes: int
    ) -> ExecResult:
        return await self.inner.exec(resource, argv, timeout_s=timeout_s, limit_bytes=limit_bytes)

    async def close(self) -> None:
        await self.inner.close()


@dataclass(frozen=True)
class CountingPlaces:
    """Drivers whose writers keep account."""

    inner: SimPlaces
    account: Account

    def reader(self, target: Target) -> Reader:
        return self.inner.reader(target)

    def renderer(self, target: Target) -> Renderer:
        return self.inner.renderer(target)

    def previewer(self, target: Target) -> Previewer | None:
        return self.inner.previewer(target)

    def writer(self, target: Target) -> Writer:
        return CountingWriter(self.inner.writer(target), self.account)


@dataclass
class Drifting:
    """Some time of drift on one target, by default an hour. `drifts` are the kinds there are for each resource."""

    rig: Rig
    target: str
    account: Account
    drifts: Mapping[ResourceId, Sequence[Drift]]
    look_s: float
    minutes: int = 60
    chance: random.Random = field(default_factory=lambda: random.Random(4))
    drifted: int = 0
    paused: set[ResourceId] = field(default_factory=set)
    late: set[ResourceId] = field(default_factory=set)

    async def begin(self) -> None:
        """Allow healing; from now on nothing differs."""
        given = Setting(mode=Mode.HEAL, reason="keep it up", expires_at=self.rig.clock.now() + timedelta(days=7))
        await set_mode(self.rig.ledger, self.target, given, BEN)
        rig = self.rig
        self.loop = Reconciler(rig.ledger, rig.observer, rig.planner, rig.approver, rig.applier, rig.breakers)
        assert (await self.look()).drifts == ()
        self.account.writes = 0
        self.account.needless.clear()
        self.account.spoilt.clear()

    async def go_by(self) -> None:
        """Let drift come and the reconciler look, by turns, until the time is over."""
        began_s = self.rig.clock.monotonic_s()
        while (passed_s := self.rig.clock.monotonic_s() - began_s) < self.minutes * 60:
            self.spoil(int(passed_s / 60 * SHARE * len(self.drifts)) - self.drifted)
            ticked = await self.look()
            self.paused |= set(ticked.paused)
            self.late |= self.account.spoilt - set(ticked.paused)
            taken_s = self.rig.clock.monotonic_s() - began_s - passed_s
            self.rig.clock.advance(max(0.0, self.look_s - taken_s))

    def spoil(self, count: int) -> None:
        """So many things, whichever they are, are not as desired any more."""
        for _ in range(count):
            resource = self.chance.choice(list(self.drifts))
            self.chance.choice(self.drifts[resource])(self.chance, resource.rpartition("/")[2])
            self.account.spoilt.add(resource)
        self.drifted += count

    async def settle(self, longest: timedelta) -> None:
        """Look on, without drift and without a person, until everything is as desired and nothing is paused."""
        until = self.rig.clock.now() + longest
        while (await self.look()).drifts or await self.rig.ledger.all(HealRecord, {"paused": True}):
            assert self.rig.clock.now() < until, f"still not as desired: {sorted(self.account.spoilt)[:5]}"
            self.rig.clock.advance(60)

    async def written_in_vain(self, looks: int) -> int:
        """Rows that looks at what is as desired leave in the twin."""
        before = await self._rows()
        for _ in range(looks):
            await self.look()
            self.rig.clock.advance(self.look_s)
        return await self._rows() - before

    async def look(self) -> TargetTick:
        [ticked] = (await self.loop.tick(self.target)).targets
        assert (ticked.error, ticked.proposed) == ("", ())
        return ticked

    async def _rows(self) -> int:
        store = self.rig.ledger.store
        [row] = (await store.find(Query(AuditRow, limit=1, newest_first=True))).items
        [event] = (await store.find(Query(Event, limit=1, newest_first=True))).items
        return row.seq + event.seq
