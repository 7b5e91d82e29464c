"""What pods write: one pod, or all of a workload side by side."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from datetime import datetime
from typing import Any, Final

from opstwin.domain.values import ResourceId
from opstwin.errors import NotFound, OpstwinError, Rejected
from opstwin.targets.kubernetes.health import at
from opstwin.targets.kubernetes.streaming import Streams
from opstwin.targets.ports import LogLine

IDLE_S: Final = 3600.0
"""A followed log may be silent for long; a log that is only read ends by itself."""

READ_S: Final = 30.0
MOST_PODS: Final = 20
"""Logs read at the same time; of a larger workload the pods that come first by name."""

Object = Mapping[str, Any]
PodsOf = Callable[[str, str], Awaitable[Sequence[Object]]]


class Logs:
    """Reads logs over one connection."""

    def __init__(self, streams: Streams) -> None:
        self._streams = streams

    async def lines(self, resource: ResourceId, pods_of: PodsOf, *, tail: int, follow: bool) -> AsyncIterator[LogLine]:
        """See `Reader.logs`; with more than one container each line begins with the name of who wrote it."""
        _, kind, name = resource.split("/", 2)
        pods = sorted(await pods_of(kind, name), key=_name)[:MOST_PODS]
        sources = [source for pod in pods for source in _sources(pod)]
        if not sources:
            raise NotFound(f"{resource} has no container that writes.", next_step=f"See it: opstwin get {resource}")
        labelled = len(sources) > 1
        if follow:
            async for line in _merged([self._one(item, tail, follow=True, labelled=labelled) for item in sources]):
                yield line
            return
        found: list[LogLine] = []
        for source in sources:
            async with aclosing(self._one(source, tail, follow=False, labelled=labelled)) as lines:
                found += [line async for line in lines]
        if labelled:
            found.sort(key=lambda line: line.at.timestamp() if line.at else 0.0)
        for line in found[-tail:] if tail else ():
            yield line

    async def _one(
        self, source: tuple[str, str, str], tail: int, *, follow: bool, labelled: bool
    ) -> AsyncGenerator[LogLine, None]:
        namespace, pod, container = source
        path = f"/api/v1/namespaces/{namespace}/pods/{pod}/log"
        query = {"container": container, "tailLines": str(tail), "timestamps": "true"}
        query |= {"follow": "true"} if follow else {}
        label = f"{pod}/{container}: " if labelled else ""
        try:
            async with aclosing(self._streams.lines(path, query, idle_s=IDLE_S if follow else READ_S)) as lines:
                async for raw in lines:
                    yield _line(raw, label)
        except Rejected as refused:
            # A container that has not begun yet has written nothing.
            if not labelled and "waiting to start" not in refused.message and "not found" not in refused.message:
                raise


async def _merged(parts: Sequence[AsyncGenerator[LogLine, None]]) -> AsyncGenerator[LogLine, None]:
    """The lines of all as they come. Ends when all have ended; raises what ends one of them."""
    queue: asyncio.Queue[LogLine | OpstwinError | None] = asyncio.Queue(1000)

    async def pump(part: AsyncGenerator[LogLine, None]) -> None:
        end: OpstwinError | None = None
        try:
            async with aclosing(part) as lines:
                async for line in lines:
                    await queue.put(line)
        except OpstwinError as error:
            end = error
        await queue.put(end)

    tasks = [asyncio.create_task(pump(part)) for part in parts]
    left = len(tasks)
    try:
        while left:
            item = await queue.get()
            if isinstance(item, LogLine):
                yield item
                continue
            if item is not None:
                raise item
            left -= 1
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _sources(pod: Object) -> list[tuple[str, str, str]]:
    """Namespace, pod and container of everything in a pod that has begun at least once."""
    namespace, name = str(at(pod, "metadata", "namespace")), str(at(pod, "metadata", "name"))
    containers = [str(item.get("name")) for item in at(pod, "spec", "containers") or ()]
    return [(namespace, name, container) for container in containers]


def _name(pod: Object) -> str:
    return str(at(pod, "metadata", "name"))


def _line(raw: bytes, label: str) -> LogLine:
    """A line with its moment: the kubelet writes both streams as one."""
    text = raw.decode(errors="replace").rstrip("\r")
    moment, _, rest = text.partition(" ")
    with contextlib.suppress(ValueError):
        return LogLine(at=datetime.fromisoformat(moment), stream="stdout", text=label + rest)
    return LogLine(at=None, stream="stdout", text=label + text)
