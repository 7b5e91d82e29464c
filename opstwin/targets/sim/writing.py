"""Doing one journalled step on a world, with the refusals of a real engine."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Final

from opstwin.domain.diff import diff
from opstwin.domain.plan import Op
from opstwin.domain.values import ResourceId, Spec, TargetId
from opstwin.errors import NotFound, Rejected
from opstwin.targets.ports import ExecResult, Order, Sighting
from opstwin.targets.rendering import ContainerRenderer
from opstwin.targets.sim import engine
from opstwin.targets.sim.commands import KILLED, ran
from opstwin.targets.sim.engine import Moment
from opstwin.targets.sim.faults import after, before
from opstwin.targets.sim.life import status
from opstwin.targets.sim.reading import in_background
from opstwin.targets.sim.showing import sighting, unmasked
from opstwin.targets.sim.state import MAX_EFFECTS, Container, Effect, Mark, State, Store, kept
from opstwin.targets.sim.world import World
from opstwin.targets.specs import full_form

MAX_FENCES: Final = 10_000


class SimWriter:
    """Writes to one world. Each effect is kept before `apply` returns."""

    def __init__(self, target: TargetId, world: World) -> None:
        self._target, self._world = target, world
        self._renderer = ContainerRenderer(target)

    async def apply(self, order: Order) -> Sighting:
        """Make one change; see the port."""
        fault = self._world.faults.due("apply", order.change.resource, order.change.op.value)
        await self._world.clock.sleep(self._world.latency_s)
        await before(fault, self._world.clock, order.deadline_s)
        refusal = await in_background(self._world, lambda: self._world.change(partial(self._step, order)))
        if refusal is not None:
            raise refusal
        after(fault)
        change = order.change
        return sighting(self._target, self._world.state, change.kind, change.name, self._world.now())

    async def exec(
        self, resource: ResourceId, argv: Sequence[str], *, timeout_s: float, limit_bytes: int
    ) -> ExecResult:
        """Run one of the few programs that a simulated container has; see the port and `commands`."""
        fault = self._world.faults.due("exec", resource)
        await before(fault, self._world.clock, timeout_s)
        found = await in_background(self._world, lambda: self._running(resource))
        took_s, result = ran(found, argv, limit_bytes)
        await self._world.clock.sleep(min(took_s, timeout_s))
        after(fault)
        return replace(result, exit_code=KILLED, stopped="time") if took_s > timeout_s else result

    async def close(self) -> None:
        """Nothing is held open."""
        await asyncio.sleep(0)

    def _running(self, resource: ResourceId) -> Container:
        state = self._world.state
        _, kind, name = resource.split("/", 2)
        found = state.containers.get(name) if kind == "container" else None
        if found is None:
            raise NotFound(f"There is no {resource}.", next_step="Look again: opstwin discover")
        if not status(state, found, self._world.now()).running:
            raise Rejected(f"Container {name} does not run.", next_step="Start it first.")
        return found

    def _step(self, order: Order, at: Moment) -> tuple[State, Rejected | None]:
        """The state after the order, or the refusal. A fence that was seen counts even when the rest is refused."""
        execution = order.key.rpartition(".")[0] or order.key
        highest = at.state.fences.get(execution, 0)
        if order.fence < highest:
            return at.state, Rejected(
                f"This step comes from a worker that was replaced (fence {order.fence}, now {highest}).",
                next_step="Nothing to do: another worker goes on with it.",
                details={"fence": order.fence, "highest": highest},
            )
        fenced = at.state if order.fence == highest else _with_fence(at.state, execution, order.fence)
        try:
            done = self._effect(order, Moment(fenced, at.now))
        except Rejected as refusal:
            return fenced, refusal
        return (fenced if done is fenced else _logged(done, order, at)), None

    def _effect(self, order: Order, at: Moment) -> State:
        change = order.change
        if change.kind not in ("container", *engine.STORES):
            raise Rejected(f"A {change.kind} cannot be changed here.", next_step="Plan again.")
        found = _found(at.state, change.kind, change.name)
        if found is not None and _step_of(found) == order.key:
            return at.state
        if found is None and change.op is Op.DELETE:
            return at.state
        if change.op is Op.CREATE:
            return self._create(order, at)
        self._check_ours(order, found, at)
        return self._ON_WHAT_EXISTS[change.op](self, order, at)

    def _create(self, order: Order, at: Moment) -> State:
        change = order.change
        mark = Mark(workload=change.workload, step=order.key, fence=order.fence)
        wanted = self._wanted(order, at)
        if change.kind == "container":
            return engine.create_container(at, change.name, wanted, mark)
        return engine.create_store(at, change.kind, change.name, wanted, mark)

    def _replace(self, order: Order, at: Moment) -> State:
        unmasked = replace(order, change=replace(order.change, after=self._wanted(order, at)))
        return self._create(unmasked, Moment(self._delete(order, at), at.now))

    def _delete(self, order: Order, at: Moment) -> State:
        change = order.change
        if change.kind == "container":
            return engine.remove_container(at, change.name)
        return engine.remove_store(at, change.kind, change.name)

    def _update(self, order: Order, at: Moment) -> State:
        change = order.change
        if change.kind != "container":
            raise Rejected(f"A {change.kind} cannot be changed in place.", next_step="Plan again: it must be replaced.")
        current, wanted = self._current(at, change.name), full_form("container", self._wanted(order, at))
        forced = self._renderer.must_replace("container", current, wanted)
        if forced:
            raise Rejected(f"{', '.join(forced)} cannot be changed in place.", next_step="Plan again.")
        fields = {item.path[0]: wanted[item.path[0]] for item in diff(full_form("container", current), wanted)}
        if not fields:
            return at.state
        return _touched(engine.update_container(at, change.name, fields), order)

    def _restart(self, order: Order, at: Moment) -> State:
        if order.change.kind != "container":
            raise Rejected(f"A {order.change.kind} cannot be restarted.", next_step="Plan again.")
        return _touched(engine.start_container(at, order.change.name), order)

    def _check_ours(self, order: Order, found: Container | Store | None, at: Moment) -> None:
        """Only what carries Opstwin's mark, or (once adopted) is just what the plan was made for, may be touched."""
        change = order.change
        if found is None:
            raise Rejected(f"{change.resource} is not there.", next_step="Look again: opstwin discover, then plan.")
        if found.mark is not None:
            return
        known = [spec for spec in (order.found, change.before, change.after) if spec is not None]
        current = sighting(self._target, at.state, change.kind, change.name, at.now).spec
        if current is None or not any(self._same(change.kind, current, spec) for spec in known):
            raise Rejected(
                f"{change.resource} was not made by Opstwin and is not what the plan was made for.",
                next_step=f"Take it over first: opstwin adopt {change.resource}",
                details={"field": "name", "name": change.name},
            )

    def _same(self, kind: str, one: Spec, two: Spec) -> bool:
        return not diff(self._renderer.comparable(kind, one), self._renderer.comparable(kind, two))

    def _wanted(self, order: Order, at: Moment) -> Spec:
        """The spec to make; a variable that was masked when it was shown keeps the value it has."""
        wanted, change = order.change.after, order.change
        if wanted is None:
            raise Rejected(f"The step says nothing of what {change.resource} should be.", next_step="Plan again.")
        old = at.state.containers.get(change.name) if change.kind == "container" else None
        return unmasked(wanted, old.spec if old is not None else {})

    def _current(self, at: Moment, name: str) -> Spec:
        found = engine.container(at.state, name)
        return {**found.spec, "running": status(at.state, found, at.now).running}

    _ON_WHAT_EXISTS: Final[Mapping[Op, Callable[["SimWriter", Order, Moment], State]]] = {
        Op.REPLACE: _replace,
        Op.DELETE: _delete,
        Op.UPDATE: _update,
        Op.RESTART: _restart,
    }


def _found(state: State, kind: str, name: str) -> Container | Store | None:
    return state.containers.get(name) if kind == "container" else engine.stores(state, kind).get(name)


def _step_of(found: Container | Store) -> str:
    if isinstance(found, Container):
        return found.step
    return found.mark.step if found.mark else ""


def _touched(state: State, order: Order) -> State:
    found = engine.container(state, order.change.name)
    mark = replace(found.mark, fence=order.fence) if found.mark else None
    return engine.with_container(state, replace(found, step=order.key, mark=mark))


def _with_fence(state: State, execution: str, fence: int) -> State:
    others = [(key, value) for key, value in state.fences.items() if key != execution]
    return replace(state, fences=dict([*others[-(MAX_FENCES - 1) :], (execution, fence)]))


def _logged(state: State, order: Order, at: Moment) -> State:
    effect = Effect(
        seq=state.effect_count + 1, at=at.now, key=order.key, op=order.change.op.value,
        resource=order.change.resource, fence=order.fence,
    )  # fmt: skip
    return replace(state, effects=kept(state.effects, effect, MAX_EFFECTS), effect_count=effect.seq)
