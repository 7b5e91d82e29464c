"""Telling of tasks on a stream: each change of the listener's own, up to the result."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import mcp_types as types
import pytest
from mcp.shared.exceptions import MCPError

from opstwin.domain.plan import Plan
from opstwin.errors import StoreError
from tests.interaction.house import House, within
from tests.interaction.mcp_house import open_house
from tests.interaction.task_client import HeldBack, decide, listening, task_client


async def test_a_stream_tells_of_each_change_of_its_own_tasks_up_to_the_result(house: House) -> None:
    token = house.tokens["planner"]
    async with open_house(house) as url, task_client(url, token) as client:
        plan, task = await client.begun()
        async with listening(url, token, [task, "task_nosuch", task]) as frames:
            first = await within(10, anext(frames))
            assert first["method"] == "notifications/subscriptions/acknowledged"
            assert first["params"]["notifications"]["taskIds"] == [task]
            told = [await within(10, anext(frames))]
            await decide(house, plan)
            while told[-1]["params"]["status"] != "completed":
                await house.work()
                told.append(await within(10, anext(frames)))
    assert all(one["params"] != other["params"] for one, other in pairwise(told))
    assert {frame["method"] for frame in told} == {"notifications/tasks"}
    assert {frame["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"] for frame in told} == {7}
    assert told[0]["params"]["status"] == "input_required"
    assert "inputRequests" in told[0]["params"]
    assert told[-1]["params"]["result"]["structuredContent"]["state"] == "succeeded"


class SometimesAway(HeldBack):
    """A twin that cannot be read while it is away."""

    is_away = False

    async def get(self, kind: Any, id: str) -> Any:
        if self.is_away and kind is Plan:
            self.reached.set()
            raise StoreError("The twin is away.", next_step="Wait.")
        return await self.store.get(kind, id)


async def test_a_stream_goes_on_when_the_twin_was_away_and_a_look_meanwhile_is_an_error(tmp_path: Path) -> None:
    twin = SometimesAway()
    twin.let_go.set()
    house = await House(tmp_path, store=twin).furnish()
    token = house.tokens["planner"]
    async with open_house(house) as url, task_client(url, token) as client:
        plan, task = await client.begun()
        async with listening(url, token, [task]) as frames:
            assert (await within(10, anext(frames)))["method"] == "notifications/subscriptions/acknowledged"
            assert (await within(10, anext(frames)))["params"]["status"] == "input_required"
            twin.is_away = True
            with pytest.raises(MCPError) as away:
                await client.get(task)
            assert away.value.error.code == types.INTERNAL_ERROR
            assert away.value.error.data["code"] == StoreError.code
            twin.reached.clear()
            await client.plan("deploy app:1 as api")
            await within(10, twin.reached.wait())
            twin.is_away = False
            await decide(house, plan)
            assert (await within(10, anext(frames)))["params"]["status"] == "working"


async def test_a_client_without_tasks_is_not_told_of_any(house: House) -> None:
    async with open_house(house) as url, listening(url, house.tokens["planner"], ["task_x"], tasks=False) as frames:
        assert (await within(10, anext(frames)))["error"]["code"] == -32021
