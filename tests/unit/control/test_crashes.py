"""A process that dies at any boundary of the journal leaves one effect per step, and the plan ends whole or undone."""

from dataclasses import dataclass

import pytest

from opstwin.clock import VirtualClock
from opstwin.domain.audit import verify_chain
from opstwin.domain.deployment import Deployment
from opstwin.domain.execution import FINISHED, Execution, ExecutionState
from opstwin.domain.plan import Plan, PlanState
from opstwin.domain.resource import Desired
from opstwin.domain.values import to_json
from opstwin.domain.workload import Mount, Workload
from opstwin.targets.sim.faults import Crash
from opstwin.targets.sim.world import World
from opstwin.twin.memory import MemoryStore
from tests.crashing import Boundaries, MortalPlaces, MortalStore
from tests.rig import ANNA, BEN, Rig, SimPlaces, app
from tests.unit.control.test_applying import assert_effects_were_intended

DATA = Mount(path="/data", volume="web-data")


@dataclass(frozen=True)
class Story:
    """What stands before, and what is asked for; `good` says whether it can be healthy."""

    before: tuple[Workload, ...]
    wish: Workload
    good: bool


STORIES = {
    "first deployment": Story((), app(replicas=3, volumes=(DATA,)), good=True),
    "rolling upgrade": Story((app(replicas=3),), app(image="app:2", replicas=3), good=True),
    "bad upgrade": Story((app(replicas=3),), app(image="app:bad", replicas=3), good=False),
    "scale down": Story((app(replicas=4),), app(replicas=2), good=True),
    "bad first deployment": Story((), app(image="app:bad", replicas=2, volumes=(DATA,)), good=False),
}


@dataclass
class Scene:
    """One twin and one world that outlive the processes that work on them."""

    store: MemoryStore
    world: World
    clock: VirtualClock
    seed: int

    def rig(self, at: Boundaries | None = None) -> Rig:
        """A process on this scene; with `at` it dies there."""
        places = SimPlaces({"local": self.world}, self.clock)
        mortal = at or Boundaries()
        return Rig(
            store=MortalStore(self.store, mortal), world=self.world, clock=self.clock, seed=self.seed,
            owner=f"worker-{self.clock.monotonic_s()}", places=MortalPlaces(places, mortal),  # type: ignore[arg-type]
        )  # fmt: skip


async def prepared(story: Story, seed: int) -> tuple[Scene, Plan]:
    """A scene in which the wish is planned and approved."""
    scene = Scene(MemoryStore(), World(), VirtualClock(), seed)
    rig = await scene.rig().ready()
    if story.before:
        await rig.change_to(*story.before)
    scene.seed += 1000
    return scene, await rig.approved(await rig.plan_workloads(story.wish), BEN)


async def lived(scene: Scene, plan: Plan, fatal: int) -> Boundaries:
    """Apply in a process that dies at the boundary `fatal`; returns the boundaries it passed."""
    at = Boundaries(fatal)
    scene.seed += 1000
    rig = scene.rig(at)
    try:
        execution = await rig.applier.start(plan.id, ANNA)
        await rig.applier.run(execution.id)
    except Crash:
        pass
    return at


async def recovered(scene: Scene, plan: Plan) -> tuple[Rig, Execution]:
    """A new process takes the plan up again and drives it to its end."""
    scene.seed += 1000
    scene.clock.advance(120)
    rig = scene.rig()
    execution = await rig.applier.start(plan.id, ANNA)
    await rig.applier.run(execution.id)
    return rig, await rig.ledger.need(Execution, execution.id)


async def boundaries(story: Story) -> int:
    """How many boundaries an undisturbed run passes."""
    scene, plan = await prepared(story, 1)
    return len((await lived(scene, plan, 0)).passed)


def shape(world: World) -> tuple[object, list[str], list[str]]:
    """What runs, without ids and moments."""
    containers = {name: (item.spec["image"], item.spec["running"]) for name, item in world.containers().items()}
    return containers, sorted(world.state.volumes), sorted(world.state.networks)


