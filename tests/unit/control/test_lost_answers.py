"""A target that does not answer a step: nobody knows what it did, so it is looked at before anything is tried again."""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import dropwhile

import pytest

from opstwin.domain.execution import ExecutionState
from opstwin.domain.plan import Plan
from opstwin.domain.target import Target
from opstwin.domain.values import ResourceId
from opstwin.domain.workload import Resources, Workload
from opstwin.targets.ports import Order, Reader, Sighting, Writer
from opstwin.targets.sim.faults import Fault, FaultKind
from tests.rig import BEN, QUICK, Rig, SimPlaces, app

WEB1 = ResourceId("local/container/web-1")


@dataclass
class Noted:
    """What was asked of one container, in its order, each with its moment."""

    now: Callable[[], float]
    calls: list[tuple[str, float]] = field(default_factory=list)

    def note(self, call: str, resource: ResourceId) -> None:
        if resource == WEB1:
            self.calls.append((call, self.now()))

    @property
    def tries(self) -> list[tuple[str, float]]:
        """From the first time that the step was sent."""
        return list(dropwhile(lambda item: item[0] != "apply", self.calls))

    @property
    def sent(self) -> int:
        """How often the step was sent."""
        return [call for call, _ in self.calls].count("apply")


@dataclass
class NotedReader:
    inner: Reader
    notes: Noted

    def __getattr__(self, name: str) -> object:
        return getattr(self.inner, name)

    async def observe(self, resource: ResourceId) -> Sighting:
        self.notes.note("observe", resource)
        return await self.inner.observe(resource)


@dataclass
class NotedWriter:
    inner: Writer
    notes: Noted

    async def apply(self, order: Order) -> Sighting:
        self.notes.note("apply", order.change.resource)
        return await self.inner.apply(order)

    async def exec(self, resource, argv, *, timeout_s, limit_bytes):  # type: ignore[no-untyped-def]
        return await self.inner.exec(resource, argv, timeout_s=timeout_s, limit_bytes=limit_bytes)

    async def close(self) -> None:
        await self.inner.close()


@dataclass(frozen=True)
class NotedPlaces(SimPlaces):
    """Places that note what is asked of one container."""

    notes: Noted

    def reader(self, target: Target) -> Reader:
        return NotedReader(super().reader(target), self.notes)  # type: ignore[return-value]

    def writer(self, target: Target) -> Writer:
        return NotedWriter(super().writer(target), self.notes)


async def noted(*before: Workload) -> tuple[Rig, Noted]:
    """A rig on which some workloads run; what is asked from now on is noted."""
    bare = Rig()
    notes = Noted(bare.clock.monotonic_s)
    places = NotedPlaces({"local": bare.world}, bare.clock, notes)
    rig = await Rig(store=bare.store, clock=bare.clock, world=bare.world, places=places).ready()
    if before:
        await rig.change_to(*before)
    notes.calls.clear()
    return rig, notes


SMALL, LARGE = Resources(memory_bytes=64 << 20), Resources(memory_bytes=128 << 20)
STEPS: dict[str, tuple[tuple[Workload, ...], Workload | None]] = {
    "create": ((), app(replicas=1)),
    "replace": ((app(replicas=1),), app(replicas=1, image="app:2")),
    "update": ((app(replicas=1, resources=SMALL),), app(replicas=1, resources=LARGE)),
    "delete": ((app(replicas=1),), None),
}
"""What runs before, and what is wanted of it, for each kind of step whose effect can be seen."""


async def planned(rig: Rig, op: str) -> Plan:
    wish = STEPS[op][1]
    plan = await (rig.plan("delete web") if wish is None else rig.plan_workloads(wish))
    assert [change.op.value for change in plan.changes] == [op]
    return plan


@pytest.mark.proves("B3")
@pytest.mark.parametrize("op", STEPS)
async def test_a_reply_lost_after_the_effect_is_read_back_and_the_step_is_not_sent_again(op: str) -> None:
    rig, notes = await noted(*STEPS[op][0])
    effects = len(rig.world.effects)
    rig.world.faults.add(Fault(kind=FaultKind.TIMEOUT_AFTER, resource=WEB1))
    ended = await rig.carry_out(await planned(rig, op), BEN)
    assert ended.state is ExecutionState.SUCCEEDED
    assert [call for call, _ in notes.tries[:2]] == ["apply", "observe"]
    assert notes.sent == 1
    assert len(rig.world.effects) == effects + 1


@pytest.mark.proves("B3")
async def test_a_restart_whose_reply_was_lost_is_sent_again_and_happens_once() -> None:
    """Nothing shows whether it happened, so the target itself must know the step by its key."""
    rig, notes = await noted(app(replicas=1))
    effects = len(rig.world.effects)
    rig.world.faults.add(Fault(kind=FaultKind.TIMEOUT_AFTER, resource=WEB1))
    ended = await rig.carry_out(await rig.plan("restart web"), BEN)
    assert ended.state is ExecutionState.SUCCEEDED
    assert notes.sent == 2
    assert len(rig.world.effects) == effects + 1


@pytest.mark.proves("B2")
@pytest.mark.parametrize("op", STEPS)
async def test_a_target_that_hangs_is_left_at_the_deadline_and_looked_at_before_the_step_is_sent_again(op: str) -> None:
    rig, notes = await noted(*STEPS[op][0])
    effects = len(rig.world.effects)
    rig.world.faults.add(Fault(kind=FaultKind.HANG, call="apply", resource=WEB1))
    ended = await rig.carry_out(await planned(rig, op), BEN)
    assert ended.state is ExecutionState.SUCCEEDED
    (first, sent_s), (second, looked_s), (third, _) = notes.tries[:3]
    assert (first, second, third) == ("apply", "observe", "apply")
    assert looked_s - sent_s == QUICK.step_s
    assert len(rig.world.effects) == effects + 1
