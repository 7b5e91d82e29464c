"""Conversations: what is said goes through the graph; a turn's events come out as they happen."""

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, cast

from opstwin.agent.budgets import Limits, Spent
from opstwin.agent.checkpoints import Opener, opener_of, pruned, unreadable
from opstwin.agent.events import AgentEvent, Ended, Said, StepBegan, StepEnded, Waiting
from opstwin.agent.graph import KNOWN, MAX_STEPS, WAITS, built
from opstwin.agent.models.port import LanguageModel
from opstwin.agent.nodes.await_approval import verdict_of
from opstwin.agent.own_words import Spoken, spoken_in
from opstwin.agent.state import MAX_WORDS, State, begun, check, refused
from opstwin.agent.turn import Turn, agent_of
from opstwin.agent.understanding import language_of, named_hosts, whole_request
from opstwin.agent.wording import say, why_fallback
from opstwin.domain.access import Scope
from opstwin.domain.spoken_secrets import without_spoken
from opstwin.errors import Conflict, ModelError, StoreError
from opstwin.tools.plan_briefs import approve_command
from opstwin.tools.registry import Caller, Registry
from opstwin.tools.services import Services

if TYPE_CHECKING:
    from langgraph.graph.state import CompiledStateGraph

_OLD_TRACING: Final = ("LANGCHAIN_TRACING", "LANGCHAIN_HANDLER")
"""With one of these and without tracing, the library refuses to run at all."""

_STEPS: Final = KNOWN | {"__start__"}
"""With the library's own, at which a turn stands whose words were kept and nothing else."""

_WOKEN: Final = {"woken": True}
"""Says nothing: await_approval reads the twin."""

MISSING: Final = "Run: pip install 'opstwin[agent]', then start the hub again."


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreadView:
    """How a conversation stands. `waits_for` is the plan that a human must decide on, `next` the steps that are open.

    `broken` says why it cannot be taken up, empty when it can.
    """

    thread_id: str
    outcome: str = ""
    plan_id: str = ""
    digest: str = ""
    expires_at: str = ""
    execution_id: str = ""
    waits_for: str = ""
    next: tuple[str, ...] = ()
    broken: str = ""


