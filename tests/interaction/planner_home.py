"""A house with conversations: what is said in them, what came of it, and people who decide."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from opstwin.agent.budgets import Limits
from opstwin.agent.conversing import Conversations
from opstwin.agent.events import AgentEvent, Ended, PlanShown, Said, StepBegan, ToolBegan, Waiting
from opstwin.agent.models.port import LanguageModel
from opstwin.domain.access import Actor, ActorKind
from opstwin.domain.plan import Plan
from opstwin.tools.all_tools import REGISTRY
from opstwin.tools.registry import Caller
from tests.interaction.house import URL, House


@dataclass
class Heard:
    """The events of one turn."""

    events: list[AgentEvent] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(item.text for item in self.events if isinstance(item, Said))

    @property
    def ended(self) -> Ended:
        assert isinstance(self.events[-1], Ended), self.events[-3:]
        return self.events[-1]

    @property
    def steps(self) -> list[str]:
        return [item.name for item in self.events if isinstance(item, StepBegan)]

    @property
    def tools(self) -> list[str]:
        return [item.name for item in self.events if isinstance(item, ToolBegan)]

    @property
    def plan_id(self) -> str:
        return next((item.plan_id for item in self.events if isinstance(item, PlanShown)), "")

    @property
    def card(self) -> dict[str, Any]:
        return next((dict(item.card) for item in self.events if isinstance(item, PlanShown)), {})

    @property
    def waits(self) -> Waiting | None:
        return next((item for item in self.events if isinstance(item, Waiting)), None)


@dataclass
class Talks:
    """A house in which people talk with the agent."""

    house: House
    talk: Conversations
    thread: str = "owner:t1"

    async def person(self, role: str = "owner") -> Caller:
        principal, credential = await self.house.services.people.authenticate(self.house.tokens[role])
        actor = Actor(kind=principal.kind, id=role, on_behalf_of=principal.on_behalf_of, face="http")
        return Caller(
            principal=principal, scopes=principal.scopes, actor=actor, request_id="req_talk", base_url=URL,
            credential_id=credential.id,
        )  # fmt: skip

    async def say(self, words: str, thread: str = "", role: str = "owner") -> Heard:
        caller = await self.person(role)
        return Heard([item async for item in self.talk.say(thread or self.thread, caller, words)])

    async def go_on(self, thread: str = "", role: str = "owner") -> Heard:
        caller = await self.person(role)
        async with self.working():
            return Heard([item async for item in self.talk.go_on(thread or self.thread, caller)])

    async def decide(
        self, plan_id: str, decision: str = "approve", role: str = "operator", reason: str = "read"
    ) -> None:
        actor = Actor(kind=ActorKind.PERSON, id=role, face="http")
        await self.house.services.approver.decide(plan_id, actor, decision, reason)

    async def deployed(self, words: str = "deploy app:1 as web with 2 replicas") -> Heard:
        """Said, approved by another person, and applied; what was heard of both turns."""
        heard = await self.say(words)
        await self.decide(heard.plan_id)
        return Heard([*heard.events, *(await self.go_on()).events])

    async def plan(self, id: str) -> Plan:
        return await self.house.services.ledger.need(Plan, id)

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """The hub's worker drives what is started meanwhile."""

        async def work() -> None:
            newest = 0
            while True:
                await self.house.work()
                newest = await self.house.services.ledger.store.wait(newest, 1.0)

        task = asyncio.create_task(work())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def talking(
    folder: Path, model: LanguageModel | None = None, limits: Limits | None = None, house: House | None = None
) -> AsyncIterator[Talks]:
    """Talks in a house of their own, closed at the end."""
    async with AsyncExitStack() as closing:
        used = house or await House(folder).furnish()
        talk = Conversations(services=used.services, registry=REGISTRY, model=model, limits=limits)
        closing.push_async_callback(talk.close)
        yield Talks(used, talk)
