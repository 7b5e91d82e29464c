"""Reading one Docker Engine."""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from typing import Any, Final, TypeVar

from opstwin.clock import Clock
from opstwin.domain.values import Json, ResourceId
from opstwin.errors import NotFound, Rejected, TargetError, Unreachable
from opstwin.targets.docker.client import path_of
from opstwin.targets.docker.defaults import Found
from opstwin.targets.docker.engine import THREADS
from opstwin.targets.docker.finding import Finder
from opstwin.targets.docker.frames import Frames, LogLines, RawStream
from opstwin.targets.docker.marks import is_internal
from opstwin.targets.docker.masking import secrets_of
from opstwin.targets.docker.sightings import (
    absent,
    container_sighting,
    image_sighting,
    name_of,
    network_sighting,
    tags_of,
    unknown,
    volume_sighting,
)
from opstwin.targets.docker.usage import Counters, between, counters_of
from opstwin.targets.docker.watching import Watch
from opstwin.targets.ports import LogLine, Sighting, TargetEvent, TargetInfo, UsageReading

T = TypeVar("T")
R = TypeVar("R")

AT_ONCE: Final = THREADS // 4
"""Looks at one time during a discovery; the other threads stay free for steps."""

SAMPLE_S: Final = 0.25
"""Time between the two readings of a container that was never read before."""

STALE_S: Final = 300.0
"""A reading older than that says nothing of what is used now."""

MAX_KEPT: Final = 10_000


class DockerReader:
    """Reads one engine; see the port."""

    def __init__(self, finder: Finder, clock: Clock) -> None:
        self._finder, self._engine, self._clock = finder, finder.engine, clock
        self._target = finder.target
        self._read: OrderedDict[str, Counters] = OrderedDict()

    async def info(self) -> TargetInfo:
        """The engine's own id, which outlives restarts; see the port."""
        found: Found = await self._engine.call("info", lambda api: api.read("info"))
        if not found.get("ID"):
            raise Unreachable(
                f"What answers at {self._engine.place.endpoint} has no engine id.",
                next_step=f"Correct the address, then: opstwin targets test {self._target}",
            )
        details: dict[str, Json] = {
            "name": str(found.get("Name") or ""),
            "os": str(found.get("OperatingSystem") or ""),
            "architecture": str(found.get("Architecture") or ""),
            "cpus": found.get("NCPU"),
            "memory_bytes": found.get("MemTotal"),
            "cgroup_version": str(found.get("CgroupVersion") or "1"),
        }
        return TargetInfo(identity=str(found["ID"]), version=str(found.get("ServerVersion") or ""), details=details)

    async def discover(self) -> Sequence[Sighting]:
        """Containers, volumes, networks and images; what goes away meanwhile is left out. See the port."""
        parts = await asyncio.gather(self._containers(), self._volumes(), self._networks(), self._images())
        return [sighting for part in parts for sighting in part]

    async def observe(self, resource: ResourceId) -> Sighting:
        """Absent on the engine's own "no such …" only; any other trouble is `unknown`. See the port."""
        kind, name = self._finder.split(resource)
        try:
            return await self._finder.sighting(kind, name)
        except NotFound:
            return absent(self._target, kind, name)
        except TargetError as error:
            return unknown(self._target, kind, name, error.message)

    def watch(self) -> AsyncIterator[TargetEvent]:
        """See the port and `watching.WANTED`."""
        return Watch(self._target, self._engine, self._clock).events()

    async def logs(self, resource: ResourceId, *, tail: int, follow: bool) -> AsyncIterator[LogLine]:
        """Both streams in the order of their frames, without the container's own secrets. See the port.

        Following ends with the container.
        """
        found = await self._container(resource)
        frames = RawStream() if (found.get("Config") or {}).get("Tty") else Frames()
        wanted = {"stdout": 1, "stderr": 1, "timestamps": 1, "tail": max(0, tail), "follow": int(follow)}
        path = path_of("containers", str(found["Id"]), "logs")
        stream = await self._engine.open(
            "container.logs",
            lambda api: api.answer("GET", path, params=wanted, stream=True),
            idle_s=None if follow else self._engine.timeout_s,
        )
        lines, own = LogLines(), secrets_of(found)
        try:
            while data := await stream.read():
                for name, piece in frames.feed(data):
                    for line in lines.feed(name, piece):
                        yield own.line(line)
            for line in lines.rest():
                yield own.line(line)
        finally:
            await stream.close()

    async def usage(self, resource: ResourceId) -> UsageReading:
        """CPU over the time since the last reading, or over a quarter of a second; zero when stopped. See the port."""
        id = str((await self._container(resource))["Id"])
        now = await self._counters(id)
        if now is None:
            return UsageReading(at=self._clock.now(), cpu_millicores=0.0, memory_bytes=0)
        before = self._read.get(id)
        if before is None or not SAMPLE_S / 2 <= (now.at - before.at).total_seconds() <= STALE_S:
            # Counters move in real time, so the wait between two readings is real too.
            await asyncio.sleep(SAMPLE_S)
            before, now = now, await self._counters(id) or now
        self._read[id] = now
        if len(self._read) > MAX_KEPT:
            self._read.popitem(last=False)
        return between(before, now)

    async def _counters(self, id: str) -> Counters | None:
        wanted: dict[str, Any] = {"stream": "false", "one-shot": "true"}
        return counters_of(
            await self._engine.call("container.stats", lambda api: api.read("containers", id, "stats", **wanted))
        )

    async def _container(self, resource: ResourceId) -> Found:
        kind, name = self._finder.split(resource)
        if kind != "container":
            raise Rejected(f"A {kind} has neither logs nor usage.", next_step="Name a container: opstwin get")
        return await self._finder.container(name)

    async def _containers(self) -> list[Sighting]:
        listed = await self._engine.call("container.list", lambda api: api.listed("containers", "json", all=1))
        seen = await _each([str(item["Id"]) for item in listed], self._one_container)
        return [item for item in seen if item is not None]

    async def _one_container(self, id: str) -> Sighting | None:
        try:
            found: Found = await self._engine.call("container.inspect", lambda api: api.read("containers", id, "json"))
        except NotFound:
            return None
        if is_internal(name_of(found)):
            return None
        return container_sighting(self._target, await self._finder.seen(found))

    async def _volumes(self) -> list[Sighting]:
        listed = await self._engine.call("volume.list", lambda api: api.read("volumes"))
        found: Sequence[Found] = listed.get("Volumes") or ()
        kept = [item for item in found if not is_internal(str(item["Name"]))]
        return [volume_sighting(self._target, item) for item in kept]

    async def _networks(self) -> list[Sighting]:
        listed = await self._engine.call("network.list", lambda api: api.listed("networks"))
        return [network_sighting(self._target, item) for item in listed]

    async def _images(self) -> list[Sighting]:
        listed = await self._engine.call("image.list", lambda api: api.listed("images", "json"))
        return [item for items in await _each(listed, self._one_image) for item in items]

    async def _one_image(self, found: Found) -> list[Sighting]:
        defaults = await self._finder.images.defaults(str(found["Id"]))
        names = tags_of(found) or [str(found["Id"])]
        return [image_sighting(self._target, name, found, defaults) for name in names] if defaults.known else []


async def _each(items: Iterable[T], work: Callable[[T], Awaitable[R]]) -> list[R]:
    """`work` of every item, a few at one time, in the order of the items."""
    free = asyncio.Semaphore(AT_ONCE)

    async def one(item: T) -> R:
        async with free:
            return await work(item)

    return list(await asyncio.gather(*(one(item) for item in items)))
