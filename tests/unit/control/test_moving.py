"""Plans that bring to one target what is on another."""

from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opstwin.control.elsewhere import COMPOSE_LABEL
from opstwin.control.ledger import Ledger
from opstwin.control.moving import goal_of_move
from opstwin.control.scene import scene_of
from opstwin.domain.ask import Action, Ask, Scaling
from opstwin.domain.plan import Origin, Plan
from opstwin.domain.resource import WorkloadRecord
from opstwin.domain.target import Target
from opstwin.domain.values import TargetId, resource_id
from opstwin.domain.workload import Autoscale, Mount, Port, Workload
from opstwin.errors import InvalidInput, NotFound, RequestError, Unclear
from opstwin.intent.compose import read_compose
from opstwin.intent.words import read_request
from opstwin.targets.kubernetes.renderer import KubernetesRenderer
from opstwin.targets.ports import Driver, Previewer, Reader, Renderer, Writer
from opstwin.targets.rendering import ContainerRenderer
from opstwin.targets.sim.driver import sim_driver
from opstwin.twin.memory import MemoryStore
from tests.unit.control.planning_bench import ANNA, Bench, Places, change, container, ops, published, web
from tests.unit.targets.kubernetes.clusters import cluster

SHOP = """
name: shop
services:
  api:
    image: registry.example.com/shop/api:2.4
    ports: ["8080:80"]
    environment: {LOG_LEVEL: info}
    restart: unless-stopped
    depends_on: [db]
  db:
    image: postgres:16
    restart: unless-stopped
    volumes: ["data:/var/lib/postgresql/data"]
volumes: {data: {}}
"""


@dataclass(frozen=True)
class WithCluster(Places):
    """Simulated engines, and `prod`, which is a simulated cluster behind the real driver."""

    driver: Driver | None = None

    def _of(self, target: Target) -> Driver:
        if target.id == "prod" and self.driver is not None:
            return self.driver
        return sim_driver(target, self.worlds[target.id], clock=self.clock)

    def reader(self, target: Target) -> Reader:
        return self._of(target).reader

    def renderer(self, target: Target) -> Renderer:
        return self._of(target).renderer

    def previewer(self, target: Target) -> Previewer | None:
        return self._of(target).previewer

    def writer(self, target: Target) -> Writer:
        return self._of(target).writer


async def say(bench: Bench, words: str) -> Plan:
    """The plan for a sentence."""
    return await bench.planner.from_ask(read_request(words), request=words, actor=ANNA)


def left(plan: Plan) -> dict[str, Workload | None]:
    """The workloads that a plan leaves behind, by name."""
    return {item.name: item.workload for item in plan.workloads}


async def put_workload(bench: Bench, workload: Workload, target: str = "local") -> None:
    """A workload that the twin knows, without anything that runs."""
    await bench.put(
        WorkloadRecord(
            id=resource_id(TargetId(target), "workload", workload.name), target=TargetId(target), name=workload.name,
            workload=workload, set_by=ANNA, set_at=bench.clock.now(),
        )
    )  # fmt: skip


@pytest.fixture
async def bench() -> Bench:
    """With the engines `local`, the default, and `prod`."""
    ready = await Bench().ready()
    await ready.target("prod")
    ready.places.worlds["prod"].image("app:1", exposed=(80,))
    return ready


@pytest.fixture
async def clustered(tmp_path: Path) -> AsyncIterator[Bench]:
    """With the engine `local` and the cluster `prod`."""
    async with cluster(tmp_path) as there:
        bench = Bench()
        bench.places = WithCluster(bench.places.worlds, bench.clock, there.driver)
        bench.__dict__.update(remade(bench).__dict__)
        await bench.ready()
        await bench.put(
            Target(
                id=TargetId("prod"), display_name="Production", backend_type="kubernetes",
                agent_endpoint=f"kubeconfig://{there.kubeconfig}", created_at=bench.clock.now(),
            )
        )  # fmt: skip
        await bench.observer.discover("prod")
        yield bench
