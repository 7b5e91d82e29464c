"""Records conversations in flight, as a version keeps them, into `conversations/`: a later one must go on with them.

    python -m tests.reliability.conversation_record NAME

`NAME--POINT.json` holds the twin and the conversations as SQL, and the world. One that is there already is left alone,
because an earlier version wrote it. Before the graph's steps or its state change, run this once with the version of
before, so that its form is kept.
"""

import asyncio
import json
import sqlite3
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any, Final

from opstwin.agent.checkpoints import FILE, sqlite
from opstwin.agent.conversing import Conversations
from opstwin.clock import VirtualClock
from opstwin.targets.sim.faults import Crash
from opstwin.targets.sim.world import World
from opstwin.tools.all_tools import REGISTRY
from opstwin.twin.opening import open_store
from tests.interaction.house import House
from tests.interaction.planner_home import Talks

FOLDER: Final = Path(__file__).with_name("conversations")
DEPLOY: Final = "deploy app:1 as web with 2 replicas"
POINTS: Final = ("waiting", "approved", "starting")
"""Nobody has decided; a person has; the execution was stored, and its process died before the conversation knew."""

TWIN: Final = "twin.db"
WORLD: Final = "world.json"


@asynccontextmanager
async def dying(folder: Path) -> AsyncIterator[Any]:
    """The place of conversations of a process that dies when the step that starts an execution would be kept."""
    async with sqlite(folder / FILE) as kept:

        async def aput_writes(config: Any, writes: Sequence[tuple[str, Any]], *given: Any) -> None:
            if any(name == "execution_id" and value for name, value in writes):
                raise Crash
            await type(kept).aput_writes(kept, config, writes, *given)

        async def aput(config: Any, checkpoint: Any, *given: Any) -> Any:
            if "apply" in checkpoint["versions_seen"]:
                raise Crash
            return await type(kept).aput(kept, config, checkpoint, *given)

        kept.aput_writes = aput_writes  # type: ignore[method-assign, assignment]
        kept.aput = aput  # type: ignore[method-assign, assignment]
        yield kept


async def left(folder: Path, point: str) -> str:
    """Talk up to a point and leave everything in the folder; the moment of it."""
    store = await open_store(f"sqlite:///{folder / TWIN}")
    house = House(folder, store=store, world=World(folder / WORLD, clock=VirtualClock()))
    await house.furnish()
    talks = Talks(house, Conversations(services=house.services, registry=REGISTRY))
    heard = await talks.say(DEPLOY)
    if point != "waiting":
        await talks.decide(heard.plan_id)
    await talks.talk.close()
    if point == "starting":
        last = Talks(house, Conversations(services=house.services, registry=REGISTRY, opener=lambda: dying(folder)))
        try:
            caller = await last.person()
            [event async for event in last.talk.go_on(last.thread, caller)]
        except Crash:
            pass
        await last.talk.close()
    await store.close()
    return house.clock.now().isoformat()


def dumped(path: Path) -> list[str]:
    """A database as SQL."""
    with closing(sqlite3.connect(path)) as file:
        return list(file.iterdump())


async def recorded(point: str) -> dict[str, Any]:
    """What a process leaves that ends at this point."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        at = await left(folder, point)
        return {
            "at": at, "point": point, "world": (folder / WORLD).read_text(encoding="utf-8"),
            "conversations": dumped(folder / FILE), "twin": dumped(folder / TWIN),
        }  # fmt: skip


def restored(kept: dict[str, Any], folder: Path) -> None:
    """Put everything into a folder as it was left."""
    (folder / WORLD).write_text(kept["world"], encoding="utf-8")
    for name, key in ((FILE, "conversations"), (TWIN, "twin")):
        with closing(sqlite3.connect(folder / name)) as file:
            file.executescript("\n".join(kept[key]))


async def main(name: str) -> None:
    """Record what is not there."""
    FOLDER.mkdir(exist_ok=True)
    for point in POINTS:
        path = FOLDER / f"{name}--{point}.json"
        if not path.exists():
            text = json.dumps(await recorded(point), ensure_ascii=False, indent=0)
            path.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
