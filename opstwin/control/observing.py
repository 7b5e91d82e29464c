"""Observing targets: what was seen goes into the observed side of the twin, never into the desired side."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from opstwin.control.actors import OBSERVER
from opstwin.control.drivers import Readers
from opstwin.control.following import Follower
from opstwin.control.ledger import Ledger
from opstwin.control.recording import MAX_WRITES, News, Recording
from opstwin.control.retrying import Retry
from opstwin.control.sightings import parts_of
from opstwin.domain.access import Actor
from opstwin.domain.audit import AuditEntry
from opstwin.domain.event import Event
from opstwin.domain.resource import Desired, Observed, Presence
from opstwin.domain.target import Target
from opstwin.domain.values import ResourceId, TargetId
from opstwin.errors import Conflict, Forbidden, Rejected, TargetError
from opstwin.targets.ports import ALL_OF_A_KIND, Reader, Sighting, TargetInfo
from opstwin.twin.store import Put, Remove, Require

AT_ONCE: Final = 16
"""Single observations made of one target at the same time."""

FORGET_AFTER: Final = timedelta(days=7)
"""How long something that is gone, and that nobody wants, is remembered; plans against it have long expired."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Discovery:
    """What a full look at one target brought. `found` is how many resources are there now.

    `unknown` holds `target/kind/*` for a kind of which nothing may be seen.
    """

    target: TargetId
    found: int
    new: tuple[ResourceId, ...] = ()
    changed: tuple[ResourceId, ...] = ()
    gone: tuple[ResourceId, ...] = ()
    unknown: tuple[ResourceId, ...] = ()
    observed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """A discovery, and all that is known of the target since."""

    discovery: Discovery
    records: Mapping[ResourceId, Observed]


