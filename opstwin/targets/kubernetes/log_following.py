"""The logs of a workload as they go on: pods come and go, containers start anew, until the workload itself has gone."""

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Final

from opstwin.clock import Clock
from opstwin.domain.values import ResourceId
from opstwin.errors import Rejected
from opstwin.targets.kubernetes.confluence import Confluence
from opstwin.targets.kubernetes.health import at, conditions_in
from opstwin.targets.kubernetes.logs import Logs, Source, sources_in, sources_of
from opstwin.targets.kubernetes.sending import Place
from opstwin.targets.kubernetes.sightings import maker_of
from opstwin.targets.kubernetes.streaming import Streams
from opstwin.targets.ports import LogLine

WATCH_S: Final = 300
"""The server ends a watch after so long (client-go: 5 to 10 minutes); then another is begun."""

PAUSE_S: Final = 1.0
"""Between two watches, so that a server that ends them at once is not asked without end."""

MOST_STREAMS: Final = 50
"""Containers followed at the same time. What comes beyond that is taken up with a later watch, when others ended."""

Object = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """The workload that is followed. `look` gives it, None when it has gone; `pods` are those it has now."""

    resource: ResourceId
    place: Place
    selector: str
    look: Callable[[], Awaitable[Object | None]]
    pods: Callable[[], Awaitable[Sequence[Object]]]


class Following:
    """Follows one workload for one caller."""

    def __init__(self, followed: Followed, logs: Logs, streams: Streams, clock: Clock) -> None:
        self._followed, self._logs, self._streams, self._clock = followed, logs, streams, clock
        self._merged, self._starts = Confluence(), dict[tuple[str, str], str]()
        self._first: frozenset[Source] = frozenset()
        self._tail = 0
        self._alone: tuple[str, str] | None = None
        self._several = False

    async def lines(self, tail: int) -> AsyncGenerator[LogLine, None]:
        """The last `tail` lines of each container, then all new ones, also of pods and containers that start later.

        Ends when the workload has gone, or a Job is over, and nothing of it writes any more. An account that may not
        watch pods sees what is there at the beginning to its end. Raises as `Reader.logs`.
        """
        pods = await self._followed.pods()
        self._tail, self._first = tail, frozenset(source for pod in pods for source in sources_in(pod))
        for source in sources_of(self._followed.resource, pods):
            self._follow(source)
        self._merged.await_too(self._keep_up())
        async with aclosing(self._merged.lines()) as lines:
            async for line in lines:
                yield line

    async def _keep_up(self) -> None:
        """Take up what starts until nothing more can, and what of that nobody has told of yet."""
        tasks = [asyncio.create_task(self._until_over()), asyncio.create_task(self._watch_pods())]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            is_over = {task.result() for task in done} == {True}
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        for pod in await self._followed.pods() if is_over else ():
            self._take_up(pod)

    async def _watch_pods(self) -> bool:
        """Each watch begins with all pods that there are. False when they may not be watched."""
        place = self._followed.place
        path, query = f"/api/v1/namespaces/{place.namespace}/pods", {"labelSelector": self._followed.selector}
        maker = (place.kind, f"{place.namespace}/{place.name}")
        try:
            while True:
                async with aclosing(self._told(path, query)) as told:
                    async for type, pod in told:
                        if type == "DELETED":
                            self._forget(pod)
                        elif maker_of(pod) in (maker, None):
                            self._take_up(pod)
                await self._clock.sleep(PAUSE_S)
        except Rejected:
            return False

    async def _until_over(self) -> bool:
        """True when the workload has gone or a Job is over, False when it may not be watched."""
        place = self._followed.place
        try:
            while (item := await self._followed.look()) is not None and not _is_over(item):
                revision = str(at(item, "metadata", "resourceVersion"))
                query = {"fieldSelector": f"metadata.name={place.name}", "resourceVersion": revision}
                async with aclosing(self._told(place.collection, query)) as told:
                    async for type, changed in told:
                        if type == "DELETED" or _is_over(changed):
                            return True
                await self._clock.sleep(PAUSE_S)
        except Rejected:
            return False
        return True

    async def _told(self, path: str, query: Mapping[str, str]) -> AsyncGenerator[tuple[str, Object], None]:
        """What one watch tells, until it ends."""
        asked = {"watch": "true", "timeoutSeconds": str(WATCH_S), **query}
        async with aclosing(self._streams.lines(path, asked, idle_s=WATCH_S + 30.0)) as lines:
            async for line in lines:
                try:
                    said = json.loads(line)
                except ValueError:
                    return  # it broke off within a line
                if said["type"] == "ERROR":
                    return
                yield said["type"], said["object"]

    def _take_up(self, pod: Object) -> None:
        for source in sources_in(pod):
            if source.start != self._starts.get((source.uid, source.container)) and len(self._merged) < MOST_STREAMS:
                self._follow(source)

    def _follow(self, source: Source) -> None:
        """Of what had begun before, the last lines are shown; of what begins later all."""
        who = (source.uid, source.container)
        self._several = self._several or self._alone not in (None, who)
        self._alone = who
        if source.start:
            self._starts[who] = source.start
            tail = self._tail if source in self._first else None
            self._merged.add(self._logs.followed(source, tail, lambda: self._several))

    def _forget(self, pod: Object) -> None:
        for source in sources_in(pod):
            self._starts.pop((source.uid, source.container), None)


def _is_over(item: Object) -> bool:
    """Whether a Job has done all it will do; other workloads go on until they are taken away."""
    over = (found for found in conditions_in(item) if found.get("type") in ("Complete", "Failed"))
    return any(found.get("status") == "True" for found in over)
