"""A house whose chat follows a script, and what is said in it."""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ag_ui.core import Event
from pydantic import TypeAdapter

from opstwin.agent.events import (
    AgentEvent,
    Ended,
    PlanShown,
    Progress,
    Said,
    StepBegan,
    StepEnded,
    ToolBegan,
    ToolEnded,
    Waiting,
)
from opstwin.clock import VirtualClock
from opstwin.server.chat.port import Talk
from opstwin.server.chat.scripted import ScriptedTalk
from tests.interaction.asgi import Stream, Wire, stream
from tests.interaction.house import API, House

EVENT: TypeAdapter[Any] = TypeAdapter(Event)
ANSWERED = Ended(outcome="answered", source="fallback", why="no key")


@dataclass
class Home:
    """A house whose chat follows a script."""

    house: House
    talk: ScriptedTalk
    opened: list[int] = field(default_factory=list)

    @asynccontextmanager
    async def chat(self, body: Mapping[str, Any], role: str = "owner", **headers: str) -> AsyncIterator[Stream]:
        async with stream(self.house.app, self.wire("/chat", role, "POST", **headers), json.dumps(body).encode()) as on:
            yield on

    def wire(self, path: str, role: str = "owner", method: str = "GET", **headers: str) -> Wire:
        given = {
            "authorization": f"Bearer {self.house.tokens[role]}", "accept": "text/event-stream",
            "content-type": "application/json", **headers,
        }  # fmt: skip
        return Wire(API + path, method=method, headers=given)

    async def heard(self, body: Mapping[str, Any], role: str = "owner") -> list[dict[str, Any]]:
        """All events of a turn, each valid for AG-UI."""
        async with self.chat(body, role) as on:
            assert on.status == 200, await on.raw()
            return await whole(on)

    async def planned(self, words: str = "deploy app:1 as web") -> dict[str, Any]:
        async with self.house.caller() as client:
            return await client.planned(words)

    async def waiting(self, thread: str = "t1") -> dict[str, Any]:
        """A thread that waits for a human; returns the plan."""
        plan = await self.planned()
        self.talk.answers.append(proposal(plan))
        await self.heard({"text": "deploy app:1 as web", "threadId": thread, "runId": "first"})
        return plan

    async def decide(self, plan: Mapping[str, Any], decision: str = "approve", role: str = "owner") -> int:
        async with self.house.caller(role) as client:
            body = {"decision": decision, "reason": "as said", "digest": plan["digest"]}
            return (await client.post(f"/plans/{plan['id']}:decide", body)).status_code

    async def get(self, path: str, role: str = "owner") -> Any:
        async with self.house.caller(role) as client:
            answer = await client.get(path)
            return answer.json() if answer.status_code == 200 else answer.status_code


def proposal(plan: Mapping[str, Any]) -> Sequence[AgentEvent]:
    card = {"id": plan["id"], "digest": plan["digest"], "summary": "1 to add", "risk": "low", "diff": plan["lines"]}
    return (
        StepBegan(name="plan"),
        ToolBegan(call_id="c1", name="plan_create", arguments={"words": "deploy app:1 as web"}),
        ToolEnded(call_id="c1", name="plan_create", summary="1 to add"),
        PlanShown(plan_id=plan["id"], card=card),
        StepEnded(name="plan"),
        Said(text="Here is "), Said(text="the plan."),
        StepBegan(name="await_approval"),
        Waiting(plan_id=plan["id"], digest=plan["digest"], expires_at=plan["expires_at"], next_step="Decide."),
        Ended(outcome="waiting", source="fallback", why="no key"),
    )  # fmt: skip


def applied(execution: str = "exec_1") -> Sequence[AgentEvent]:
    return (
        StepBegan(name="apply"), Progress(execution_id=execution, message="done create web-1"), StepEnded(name="apply"),
        Said(text="Done and verified."), Ended(outcome="applied", source="fallback"),
    )  # fmt: skip


async def everything(on: Stream) -> list[dict[str, Any]]:
    found = []
    while (item := await on.frame()) is not None:
        EVENT.validate_python(item["data"])
        assert "event" not in item, "AG-UI events have no name on the wire"
        found.append(item["data"])
    return found


async def whole(on: Stream) -> list[dict[str, Any]]:
    """The events of a turn that is watched from its beginning, in an order that AG-UI's own client accepts."""
    events = await everything(on)
    check_order(events)
    return events


def check_order(events: Sequence[Mapping[str, Any]]) -> None:
    """What AG-UI's TypeScript client refuses: an event outside the run, a piece of nothing, something left open."""
    assert events[0]["type"] == "RUN_STARTED"
    assert [event["type"] for event in events].count("RUN_STARTED") == 1
    assert [event["type"] in ("RUN_FINISHED", "RUN_ERROR") for event in events].index(True) == len(events) - 1
    open_now: set[tuple[str, str]] = set()
    for event in events:
        turn = _TURNS.get(event["type"])
        if turn is None:
            continue
        kind, key, step = turn
        if step == "opens":
            assert not [item for item in open_now if item[0] != "step" and kind != "step"]
            assert (kind, event[key]) not in open_now
            open_now.add((kind, event[key]))
        else:
            assert (kind, event[key]) in open_now
            open_now -= {(kind, event[key])} if step == "closes" else set()
    assert not open_now


_TURNS = {
    "TEXT_MESSAGE_START": ("text", "messageId", "opens"), "TEXT_MESSAGE_CONTENT": ("text", "messageId", "goes on"),
    "TEXT_MESSAGE_END": ("text", "messageId", "closes"), "TOOL_CALL_START": ("call", "toolCallId", "opens"),
    "TOOL_CALL_ARGS": ("call", "toolCallId", "goes on"), "TOOL_CALL_END": ("call", "toolCallId", "closes"),
    "STEP_STARTED": ("step", "stepName", "opens"), "STEP_FINISHED": ("step", "stepName", "closes"),
}  # fmt: skip


def types(events: Sequence[Mapping[str, Any]]) -> list[str]:
    return [event["type"] for event in events]


async def home_with(folder: Path, clock: VirtualClock | None = None, **settings: Any) -> Home:
    talk = ScriptedTalk()
    opened: list[int] = []

    async def talks() -> Talk:
        opened.append(1)
        return talk

    house = House(folder, clock=clock or VirtualClock(), talks=talks, settings=settings)
    return Home(await house.furnish(), talk, opened)
