"""Each fault is seen by its caller, leaves the world as it says, and is gone once it is taken back."""

import asyncio
from contextlib import aclosing

import pytest

from opstwin.clock import VirtualClock
from opstwin.domain.plan import Change, Op
from opstwin.domain.resource import Presence
from opstwin.domain.values import ResourceId, TargetId
from opstwin.errors import InvalidInput, OpstwinError, Rejected, TargetError, Timeout, Unreachable
from opstwin.targets.ports import Driver, Order
from opstwin.targets.sim.driver import opened_world, sim_driver
from opstwin.targets.sim.faults import Crash, Fault, FaultKind, FaultPlan, faults_from
from opstwin.targets.sim.world import World

TARGET = TargetId("sim")
WEB = ResourceId("sim/container/web-1")
LEGACY = ResourceId("sim/container/legacy-db")


@pytest.fixture
def world() -> World:
    return opened_world()


@pytest.fixture
def driver(world: World) -> Driver:
    return sim_driver(TARGET, world, clock=world.clock)


def create(name: str = "web-1", deadline_s: float = 7.0) -> Order:
    change = Change(
        resource=ResourceId(f"sim/container/{name}"), target=TARGET, kind="container", name=name, op=Op.CREATE,
        after={"image": "nginx:1.27"},
    )  # fmt: skip
    return Order(change=change, key=f"e.{name}", fence=1, deadline_s=deadline_s)


@pytest.mark.parametrize(
    ("kind", "error", "effects"),
    [
        (FaultKind.TIMEOUT, Timeout, 0),
        (FaultKind.HANG, Timeout, 0),
        (FaultKind.REJECT, Rejected, 0),
        (FaultKind.UNREACHABLE, Unreachable, 0),
        (FaultKind.CRASH, Crash, 0),
        (FaultKind.TIMEOUT_AFTER, Timeout, 1),
        (FaultKind.CRASH_AFTER, Crash, 1),
    ],
)
async def test_a_step_that_meets_a_fault_has_the_effect_the_fault_says_and_one_in_all(
    world: World, driver: Driver, kind: FaultKind, error: type[BaseException], effects: int
) -> None:
    world.faults.add(Fault(kind=kind))
    with pytest.raises(error):
        await driver.writer.apply(create())
    assert len(world.effects) == effects
    assert [(item.fault.kind, item.call, item.resource) for item in world.faults.struck] == [(kind, "apply", WEB)]
    assert (await driver.writer.apply(create())).presence is Presence.PRESENT
    assert len(world.effects) == 1


async def test_a_call_that_hangs_takes_its_whole_deadline(world: World, driver: Driver) -> None:
    world.faults.add(Fault(kind=FaultKind.HANG))
    before_s = world.clock.monotonic_s()
    with pytest.raises(Timeout):
        await driver.writer.apply(create(deadline_s=7.0))
    assert world.clock.monotonic_s() - before_s == 7.0


def test_a_crash_is_caught_by_no_handler_for_errors() -> None:
    assert not issubclass(Crash, Exception)


@pytest.mark.parametrize(
    "kind", [FaultKind.TIMEOUT, FaultKind.REJECT, FaultKind.UNREACHABLE, FaultKind.HANG, FaultKind.TIMEOUT_AFTER]
)
async def test_an_observation_that_fails_is_unknown_and_the_next_one_is_not(
    world: World, driver: Driver, kind: FaultKind
) -> None:
    world.faults.add(Fault(kind=kind, call="observe"))
    seen = await driver.reader.observe(LEGACY)
    assert (seen.presence, seen.spec) == (Presence.UNKNOWN, None)
    assert seen.error
    assert (await driver.reader.observe(LEGACY)).presence is Presence.PRESENT


async def test_a_stale_read_shows_what_was_there_before_the_last_change(world: World, driver: Driver) -> None:
    world.faults.add(Fault(kind=FaultKind.STALE, times=2))
    await driver.writer.apply(create())
    assert (await driver.reader.observe(WEB)).presence is Presence.ABSENT
    assert WEB not in [item.resource for item in await driver.reader.discover()]
    assert (await driver.reader.observe(WEB)).presence is Presence.PRESENT


async def test_a_discovery_that_breaks_off_raises_instead_of_showing_a_part(world: World, driver: Driver) -> None:
    world.faults.add(Fault(kind=FaultKind.INCOMPLETE))
    with pytest.raises(TargetError):
        await driver.reader.discover()
    assert LEGACY in [item.resource for item in await driver.reader.discover()]


@pytest.mark.parametrize("fault", [Fault(kind=FaultKind.GAP), Fault(kind=FaultKind.UNREACHABLE, call="watch")])
async def test_a_watch_that_missed_something_says_so(world: World, driver: Driver, fault: Fault) -> None:
    async with asyncio.timeout(30), aclosing(driver.reader.watch()) as events:  # type: ignore[type-var]
        assert (await anext(events)).gap
        world.faults.add(fault)
        world.run("a-1", "nginx:1.27")
        missed = await anext(events)
        assert (missed.gap, missed.resource) == (True, None)
        world.remove("a-1")
        assert [(await anext(events)).type for _ in range(2)] == ["container.die", "container.destroy"]