@pytest.mark.slow
@pytest.mark.req("S1.2")
@pytest.mark.proves("A1", "A2", "A4", "K4")
@pytest.mark.parametrize("name", STORIES)
async def test_a_crash_at_every_boundary_leaves_one_effect_per_step_and_a_whole_end(name: str) -> None:
    story = STORIES[name]
    total = await boundaries(story)
    scene, plan = await prepared(story, 1)
    baseline = shape(scene.world)
    await lived(scene, plan, 0)
    target = shape(scene.world)
    if not story.good:  # what ran before runs again, and a volume that was written to is still there
        assert (target[0], target[2]) == (baseline[0], baseline[2])
        assert set(target[1]) >= set(baseline[1])
    for fatal in range(1, total + 1):
        for seed in (1, 2):
            scene, plan = await prepared(story, seed)
            await lived(scene, plan, fatal)
            rig, ended = await recovered(scene, plan)
            where = f"{name}, boundary {fatal} of {total}, seed {seed}"
            assert ended.state in FINISHED, where
            expected = ExecutionState.SUCCEEDED if story.good else ExecutionState.ROLLED_BACK
            assert ended.state is expected, f"{where}: {ended.error}"
            assert shape(scene.world) == target, where
            keys = [effect.key for effect in scene.world.effects]
            assert len(keys) == len(set(keys)), f"{where}: an effect was repeated"
            await assert_effects_were_intended(rig)
            verify_chain(await rig.audit())
            stored = await rig.ledger.need(Plan, plan.id)
            assert stored.state is (PlanState.APPLIED if story.good else PlanState.ROLLED_BACK), where
            assert len([item for item in await rig.ledger.all(Deployment) if item.plan_id == plan.id]) == 1, where
            await desired_is_what_runs(rig)


@pytest.mark.slow
@pytest.mark.proves("A4")
async def test_a_crash_during_the_roll_back_never_goes_forward_again() -> None:
    story = STORIES["bad upgrade"]
    total = await boundaries(story)
    for fatal in range(1, total + 1):
        scene, plan = await prepared(story, 3)
        await lived(scene, plan, fatal)
        found = [item for item in await scene.rig().ledger.all(Execution) if item.plan_id == plan.id]
        was_going_back = found and found[0].state is ExecutionState.ROLLING_BACK
        seen = len(scene.world.effects)
        await recovered(scene, plan)
        later = scene.world.effects[seen:]
        if was_going_back:
            assert all("app:bad" not in str(to_json(effect)) for effect in later)


@pytest.mark.slow
async def test_twenty_crashes_in_a_row_still_end_with_one_effect_per_step() -> None:
    story = STORIES["rolling upgrade"]
    scene, plan = await prepared(story, 5)
    for turn in range(20):
        await lived(scene, plan, 2 + turn % 7)
        scene.clock.advance(120)
    rig, ended = await recovered(scene, plan)
    assert ended.state is ExecutionState.SUCCEEDED
    keys = [effect.key for effect in scene.world.effects]
    assert len(keys) == len(set(keys))
    verify_chain(await rig.audit())


@pytest.mark.proves("A3")
async def test_a_crash_while_waiting_for_an_approval_changes_nothing() -> None:
    scene = Scene(MemoryStore(), World(), VirtualClock(), 1)
    rig = await scene.rig().ready()
    plan = await rig.plan_workloads(app())
    scene.seed = 2000
    later = scene.rig()
    await later.worker.settle()
    kept = await later.ledger.need(Plan, plan.id)
    assert (kept.state, kept.digest, kept.expires_at) == (PlanState.PENDING, plan.digest, plan.expires_at)
    assert scene.world.effects == ()


async def desired_is_what_runs(rig: Rig) -> None:
    """Nothing drifted: each desired container runs its image, and nothing else does."""
    wanted = {
        item.name: item.spec["image"]
        for item in await rig.ledger.all(Desired)
        if item.kind == "container" and item.spec is not None
    }
    assert wanted == {name: item.spec["image"] for name, item in rig.world.containers().items()}
