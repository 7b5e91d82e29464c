"""Reading a world, through the same port as a real engine."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Final, TypeVar

from opstwin.domain.resource import Health, Presence
from opstwin.domain.values import ResourceId, TargetId, resource_id
from opstwin.errors import NotFound, TargetError
from opstwin.targets.ports import LogLine, Sighting, TargetEvent, TargetInfo, UsageReading
from opstwin.targets.sim.faults import Fault, FaultKind, after, before
from opstwin.targets.sim.life import status
from opstwin.targets.sim.showing import KINDS, everything, secrets_of, sighting
from opstwin.targets.sim.state import Container, Happening, Line, State
from opstwin.targets.sim.world import World

T = TypeVar("T")
VERSION: Final = "1"
LOOK_S: Final = 0.5
"""How often a watch looks into a file that other processes may write."""

IDLE_CPU_MILLICORES: Final = 5.0
IDLE_MEMORY_BYTES: Final = 16 * 1024 * 1024
"""What a container uses when nobody said otherwise."""


class SimReader:
    """Reads one world. Waits on the clock that the world lives by."""

    def __init__(self, target: TargetId, world: World) -> None:
        self._target, self._world = target, world

    async def info(self) -> TargetInfo:
        """Who the world is; see the port."""
        await self._called("info", None)
        state = await self._state(None)
        return TargetInfo(identity=state.identity, version=VERSION, details={"simulator": True})

    async def discover(self) -> Sequence[Sighting]:
        """Everything there is; see the port."""
        fault = await self._called("discover", None)
        state = await self._state(fault)
        return everything(self._target, state, self._world.now())

    async def observe(self, resource: ResourceId) -> Sighting:
        """One resource now; see the port."""
        kind, name = self._split(resource)
        try:
            fault = await self._called("observe", resource)
            state = await self._state(fault)
        except TargetError as error:
            return Sighting(
                resource=resource, kind=kind, name=name, presence=Presence.UNKNOWN, health=Health.UNKNOWN,
                error=error.message,
            )  # fmt: skip
        return sighting(self._target, state, kind, name, self._world.now())

    async def watch(self) -> AsyncIterator[TargetEvent]:
        """Events from now on; see the port."""
        position = (await self._state(None)).event_count
        yield self._gap()
        while True:
            state = await self._changed(_other_count(position))
            unseen = state.event_count - position
            if await self._loses_events() or not 0 < unseen <= len(state.events):
                yield self._gap()
            else:
                for event in [item for item in state.events if item.seq > position]:
                    yield self._event(event)
            position = state.event_count

    async def logs(self, resource: ResourceId, *, tail: int, follow: bool) -> AsyncIterator[LogLine]:
        """Lines of a container, without its own secrets; see the port. Following ends with the container."""
        await self._called("logs", resource)
        found = await self._container(resource)
        own = secrets_of(found)
        shown = found.lines[-tail:] if tail > 0 else ()
        while True:
            for line in shown:
                yield LogLine(at=line.at, stream=line.stream, text=own.over(line.text))
            if not follow:
                return
            seen = found.lines[-1:]
            state = await self._changed(_other_than(found))
            new = state.containers.get(found.name)
            if new is None or new.id != found.id or not status(state, new, self._world.now()).running:
                return
            found, shown = new, _since(new.lines, seen)

    async def usage(self, resource: ResourceId) -> UsageReading:
        """CPU and memory now, never above the limits; zero when stopped. See the port."""
        await self._called("usage", resource)
        found = await self._container(resource)
        now = self._world.now()
        if not status(self._world.state, found, now).running:
            return UsageReading(at=now, cpu_millicores=0.0, memory_bytes=0)
        return _usage(found, now)

    async def _called(self, call: str, resource: ResourceId | None) -> Fault | None:
        fault = self._world.faults.due(call, resource)
        await self._world.clock.sleep(self._world.latency_s)
        await before(fault, self._world.clock)
        after(fault)
        return fault

    async def _loses_events(self) -> bool:
        """Whether the connection broke while something happened; a watch connects again by itself."""
        try:
            fault = await self._called("watch", None)
        except TargetError:
            return True
        return fault is not None and fault.kind is FaultKind.GAP

    async def _state(self, fault: Fault | None) -> State:
        if fault is not None and fault.kind is FaultKind.STALE:
            return self._world.earlier
        return await in_background(self._world, lambda: self._world.state)

    async def _container(self, resource: ResourceId) -> Container:
        kind, name = self._split(resource)
        found = (await self._state(None)).containers.get(name) if kind == "container" else None
        if found is None:
            raise NotFound(f"There is no {resource}.", next_step="Look again: opstwin discover")
        return found

    async def _changed(self, wanted: Callable[[State], bool]) -> State:
        """The state as soon as it is as wanted."""
        while True:
            ring = self._world.bell.listen()
            try:
                state = await self._state(None)
                if wanted(state):
                    return state
                with suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_S if self._world.is_kept else None):
                        await ring.wait()
            finally:
                self._world.bell.leave(ring)

    def _split(self, resource: ResourceId) -> tuple[str, str]:
        target, kind, name = (*resource.split("/", 2), "", "")[:3]
        if target != self._target or kind not in KINDS or not name:
            raise NotFound(f"{resource} is not on {self._target}.", next_step="See what is there: opstwin get")
        return kind, name

    def _gap(self) -> TargetEvent:
        return TargetEvent(resource=None, type="connected", at=self._world.now(), gap=True)

    def _event(self, event: Happening) -> TargetEvent:
        return TargetEvent(resource=resource_id(self._target, event.kind, event.name), type=event.type, at=event.at)


async def in_background(world: World, work: Callable[[], T]) -> T:
    """`work()`: at once in memory, so that the order of things is fixed; in a thread when it waits for a disk."""
    return await asyncio.to_thread(work) if world.is_kept else work()


def _other_count(position: int) -> Callable[[State], bool]:
    return lambda state: state.event_count != position


def _other_than(seen: Container) -> Callable[[State], bool]:
    return lambda state: state.containers.get(seen.name) != seen


def _since(lines: Sequence[Line], seen: Sequence[Line]) -> tuple[Line, ...]:
    for place in range(len(lines) - 1, -1, -1):
        if seen and lines[place] == seen[0]:
            return tuple(lines[place + 1 :])
    return tuple(lines)


def _usage(found: Container, now: datetime) -> UsageReading:
    cpu = IDLE_CPU_MILLICORES if found.cpu_millicores is None else found.cpu_millicores
    memory = IDLE_MEMORY_BYTES if found.memory_bytes is None else found.memory_bytes
    reading = UsageReading(at=now, cpu_millicores=cpu, memory_bytes=memory)
    cpu_limit, memory_limit = found.spec["cpu_millicores"], found.spec["memory_bytes"]
    if isinstance(cpu_limit, int):
        reading = replace(reading, cpu_millicores=min(cpu, float(cpu_limit)))
    return replace(reading, memory_bytes=min(memory, memory_limit)) if isinstance(memory_limit, int) else reading
