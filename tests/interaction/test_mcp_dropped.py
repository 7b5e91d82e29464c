"""An AI client that loses its connection in the middle of a call and calls again, with another id and without a key."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from opstwin.domain.plan import Plan
from opstwin.twin.memory import MemoryStore
from opstwin.twin.store import Commit, Receipt
from tests.interaction.asgi import Wire as Request
from tests.interaction.house import House
from tests.interaction.mcp_wire import META, REVISION, wire

WORDS = {"words": "deploy app:1 as web with 2 replicas"}


class Held(MemoryStore):
    """A twin that holds the making of plans until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.reached, self.go = asyncio.Event(), asyncio.Event()

    async def commit(self, commit: Commit) -> Receipt:
        if any(entry.action == "plan.create" for entry in commit.audit):
            self.reached.set()
            await self.go.wait()
        return await super().commit(commit)


async def dropped(house: House, store: Held) -> None:
    """A call that is on its way to its effect when its connection is closed."""
    params: dict[str, Any] = {"_meta": META, "name": "plan_create", "arguments": WORDS}
    body = json.dumps({"jsonrpc": "2.0", "id": "first", "method": "tools/call", "params": params}).encode()
    headers = {
        "authorization": f"Bearer {house.tokens['planner']}", "content-type": "application/json",
        "accept": "application/json, text/event-stream", "mcp-protocol-version": REVISION, "mcp-method": "tools/call",
        "mcp-name": "plan_create",
    }  # fmt: skip
    messages: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    messages.put_nowait({"type": "http.request", "body": body, "more_body": False})

    async def send(message: Any) -> None:
        return

    scope = {**Request("/mcp", "POST", headers).scope(), "state": {}}
    serving = asyncio.create_task(house.app(scope, messages.get, send))  # type: ignore[arg-type]
    await asyncio.wait_for(store.reached.wait(), 10)
    messages.put_nowait({"type": "http.disconnect"})
    await asyncio.wait_for(serving, 10)


@pytest.mark.proves("B1")
async def test_a_plan_whose_maker_was_cut_off_is_the_plan_of_the_call_that_is_made_again(tmp_path: Path) -> None:
    store = Held()
    house = await House(tmp_path, store=store).furnish()
    async with wire(house) as line:
        await dropped(house, store)
        again = asyncio.create_task(line.call("plan_create", WORDS))
        store.go.set()
        made = (await asyncio.wait_for(again, 10)).json()["result"]["structuredContent"]
        [plan] = await house.services.ledger.all(Plan)
        assert made["id"] == plan.id
        another = (await line.call("plan_create", WORDS)).json()["result"]["structuredContent"]
    assert another["id"] != plan.id, "an answer that was delivered is not given again"
