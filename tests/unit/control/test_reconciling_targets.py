"""Which targets are looked at, and that one of them never holds up the others."""

import asyncio
from dataclasses import dataclass, replace

import pytest
from structlog.testing import capture_logs

from opstwin.domain.audit import AuditEntry
from opstwin.domain.execution import Execution, ExecutionState
from opstwin.domain.plan import PlanState
from opstwin.domain.resource import Observed, Presence
from opstwin.domain.target import Target
from opstwin.domain.values import TargetId
from opstwin.errors import NotFound
from opstwin.targets.ports import Reader
from opstwin.targets.sim.faults import Fault, FaultKind
from opstwin.targets.sim.world import World
from opstwin.twin.store import Put
from tests.rig import ANNA, LOCAL, Rig, SimPlaces, app
from tests.unit.control.reconciling_bench import (
    as_desired,
    healing,
    once,
    plans,
    reconciler,
    until,
)


@pytest.fixture
async def rig() -> Rig:
    return await as_desired()


async def test_nothing_is_done_about_what_is_unknown(rig: Rig) -> None:
    loop = await healing(rig)
    rig.world.remove("web-1")
    rig.world.faults.add(Fault(kind=FaultKind.UNREACHABLE, call="discover", times=None))
    effects = len(rig.world.effects)
    [ticked] = (await loop.tick(LOCAL)).targets
    assert ticked.error != ""
    assert len(rig.world.effects) == effects
    assert await plans(rig, PlanState.PENDING) == []


async def test_a_target_that_keeps_failing_is_left_alone_until_it_may_be_tried_again(rig: Rig) -> None:
    loop = await healing(rig)
    away = rig.world.faults.add(Fault(kind=FaultKind.UNREACHABLE, call="info", times=None))
    for _ in range(2):
        await loop.tick(LOCAL)
    asked = len(rig.world.faults.struck)
    assert (await once(loop)).skipped == "away"
    assert len(rig.world.faults.struck) == asked
    rig.world.faults.remove(away)
    rig.clock.advance(60)
    assert (await once(loop)).skipped == ""


@pytest.mark.req("S2.34")
async def test_an_inactive_target_is_never_reconciled(rig: Rig) -> None:
    loop = await healing(rig)
    await rig.put(replace(await rig.ledger.need(Target, LOCAL), is_active=False))
    rig.world.remove("web-1")
    rig.world.faults.add(Fault(kind=FaultKind.UNREACHABLE, call="*", times=None))
    [ticked] = (await loop.tick()).targets
    assert (ticked.skipped, ticked.drifts) == ("inactive", ())
    assert rig.world.faults.struck == []


async def test_a_target_on_which_an_execution_runs_is_left_to_it(rig: Rig) -> None:
    loop = await healing(rig)
    plan = await rig.approved(await rig.plan_workloads(app(image="app:2")))
    await rig.applier.start(plan.id, ANNA)
    rig.world.remove("web-1")
    assert (await once(loop)).skipped == "busy"
    await rig.put(replace((await rig.ledger.all(Execution))[-1], state=ExecutionState.NEEDS_HUMAN))
    assert (await once(loop)).skipped == ""


async def test_a_target_that_does_not_exist_is_not_found(rig: Rig) -> None:
    with pytest.raises(NotFound):
        await reconciler(rig).tick("nowhere")


# Below: several targets, one of them bad.


@dataclass(frozen=True)
class OneBroken(SimPlaces):
    """The reader of the target `bad` raises what no driver should."""

    def reader(self, target: Target) -> Reader:
        if target.id == "bad":
            raise ZeroDivisionError("a bug in a driver")
        return super().reader(target)


async def many(places: type[SimPlaces]) -> Rig:
    rig = Rig()
    worlds = {"local": rig.world, "bad": World(seed=1), "far": World(seed=2)}
    rig = Rig(world=rig.world, clock=rig.clock, places=places(worlds, rig.clock))
    for name in ("bad", "far"):
        target = Target(
            id=TargetId(name), display_name=name, backend_type="sim",
            agent_endpoint=f"sim://{name}", created_at=rig.clock.now(),
        )  # fmt: skip
        await rig.ledger.commit([Put(target)], [AuditEntry(action="test.put", subject=name, actor=ANNA)])
    return await rig.ready()


async def test_one_target_that_is_away_does_not_keep_the_others_from_being_looked_at() -> None:
    rig = await many(SimPlaces)
    assert rig.places is not None
    rig.places.worlds["bad"].faults.add(Fault(kind=FaultKind.TIMEOUT, call="*", times=None))
    ticks = {item.target: item for item in (await reconciler(rig).tick()).targets}
    assert {key: bool(item.error) for key, item in ticks.items()} == {"bad": True, "far": False, "local": False}


async def test_a_bug_in_one_driver_does_not_stop_the_loop_for_the_others() -> None:
    rig = await many(OneBroken)
    rig.world.run("web", "app:1")

    async def seen() -> bool:
        rows = await rig.ledger.all(Observed, {"kind": "container"})
        return {row.presence for row in rows} == {Presence.PRESENT} and len(rows) == count

    count = 1
    with capture_logs() as logs:
        task = asyncio.create_task(reconciler(rig).run(15))
        try:
            await until(seen)
            rig.world.run("more", "app:1")
            count = 2
            await until(seen)
            assert not task.done()
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
    assert {(item["event"], item["target"]) for item in logs} == {("reconcile_failed", "bad")}
