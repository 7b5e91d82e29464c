"""How turns end: what is written last for who watches, and what the thread keeps."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from opstwin.agent.events import AgentEvent, Ended
from opstwin.domain.thread import Thread
from opstwin.errors import NotApproved, OpstwinError, StoreError
from opstwin.logs import logger
from opstwin.server.chat.agui import Scribe
from opstwin.server.chat.heard import FAILED, STOPPED, WAITS, Heard
from opstwin.server.chat.interrupts import interrupted, state_of
from opstwin.server.chat.standing import Standing
from opstwin.server.chat.turns import LiveTurn
from opstwin.tools.chat_views import ChatView, WaitView
from opstwin.tools.registry import Caller

if TYPE_CHECKING:
    from ag_ui.core import BaseEvent, TokenUsage

EXPIRED: Final = "expired"


@dataclass(slots=True)
class Playing:
    """A turn as it is played: where its events go, its thread, who asked, and the plan that it goes on with."""

    live: LiveTurn
    thread: Thread
    caller: Caller
    resumed: str | None = None
    heard: Heard = field(default_factory=Heard)
    scribe: Scribe = field(init=False)

    def __post_init__(self) -> None:
        self.scribe = Scribe(self.thread.name, self.live.run_id)

    def begin(self) -> None:
        """Write the first event."""
        self.put(self.scribe.started())

    def take(self, event: AgentEvent) -> None:
        """Pass one event on."""
        self.heard.take(event)
        self.put(self.scribe.of(event))

    def put(self, events: "Iterator[BaseEvent]") -> None:
        """Put AG-UI events where they are watched."""
        self.live.put(event.model_dump(mode="json", by_alias=True) for event in events)


@dataclass(frozen=True, slots=True)
class Closing:
    """Closes turns. Whoever watches gets a last event, whatever happens to the twin meanwhile."""

    standing: Standing

    async def ended(self, playing: Playing) -> None:
        """The conversation came to its end."""
        heard = playing.heard
        if heard.ended is None:
            await self.failed(playing, OpstwinError("The answer broke off.", next_step="Say it again."))
            return
        await self._close(playing, heard.ended)

    async def stopped(self, playing: Playing) -> None:
        """Somebody ended the turn, or nobody watched it any more."""
        ended = Ended(outcome=STOPPED, source="", why="The turn was stopped. What is applied already goes on.")
        await self._close(playing, ended)

    async def failed(self, playing: Playing, error: OpstwinError) -> None:
        """The conversation raised."""
        await self._kept(playing, FAILED)
        playing.live.error = error
        playing.put(playing.scribe.failed(error))

    async def told(self, playing: Playing) -> None:
        """A turn that was over before, from what the thread keeps."""
        thread = playing.thread
        answers = [remark for remark in thread.remarks if remark.by == "assistant"]
        playing.heard.text = answers[-1].text if answers and thread.outcome else ""
        ended = Ended(outcome=thread.outcome or STOPPED, source="")
        waiting = await self.standing.waits_for(thread, playing.caller)
        playing.live.view = _view(playing, ended, waiting)
        playing.begin()
        self._stands(playing, thread, waiting, ended.outcome)
        self._last(playing, ended, waiting)

    async def _close(self, playing: Playing, ended: Ended) -> None:
        thread = await self._kept(playing, ended.outcome)
        waiting = await self._waiting(thread, playing.caller)
        playing.live.view = _view(playing, ended, waiting)
        self._answer_call(playing, ended)
        if waiting is not None:
            self._stands(playing, thread, waiting, ended.outcome)
        self._last(playing, ended, waiting)

    def _stands(self, playing: Playing, thread: Thread, waiting: WaitView | None, outcome: str) -> None:
        """The whole conversation, with the call that stands open where one does."""
        if waiting is not None:
            playing.put(playing.scribe.waits(waiting.plan_id))
        playing.put(playing.scribe.snapshots(playing.thread.remarks, state_of(thread, waiting, outcome)))

    def _answer_call(self, playing: Playing, ended: Ended) -> None:
        """Say what came of the call that stood, once its plan waits no more."""
        if playing.resumed is not None and ended.outcome not in (WAITS, STOPPED, FAILED):
            playing.put(playing.scribe.went_on(playing.resumed, ended.outcome))

    def _last(self, playing: Playing, ended: Ended, waiting: WaitView | None) -> None:
        if ended.outcome == EXPIRED:
            gone = NotApproved("The plan ran out before a human had decided.", next_step="Ask again for a new one.")
            playing.put(playing.scribe.failed(gone, EXPIRED))
            return
        playing.put(
            playing.scribe.finished(
                outcome=_outcome(ended, waiting, playing), result=_result(playing, ended), usage=_usage(ended)
            )
        )

    async def _kept(self, playing: Playing, outcome: str) -> Thread:
        try:
            return await self.standing.ended(playing.thread, playing.heard, outcome, playing.scribe.answers)
        except StoreError as away:
            logger().warning("thread_not_kept", code=away.code, reason=away.message)
            return playing.thread

    async def _waiting(self, thread: Thread, caller: Caller) -> WaitView | None:
        try:
            return await self.standing.waits_for(thread, caller)
        except StoreError:
            return None


def _outcome(ended: Ended, waiting: WaitView | None, playing: Playing) -> Any:
    from ag_ui.core.events import RunFinishedCancelledOutcome, RunFinishedSuccessOutcome

    if waiting is not None:
        return interrupted(waiting, playing.heard.card or playing.thread.card)
    return RunFinishedCancelledOutcome() if ended.outcome == STOPPED else RunFinishedSuccessOutcome()


def _result(playing: Playing, ended: Ended) -> dict[str, Any]:
    return {
        "outcome": ended.outcome, "source": ended.source, "why": ended.why, "costUsd": ended.cost_usd,
        "planId": playing.heard.plan_id or playing.resumed,
    }  # fmt: skip


def _usage(ended: Ended) -> "list[TokenUsage] | None":
    from ag_ui.core.events import TokenUsage

    if not ended.input_tokens and not ended.output_tokens:
        return None
    total = ended.input_tokens + ended.output_tokens
    return [
        TokenUsage(
            model=ended.source, input_tokens=ended.input_tokens, output_tokens=ended.output_tokens, total_tokens=total
        )
    ]


def _view(playing: Playing, ended: Ended, waiting: WaitView | None) -> ChatView:
    heard = playing.heard
    return ChatView(
        thread_id=playing.thread.name, run_id=playing.live.run_id, text=heard.text.strip(), outcome=ended.outcome,
        source=ended.source, why=ended.why, cost_usd=ended.cost_usd, input_tokens=ended.input_tokens,
        output_tokens=ended.output_tokens, calls=tuple(heard.calls),
        plan=heard.card or (playing.thread.card if waiting is not None else {}), waiting=waiting,
    )  # fmt: skip


def unforeseen(playing: Playing) -> OpstwinError:
    """What a caller is told of a fault of ours."""
    return OpstwinError(
        "The hub failed on this turn.", next_step=f"Look for {playing.live.run_id} in the hub's log, or say it again."
    )
