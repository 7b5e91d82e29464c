"""Diff, planning and reconciling, on the simulator with the real SQLite twin."""

import json
import random
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.measuring import compared, in_turn, timed_sync
from opstwin.clock import VirtualClock
from opstwin.control.reconciling import Reconciler, TargetTick
from opstwin.domain.diff import diff
from opstwin.domain.plan import Origin
from opstwin.domain.workload import Workload
from opstwin.targets.sim.world import World
from opstwin.twin.opening import open_store
from tests.rig import ANNA, LOCAL, Rig

RESOURCES = 1000


def spec(seed: int) -> dict[str, Any]:
    """A container spec like a real one."""
    chance = random.Random(seed)
    return {
        "image": f"registry.example.com/team/app{seed % 50}:{chance.randint(1, 9)}",
        "command": None, "env": {f"KEY_{place}": f"value-{chance.randint(0, 3)}" for place in range(10)},
        "ports": [{"container": 8080, "host": 20000 + seed % 30000, "protocol": "tcp", "address": "0.0.0.0"}],
        "mounts": [], "networks": ["app"], "cpu_millicores": 500, "memory_bytes": 268435456, "health": None,
        "labels": {}, "restart": "unless-stopped", "running": True, "secret_env": {},
    }  # fmt: skip


def diffs() -> dict[str, Any]:
    """The diff of 10,000 pairs of specs, beside writing the same pairs as JSON."""
    pairs = [(spec(number), spec(number + 10000)) for number in range(10000)]
    ours = [timed_sync(lambda: [diff(before, after) for before, after in pairs]) for _ in range(5)]
    theirs = [timed_sync(lambda: [(json.dumps(a), json.dumps(b)) for a, b in pairs]) for _ in range(5)]
    return compared(ours, theirs, baseline="json.dumps of the same 10,000 pairs", limit="< 1000 ms")


async def settled(folder: Path, count: int) -> Rig:
    """A twin on SQLite in which `count` containers run as desired."""
    rig = await Rig(
        store=await open_store(f"sqlite:///{folder / 'twin.db'}"), clock=VirtualClock(), world=World()
    ).ready()  # fmt: skip
    workloads = [Workload(name=f"app-{number}", image="app:1", replicas=10) for number in range(count // 10)]
    plan = await rig.plan_workloads(*workloads)
    from tests.rig import BEN

    await rig.carry_out(plan, BEN)
    return rig


async def no_op_reconcile() -> dict[str, Any]:
    """One tick over 1,000 resources that are as desired, beside only listing the same resources on the target."""
    with tempfile.TemporaryDirectory() as folder:
        rig = await settled(Path(folder), RESOURCES)
        reader = rig.places.reader(await target(rig))  # type: ignore[union-attr]
        loop = Reconciler(rig.ledger, rig.observer, rig.planner, rig.approver, rig.applier, rig.breakers)

        async def tick() -> None:
            (looked,) = (await loop.tick(LOCAL)).targets
            assert looked == TargetTick(target=LOCAL)

        ours, theirs = await in_turn(tick, reader.discover, 7)
        await rig.store.close()
    return compared(ours, theirs, baseline="Reader.discover of the simulator alone", limit="< 100 ms")


async def planning() -> dict[str, Any]:
    """A plan with 100 changes, stored with its audit row, beside making one for 1 change."""
    with tempfile.TemporaryDirectory() as folder:
        rig = await settled(Path(folder), 10)
        many = [Workload(name=f"new-{number}", image="app:1", replicas=10) for number in range(10)]

        async def hundred() -> None:
            plan = await rig.planner.from_workloads(LOCAL, many, request="bench", origin=Origin.FILE, actor=ANNA)
            assert len(plan.changes) == 100

        one = [Workload(name="one", image="app:1")]

        async def single() -> None:
            await rig.planner.from_workloads(LOCAL, one, request="bench", origin=Origin.FILE, actor=ANNA)

        ours, theirs = await in_turn(hundred, single, 9)
        await rig.store.close()
    return compared(ours, theirs, baseline="a plan with 1 change", limit="< 50 ms")


async def target(rig: Rig) -> Any:
    """The rig's target."""
    from opstwin.domain.target import Target

    return await rig.ledger.need(Target, LOCAL)


async def all_figures() -> dict[str, Any]:
    """Everything of this module."""
    return {
        "diff_10000": diffs(),
        "no_op_reconcile_1000": await no_op_reconcile(),
        "plan_100_changes": await planning(),
    }
