"""Turns under way. Each runs by itself; whoever watches it gets its events, also those that were before."""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from opstwin.clock import Clock
from opstwin.domain.values import Json
from opstwin.errors import Conflict, LimitExceeded, OpstwinError
from opstwin.logs import logger
from opstwin.tools.chat_views import ChatView
from opstwin.tools.registry import StreamItem

GRACE_S: Final = 10.0
"""How long a turn goes on that nobody watches: a browser that lost its connection is back within some seconds."""

MAX_TURNS: Final = 64
MAX_EACH: Final = 4
"""Turns under way at once: in the hub, and of one owner."""

KEPT: Final = 64
"""Turns that are over and can still be watched once more."""


@dataclass(eq=False)
class LiveTurn:
    """One turn and its events so far. `key` names its thread, `run_id` the turn.

    When it is over it has a `view`, or the `error` that ended it.
    """

    key: str
    owner: str
    run_id: str
    clock: Clock
    grace_s: float = GRACE_S
    over: bool = False
    view: ChatView | None = None
    error: OpstwinError | None = None
    _items: list[StreamItem] = field(default_factory=list)
    _bell: asyncio.Event = field(default_factory=asyncio.Event)
    _task: "asyncio.Task[None] | None" = None
    _leaving: "asyncio.Task[None] | None" = None
    _watchers: int = 0

    def begin(self, work: Callable[[], Awaitable[None]]) -> None:
        """Run `work`, which puts the events; the turn is over when it is."""
        self._task = asyncio.create_task(self._run(work))
        self._task.add_done_callback(self._logged)

    def put(self, events: Iterable[Json]) -> None:
        """Add events; ids count up from 1 within the turn."""
        for event in events:
            self._items.append(StreamItem(type="", data=event, id=f"{self.run_id}:{len(self._items) + 1}"))
        self._bell.set()
        self._bell = asyncio.Event()

    async def watch(self, after: int = 0) -> AsyncIterator[StreamItem]:
        """The events behind number `after`, until the turn is over.

        When the last watcher leaves before, the turn is ended after a while in which nobody came back.
        """
        self._watchers += 1
        try:
            place = after
            while True:
                bell = self._bell
                for item in self._items[place:]:
                    yield item
                    place += 1
                if self.over and place >= len(self._items):
                    return
                if place >= len(self._items):
                    await bell.wait()
        finally:
            self._watchers -= 1
            if self._watchers == 0 and not self.over:
                self._leaving = asyncio.create_task(self._abandon())

    async def done(self) -> None:
        """Return when the turn is over. It counts as watching."""
        async for _ in self.watch(len(self._items)):
            pass

    async def stop(self) -> None:
        """End it now, and wait until what it had open is closed."""
        if self._task is not None and not self.over:
            self._task.cancel()
            await asyncio.wait({self._task})

    async def _run(self, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        finally:
            self.over = True
            self._bell.set()

    def _logged(self, task: "asyncio.Task[None]") -> None:
        """A fault of ours goes into the log: nobody waits for the task itself."""
        if not task.cancelled() and (error := task.exception()) is not None:
            logger().error("turn_failed", run_id=self.run_id, exc_info=error)

    async def _abandon(self) -> None:
        await self.clock.sleep(self.grace_s)
        if self._watchers == 0:
            await self.stop()


@dataclass(slots=True)
class Turns:
    """The turns of this hub, the last of each thread."""

    clock: Clock
    grace_s: float = GRACE_S
    _known: "OrderedDict[str, LiveTurn]" = field(default_factory=OrderedDict)

    def get(self, key: str) -> LiveTurn | None:
        """The last turn of a thread, while it is known."""
        return self._known.get(key)

    def running(self, key: str) -> LiveTurn | None:
        """The turn that is under way in a thread."""
        known = self._known.get(key)
        return known if known is not None and not known.over else None

    def open(self, key: str, owner: str, run_id: str) -> LiveTurn:
        """A new turn. Raises `Conflict` while another runs in this thread, `LimitExceeded` when too many run."""
        if self.running(key) is not None:
            raise Conflict(
                "The last turn of this conversation is still under way.",
                next_step="Wait until it ends, or end it: POST /api/v1/threads/ID:stop",
            )
        live = [turn for turn in self._known.values() if not turn.over]
        if len(live) >= MAX_TURNS or sum(turn.owner == owner for turn in live) >= MAX_EACH:
            error = LimitExceeded("Too many conversations are answered now.", next_step="Wait until one has ended.")
            error.retry_after_s = 5.0
            raise error
        turn = LiveTurn(key, owner, run_id, self.clock, self.grace_s)
        self._known[key] = turn
        self._known.move_to_end(key)
        self._drop_old()
        return turn

    def drop(self, key: str) -> None:
        """Forget a turn that is over."""
        self._known.pop(key, None)

    async def close(self) -> None:
        """End every turn."""
        for turn in list(self._known.values()):
            await turn.stop()

    def _drop_old(self) -> None:
        over = [key for key, turn in self._known.items() if turn.over]
        for key in over[: max(0, len(over) - KEPT)]:
            del self._known[key]
