"""The chat: a turn for what somebody says, watched by who asked, kept in the twin for when they come back."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import TYPE_CHECKING, Final, cast

from opstwin.agent.events import AgentEvent, PlanShown
from opstwin.domain.thread import Thread, id_of_thread
from opstwin.errors import InvalidInput, ModelError, OpstwinError
from opstwin.server.chat.closing import Closing, Playing, unforeseen
from opstwin.server.chat.port import Talks
from opstwin.server.chat.standing import Standing, row_of
from opstwin.server.chat.turns import GRACE_S, LiveTurn, Turns
from opstwin.tools.chat_views import ChatView, ThreadRow, ThreadView, Turn
from opstwin.tools.registry import Caller, StreamItem
from opstwin.tools.services import Services

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

MISSING: Final = "Run: pip install 'opstwin[agent]', then start the hub again."


@dataclass(slots=True)
class Conversing:
    """Every caller's conversations (`opstwin.tools.chat_views.Chat`). `talks` is called with the first turn."""

    services: Services
    talks: Talks
    grace_s: float = GRACE_S
    standing: Standing = field(init=False)
    turns: Turns = field(init=False)
    _closing: Closing = field(init=False)
    _begin: asyncio.Lock = field(default_factory=asyncio.Lock)

    def __post_init__(self) -> None:
        self.standing = Standing(self.services)
        self.turns = Turns(self.services.ledger.clock, self.grace_s)
        self._closing = Closing(self.standing)

    async def answer(self, caller: Caller, turn: Turn) -> ChatView:
        live = await self._live(caller, turn)
        await live.done()
        if live.error is not None:
            raise live.error
        assert live.view is not None
        return live.view

    async def stream(self, caller: Caller, turn: Turn) -> AsyncIterator[StreamItem]:
        return (await self._live(caller, turn)).watch()

    async def follow(self, caller: Caller, thread: str, after: str) -> AsyncIterator[StreamItem]:
        found = await self.standing.need(caller, thread)
        run_id, _, number = after.rpartition(":")
        live = self.turns.get(found.id)
        if live is not None and run_id in ("", live.run_id):
            return live.watch(int(number or 0) if run_id else 0)
        if live is not None and not live.over:
            return live.watch()
        await _types()
        return (await self._again(found, caller)).watch()

    async def show(self, caller: Caller, thread: str) -> ThreadView:
        return await self._view(await self.standing.need(caller, thread), caller)

    async def threads(self, caller: Caller) -> Sequence[ThreadRow]:
        found = await self.standing.all_of(caller)
        return [row_of(item, running=self.turns.running(item.id) is not None) for item in found]

    async def end(self, caller: Caller, thread: str, *, forget: bool) -> ThreadView:
        found = await self.standing.need(caller, thread)
        live = self.turns.running(found.id)
        if live is not None:
            await live.stop()
            found = await self.standing.need(caller, thread)
        if forget:
            await (await self.talks()).forget(found.id)
            await self.standing.forget(found, caller)
            self.turns.drop(found.id)
        return await self._view(found, caller)

    async def close(self) -> None:
        """End every turn; executions go on."""
        await self.turns.close()

    async def _live(self, caller: Caller, turn: Turn) -> LiveTurn:
        """The turn that was asked for: the one that has its name already, or a new one."""
        await _types()
        talk = await self.talks()
        await self.services.veil.ready()
        name = turn.thread or self.services.ledger.ids.new("thread")
        run_id = turn.run_id or self.services.ledger.ids.new("turn")
        async with self._begin:
            thread = await self.standing.find(caller, name)
            known = await self._known(caller, turn, thread)
            if known is not None:
                return known
            asked = replace(turn, thread=name, run_id=run_id)
            if _says(turn, thread):
                return await self._new(caller, asked, lambda key: talk.say(key, caller, turn.words))
            return await self._new(caller, replace(asked, words=""), lambda key: talk.go_on(key, caller))

    async def _known(self, caller: Caller, turn: Turn, thread: Thread | None) -> LiveTurn | None:
        """A turn that answers this request without a new one: it was sent twice, or there is nothing to go on with."""
        going_on = bool(turn.resume) and not _says(turn, thread)
        if thread is None:
            if going_on:
                raise _no_interrupt(turn.resume[0])
            return None
        live = self.turns.get(thread.id)
        if live is not None and (live.run_id == turn.run_id or (going_on and not live.over)):
            return live
        told = bool(turn.run_id) and thread.run_id == turn.run_id
        if told or (going_on and not _must_go_on(thread, turn.resume)):
            return await self._again(thread, caller)
        return None

    async def _new(self, caller: Caller, turn: Turn, events: Callable[[str], AsyncIterator[AgentEvent]]) -> LiveTurn:
        key = id_of_thread(caller.principal.id, turn.thread)
        live = self.turns.open(key, caller.principal.id, turn.run_id)
        try:
            thread = await self.standing.begin(caller, turn)
        except BaseException:
            self.turns.drop(key)
            raise
        playing = Playing(live, thread, caller, resumed=None if turn.words else thread.plan_id)
        live.begin(lambda: self._play(playing, lambda: events(key)))
        return live

    async def _play(self, playing: Playing, events: Callable[[], AsyncIterator[AgentEvent]]) -> None:
        """Pass the events on as they come, and close the turn whatever ends it."""
        try:
            playing.begin()
            async with aclosing(cast("AsyncGenerator[AgentEvent, None]", events())) as heard:
                async for event in heard:
                    playing.take(event)
                    if isinstance(event, PlanShown):
                        await self.standing.showed(playing.thread, playing.heard)
        except asyncio.CancelledError:
            await self._closing.stopped(playing)
        except OpstwinError as error:
            await self._closing.failed(playing, error)
        except Exception:
            await self._closing.failed(playing, unforeseen(playing))
            raise
        else:
            await self._closing.ended(playing)

    async def _again(self, thread: Thread, caller: Caller) -> LiveTurn:
        """A turn that is over, told once more from the twin."""
        live = LiveTurn(thread.id, thread.owner, thread.run_id or "turn", self.services.ledger.clock, over=True)
        await self._closing.told(Playing(live, thread, caller))
        return live

    async def _view(self, thread: Thread, caller: Caller) -> ThreadView:
        return await self.standing.view(thread, caller, running=self.turns.running(thread.id) is not None)


