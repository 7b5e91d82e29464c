"""A cluster's changes as they happen: one watch for each kind, resumed where it broke off.

As clients of Kubernetes do (client-go, tools/cache/reflector.go): a watch goes on from the last revision that was seen,
which bookmarks keep young; when that revision was forgotten (410), everything has to be looked at again.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing, suppress
from datetime import datetime
from typing import Any, Final

from opstwin.clock import Clock
from opstwin.domain.values import Json, TargetId, canonical, resource_id
from opstwin.errors import LimitExceeded, Rejected, TargetError
from opstwin.targets.kubernetes.cleaning import cleaned
from opstwin.targets.kubernetes.health import at, doing
from opstwin.targets.kubernetes.killed import Kills
from opstwin.targets.kubernetes.listing import Denied, collection_of, pages
from opstwin.targets.kubernetes.scope import Scope, is_shown
from opstwin.targets.kubernetes.sending import Sender
from opstwin.targets.kubernetes.serving import ServedKind, Serving, kind_of
from opstwin.targets.kubernetes.sightings import full_name
from opstwin.targets.kubernetes.streaming import Streams
from opstwin.targets.ports import TargetEvent

FIRST_PAUSE_S: Final = 0.5
LONGEST_PAUSE_S: Final = 30.0
"""Pauses between attempts to connect double from the first to the longest."""

WATCH_S: Final = 300
"""The server ends a watch after so long (client-go: 5 to 10 minutes): load spreads and lost peers are noticed."""

IDLE_S: Final = WATCH_S + 30.0
DENIED_PAUSE_S: Final = 300.0
"""Before a kind that may not be watched is tried again."""

MAX_WAITING: Final = 10_000
_GONE: Final = 410
_MOST_TEXT: Final = 256


class Watch:
    """Watches one cluster for one target."""

    def __init__(
        self, target: TargetId, sender: Sender, streams: Streams, serving: Serving, scope: Scope, clock: Clock
    ) -> None:
        self.target, self.sender, self.streams, self.clock = target, sender, streams, clock
        self._serving, self._scope = serving, scope

    async def events(self) -> AsyncGenerator[TargetEvent, None]:
        """See `Reader.watch`. The first event, "connected", has `gap`, and so has each after a forgotten past."""
        queue: asyncio.Queue[TargetEvent] = asyncio.Queue(MAX_WAITING)
        parts = [
            _Kind(self, kind, namespace, queue)
            for kind in await self._kinds()
            for namespace in self._scope.places(kind)
        ]
        tasks = [asyncio.create_task(part.run()) for part in parts]
        try:
            # What changes from here on is seen by the watches, so the look that this event brings misses nothing.
            await asyncio.gather(*(part.tried.wait() for part in parts))
            yield self.gap("connected")
            while True:
                yield await self._next(queue, tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _kinds(self) -> list[ServedKind]:
        """What to watch, as soon as the cluster says what it serves."""
        pause_s = FIRST_PAUSE_S
        while True:
            with suppress(TargetError):
                served = await self._serving.kinds()
                events = [item for item in served if item.kind == "event" and not item.group]
                return [*self._scope.watched(served), *events[:1]]
            await self.clock.sleep(pause_s)
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)

    async def _next(self, queue: "asyncio.Queue[TargetEvent]", tasks: "list[asyncio.Task[None]]") -> TargetEvent:
        """The next event. Raises what ended one of the watches for good."""
        getting = asyncio.create_task(queue.get())
        try:
            done, _ = await asyncio.wait({getting, *tasks}, return_when=asyncio.FIRST_COMPLETED)
            if getting in done:
                return getting.result()
        finally:
            getting.cancel()
        for task in done:
            task.result()
        raise AssertionError("a watch ended without a reason")

    def gap(self, type: str) -> TargetEvent:
        """That something may have been missed."""
        return TargetEvent(resource=None, type=type, at=self.clock.now(), gap=True)


class _Kind:
    """The watch of one kind, in one namespace or everywhere."""

    def __init__(self, watch: Watch, kind: ServedKind, namespace: str, queue: "asyncio.Queue[TargetEvent]") -> None:
        self._watch, self._kind, self._queue = watch, kind, queue
        self._path = collection_of(kind, namespace)
        self._revision = ""
        self._seen: dict[str, int] = {}
        self._kills = Kills(watch.target, watch.clock.now())
        self.tried = asyncio.Event()

    async def run(self) -> None:
        """Follow until cancelled; whatever breaks the stream is waited out."""
        pause_s = FIRST_PAUSE_S
        while True:
            try:
                await self._begin()
                if await self._follow():
                    pause_s = FIRST_PAUSE_S
                    continue
            except Denied:
                pause_s = DENIED_PAUSE_S
            except (TargetError, LimitExceeded) as error:
                if error.details.get("expired"):
                    self._revision = ""
                    self._seen.clear()
            self.tried.set()
            await self._watch.clock.sleep(pause_s)
            pause_s = min(pause_s * 2, max(LONGEST_PAUSE_S, pause_s))

    async def _begin(self) -> None:
        """Know where to go on from. Where the past was lost, everything has to be looked at again, after that."""
        if self._revision:
            return
        self._revision = await self._now()
        if self.tried.is_set():
            await self._queue.put(self._watch.gap("relisted"))
        self.tried.set()

    async def _now(self) -> str:
        """The revision that the cluster is at."""
        async with aclosing(pages(self._watch.sender, self._path, limit=1)) as found:
            async for page in found:
                return page.revision
        raise Rejected("The cluster listed nothing, not even that it is empty.")

    async def _follow(self) -> bool:
        """One connection; whether anything came over it."""
        query = {
            "watch": "true", "allowWatchBookmarks": "true", "timeoutSeconds": str(WATCH_S),
            "resourceVersion": self._revision,
        }  # fmt: skip
        came = False
        async with aclosing(self._watch.streams.lines(self._path, query, idle_s=IDLE_S)) as lines:
            async for line in lines:
                came = await self._take(line) or came
        return came

    async def _take(self, line: bytes) -> bool:
        try:
            said = json.loads(line)
        except ValueError:
            return False
        type, item = str(at(said, "type") or ""), at(said, "object")
        if not isinstance(item, dict):
            return False
        if type == "ERROR":
            expired = item.get("code") == _GONE
            raise Rejected(str(item.get("message") or "the watch ended"), details={"expired": expired})
        self._revision = str(at(item, "metadata", "resourceVersion") or self._revision)
        for event in self._kills_in(type, item):
            await self._queue.put(event)
        told = self._event(type, item)
        if told is not None:
            await self._queue.put(told)
        return True

    def _kills_in(self, type: str, item: Mapping[str, Any]) -> list[TargetEvent]:
        if self._kind.kind != "pod" or type == "BOOKMARK":
            return []
        found = [*self._kills.new(item)]
        if type == "DELETED":
            self._kills.forget(item)
        return found

    def _event(self, type: str, item: Mapping[str, Any]) -> TargetEvent | None:
        kind = self._kind.kind
        if type == "BOOKMARK":
            return None
        if kind == "event":
            return self._told(type, item)
        if not is_shown(kind, item) or not self._is_news(type, item):
            return None
        resource = resource_id(self._watch.target, kind, full_name(item))
        return TargetEvent(resource=resource, type=f"{kind}.{type.lower()}", at=self._watch.clock.now())

    def _is_news(self, type: str, item: Mapping[str, Any]) -> bool:
        """Whether anything changed that is kept of it: heartbeats of nodes and the like are not."""
        uid = str(at(item, "metadata", "uid"))
        if type == "DELETED":
            self._seen.pop(uid, None)
            return True
        mark, known = _mark(self._kind.kind, item), self._seen.get(uid)
        self._seen[uid] = mark
        return mark != known

    def _told(self, type: str, item: Mapping[str, Any]) -> TargetEvent | None:
        """A warning of the cluster, as an event of what it is about."""
        if type == "DELETED" or item.get("type") != "Warning":
            return None
        about = item.get("involvedObject") or {}
        kind = kind_of(str(about.get("apiVersion") or "v1"), str(about.get("kind") or ""))
        namespace, name = about.get("namespace"), str(about.get("name") or "")
        if not kind or not name or not _is_id(name):
            return None
        full = f"{namespace}/{name}" if namespace and kind != "node" else name
        details: dict[str, Json] = {
            "reason": str(item.get("reason"))[:_MOST_TEXT], "message": str(item.get("message"))[:_MOST_TEXT],
            "count": item.get("count"),
        }  # fmt: skip
        return TargetEvent(
            resource=resource_id(self._watch.target, kind, full), type=f"{kind}.warning",
            at=_moment(item) or self._watch.clock.now(), details=details,
        )  # fmt: skip


def _mark(kind: str, item: Mapping[str, Any]) -> int:
    """The same number for two states of an object that are kept as the same."""
    how = doing(kind, item)
    said = [how.health.value, how.state, how.why, how.ready, at(item, "metadata", "deletionTimestamp")]
    return hash(canonical([dict(cleaned(kind, item)), *said]))


def _is_id(name: str) -> bool:
    return len(name) <= 253 and all(letter.isalnum() or letter in "-._:" for letter in name)


def _moment(item: Mapping[str, Any]) -> datetime | None:
    for field in ("lastTimestamp", "eventTime", "firstTimestamp"):
        said = item.get(field)
        if isinstance(said, str):
            with suppress(ValueError):
                return datetime.fromisoformat(said)
    return None
