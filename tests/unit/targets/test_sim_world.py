"""The simulator is deterministic, can go back and branch, and is kept durably when asked to."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import aclosing
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opstwin.clock import VirtualClock
from opstwin.domain.plan import Change, Op
from opstwin.domain.resource import Health
from opstwin.domain.values import Json, ResourceId, TargetId, resource_id
from opstwin.errors import Rejected, Unreachable
from opstwin.targets.ports import Driver, Order, Sighting
from opstwin.targets.sim.driver import opened_world, sim_driver
from opstwin.targets.sim.world import World

TARGET = TargetId("sim")
Action = tuple[str, str, int]
ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(["create", "replace", "delete", "restart", "stop", "wait", "crash", "remove", "say"]),
        st.sampled_from(["a-1", "a-2", "b-1"]),
        st.integers(0, 5),
    ),
    max_size=25,
)


def order(op: Op, name: str, key: str, *, kind: str = "container", fence: int = 1, **fields: Json) -> Order:
    after: dict[str, Json] = {"image": "nginx:1.27", **fields} if kind == "container" else {}
    change = Change(
        resource=resource_id(TARGET, kind, name), target=TARGET, kind=kind, name=name, op=op, workload="a",
        after=None if op is Op.DELETE else after,
    )  # fmt: skip
    return Order(change=change, key=key, fence=fence, deadline_s=5.0)


def apply(world: World, *orders: Order) -> list[Sighting]:
    driver = sim_driver(TARGET, world, clock=world.clock)

    async def all_of_them() -> list[Sighting]:
        return [await driver.writer.apply(item) for item in orders]

    return asyncio.run(all_of_them())


def observe(world: World, name: str) -> Sighting:
    async def once() -> Sighting:
        return await sim_driver(TARGET, world, clock=world.clock).reader.observe(container(name))

    return asyncio.run(once())


def container(name: str) -> ResourceId:
    return resource_id(TARGET, "container", name)


def play(world: World, actions: Sequence[Action]) -> None:
    """Do what the actions say, as far as the world lets it happen."""
    by_hand: dict[str, Callable[[str, int], object]] = {
        "wait": lambda _, number: sleep(world, number),
        "crash": world.kill,
        "remove": lambda name, _: world.remove(name),
        "say": lambda name, number: world.say(name, str(number)),
    }
    ops = {"create": Op.CREATE, "replace": Op.REPLACE, "delete": Op.DELETE, "restart": Op.RESTART, "stop": Op.UPDATE}
    for index, (what, name, number) in enumerate(actions):
        try:
            if what in by_hand:
                by_hand[what](name, number)
            else:
                env: Json = {"N": str(number)} if what == "replace" else {}
                apply(world, order(ops[what], name, f"e.{index}", env=env, running=what != "stop"))
        except Rejected:
            continue


def sleep(world: World, seconds: float) -> None:
    assert isinstance(world.clock, VirtualClock)
    world.clock.advance(seconds)


@given(ACTIONS, st.integers(0, 2**32))
@settings(deadline=None, max_examples=30)
def test_the_same_seed_and_actions_give_the_same_history(actions: list[Action], seed: int) -> None:
    one, two = opened_world(seed=seed), opened_world(seed=seed)
    play(one, actions)
    play(two, actions)
    assert one.state == two.state
    assert one.digest() == two.digest()


def test_another_seed_gives_other_ids_and_another_identity() -> None:
    one, two = opened_world(seed=1), opened_world(seed=2)
    assert one.containers()["legacy-db"].id != two.containers()["legacy-db"].id
    assert one.state.identity != two.state.identity


@given(ACTIONS, ACTIONS)
@settings(deadline=None, max_examples=30)
def test_a_world_that_is_restored_is_as_it_was(before: list[Action], after: list[Action]) -> None:
    world = opened_world()
    play(world, before)
    snapshot, digest = world.snapshot(), world.digest()
    play(world, after)
    world.restore(snapshot)
    assert world.digest() == digest


@given(ACTIONS, ACTIONS, ACTIONS)
@settings(deadline=None, max_examples=30)
def test_a_branch_goes_its_own_way_and_would_have_gone_the_same(
    before: list[Action], mine: list[Action], others: list[Action]
) -> None:
    world = opened_world()
    play(world, before)
    branch, twin = world.branch(), world.branch()
    digest = world.digest()
    play(branch, others)
    assert world.digest() == digest
    play(world, mine)
    play(twin, mine)
    assert world.digest() == twin.digest()


def test_every_effect_is_logged_once_with_its_key_op_resource_and_fence() -> None:
    world = opened_world()
    apply(
        world,
        order(Op.CREATE, "a-1", "e.0", fence=2),
        order(Op.CREATE, "a-1", "e.0", fence=3),
        order(Op.DELETE, "b-1", "e.1", fence=3),
        order(Op.RESTART, "a-1", "e.2", fence=3),
        order(Op.RESTART, "a-1", "e.2", fence=3),
    )
    shown = [(item.seq, item.key, item.op, item.resource, item.fence) for item in world.effects]
    assert shown == [(1, "e.0", "create", "sim/container/a-1", 2), (2, "e.2", "restart", "sim/container/a-1", 3)]


def test_a_refused_step_has_no_effect() -> None:
    world = opened_world()
    before = world.containers()
    with pytest.raises(Rejected):
        apply(world, order(Op.CREATE, "legacy-db", "e.0"))
    assert world.effects == ()
    assert world.containers() == before


def test_health_follows_the_clock() -> None:
    world = World()
    world.image("slow:1", start_s=3)
    world.run("a-1", "slow:1")
    assert observe(world, "a-1").health is Health.STARTING
    sleep(world, 3)
    assert observe(world, "a-1").health is Health.HEALTHY


@pytest.mark.parametrize(
    ("passed_s", "good", "bad"),
    [
        (1.9, Health.STARTING, Health.STARTING),
        (2.0, Health.HEALTHY, Health.STARTING),
        (6.9, Health.HEALTHY, Health.STARTING),
        (7.0, Health.HEALTHY, Health.UNHEALTHY),
    ],
)
def test_a_check_passes_after_one_interval_and_fails_after_all_its_retries(
    passed_s: float, good: Health, bad: Health
) -> None:
    world = World()
    world.image("good:1")
    world.image("bad:1", healthy=False)
    check: Json = {"command": ["probe"], "interval_s": 2, "timeout_s": 1, "retries": 3, "start_period_s": 1}
    world.run("a-1", "good:1", health=check)
    world.run("b-1", "bad:1", health=check)
    sleep(world, passed_s)
    assert (observe(world, "a-1").health, observe(world, "b-1").health) == (good, bad)


def test_a_wall_clock_that_is_set_back_makes_nothing_younger() -> None:
    clock = VirtualClock()
    world = opened_world(clock=clock)
    clock.advance(60)
    clock.set_back(7200)
    assert observe(world, "legacy-db").health is Health.HEALTHY
    world.run("a-1", "nginx:1.27")
    clock.advance(1)
    assert observe(world, "a-1").health is Health.HEALTHY


class _HeldUp(VirtualClock):
    """The process that reads it does not run for a while after its first reading."""

    has_waited = False

    def now(self) -> datetime:
        moment = super().now()
        self._wait()
        return moment

    def monotonic_s(self) -> float:
        seconds = super().monotonic_s()
        self._wait()
        return seconds

    def _wait(self) -> None:
        if not self.has_waited:
            self.has_waited = True
            self.advance(5)


def test_a_world_lives_at_the_time_of_its_clock_though_its_process_was_held_up() -> None:
    clock = _HeldUp()
    world = World()
    world.live_by(clock)
    assert world.now() == clock.now()


def test_a_container_that_ends_stays_stopped_or_is_started_again_as_its_policy_says() -> None:
    world = World()
    world.image("short:1", exits=3, start_s=1)
    world.run("a-1", "short:1", restart="no")
    world.run("b-1", "short:1", restart="always")
    sleep(world, 5)
    ended, looping = observe(world, "a-1"), observe(world, "b-1")
    assert (ended.health, ended.facts["exit_code"], ended.facts["restart_count"]) == (Health.STOPPED, 3, 0)
    assert (looping.health, looping.facts["state"], looping.facts["restart_count"]) == (
        Health.UNHEALTHY, "restarting", 3,
    )  # fmt: skip


def test_running_out_of_memory_is_shown_and_counted() -> None:
    world = opened_world()
    world.run("a-1", "nginx:1.27", restart="no")
    world.kill("a-1", out_of_memory=True)
    facts = observe(world, "a-1").facts
    assert (facts["oom_killed"], facts["exit_code"]) == (True, 137)
    world.kill("legacy-db")
    seen = observe(world, "legacy-db")
    assert (seen.facts["restart_count"], seen.facts["state"]) == (1, "running")


def test_an_ailing_container_is_unhealthy_until_it_is_cured() -> None:
    world = opened_world()
    sleep(world, 5)
    world.ail("legacy-db")
    assert observe(world, "legacy-db").health is Health.UNHEALTHY
    world.ail("legacy-db", None)
    assert observe(world, "legacy-db").health is Health.HEALTHY


def test_a_stopped_container_frees_its_ports() -> None:
    world = opened_world()
    port: Json = [{"container": 80, "host": 5432}]
    with pytest.raises(Rejected, match="Port 5432 is taken by container legacy-db"):
        apply(world, order(Op.CREATE, "a-1", "e.0", ports=port))
    world.edit("legacy-db", running=False)
    apply(world, order(Op.CREATE, "a-1", "e.0", ports=port))
    assert observe(world, "a-1").managed


def test_two_addresses_can_publish_one_port_but_not_beside_all_addresses() -> None:
    world = opened_world()
    for number, address in enumerate(("127.0.0.1", "127.0.0.2")):
        world.run(f"a-{number}", "nginx:1.27", ports=[{"container": 80, "host": 80, "address": address}])
    with pytest.raises(Rejected, match="Port 80 is taken"):
        world.run("b-1", "nginx:1.27", ports=[{"container": 80, "host": 80}])


def test_usage_never_passes_the_limits() -> None:
    world = opened_world()
    world.run("a-1", "nginx:1.27", memory_bytes=10_000_000, cpu_millicores=100)
    world.use("a-1", cpu_millicores=900, memory_bytes=99_000_000)
    driver = sim_driver(TARGET, world, clock=world.clock)
    reading = asyncio.run(driver.reader.usage(container("a-1")))
    assert (reading.cpu_millicores, reading.memory_bytes) == (100, 10_000_000)


def test_secrets_of_containers_that_opstwin_did_not_make_are_masked() -> None:
    world = opened_world()
    world.run("a-1", "nginx:1.27", env={"DB_PASSWORD": "hunter2", "MODE": "fast"})
    spec = observe(world, "a-1").spec
    assert spec is not None
    assert "hunter2" not in str(spec)
    assert "fast" in str(spec)


def test_a_fresh_world_lets_a_new_user_try_everything() -> None:
    world = opened_world()
    assert {"nginx:1.27", "nginx:1.28", "nginx:bad", "redis:7", "postgres:16", "busybox:1"} == set(world.state.images)
    assert not observe(world, "legacy-db").managed
    apply(world, order(Op.CREATE, "a-1", "e.0"), order(Op.CREATE, "b-1", "e.1", image="nginx:bad"))
    sleep(world, 5)
    assert (observe(world, "a-1").health, observe(world, "b-1").health) == (Health.HEALTHY, Health.UNHEALTHY)


def test_a_world_is_found_again_in_its_file(tmp_path: Path) -> None:
    world = opened_world(tmp_path / "world.json", seed=5)
    sleep(world, 60)
    apply(world, order(Op.CREATE, "a-1", "e.0"))
    world.say("a-1", "hello")
    found = opened_world(tmp_path / "world.json")
    assert found.state == world.state
    assert found.now() == world.now()
    assert apply(found, order(Op.CREATE, "a-1", "e.0"))[0].managed
    assert len(found.effects) == 1


def test_a_damaged_file_is_not_taken_for_an_empty_world(tmp_path: Path) -> None:
    path = tmp_path / "world.json"
    opened_world(path)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(Unreachable, match="damaged"):
        opened_world(path)
    path.write_text('{"format": 99, "at": "2026-01-05T09:00:00Z"}')
    with pytest.raises(Unreachable, match="format 99"):
        opened_world(path)


def test_an_effect_that_cannot_be_kept_is_refused_and_does_not_happen(tmp_path: Path) -> None:
    world = opened_world(tmp_path / "world.json")
    before = world.state
    (tmp_path / "world.json.new").mkdir()
    with pytest.raises(Rejected, match="cannot write"):
        apply(world, order(Op.CREATE, "a-1", "e.0"))
    assert world.state == before


CHILD = """
import asyncio, sys
from pathlib import Path
from opstwin.domain.plan import Change, Op
from opstwin.targets.ports import Order
from opstwin.targets.sim.driver import opened_world, sim_driver
from opstwin.targets.sim.faults import faults_from

