"""A rig whose components are really there: the prober sees what runs in the simulated world."""

from dataclasses import dataclass, field, replace

import pytest

from opstwin.catalog.component import Component, Context, Settings
from opstwin.catalog.hub_and_spoke import Controller, Router
from opstwin.catalog.loading import Catalog, entry_of
from opstwin.control.component_planning import ComponentPlanner, WorkloadPlanner
from opstwin.domain.plan import Plan
from opstwin.domain.values import Json
from opstwin.domain.workload import Workload
from opstwin.targets.probing import ProbeAnswer, Prober
from opstwin.targets.scripted_prober import REFUSED, says
from tests.rig import ANNA, Rig

ENDPOINT = "http://127.0.0.1:18080"
HEALTH = f"{ENDPOINT}/health"
CONTROLLER = "network-controller-1"


class SpyController(Controller):
    """The controller of the example that counts how often it is asked what to deploy."""

    def __init__(self) -> None:
        self.deployed = 0

    def desired(self, settings: Settings, context: Context) -> tuple[Workload, ...]:
        self.deployed += 1
        return super().desired(settings, context)


@dataclass
class WorldProber:
    """Asks the simulated world: the controller answers while its container runs, with what its environment says."""

    rig: Rig
    instead: ProbeAnswer | None = None
    asked: list[str] = field(default_factory=list)

    async def get(self, url: str, timeout_s: float, *, by_person: bool) -> ProbeAnswer:
        self.asked.append(url)
        if self.instead is not None:
            return self.instead
        found = self.rig.world.containers().get(CONTROLLER)
        env = found.spec["env"] if found else None
        if url != HEALTH or not isinstance(env, dict):
            return REFUSED
        return ProbeAnswer(met=says({}).met, status=200, body=str(env["IDENTITY"]).encode())


@dataclass
class Site:
    """A hub with a catalog, a prober and the controller's spy."""

    rig: Rig
    prober: WorldProber
    spy: SpyController
    extra: tuple[Component, ...] = ()

    @property
    def planner(self) -> ComponentPlanner:
        return self.planner_with(self.prober)

    def planner_with(self, prober: Prober, planner: WorkloadPlanner | None = None) -> ComponentPlanner:
        entry = entry_of("hub-and-spoke", (self.spy, Router(), *self.extra))
        catalog = Catalog(entries={entry.use: entry})
        return ComponentPlanner(self.rig.ledger, prober, planner or self.rig.planner, catalog)

    async def plan(self, **keys: Json) -> Plan:
        return await self.planner.plan(document("network", **keys), None, None, ANNA)

    async def apply(self, **keys: Json) -> Plan:
        """Plan, approve and carry out; returns the plan."""
        plan = await self.plan(**keys)
        if plan.changes:
            done = await self.rig.carry_out(plan)
            assert done.state == "succeeded", done.error
        return plan

    def twin(self, number: int = 0, spy: SpyController | None = None) -> "Site":
        """Another hub process on the same twin and the same world."""
        rig = Rig(
            store=self.rig.store, clock=self.rig.clock, world=self.rig.world, places=self.rig.places,
            seed=5000 + number, owner=f"worker-{number}",
        )  # fmt: skip
        return replace(self, rig=rig, prober=WorldProber(rig), spy=spy or SpyController())


def document(name: str = "network", **keys: Json) -> dict[str, Json]:
    """A components file with one network."""
    entry: dict[str, Json] = {"use": "hub-and-spoke", "endpoint": ENDPOINT, "image": "app:1", "routers": 2, **keys}
    return {"components": {name: {key: value for key, value in entry.items() if value is not None}}}


@pytest.fixture
async def site() -> Site:
    """A hub that has never seen a component."""
    rig = await Rig().ready()
    return Site(rig, WorldProber(rig), SpyController())