@dataclass(slots=True)
class Conversations:
    """Everybody's conversations. `model` None: requests are read without one, and answers say so.

    What a thread waits for, and what an interrupted turn left, is found again by any process on the same place.
    """

    services: Services
    registry: Registry
    model: LanguageModel | None = None
    opener: Opener | None = None
    limits: Limits | None = None
    _graph: "CompiledStateGraph[State, Turn, State, State] | None" = None
    _saver: Any = None
    _closing: AsyncExitStack = field(default_factory=AsyncExitStack)
    _opening: asyncio.Lock = field(default_factory=asyncio.Lock)
    _turns: dict[str, asyncio.Lock] = field(default_factory=dict)

    async def open(self) -> "Conversations":
        """Open the place where they are kept. Raises `ModelError` without the libraries, `StoreError` without place."""
        async with self._opening:
            if self._graph is None:
                try:
                    await asyncio.to_thread(_imported)
                    opener = self.opener or opener_of(self.services.settings)
                    self._saver = await self._closing.enter_async_context(opener())
                    self._graph = built(self._saver)
                except ImportError as error:
                    raise ModelError(
                        "The libraries of the chat are not installed.", next_step=MISSING,
                        details={"reason": "not_installed"},
                    ) from error  # fmt: skip
        return self

    async def close(self) -> None:
        """Let go of the place; threads stay."""
        await self._closing.aclose()
        self._graph = None

    async def say(self, thread_id: str, caller: Caller, text: str) -> AsyncIterator[AgentEvent]:
        """One turn. A plan that was decided meanwhile is seen to its end first.

        Raises `Conflict` while another turn of the thread runs here, and for a thread of somebody else.
        """
        async with self._alone(thread_id):
            kept = await self._prepared(thread_id)
            before = await self._usable(kept, caller, fresh=True)
            spoken = await self._spoken(thread_id, before)
            earlier = self._turn(thread_id, caller, spoken)
            if before and await self._must_finish(kept, before, earlier):
                async for event in self._resumed(earlier, kept, before):
                    if not isinstance(event, Ended):
                        yield event
                before = (await self._kept(thread_id)).values
            turn = self._turn(thread_id, caller, spoken, text[:MAX_WORDS])
            now = self.services.ledger.clock.now().isoformat()
            words = without_spoken(self.services.veil.over(text))
            state = begun(caller.principal.id, words, language_of(text), now, before)
            async for event in self._run(turn, state):
                yield event

    async def go_on(self, thread_id: str, caller: Caller) -> AsyncIterator[AgentEvent]:
        """The turn after a human decided, or after a process died. The decision is read from the twin.

        Raises `Conflict` with the reason for a thread of another version, or of somebody else.
        """
        async with self._alone(thread_id):
            kept = await self._prepared(thread_id)
            before = await self._usable(kept, caller, fresh=False)
            turn = self._turn(thread_id, caller, await self._spoken(thread_id, before))
            async for event in self._resumed(turn, kept, before):
                yield event

    async def state(self, thread_id: str, caller: Caller) -> ThreadView:
        """How a thread stands; nothing is changed. Raises `Conflict` for one of somebody else."""
        await self.open()
        kept = await self._kept(thread_id)
        values: Mapping[str, Any] = kept.values
        _check_owner(values, caller)
        try:
            if values:
                check(values, caller.principal.id, _open(kept), _STEPS)
        except Conflict as broken:
            return ThreadView(thread_id=thread_id, broken=broken.message)
        named = {
            key: str(values.get(key, "")) for key in ("outcome", "plan_id", "digest", "expires_at", "execution_id")
        }
        waits = named["plan_id"] if WAITS in kept.next else ""
        return ThreadView(thread_id=thread_id, waits_for=waits, next=_open(kept), **named)

    async def forget(self, thread_id: str) -> None:
        """Keep nothing of this thread."""
        await self.open()
        await self._saver.adelete_thread(thread_id)
        self._turns.pop(thread_id, None)

    async def _prepared(self, thread_id: str) -> Any:
        """The thread as it was kept, with all at hand that a turn needs."""
        await self.open()
        await self.services.veil.ready()
        return await self._kept(thread_id)

    async def _spoken(self, thread_id: str, kept: Mapping[str, Any]) -> Spoken:
        return await spoken_in(self.services.ledger, self.services.veil, thread_id, kept)

    def _turn(self, thread_id: str, caller: Caller, spoken: Spoken, said: str = "") -> Turn:
        """A new turn with what is `said`, else the one that was kept: what was said in it counts as it did."""
        clock = self.services.ledger.clock
        spent = Spent(limits=self.limits or _limits(self.services), clock=clock, began_s=clock.monotonic_s())
        words, language = said or spoken.words, language_of(said) if said else spoken.language
        agent = agent_of(caller, whole_request(words), named_hosts([*spoken.remarks, said]))
        may_decide = caller.is_person and Scope.APPROVE in caller.scopes
        return Turn(self.services, self.registry, agent, self.model, spent, said, may_decide, thread_id, language)

    async def _kept(self, thread_id: str) -> Any:
        """The thread as it was kept. Raises `StoreError` for one that cannot be read."""
        assert self._graph is not None
        try:
            return await self._graph.aget_state(_config(thread_id))  # type: ignore[arg-type]
        except unreadable() as error:
            raise StoreError(
                "What is kept of this conversation cannot be read.", next_step="Begin a new conversation.",
                details={"cause": type(error).__name__},
            ) from error  # fmt: skip

    async def _usable(self, kept: Any, caller: Caller, *, fresh: bool) -> Mapping[str, Any]:
        """What was kept, if it may be used; a new turn begins anew where the old one cannot be taken up."""
        values: Mapping[str, Any] = kept.values
        _check_owner(values, caller)
        if not values:
            return {}
        try:
            check(values, caller.principal.id, _open(kept), _STEPS)
        except Conflict:
            if fresh:
                return {}
            raise
        return values

    async def _must_finish(self, kept: Any, before: Mapping[str, Any], turn: Turn) -> bool:
        """Whether what was decided before is to be brought to its end, before anything else is begun."""
        if WAITS in kept.next:
            return await verdict_of(State(**before), turn) != "pending"  # type: ignore[typeddict-item]
        return bool({"apply", "verify"} & {*_open(kept)})

    async def _resumed(self, turn: Turn, kept: Any, before: Mapping[str, Any]) -> AsyncIterator[AgentEvent]:
        from langgraph.types import Command

        state = State(**before)  # type: ignore[typeddict-item]
        if WAITS in kept.next and await verdict_of(state, turn) == "pending":
            for event in self._waits(state):
                yield event
            yield _ended(state, "waiting")
            return
        if not _open(kept):
            yield _ended(state, str(before.get("outcome") or "answered"))
            return
        given: Any = Command(resume=_WOKEN) if kept.interrupts and WAITS in kept.next else None
        async for event in self._run(turn, given):
            yield event

    async def _run(self, turn: Turn, given: Any) -> AsyncIterator[AgentEvent]:
        """Let the graph go on until it ends or waits; its events as they come."""
        assert self._graph is not None
        work = asyncio.create_task(self._through(turn, given))
        try:
            while (event := await turn.events.get()) is not None:
                yield event
            await work
        finally:
            work.cancel()
            with suppress(asyncio.CancelledError):
                await asyncio.wait({work})
        kept = await self._kept(turn.thread)
        state = State(**kept.values)  # type: ignore[typeddict-item]
        if WAITS in kept.next:
            for event in self._waits(state):
                yield event
        if state.get("source") == "fallback":
            reason = why_fallback(state["language"], state.get("why", ""))
            yield Said(text=say(state["language"], "no_model", why=reason))
        yield _ended(state, state.get("outcome", "") or "answered")

    async def _through(self, turn: Turn, given: Any) -> None:
        assert self._graph is not None
        from langgraph.types import Command
        from langsmith import tracing_context

        config = {**_config(turn.thread), "recursion_limit": MAX_STEPS}
        try:
            # Variables that are set for other programs would send every state to somebody else's server.
            with tracing_context(enabled=False):
                while await self._goes_on(turn, given, config):
                    given = Command(resume=_WOKEN)
            await pruned(self._saver, turn.thread)
        finally:
            turn.events.put_nowait(None)

    async def _goes_on(self, turn: Turn, given: Any, config: Any) -> bool:
        """Run the graph to its end or to a plan; whether that plan, made before a kill, was decided meanwhile."""
        assert self._graph is not None
        found = await self._graph.ainvoke(given, config, context=turn, durability="sync")
        return "__interrupt__" in found and await verdict_of(cast("State", found), turn) != "pending"

    def _waits(self, state: State) -> list[AgentEvent]:
        plan = state.get("plan_id", "")
        step = say(state["language"], "decide", command=approve_command(plan))
        waiting = Waiting(
            plan_id=plan, digest=state.get("digest", ""), expires_at=state.get("expires_at", ""), next_step=step
        )
        return [StepBegan(name=WAITS), waiting, StepEnded(name=WAITS)]

    def _alone(self, thread_id: str) -> "_Alone":
        return _Alone(self._turns, thread_id)