@dataclass(frozen=True, slots=True)
class Observer:
    """Looks at targets and records what is there. Safe to run any number of times and at the same time as others."""

    ledger: Ledger
    readers: Readers
    retry: Retry | None = None
    _recording: Recording = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_recording", Recording(self.ledger))

    async def discover(self, target_id: str, actor: Actor = OBSERVER) -> Discovery:
        """What `look` found new, changed and gone."""
        return (await self.look(target_id, actor)).discovery

    async def look(self, target_id: str, actor: Actor = OBSERVER) -> Look:
        """Look at everything on a target; what a complete look does not show becomes absent.

        When nothing changed, nothing but an aged `observed_at` is written. Raises `NotFound`, `Forbidden` (inactive),
        and `TargetError` after marking every known resource of the target unknown: the target did not answer, or
        another machine answers at its address (`Rejected`).
        """
        target = await self.ledger.need(Target, target_id, next_step="List targets: opstwin targets list")
        if not target.is_active:
            raise Forbidden(
                f"Target {target_id} is switched off.",
                next_step=f"Switch it on: opstwin targets update {target_id} --active",
            )
        reader = self.readers.reader(target)
        known = await self._recording.known(target.id)
        began_at = self.ledger.clock.now()
        try:
            info, seen = await self._look(target, reader)
        except TargetError as error:
            await self._lost(target, known, began_at, error)
            raise
        await self._meet(target, info, actor)
        return await self._store(target, known, seen, began_at)

    async def observe(self, resource_ids: Iterable[ResourceId]) -> tuple[Observed, ...]:
        """Look at single resources and return their records, in the order given. Raises `NotFound` for no resource."""
        wanted = list(dict.fromkeys(resource_ids))
        by_target: dict[TargetId, list[ResourceId]] = {}
        for resource in wanted:
            by_target.setdefault(parts_of(resource)[0], []).append(resource)
        records: dict[ResourceId, Observed] = {}
        for target_id, resources in by_target.items():
            records |= await self._observe(target_id, resources)
        return tuple(records[resource] for resource in wanted)

    async def follow(self, target_id: str) -> None:
        """Record what happens on a target as it happens, until cancelled; see `Follower`."""
        target = await self.ledger.need(Target, target_id, next_step="List targets: opstwin targets list")
        await Follower(self.ledger, self, self.readers.reader(target), target.id).run()

    async def _look(self, target: Target, reader: Reader) -> tuple[TargetInfo, Sequence[Sighting]]:
        async def once() -> tuple[TargetInfo, Sequence[Sighting]]:
            info = await reader.info()
            _check_identity(target, info)
            return info, await reader.discover()

        return await (once() if self.retry is None else self.retry.read(target.id, once))

    async def _store(
        self, target: Target, known: Mapping[ResourceId, Observed], seen: Sequence[Sighting], began_at: datetime
    ) -> Look:
        shown = {item.resource: item for item in seen if item.name != ALL_OF_A_KIND}
        dark = {item.kind for item in seen if item.name == ALL_OF_A_KIND}
        news = [News(resource, known.get(resource), item) for resource, item in shown.items()]
        vanished = [old for old in known.values() if _vanished(old, shown)]
        news += [News(old.id, old, gone=old.kind not in dark) for old in vanished]
        away = [old for old in known.values() if old.presence is Presence.ABSENT and old.id not in shown]
        news += [News(old.id, old, gone=True) for old in await self._missed(target, away) if old.kind not in dark]
        back = any(old.presence is Presence.UNKNOWN for old in known.values())
        opening = [_event(target.id, began_at, "target.reachable", f"{target.id} answers again.")] if back else []
        written = await self._recording.store(news, began_at, opening=opening)
        await self._forget([old for old in known.values() if old.id not in shown], began_at)
        presences = [item.presence for item in shown.values()]
        discovery = Discovery(
            target=target.id, found=presences.count(Presence.PRESENT), new=tuple(written.new),
            changed=tuple(written.changed), gone=tuple(written.gone), observed_at=began_at,
            unknown=tuple(item.resource for item in seen if item.presence is Presence.UNKNOWN),
        )  # fmt: skip
        return Look(discovery=discovery, records={**known, **written.records})

    async def _lost(
        self, target: Target, known: Mapping[ResourceId, Observed], began_at: datetime, error: TargetError
    ) -> None:
        """Everything that was known of the target is unknown from now on; said once, not at every look."""
        event = _event(target.id, began_at, "target.unreachable", f"{target.id} cannot be seen: {error.message}")
        news = [News(old.id, old) for old in known.values()]
        await self._recording.store(news, began_at, quiet=True, opening=[event])

    async def _meet(self, target: Target, info: TargetInfo, actor: Actor) -> None:
        """Remember who the target is, the first time it says so."""
        if target.identity:
            return
        for other in await self.ledger.all(Target, {"is_active": True}):
            if other.id != target.id and other.identity == info.identity:
                raise Rejected(
                    f"{target.id} is the same machine as target {other.id}; two targets on one do not see each other.",
                    next_step=f"Use {other.id}, or switch this one off: opstwin targets update {target.id} --inactive",
                    details={"target": target.id, "same_as": other.id},
                )
        entry = AuditEntry(
            action="target.identity", subject=target.id, actor=actor, details={"identity": info.identity}
        )
        try:
            await self.ledger.commit([Put(replace(target, identity=info.identity))], [entry])
        except Conflict:
            current = await self.ledger.need(Target, target.id)
            _check_identity(current, info)
            await self._meet(current, info, actor)

    async def _observe(self, target_id: TargetId, resources: Sequence[ResourceId]) -> dict[ResourceId, Observed]:
        target = await self.ledger.need(Target, target_id, next_step="List targets: opstwin targets list")
        reader = self.readers.reader(target)
        known = await self._recording.some(resources)
        began_at = self.ledger.clock.now()
        slots = asyncio.Semaphore(AT_ONCE)

        async def one(resource: ResourceId) -> Sighting:
            async with slots:
                return await reader.observe(resource)

        seen = await asyncio.gather(*map(one, resources))
        news = [News(item.resource, known.get(item.resource), item) for item in seen]
        return (await self._recording.store(news, began_at)).records

    async def _missed(self, target: Target, away: Sequence[Observed]) -> list[Observed]:
        """What is wanted and still gone: that was looked at too, so it does not grow old like what nobody looks at."""
        if not away:
            return []
        wanted = {item.id async for item in self.ledger.each(Desired, {"target": target.id}) if item.spec is not None}
        return [old for old in away if old.id in wanted]

    async def _forget(self, missing: Sequence[Observed], now: datetime) -> None:
        """Drop what is gone for long and wanted by nobody, so that the twin does not grow with every container."""
        old = [item for item in missing if item.presence is Presence.ABSENT and now - item.observed_at > FORGET_AFTER]
        wanted = {item.id for item in old if await self.ledger.get(Desired, item.id) is not None}
        drop = [item for item in old if item.id not in wanted][: MAX_WRITES // 2]
        try:
            if drop:
                await self.ledger.commit([write for item in drop for write in (Remove(item), _unwanted(item))])
        except Conflict:
            return


def _unwanted(item: Observed) -> Require:
    return Require(Desired, item.id, 0)


def _vanished(old: Observed, shown: Mapping[ResourceId, Sighting]) -> bool:
    return old.id not in shown and old.presence is not Presence.ABSENT


def _check_identity(target: Target, info: TargetInfo) -> None:
    if target.identity and info.identity != target.identity:
        raise Rejected(
            f"Another machine answers at the address of {target.id}: it says {info.identity!r:.80}, "
            f"known is {target.identity!r:.80}. Nothing is done there.",
            next_step=f"Look at it: opstwin targets test {target.id}",
            details={"target": target.id, "known": target.identity, "answered": info.identity},
        )


def _event(target: TargetId, at: datetime, type: str, message: str) -> Event:
    return Event(at=at, type=type, target=target, message=message)
