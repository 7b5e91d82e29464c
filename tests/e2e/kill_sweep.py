"""Kills a process with SIGKILL at every boundary of the journal, on an SQLite twin and a simulated world in files.

Run as a program of its own, because it forks: `python -m tests.e2e.kill_sweep SEEDS`; prints one JSON. Every point is
three processes: one that plans and approves (shared by the points of a story), one that dies, one that goes on.
"""

import asyncio
import json
import os
import shutil
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from opstwin.clock import VirtualClock
from opstwin.domain.audit import verify_chain
from opstwin.domain.execution import Execution
from opstwin.domain.plan import Plan
from opstwin.domain.workload import Mount, Workload
from opstwin.targets.sim.world import World
from opstwin.twin.opening import open_store
from tests.crashing import Boundaries, MortalPlaces, MortalStore, kill
from tests.rig import ANNA, BEN, Rig, SimPlaces, app

START = datetime(2026, 1, 5, 9, tzinfo=UTC)
DATA = Mount(path="/data", volume="web-data")


@dataclass(frozen=True)
class Story:
    """What stands before, what is asked for, and whether it can be healthy."""

    name: str
    before: tuple[Workload, ...]
    wish: Workload
    good: bool


def stories(seed: int) -> list[Story]:
    """The stories of one seed; it decides how many replicas there are."""
    some = 1 + seed % 4
    return [
        Story("first deployment", (), app(replicas=some, volumes=(DATA,)), good=True),
        Story("rolling upgrade", (app(replicas=some),), app(image="app:2", replicas=some), good=True),
        Story("bad upgrade", (app(replicas=some),), app(image="app:bad", replicas=some), good=False),
        Story("bad first deployment", (), app(image="app:bad", replicas=some, volumes=(DATA,)), good=False),
        Story("grow and change", (app(replicas=some),), app(image="app:2", replicas=some + 2), good=True),
    ]


async def process(folder: Path, turn: int, seed: int, at: Boundaries) -> Rig:
    """What one process builds over the files of a scene, in its `turn`."""
    clock = VirtualClock(START + timedelta(minutes=5 * turn))
    world = World(folder / "world.json", clock=clock, seed=seed)
    store = MortalStore(await open_store(f"sqlite:///{folder / 'twin.db'}"), at)
    places = MortalPlaces(SimPlaces({"local": world}, clock), at)
    return Rig(store=store, clock=clock, world=world, seed=seed * 100 + turn, owner=f"worker-{turn}", places=places)  # type: ignore[arg-type]


async def plan(folder: Path, story: Story, seed: int) -> str:
    """Plan and approve; returns the plan's id."""
    rig = await (await process(folder, 0, seed, Boundaries())).ready()
    if story.before:
        await rig.change_to(*story.before)
    made = await rig.approved(await rig.plan_workloads(story.wish), BEN)
    await rig.store.close()
    return made.id


async def apply(folder: Path, plan_id: str, seed: int, fatal: int) -> int:
    """Apply; dies at the boundary `fatal`, else returns how many boundaries there were."""
    at = Boundaries(fatal, kill)
    rig = await process(folder, 1, seed, at)
    at.passed.clear()
    execution = await rig.applier.start(plan_id, ANNA)
    await rig.applier.run(execution.id)
    await rig.store.close()
    return len(at.passed)


async def go_on(folder: Path, plan_id: str, seed: int) -> dict[str, Any]:
    """Another process takes over; returns what is there at the end."""
    rig = await process(folder, 2, seed, Boundaries())
    execution = await rig.applier.start(plan_id, ANNA)
    await rig.applier.run(execution.id)
    ended = await rig.ledger.need(Execution, execution.id)
    stored = await rig.ledger.need(Plan, plan_id)
    rows = await rig.audit()
    verify_chain(rows)
    intents = {str(row.details.get("key")) for row in rows if row.action == "step.intended"}
    effects = Counter(effect.key for effect in rig.world.effects)
    await rig.store.close()
    return {
        "state": ended.state.value, "plan": stored.state.value, "world": shape(rig.world),
        "repeated": [key for key, count in effects.items() if count > 1],
        "unintended": sorted(set(effects) - intents),
    }  # fmt: skip


