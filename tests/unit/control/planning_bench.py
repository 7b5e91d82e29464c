"""A small hub on the simulator and a virtual clock, for tests of planning and deciding."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

from opstwin.clock import VirtualClock
from opstwin.control.applying import Applier, ApplySettings
from opstwin.control.approving import Approver
from opstwin.control.ids import SeededIds
from opstwin.control.ledger import Ledger
from opstwin.control.observing import Observer
from opstwin.control.planning import Planner
from opstwin.control.retrying import Backoff, Breakers
from opstwin.control.starting import Gate
from opstwin.control.verifying import Patience
from opstwin.domain.access import Actor, ActorKind, Principal, Scope
from opstwin.domain.approval import TWO_PERSON, Policy
from opstwin.domain.ask import Action, Ask
from opstwin.domain.audit import AuditEntry, AuditRow
from opstwin.domain.execution import Execution, ExecutionState
from opstwin.domain.plan import Change, Origin, Plan
from opstwin.domain.records import Record, Stored
from opstwin.domain.resource import Observed, Presence
from opstwin.domain.target import Target
from opstwin.domain.values import ResourceId, TargetId, resource_id
from opstwin.domain.workload import Port, Workload
from opstwin.targets.ports import Driver, Previewer, Reader, Renderer, Writer
from opstwin.targets.sim.driver import sim_driver
from opstwin.targets.sim.world import World
from opstwin.twin.memory import MemoryStore
from opstwin.twin.store import Commit, Page, Put, Query, Receipt, TwinStore

S = TypeVar("S", bound=Stored)
ANNA = Actor(kind=ActorKind.PERSON, id="anna", face="cli")
BEN = Actor(kind=ActorKind.PERSON, id="ben", face="cli")
ANNA_TOO = Actor(kind=ActorKind.PERSON, id="anna-work", face="slack")
ROBOT = Actor(kind=ActorKind.AGENT, id="robot", on_behalf_of="anna", face="mcp")
RECONCILER = Actor(kind=ActorKind.SCHEDULE, id="reconciler", face="hub")
LOCAL = TargetId("local")
QUICK = ApplySettings(step_s=30, lease_s=30, attempts=2, patience=Patience(hold_s=1, timeout_s=30, poll_s=0.5))


class InTurns:
    """A store that lets every other task go on before each call, so that tasks started together meet at each step."""

    def __init__(self, store: TwinStore) -> None:
        self._store = store

    async def get(self, kind: type[S], id: str) -> S | None:
        await asyncio.sleep(0)
        return await self._store.get(kind, id)

    async def find(self, query: Query[S]) -> Page[S]:
        await asyncio.sleep(0)
        return await self._store.find(query)

    async def commit(self, commit: Commit) -> Receipt:
        await asyncio.sleep(0)
        return await self._store.commit(commit)

    async def wait(self, after: int, timeout_s: float) -> int:
        return await self._store.wait(after, timeout_s)

    async def backup(self, path: Path) -> None:
        await self._store.backup(path)

    async def close(self) -> None:
        await self._store.close()


class Meanwhile(InTurns):
    """A store in which something else happens once, just before the next commit after `next` is set."""

    next: Callable[[], Awaitable[object]] | None = None

    async def commit(self, commit: Commit) -> Receipt:
        happening, self.next = self.next, None
        if happening is not None:
            await happening()
        return await self._store.commit(commit)


@dataclass(frozen=True)
class Places:
    """Readers, renderers and writers of simulated targets: one world each, or a driver of its own."""

    worlds: dict[str, World]
    clock: VirtualClock
    drivers: dict[str, Driver] = field(default_factory=dict)

    def driver(self, target: Target) -> Driver:
        return self.drivers.get(target.id) or sim_driver(target, self.worlds[target.id], clock=self.clock)

    def reader(self, target: Target) -> Reader:
        return self.driver(target).reader

    def renderer(self, target: Target) -> Renderer:
        return self.driver(target).renderer

    def previewer(self, target: Target) -> Previewer | None:
        return self.driver(target).previewer

    def writer(self, target: Target) -> Writer:
        return self.driver(target).writer


@dataclass
class Bench:
    """One hub below its faces, with one or more simulated targets."""

    store: TwinStore = field(default_factory=MemoryStore)
    clock: VirtualClock = field(default_factory=VirtualClock)
    policy: Policy = field(default_factory=lambda: TWO_PERSON)
    seed: int = 0

    def __post_init__(self) -> None:
        self.world = World(clock=self.clock)
        self.places = Places({"local": self.world}, self.clock)
        self.ledger = Ledger(self.store, self.clock, SeededIds(self.seed))
        self.observer = Observer(self.ledger, self.places)
        self.planner = Planner(self.ledger, self.places, self.policy)
        self.approver = Approver(self.ledger, self.policy)
        breakers, backoff = Breakers(self.clock), Backoff(self.clock, random.Random(self.seed))
        self.applier = Applier(
            ledger=self.ledger, gate=Gate(self.ledger, self.policy), readers=self.places, writers=self.places,
            observing=self.observer, breakers=breakers, backoff=backoff, owner="worker", settings=QUICK,
        )  # fmt: skip

    async def ready(self) -> "Bench":
        """With images, the target `local`, two people (one with two accounts) and an agent, discovered."""
        for version in ("app:1", "app:2"):
            self.world.image(version, exposed=(80,))
        await self.target("local", is_default=True)
        for person in ("anna", "ben"):
            await self.put(self.principal(person))
        await self.put(replace(self.principal("anna-work"), same_person_as="anna"))
        await self.put(replace(self.principal("robot"), kind=ActorKind.AGENT, on_behalf_of="anna"))
        return self

    async def target(self, name: str, **fields: Any) -> Target:
        """A simulated target, discovered."""
        self.places.worlds.setdefault(name, World(clock=self.clock, seed=len(self.places.worlds)))
        target = Target(
            id=TargetId(name), display_name=name, backend_type="sim", agent_endpoint=f"sim://{name}",
            created_at=self.clock.now(), **fields,
        )  # fmt: skip
        await self.put(target)
        await self.observer.discover(name)
        return target

    def principal(self, name: str) -> Principal:
        """A person with every scope."""
        return Principal(
            id=name, kind=ActorKind.PERSON, display_name=name, scopes=frozenset(Scope), created_at=self.clock.now()
        )

    async def put(self, record: Record) -> None:
        """Write one record as it is."""
        await self.ledger.commit([Put(record)], [AuditEntry(action="test.put", subject=record.id, actor=ANNA)])

    async def plan(self, *workloads: Workload, actor: Actor = ANNA, **about: Any) -> Plan:
        """A plan from workloads."""
        return await self.planner.from_workloads(
            about.pop("target", LOCAL), workloads, request="test", origin=Origin.FILE, actor=actor, **about
        )

    async def ask(self, action: Action, name: str = "web", actor: Actor = ANNA, **fields: Any) -> Plan:
        """A plan from an ask."""
        ask = Ask(action=action, name=name, **fields)
        return await self.planner.from_ask(ask, request=action.value, actor=actor)

    async def carry_out(self, plan: Plan, approver: Actor = BEN) -> Execution:
        """Approve, apply and verify a plan."""
        await self.approver.decide(plan.id, approver, "approve", "", plan.digest)
        execution = await self.applier.start(plan.id, approver)
        done = await self.applier.run(execution.id)
        assert done.state is ExecutionState.SUCCEEDED, done.error
        return done

    async def deployed(self, *workloads: Workload, **about: Any) -> Execution:
        """Plan and carry out."""
        return await self.carry_out(await self.plan(*workloads, **about))

    async def blind(self, resource: ResourceId) -> None:
        """Make one resource unknown in the twin."""
        found = await self.ledger.get(Observed, resource)
        if found is None:
            _, kind, name = resource.split("/")
            found = Observed(
                id=resource, target=LOCAL, kind=kind, name=name, presence=Presence.UNKNOWN, observed_at=self.clock.now()
            )  # fmt: skip
        await self.ledger.commit([Put(replace(found, presence=Presence.UNKNOWN))])

    async def audit(self, action: str | None = None) -> list[AuditRow]:
        """The audit, or its rows of one action."""
        return await self.ledger.all(AuditRow, {"action": action} if action else {})

    def later(self, **delta: float) -> None:
        """Let time pass."""
        self.clock.advance(timedelta(**delta).total_seconds())


def web(replicas: int = 2, image: str = "app:1", name: str = "web", **fields: Any) -> Workload:
    """A workload without a health check."""
    return Workload(name=name, image=image, replicas=replicas, **fields)


def published(host: int, container: int = 80, **fields: Any) -> tuple[Port, ...]:
    """One port of the host."""
    return (Port(host=host, container=container, **fields),)


def container(name: str, target: str = "local") -> ResourceId:
    """The id of a container."""
    return resource_id(TargetId(target), "container", name)


def ops(plan: Plan) -> dict[str, str]:
    """What happens to each resource of a plan, by `kind/name` (containers by name)."""
    return {_short(change): change.op.value for change in plan.changes}


def needs(plan: Plan, name: str) -> set[str]:
    """What one change of a plan waits for, by name."""
    [change] = [item for item in plan.changes if item.name == name]
    return {item.rsplit("/", 1)[-1] for item in change.needs}


def change(plan: Plan, name: str) -> Change:
    """One change of a plan."""
    [found] = [item for item in plan.changes if item.name == name]
    return found


def _short(item: Change) -> str:
    return item.name if item.kind == "container" else f"{item.kind}/{item.name}"