def _says(turn: Turn, thread: Thread | None) -> bool:
    """Whether something new is said: AG-UI's clients send what was said before again when they go on."""
    if not turn.words or not turn.resume:
        return bool(turn.words)
    known = {remark.id for remark in thread.remarks} if thread is not None else set()
    return not turn.words_id or turn.words_id not in known


def _must_go_on(thread: Thread, resume: Sequence[str]) -> bool:
    """Whether there is something to go on with. Raises `InvalidInput` unless `resume` covers all that is open."""
    known = {remark.plan_id for remark in thread.remarks if remark.plan_id} | {str(thread.plan_id or "")}
    for name in resume:
        if name not in known:
            raise _no_interrupt(name)
    if thread.plan_id is not None and thread.plan_id not in resume:
        raise InvalidInput(
            f"resume leaves out the open interrupt {thread.plan_id}.", field="resume",
            next_step="Name every open interrupt: GET /api/v1/threads/ID shows it.",
        )  # fmt: skip
    return thread.plan_id is not None


def _no_interrupt(name: str) -> InvalidInput:
    return InvalidInput(
        f"This conversation has no interrupt {name[:64]!r}.", field="resume",
        next_step="Send the id that the last RUN_FINISHED named.",
    )  # fmt: skip


async def _types() -> None:
    """Import the types of AG-UI, a quarter of a second's work. Raises `ModelError` where they are not installed."""
    try:
        await asyncio.to_thread(import_module, "ag_ui.core")
    except ImportError as error:
        raise ModelError(
            "The chat's libraries are not installed.", next_step=MISSING, details={"reason": "not_installed"}
        ) from error
