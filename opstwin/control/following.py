"""Following a target: its events become rows of the live feed, and what they are about is looked at again.

Events are hints, not truth: a burst leads to one look, a gap to a full one, and a lost event is made good by the
reconciler's next look. Out-of-memory kills are counted into the deployment that they hit.
"""

import asyncio
import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from opstwin.control.ledger import Ledger
from opstwin.control.memory_kills import count_oom, deployed_of, was_told
from opstwin.control.retrying import Backoff
from opstwin.domain.event import Event
from opstwin.domain.target import Target
from opstwin.domain.values import Json, ResourceId, TargetId
from opstwin.errors import NotFound, OpstwinError
from opstwin.logs import logger, masked
from opstwin.targets.ports import Reader, TargetEvent

GATHER_S: Final = 0.1
"""How long events are gathered before one look: short beside the one second in which people see them."""

MAX_PENDING: Final = 10_000
"""Events kept while the twin cannot be written; beyond it the oldest are dropped and everything is looked at."""

MAX_TEXT: Final = 256
MAX_DETAILS: Final = 20


class Looking(Protocol):
    """What a follower asks for when something happened."""

    async def discover(self, target_id: str) -> object:
        """Look at everything on a target."""
        ...

    async def observe(self, resource_ids: Iterable[ResourceId]) -> object:
        """Look at some resources."""
        ...


@dataclass(slots=True)
class _Pending:
    events: list[TargetEvent] = field(default_factory=list)
    ooms: dict[tuple[ResourceId, str], TargetEvent] = field(default_factory=dict)
    new: set[tuple[ResourceId, str]] = field(default_factory=set)
    resources: dict[ResourceId, None] = field(default_factory=dict)
    gap: bool = False

    def add(self, event: TargetEvent) -> None:
        self.gap = self.gap or event.gap
        if event.resource is None:
            return
        self.events.append(event)
        self.resources[event.resource] = None
        if event.type.endswith(".oom"):
            self.ooms[event.resource, event.at.isoformat()] = event
        if len(self.events) > MAX_PENDING:
            del self.events[: MAX_PENDING // 2]
            self.gap = True


class Follower:
    """Follows one target until cancelled, or until the target is switched off."""

    def __init__(self, ledger: Ledger, looking: Looking, reader: Reader, target: TargetId) -> None:
        self._ledger, self._looking, self._reader, self._target = ledger, looking, reader, target
        self._backoff = Backoff(ledger.clock, random.SystemRandom())
        self._pending = _Pending()
        self._counted: dict[ResourceId, str] = {}
        self._woken = asyncio.Event()

    async def run(self) -> None:
        """Follow; target errors are logged and waited out, never raised."""
        listening = asyncio.create_task(self._listen())
        try:
            await self._work(listening)
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)

    async def _listen(self) -> None:
        """Take events in; whatever ends the stream, listen again and take it for a gap."""
        attempt = 0
        while True:
            try:
                async for event in self._reader.watch():
                    attempt = 0
                    self._pending.add(event)
                    self._woken.set()
            except OpstwinError as error:
                logger().warning("watch_broken", target=self._target, code=error.code, reason=error.message)
            self._pending.gap = True
            self._woken.set()
            await self._backoff.pause(attempt)
            attempt += 1

    async def _work(self, listening: "asyncio.Task[None]") -> None:
        attempt = 0
        while await self._next(listening):
            try:
                await self._record(self._pending)
                attempt = 0
            except OpstwinError as error:
                logger().warning("follow_waits", target=self._target, code=error.code, reason=error.message)
                self._woken.set()
                await self._backoff.pause(attempt)
                attempt += 1

    async def _next(self, listening: "asyncio.Task[None]") -> bool:
        """Wait for something to do; False when the target is switched off. Raises what broke the listening for good."""
        waking = asyncio.create_task(self._woken.wait())
        try:
            await asyncio.wait({waking, listening}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            waking.cancel()
        if listening.done():
            listening.result()
        await self._ledger.clock.sleep(GATHER_S)
        self._woken.clear()
        target = await self._ledger.get(Target, self._target)
        return target is not None and target.is_active

    async def _record(self, pending: _Pending) -> None:
        """Write and look; what was done is taken off `pending` at once, so that a retry repeats nothing."""
        if pending.events:
            await self._recognise(pending)
            taken = len(pending.events)
            await self._ledger.commit(events=[_row(self._target, event) for event in pending.events[:taken]])
            del pending.events[:taken]
        for key in list(pending.ooms):
            await self._count(*key, pending.ooms[key])
            del pending.ooms[key]
            pending.new.discard(key)
        if pending.gap:
            pending.gap = False
            await self._discover(pending)
        elif pending.resources:
            await self._observe(pending)

    async def _recognise(self, pending: _Pending) -> None:
        """Leave out the kills that the feed held before: they were counted before the hub began anew."""
        for key, event in list(pending.ooms.items()):
            if key in pending.new:
                continue
            if await was_told(self._ledger, key[0], event.type, event.at):
                del pending.ooms[key]
            else:
                pending.new.add(key)

    async def _discover(self, pending: _Pending) -> None:
        covered = list(pending.resources)
        try:
            await self._looking.discover(self._target)
        except OpstwinError:
            pending.gap = True
            raise
        for resource in covered:
            pending.resources.pop(resource, None)

    async def _observe(self, pending: _Pending) -> None:
        resources = list(pending.resources)
        pending.resources.clear()
        try:
            await self._looking.observe(resources)
        except NotFound:
            pending.gap = True
            self._woken.set()
        except OpstwinError:
            pending.resources.update(dict.fromkeys(resources))
            raise

    async def _count(self, resource: ResourceId, moment: str, event: TargetEvent) -> None:
        """Count each kill once, also when a reconnected stream tells of it again."""
        if moment > self._counted.get(resource, ""):
            await count_oom(self._ledger, deployed_of(resource, event.details))
            self._counted[resource] = moment


def _row(target: TargetId, event: TargetEvent) -> Event:
    name = (event.resource or "").rpartition("/")[2]
    return Event(
        at=event.at, type=event.type, target=target, resource=event.resource, message=f"{name}: {event.type}",
        details=_safe(event.details),
    )  # fmt: skip


def _safe(details: Mapping[str, Json]) -> dict[str, Json]:
    """The plain values among the details, cut short and without secrets: they come from the world."""
    kept = [(key, value) for key, value in details.items() if value is None or isinstance(value, str | int | float)]
    return {
        key[:MAX_TEXT]: masked(key, value)[:MAX_TEXT] if isinstance(value, str) else value
        for key, value in kept[:MAX_DETAILS]
    }