async def test_a_watch_that_is_far_behind_says_that_it_missed_something(world: World, driver: Driver) -> None:
    async with asyncio.timeout(30), aclosing(driver.reader.watch()) as events:  # type: ignore[type-var]
        await anext(events)
        for _ in range(1100):
            world.edit("legacy-db", running=False)
            world.edit("legacy-db", running=True)
        assert (await anext(events)).gap


@pytest.mark.parametrize("call", ["info", "usage", "logs", "exec"])
async def test_every_other_call_can_fail_too(world: World, driver: Driver, call: str) -> None:
    world.faults.add(Fault(kind=FaultKind.UNREACHABLE, call=call))
    with pytest.raises(Unreachable):
        await call_once(driver, call)
    await call_once(driver, call)


async def call_once(driver: Driver, call: str) -> None:
    if call == "info":
        await driver.reader.info()
    elif call == "usage":
        await driver.reader.usage(LEGACY)
    elif call == "logs":
        assert [line async for line in driver.reader.logs(LEGACY, tail=9, follow=False)]
    else:
        await driver.writer.exec(LEGACY, ["true"], timeout_s=1, limit_bytes=10)


async def outcomes(driver: Driver, names: list[str]) -> list[bool]:
    found = []
    for name in names:
        try:
            await driver.writer.apply(create(name))
            found.append(True)
        except OpstwinError:
            found.append(False)
    return found


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (Fault(kind=FaultKind.REJECT, nth=3), [True, True, False, True]),
        (Fault(kind=FaultKind.REJECT, nth=2, times=2), [True, False, False, True]),
        (Fault(kind=FaultKind.REJECT, times=None), [False, False, False, False]),
        (Fault(kind=FaultKind.REJECT, resource="sim/container/c-1"), [True, True, False, True]),
        (Fault(kind=FaultKind.REJECT, op="delete"), [True, True, True, True]),
        (Fault(kind=FaultKind.REJECT, op="create"), [False, True, True, True]),
        (Fault(kind=FaultKind.REJECT, call="exec"), [True, True, True, True]),
    ],
)
async def test_a_fault_strikes_the_calls_it_names_and_no_others(
    world: World, driver: Driver, fault: Fault, expected: list[bool]
) -> None:
    world.faults.add(fault)
    assert await outcomes(driver, ["a-1", "b-1", "c-1", "d-1"]) == expected


async def test_a_fault_that_is_taken_back_no_longer_strikes(world: World, driver: Driver) -> None:
    fault = world.faults.add(Fault(kind=FaultKind.REJECT, times=None))
    other = world.faults.add(Fault(kind=FaultKind.UNREACHABLE, call="*", times=None))
    world.faults.remove(fault)
    with pytest.raises(Unreachable):
        await driver.writer.apply(create())
    world.faults.remove(other)
    await driver.writer.apply(create())
    world.faults.add(Fault(kind=FaultKind.REJECT, times=None))
    world.faults.clear()
    await driver.writer.apply(create("web-2"))


def test_faults_are_no_part_of_a_branch(world: World) -> None:
    world.faults.add(Fault(kind=FaultKind.REJECT, times=None))
    branch = world.branch()
    asyncio.run(sim_driver(TARGET, branch, clock=VirtualClock()).writer.apply(create()))
    assert len(branch.effects) == 1


def test_faults_can_be_given_as_text() -> None:
    plan = faults_from('[{"kind": "reject", "op": "create", "nth": 2}]')
    struck = [plan.due("apply", "sim/container/a", op) for op in ("create", "delete", "create")]
    assert [item.kind if item else None for item in struck] == [None, None, FaultKind.REJECT]


@pytest.mark.parametrize("text", ["", "{}", '[{"kind": "explode"}]', '[{"kind": "reject", "nth": "soon"}]'])
def test_faults_that_cannot_be_read_are_refused(text: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        faults_from(text)
    assert refused.value.field == "faults"


def test_every_kind_of_fault_strikes_somewhere() -> None:
    for kind in FaultKind:
        plan = FaultPlan([Fault(kind=kind)])
        calls = ("apply", "observe", "discover", "watch")
        assert any(plan.due(call) for call in calls), kind


async def test_a_watch_over_a_restored_world_says_that_it_missed_something(world: World, driver: Driver) -> None:
    snapshot = world.snapshot()
    world.run("a-1", "nginx:1.27")
    async with asyncio.timeout(30), aclosing(driver.reader.watch()) as events:  # type: ignore[type-var]
        await anext(events)
        world.restore(snapshot)
        assert (await anext(events)).gap
