"""What the event stream of a run tells, and how to read it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import groupby
from typing import Any

from tests.interaction.asgi import Stream, Wire, stream
from tests.interaction.house import API, House


def stage(run: dict[str, Any], name: str) -> dict[str, Any]:
    return next(item for item in run["stages"] if item["name"] == name)


def states(run: dict[str, Any]) -> dict[str, str]:
    return {item["name"]: item["status"] for item in run["stages"]}


@asynccontextmanager
async def told(house: House, target: str) -> AsyncIterator[Stream]:
    """The event stream of run 1, while what happens on the target comes into the twin as it does in a hub."""
    wire = Wire(
        f"{API}/runs/1",
        headers={"accept": "text/event-stream", "authorization": f"Bearer {house.tokens['owner']}"},
    )
    follower = asyncio.create_task(house.services.observer.follow(target))
    try:
        async with stream(house.app, wire) as opened:
            yield opened
    finally:
        follower.cancel()
        await asyncio.wait([follower])


async def rest(opened: Stream) -> list[dict[str, Any]]:
    """The run as it was told until the stream ended, and said that this was the end."""
    frames = []
    while (frame := await opened.frame()) is not None:
        frames.append(frame)
    assert [frame["event"] for frame in frames] == ["run"] * (len(frames) - 1) + ["end"]
    return [frame["data"] for frame in frames[:-1]]


def rollouts(frames: list[dict[str, Any]]) -> list[str]:
    """How many were ready each time that it was told, without repetitions."""
    shown = [stage(frame, "monitor")["details"].get("rollout", []) for frame in frames]
    return [name for name, _ in groupby(str(item[0].get("ready")) for item in shown if item)]
