"""What is said to the chat and what it answers, and the port behind which conversations are held."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from opstwin.domain.thread import Remark
from opstwin.domain.values import Json

if TYPE_CHECKING:
    from opstwin.tools.registry import Caller, StreamItem


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """What a caller asks of a thread: `words`, or to go on after the interrupts that `resume` names.

    `words_id` is the caller's own name for the words. With `resume` they are said only where they are new: a client
    that puts an interrupt off to ask something sends both.
    `thread` and `run_id` are the caller's own names; without them the hub makes some. What was sent beside an
    interrupt's name is not kept: only a decision in the twin counts.
    """

    words: str = ""
    words_id: str = ""
    thread: str = ""
    run_id: str = ""
    resume: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CallView:
    """A tool that was called on the way, and what it said in short."""

    name: str
    summary: str
    failed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitView:
    """What a thread waits for: a human's decision on this digest, at `approve_url` or by `approve_command`.

    `may_approve` says whether the caller is one of the `approvers`, the accounts that may approve it; anybody who asked
    for it may reject it.
    """

    plan_id: str
    digest: str
    expires_at: datetime
    approve_url: str
    approve_command: str
    may_approve: bool = False
    approvers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatView:
    """A turn's answer. `source` is what answered: a model's name, or `fallback`, and then `why` says why.

    `outcome` is answered, waiting, applied, rolled_back, rejected, expired, stale, failed, needs_more or stopped.
    `cost_usd` is null where the price is not known. `plan` is the card of a plan that was shown.
    """

    thread_id: str
    run_id: str
    text: str
    outcome: str
    source: str
    why: str
    cost_usd: float | None
    input_tokens: int
    output_tokens: int
    calls: tuple[CallView, ...]
    plan: Mapping[str, Json]
    waiting: WaitView | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreadRow:
    """A thread in a list. `outcome` is how its last turn ended, `running` while one is under way."""

    id: str
    title: str
    outcome: str
    plan_id: str | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreadView(ThreadRow):
    """A thread with the last hundred remarks, and the plan that it waits for."""

    run_id: str
    remarks: tuple[Remark, ...]
    plan: Mapping[str, Json] = field(default_factory=dict)
    waiting: WaitView | None = None


class Chat(Protocol):
    """Conversations of callers, each with their own threads alone."""

    async def answer(self, caller: "Caller", turn: Turn) -> ChatView:
        """The whole answer of a turn; raises what ended the turn without one."""
        ...

    async def stream(self, caller: "Caller", turn: Turn) -> AsyncIterator["StreamItem"]:
        """The same as AG-UI events while it happens. Raises before the first item what can be known before."""
        ...

    async def follow(self, caller: "Caller", thread: str, after: str) -> AsyncIterator["StreamItem"]:
        """The events of the thread's last turn behind the one with the id `after`; how it stands when it is over."""
        ...

    async def show(self, caller: "Caller", thread: str) -> ThreadView:
        """One thread; raises `NotFound` for another one's as for none."""
        ...

    async def threads(self, caller: "Caller") -> Sequence[ThreadRow]:
        """All threads of the caller, the newest first."""
        ...

    async def end(self, caller: "Caller", thread: str, *, forget: bool) -> ThreadView:
        """End the turn that is under way, and `forget` the whole thread where asked to. No execution is stopped."""
        ...