async def main():
    world = opened_world(Path(sys.argv[1]))
    world.faults = faults_from(sys.argv[2])
    writer = sim_driver("sim", world, clock=world.clock).writer
    for n in range(4):
        change = Change(resource=f"sim/container/a-{n}", target="sim", kind="container", name=f"a-{n}", op=Op.CREATE,
                        after={"image": "nginx:1.27"})
        await writer.apply(Order(change=change, key=f"e.{n}", fence=1, deadline_s=5))

asyncio.run(main())
"""


def child(path: Path, faults: str) -> int:
    return subprocess.run(
        [sys.executable, "-c", CHILD, str(path), faults], check=False, env=dict(os.environ)
    ).returncode


@pytest.mark.proves("A2")
@pytest.mark.parametrize(("kind", "left"), [("kill", 2), ("kill_after", 3)])
def test_a_process_killed_around_an_effect_finds_it_done_wholly_or_not_at_all(
    tmp_path: Path, kind: str, left: int
) -> None:
    path = tmp_path / "world.json"
    assert child(path, f'[{{"kind": "{kind}", "nth": 3}}]') == -9
    assert [item.key for item in World(path).effects] == [f"e.{n}" for n in range(left)]
    assert child(path, "[]") == 0
    assert [item.key for item in World(path).effects] == [f"e.{n}" for n in range(4)]


def test_a_world_in_a_file_is_shared_by_those_who_open_it(tmp_path: Path) -> None:
    path = tmp_path / "world.json"
    mine = opened_world(path)
    driver = sim_driver(TARGET, mine, clock=mine.clock)
    seen = asyncio.run(first_event_while(driver, lambda: child(path, "[]")))
    assert seen == "sim/container/a-0"
    assert set(mine.containers()) == {"legacy-db", "a-0", "a-1", "a-2", "a-3"}


async def first_event_while(driver: Driver, act: Callable[[], object]) -> str | None:
    async with asyncio.timeout(60), aclosing(driver.reader.watch()) as events:  # type: ignore[type-var]
        assert (await anext(events)).gap
        await asyncio.to_thread(act)
        return (await anext(events)).resource


def test_a_worker_that_was_replaced_in_another_process_is_refused_here(tmp_path: Path) -> None:
    path = tmp_path / "world.json"
    old, new = opened_world(path), opened_world(path)
    apply(old, order(Op.CREATE, "a-1", "e.0", fence=1))
    apply(new, order(Op.CREATE, "a-2", "e.1", fence=2))
    with pytest.raises(Rejected, match="replaced"):
        apply(old, order(Op.CREATE, "b-1", "e.2", fence=1))
    assert "b-1" not in new.containers()


def test_a_masked_variable_keeps_its_value_when_an_adopted_container_is_replaced() -> None:
    world = opened_world()
    world.run("a-1", "nginx:1.27", env={"DB_PASSWORD": "hunter2"})
    seen = observe(world, "a-1").spec
    assert seen is not None
    adopted = Change(
        resource=container("a-1"), target=TARGET, kind="container", name="a-1", op=Op.REPLACE, before=seen,
        after={**seen, "image": "nginx:1.28"},
    )  # fmt: skip
    apply(world, Order(change=adopted, key="e.0", fence=1, deadline_s=5, found=seen))
    assert world.containers()["a-1"].spec["env"] == {"DB_PASSWORD": "hunter2"}
    with pytest.raises(Rejected, match="masked and not known"):
        apply(world, order(Op.CREATE, "b-1", "e.1", env={"DB_PASSWORD": "***"}))


def test_two_who_open_a_fresh_file_at_once_share_one_first_world(tmp_path: Path) -> None:
    one, two = World(tmp_path / "world.json", seed=1), World(tmp_path / "world.json", seed=1)
    one.begin_as(opened_world(seed=1).snapshot())
    one.run("a-1", "nginx:1.27")
    two.begin_as(opened_world(seed=1).snapshot())
    assert "a-1" in two.containers()


def test_what_needs_a_replace_is_not_done_as_an_update() -> None:
    world = opened_world()
    apply(world, order(Op.CREATE, "a-1", "e.0"))
    before = world.containers()
    with pytest.raises(Rejected, match=r"env\.A cannot be changed in place"):
        apply(world, order(Op.UPDATE, "a-1", "e.1", env={"A": "1"}))
    assert world.containers() == before


def test_a_fence_that_was_seen_counts_though_its_step_was_refused() -> None:
    world = opened_world()
    with pytest.raises(Rejected):
        apply(world, order(Op.CREATE, "legacy-db", "e.0", fence=5))
    with pytest.raises(Rejected, match="replaced"):
        apply(world, order(Op.CREATE, "a-1", "e.1", fence=4))


def test_no_effect_of_several_writers_on_one_file_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "world.json"
    worlds = [opened_world(path) for _ in range(4)]

    async def write(number: int) -> None:
        writer = sim_driver(TARGET, worlds[number], clock=worlds[number].clock).writer
        for n in range(10):
            await writer.apply(order(Op.CREATE, f"w{number}-{n}", f"e{number}.{n}"))

    async def together() -> None:
        await asyncio.gather(*(write(number) for number in range(4)))

    asyncio.run(together())
    assert len({item.key for item in World(path).effects}) == 40
    assert len(World(path).containers()) == 41


def test_an_image_that_was_removed_can_start_nothing_new_but_what_runs_goes_on() -> None:
    world = opened_world()
    world.forget_image("postgres:16")
    assert observe(world, "legacy-db").health is not Health.STOPPED
    with pytest.raises(Rejected, match="Image postgres:16 is not on the target"):
        world.run("a-1", "postgres:16")


def test_every_call_takes_the_latency_of_the_world() -> None:
    world = opened_world()
    world.latency_s = 2.0
    before = world.now()
    apply(world, order(Op.CREATE, "a-1", "e.0"))
    observe(world, "a-1")
    assert (world.now() - before).total_seconds() == 4.0


def test_a_network_made_by_hand_can_be_joined_and_is_not_removed_while_it_is() -> None:
    world = opened_world()
    world.network("shop")
    apply(world, order(Op.CREATE, "a-1", "e.0", networks=["shop"]))
    with pytest.raises(Rejected, match="Network shop is in use by a-1"):
        world.remove("shop", "network")
    world.edit("a-1", running=False)
    world.remove("shop", "network")
    assert not world.state.networks
