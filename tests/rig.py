"""A whole control plane in memory, on the simulator and a virtual clock, for tests."""

import random
from dataclasses import dataclass, field, replace

from opstwin.clock import VirtualClock
from opstwin.control.applying import Applier, ApplySettings
from opstwin.control.approving import Approver
from opstwin.control.ids import SeededIds
from opstwin.control.ledger import Ledger
from opstwin.control.observing import Observer
from opstwin.control.planning import Planner
from opstwin.control.retrying import Backoff, Breakers, Retry
from opstwin.control.starting import Gate
from opstwin.control.verifying import Patience
from opstwin.control.working import Worker
from opstwin.domain.access import Actor, ActorKind, Principal, Scope
from opstwin.domain.approval import TWO_PERSON, Policy
from opstwin.domain.audit import AuditEntry, AuditRow
from opstwin.domain.execution import Execution, Step
from opstwin.domain.plan import Origin, Plan
from opstwin.domain.records import Record
from opstwin.domain.target import Target
from opstwin.domain.values import TargetId
from opstwin.domain.workload import HealthCheck, Workload
from opstwin.targets.ports import Previewer, Reader, Renderer, Writer
from opstwin.targets.sim.driver import sim_driver
from opstwin.targets.sim.world import World
from opstwin.twin.memory import MemoryStore
from opstwin.twin.store import Put, TwinStore

ANNA = Actor(kind=ActorKind.PERSON, id="anna", face="cli")
BEN = Actor(kind=ActorKind.PERSON, id="ben", face="cli")
ROBOT = Actor(kind=ActorKind.AGENT, id="robot", on_behalf_of="anna", face="http")
LOCAL = TargetId("local")
QUICK = ApplySettings(
    step_s=30, lease_s=30, attempts=3, parallel=4, patience=Patience(hold_s=2, timeout_s=30, poll_s=0.5)
)


@dataclass(frozen=True)
class SimPlaces:
    """Readers, renderers and writers of simulated targets: one world each."""

    worlds: dict[str, World]
    clock: VirtualClock

    def reader(self, target: Target) -> Reader:
        return sim_driver(target, self.worlds[target.id], clock=self.clock).reader

    def renderer(self, target: Target) -> Renderer:
        return sim_driver(target, self.worlds[target.id], clock=self.clock).renderer

    def previewer(self, target: Target) -> Previewer | None:
        return sim_driver(target, self.worlds[target.id], clock=self.clock).previewer

    def writer(self, target: Target) -> Writer:
        return sim_driver(target, self.worlds[target.id], clock=self.clock).writer


@dataclass
class Rig:
    """Everything of one hub below its faces."""

    store: TwinStore = field(default_factory=MemoryStore)
    clock: VirtualClock = field(default_factory=VirtualClock)
    world: World = field(default_factory=World)
    policy: Policy = field(default_factory=lambda: TWO_PERSON)
    settings: ApplySettings = QUICK
    seed: int = 0
    owner: str = "worker-a"
    places: SimPlaces | None = None

    def __post_init__(self) -> None:
        self.ledger = Ledger(self.store, self.clock, SeededIds(self.seed))
        self.places = self.places or SimPlaces({"local": self.world}, self.clock)
        self.world.live_by(self.clock)
        self.breakers = Breakers(self.clock)
        backoff = Backoff(self.clock, random.Random(self.seed))
        self.observer = Observer(self.ledger, self.places, Retry(self.breakers, backoff))
        self.planner = Planner(self.ledger, self.places, self.policy)
        self.approver = Approver(self.ledger, self.policy)
        self.applier = Applier(
            ledger=self.ledger, gate=Gate(self.ledger, self.policy), readers=self.places, writers=self.places,
            observing=self.observer, breakers=self.breakers, backoff=backoff, owner=self.owner, settings=self.settings,
        )  # fmt: skip
        self.worker = Worker(self.ledger, self.applier)

    def images(self) -> None:
        """Two good versions of an image and a bad one."""
        self.world.image("app:1", exposed=(80,), start_s=0.5)
        self.world.image("app:2", exposed=(80,), start_s=0.5)
        self.world.image("app:bad", exposed=(80,), healthy=False, start_s=0.5)

    async def ready(self) -> "Rig":
        """The rig with images, one target, two people and an agent, discovered."""
        self.images()
        target = Target(
            id=LOCAL, display_name="Local", backend_type="sim", agent_endpoint="sim://local", is_default=True,
            created_at=self.clock.now(),
        )  # fmt: skip
        people = [
            self.person("anna"),
            self.person("ben"),
            replace(self.person("robot"), kind=ActorKind.AGENT, on_behalf_of="anna"),
        ]
        for record in [target, *people]:
            await self.put(record)
        await self.observer.discover(LOCAL, ANNA)
        return self

    def person(self, id: str) -> Principal:
        """A principal with every scope."""
        return Principal(
            id=id, kind=ActorKind.PERSON, display_name=id.title(), scopes=frozenset(Scope), created_at=self.clock.now()
        )

    async def put(self, record: Record) -> None:
        """Write one record as it is."""
        await self.ledger.commit([Put(record)], [AuditEntry(action="test.put", subject=record.id, actor=ANNA)])

    async def plan(self, words: str, actor: Actor = ANNA) -> Plan:
        """A plan from words."""
        from opstwin.intent.words import read_request

        return await self.planner.from_ask(read_request(words), request=words, actor=actor)

    async def plan_workloads(self, *workloads: Workload, actor: Actor = ANNA, remove: tuple[str, ...] = ()) -> Plan:
        """A plan from workloads."""
        return await self.planner.from_workloads(
            LOCAL, workloads, request="test", origin=Origin.FILE, actor=actor, remove=remove
        )

    async def approved(self, plan: Plan, actor: Actor = ANNA) -> Plan:
        """The plan after this person's approval."""
        return await self.approver.decide(plan.id, actor, "approve", "looks right", plan.digest)

    async def carry_out(self, plan: Plan, actor: Actor = ANNA) -> Execution:
        """Approve, start and drive a plan to its end."""
        await self.approved(plan, actor)
        execution = await self.applier.start(plan.id, actor)
        return await self.applier.run(execution.id)

    async def change_to(self, *workloads: Workload) -> Execution:
        """Make these workloads what runs, as the ground for a test."""
        return await self.carry_out(await self.plan_workloads(*workloads))

    async def change(self, words: str) -> Execution:
        """Plan, approve and apply in one."""
        return await self.carry_out(await self.plan(words))

    async def steps(self, execution: Execution) -> list[Step]:
        """The journal."""
        return await self.ledger.all(Step, {"execution_id": execution.id})

    async def audit(self) -> list[AuditRow]:
        """The whole audit."""
        return await self.ledger.all(AuditRow)

    def running(self) -> dict[str, str]:
        """Containers and their images in the world."""
        return {name: str(item.spec["image"]) for name, item in sorted(self.world.containers().items())}


def app(name: str = "web", image: str = "app:1", replicas: int = 2, **fields: object) -> Workload:
    """A workload with a health check."""
    check = HealthCheck(command=("/check",), interval_s=1, timeout_s=1, retries=2)
    return Workload(**{"name": name, "image": image, "replicas": replicas, "health": check, **fields})  # type: ignore[arg-type]