def shape(world: World) -> list[Any]:
    """What runs, without ids and moments."""
    containers = sorted((name, item.spec["image"], item.spec["running"]) for name, item in world.containers().items())
    return [containers, sorted(world.state.volumes), sorted(world.state.networks)]


@dataclass(frozen=True)
class Child:
    """A forked process that sends one JSON value back."""

    pid: int
    pipe: int

    def ended(self) -> Any:
        """What it sent; None when it was killed."""
        with os.fdopen(self.pipe, "rb") as pipe:
            said = pipe.read()
        _, status = os.waitpid(self.pid, 0)
        if os.WIFSIGNALED(status):
            assert os.WTERMSIG(status) == signal.SIGKILL
            return None
        result = json.loads(said)
        assert not (isinstance(result, dict) and "error" in result), result["error"]
        return result


def begun(work: Callable[[], Any]) -> Child:
    """A process of its own that does `work`."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        with os.fdopen(writing, "wb") as pipe:
            try:
                pipe.write(json.dumps(work()).encode())
            except BaseException as error:  # noqa: BLE001 - the parent shows it
                pipe.write(json.dumps({"error": repr(error)}).encode())
        os._exit(0)
    os.close(writing)
    return Child(pid, reading)


def forked(work: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    """The result of `work` done in a process of its own; None when that process was killed."""
    return begun(lambda: asyncio.run(work())).ended()


def swept(story: Story, seed: int) -> dict[str, Any]:
    """Every boundary of one story."""
    with tempfile.TemporaryDirectory(prefix="kill-") as name:
        folder = Path(name)
        ground = folder / "ground"
        ground.mkdir()
        plan_id = forked(lambda: plan(ground, story, seed))
        baseline = forked(lambda: as_json(ground, seed))
        calm = folder / "calm"
        shutil.copytree(ground, calm)
        total = forked(lambda: apply(calm, plan_id, seed, 0))
        target = forked(lambda: as_json(calm, seed))
        undone = [baseline[0], target[1], baseline[2]]  # a volume that was written to stays
        wrong = []
        for fatal in range(1, total + 1):
            spot = folder / f"at-{fatal}"
            shutil.copytree(ground, spot)
            died = forked(lambda place=spot, point=fatal: apply(place, plan_id, seed, point)) is None
            end = forked(lambda place=spot: go_on(place, plan_id, seed))
            good = {"state": "succeeded", "plan": "applied", "world": target}
            bad = {"state": "rolled_back", "plan": "rolled_back", "world": undone}
            if not died or end != {**(good if story.good else bad), "repeated": [], "unintended": []}:
                wrong.append({"story": story.name, "seed": seed, "boundary": fatal, "died": died, "end": end})
            shutil.rmtree(spot)
    return {"points": total, "wrong": wrong}


async def as_json(folder: Path, seed: int) -> list[Any]:
    """The world of a scene as it stands."""
    return shape(World(folder / "world.json", clock=VirtualClock(START), seed=seed))


def warm_up() -> None:
    """Do everything once here, so that no child has to import or compile anything; all threads end with it."""
    with tempfile.TemporaryDirectory() as name:
        story = stories(0)[2]
        plan_id = asyncio.run(plan(Path(name), story, 0))
        asyncio.run(apply(Path(name), plan_id, 0, 0))
        asyncio.run(go_on(Path(name), plan_id, 0))


def main(seeds: int) -> dict[str, Any]:
    """All stories of all seeds."""
    warm_up()
    results = [swept(story, seed) for seed in range(1, seeds + 1) for story in stories(seed)]
    return {"points": sum(item["points"] for item in results), "wrong": [w for item in results for w in item["wrong"]]}


if __name__ == "__main__":
    print(json.dumps(main(int(sys.argv[1]))))