@dataclass(slots=True)
class _Alone:
    """One turn of a thread at a time in this process; across processes the twin's own checks hold."""

    turns: dict[str, asyncio.Lock]
    thread_id: str

    async def __aenter__(self) -> None:
        lock = self.turns.setdefault(self.thread_id, asyncio.Lock())
        if lock.locked():
            raise Conflict("The last turn of this conversation is still under way.", next_step="Wait until it ends.")
        await lock.acquire()

    async def __aexit__(self, *_: object) -> None:
        self.turns.pop(self.thread_id).release()


def _open(kept: Any) -> tuple[str, ...]:
    """The steps that are open: those of `next`, and one whose outcome was written down and not yet taken in."""
    return tuple(task.name for task in kept.tasks)


def _config(thread_id: str) -> dict[str, Any]:
    return {"configurable": {"thread_id": thread_id}}


def _check_owner(values: Mapping[str, Any], caller: Caller) -> None:
    if values and values.get("owner") not in (None, caller.principal.id):
        raise refused({}, "it belongs to somebody else")


def _ended(state: State, outcome: str) -> Ended:
    why = state.get("why", "")
    return Ended(
        outcome=outcome, source=state.get("source", "") or "fallback",
        why=why_fallback(state.get("language", "en"), why) if why else "", cost_usd=state.get("cost_usd"),
        input_tokens=state.get("input_tokens", 0), output_tokens=state.get("output_tokens", 0),
    )  # fmt: skip


def _limits(services: Services) -> Limits:
    own = services.settings.chat
    return Limits(steps=own.steps, tokens=own.tokens, seconds=own.seconds, usd=own.usd)


def _imported() -> None:
    """Load the library beside the event loop: it takes seconds."""
    from opstwin.agent.checkpoints import plain_serde

    plain_serde()
    for name in _OLD_TRACING:
        os.environ.pop(name, None)
    import langgraph.graph
    import langgraph.types  # noqa: F401
