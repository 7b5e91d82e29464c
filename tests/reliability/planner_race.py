"""Two processes that take up one decided conversation at the same moment, for `test_planner_race.py`.

    python -m tests.reliability.planner_race FOLDER

It prints what both heard, and what came of it, as JSON. The processes are forks, so that the libraries are loaded once.
"""

import asyncio
import json
import multiprocessing
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from opstwin.agent.conversing import Conversations
from opstwin.clock import VirtualClock
from opstwin.domain.execution import Execution
from opstwin.targets.sim.world import World
from opstwin.tools.all_tools import REGISTRY
from opstwin.twin.opening import open_store
from tests.interaction.house import House
from tests.interaction.planner_home import Talks
from tests.reliability.planner_runs import DEPLOY

FORKING = multiprocessing.get_context("fork")
Part = Callable[[Talks], Awaitable[Any]]


async def taking_part(folder: Path, part: Part) -> Any:
    """One process on the twin, the world and the conversations of the folder."""
    store = await open_store(f"sqlite:///{folder / 'twin.db'}")
    house = House(folder, store=store, world=World(folder / "world.json", clock=VirtualClock()), seed=os.getpid())
    tokens = folder / "tokens.json"
    if tokens.exists():
        house.tokens = json.loads(tokens.read_text())
    else:
        await house.furnish()
        tokens.write_text(json.dumps(house.tokens))
    talk = Conversations(services=house.services, registry=REGISTRY)
    try:
        return await part(Talks(house, await talk.open()))
    finally:
        await talk.close()
        await store.close()


async def decided(talks: Talks) -> str:
    """A plan that was said and approved, and not yet applied."""
    heard = await talks.say(DEPLOY)
    await talks.decide(heard.plan_id)
    return heard.plan_id


async def counted(talks: Talks) -> dict[str, Any]:
    """What there is at the end."""
    executions = await talks.house.services.ledger.all(Execution)
    effects = sorted(effect.key.rpartition(".")[2] for effect in talks.house.effects)
    return {"executions": [item.state.value for item in executions], "effects": effects}


def forked(folder: Path, name: str, part: Part) -> Any:
    """A process that takes part and writes down what it heard."""

    def run() -> None:
        (folder / name).write_text(json.dumps(asyncio.run(taking_part(folder, part))))

    process = FORKING.Process(target=run)
    process.start()
    return process


def raced(folder: Path) -> dict[str, Any]:
    """Both go on from one gate."""
    forked(folder, "decided", decided).join()
    gate = FORKING.Barrier(2)

    async def racing(talks: Talks) -> str:
        await asyncio.to_thread(gate.wait, 60)
        return (await talks.go_on()).ended.outcome

    both = [forked(folder, f"racer{n}", racing) for n in range(2)]
    for process in both:
        process.join()
    forked(folder, "counted", counted).join()
    said = [json.loads((folder / f"racer{n}").read_text()) for n in range(2)]
    return {"heard": said, **json.loads((folder / "counted").read_text())}


if __name__ == "__main__":
    print(json.dumps(raced(Path(sys.argv[1]))))
