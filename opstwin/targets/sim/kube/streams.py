"""Watches: one line of JSON for each event, as long as they last."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Final

from opstwin.targets.sim.kube.asking import Ask, Route
from opstwin.targets.sim.kube.failures import ApiFailure
from opstwin.targets.sim.kube.listing import bookmark, first_events, later_events, test_of
from opstwin.targets.sim.kube.schema import Doc
from opstwin.targets.sim.kube.tables import form_of, shown, table
from opstwin.targets.sim.kube.world import KubeWorld

LOOK_AGAIN_S: Final = 0.25
"""How long a stream sleeps at most before it looks whether its time is over by either clock."""
LONGEST_S: Final = 1800.0


class Patience:
    """How long a stream may go on: by the world's clock or by the machine's, whichever is over first."""

    def __init__(self, world: KubeWorld, seconds: float) -> None:
        self._world = world
        self._seconds = seconds
        self._world_end = world.clock.monotonic_s() + seconds
        self._real_end = asyncio.get_running_loop().time() + seconds
        self._epoch = world.epoch

    def is_over(self) -> bool:
        """Whether the stream is to end now."""
        world = self._world
        return (
            world.epoch != self._epoch
            or world.partitioned
            or world.clock.monotonic_s() >= self._world_end
            or asyncio.get_running_loop().time() >= self._real_end
        )

    async def wait(self, bell: asyncio.Event) -> None:
        """Wait until the bell rings or it is time to look."""
        left_s = self._real_end - asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(max(0.0, min(LOOK_AGAIN_S, left_s))):
                await bell.wait()
        except TimeoutError:
            self._world.settle()
        bell.clear()


async def watch_lines(world: KubeWorld, found: Route, ask: Ask) -> AsyncIterator[bytes]:
    """The events of one watch."""
    shows = _Shows(world, found, ask)
    bell = world.bell.listen()
    patience = Patience(world, float(ask.query.get("timeoutSeconds") or LONGEST_S))
    try:
        events, revision = first_events(world.cluster, found, ask)
        async for line in shows.each(events):
            yield line
        test = test_of(found, ask)
        marks = world.bookmarks
        while not patience.is_over():
            events = later_events(world.cluster, found, test, revision)
            revision = max(revision, world.cluster.store.revision)
            if world.bookmarks != marks:
                marks = world.bookmarks
                events.append(("BOOKMARK", bookmark(found, revision)))
            async for line in shows.each(events):
                yield line
            await patience.wait(bell)
        if not world.partitioned:
            async for line in shows.each([("BOOKMARK", bookmark(found, revision))]):
                yield line
    except ApiFailure as failure:
        yield _line("ERROR", failure.status())
    finally:
        world.bell.leave(bell)


class _Shows:
    """How one watch writes its events: whole, as tables, or only metadata."""

    def __init__(self, world: KubeWorld, found: Route, ask: Ask) -> None:
        self._world, self._found, self._ask = world, found, ask
        self._is_table = form_of(ask) == "Table"
        self._head = True

    async def each(self, events: list[tuple[str, Doc]]) -> AsyncIterator[bytes]:
        for kind, doc in events:
            if kind == "BOOKMARK" and not self._ask.flag("allowWatchBookmarks"):
                continue
            yield _line(kind, doc if kind == "BOOKMARK" else self._form(doc))

    def _form(self, doc: Doc) -> Doc:
        if not self._is_table:
            return shown(self._world.cluster, self._found.kind, doc, self._ask)
        head, self._head = self._head, False
        whole = self._ask.query.get("includeObject") == "Object"
        return table(self._world.cluster, self._found.kind, doc, whole=whole, head=head)


def _line(kind: str, doc: Doc) -> bytes:
    return json.dumps({"type": kind, "object": doc}, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"
