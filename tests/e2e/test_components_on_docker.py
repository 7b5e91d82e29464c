"""The worked example on a real Docker Engine: bootstrap, expand, upgrade, with a controller that really answers."""

import random
import socket
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import docker
import pytest

from opstwin.catalog.loading import load
from opstwin.clock import SystemClock
from opstwin.control.applying import Applier, ApplySettings
from opstwin.control.approving import Approver
from opstwin.control.component_planning import ComponentPlanner
from opstwin.control.ids import RandomIds
from opstwin.control.ledger import Ledger
from opstwin.control.observing import Observer
from opstwin.control.planning import Planner
from opstwin.control.retrying import Backoff, Breakers, Retry
from opstwin.control.starting import Gate
from opstwin.control.verifying import Patience
from opstwin.domain.access import Actor, ActorKind, Principal, Scope
from opstwin.domain.approval import SOLO
from opstwin.domain.audit import AuditEntry
from opstwin.domain.plan import Plan
from opstwin.domain.target import Target
from opstwin.domain.values import Json, TargetId
from opstwin.targets.docker.driver import docker_driver
from opstwin.targets.ports import Driver, Previewer, Reader, Renderer, Writer
from opstwin.targets.probing import HttpProber
from opstwin.targets.secrets import HubSecrets
from opstwin.twin.memory import MemoryStore
from opstwin.twin.store import Put

ANNA = Actor(kind=ActorKind.PERSON, id="anna", face="cli")
pytestmark = pytest.mark.docker


@dataclass(frozen=True)
class OnePlace:
    """One driver for the only target."""

    driver: Driver

    def reader(self, target: Target) -> Reader:
        return self.driver.reader

    def renderer(self, target: Target) -> Renderer:
        return self.driver.renderer

    def previewer(self, target: Target) -> Previewer | None:
        return self.driver.previewer

    def writer(self, target: Target) -> Writer:
        return self.driver.writer


class Hub:
    """The control plane on the real engine."""

    def __init__(self, endpoint: str, secrets: Path) -> None:
        clock = SystemClock()
        self.target = Target(
            id=TargetId("local"), display_name="Local", backend_type="docker", agent_endpoint=endpoint,
            is_default=True, created_at=clock.now(), settings={"stop_grace_s": "0"},
        )  # fmt: skip
        self.driver = docker_driver(
            self.target, secrets=HubSecrets({}, secrets), on_call=lambda call: None, clock=clock
        )  # fmt: skip
        self.ledger, place = Ledger(MemoryStore(), clock, RandomIds()), OnePlace(self.driver)
        breakers, backoff = Breakers(clock), Backoff(clock, random.Random(1))
        self.observer = Observer(self.ledger, place, Retry(breakers, backoff))
        self.approver = Approver(self.ledger, SOLO)
        self.applier = Applier(
            ledger=self.ledger, gate=Gate(self.ledger, SOLO), readers=place, writers=place, observing=self.observer,
            breakers=breakers, backoff=backoff, owner="test",
            settings=ApplySettings(step_s=60, patience=Patience(hold_s=0.5, timeout_s=60, poll_s=0.2)),
        )  # fmt: skip
        planner = Planner(self.ledger, place, SOLO)
        self.components = ComponentPlanner(self.ledger, HttpProber(), planner, load())

    async def ready(self) -> "Hub":
        anna = Principal(
            id="anna", kind=ActorKind.PERSON, display_name="Anna", scopes=frozenset(Scope),
            created_at=self.ledger.clock.now(),
        )  # fmt: skip
        await self.ledger.commit(
            [Put(self.target), Put(anna)], [AuditEntry(action="target.add", subject=self.target.id, actor=ANNA)]
        )
        await self.observer.discover(self.target.id, ANNA)
        return self

    async def apply(self, document: dict[str, Json]) -> Plan:
        plan = await self.components.plan(document, None, None, ANNA)
        if plan.changes:
            await self.approver.decide(plan.id, ANNA, "approve", "test", plan.digest)
            execution = await self.applier.start(plan.id, ANNA)
            done = await self.applier.run(execution.id)
            assert done.state == "succeeded", done.error
        return plan


@pytest.fixture
def name(docker_engine: docker.DockerClient) -> Iterator[str]:
    """A name of this test's own; all that carries it is gone afterwards."""
    made = f"net-{uuid.uuid4().hex[:8]}"
    yield made
    for container in docker_engine.containers.list(all=True, filters={"name": f"^/?{made}-"}):
        container.remove(force=True)
    for network in docker_engine.networks.list(names=[made]):
        network.remove()


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@pytest.mark.slow
@pytest.mark.req("S1.1", "S1.12")
async def test_bootstrap_then_expand_then_upgrade_on_a_real_engine(
    docker_engine: docker.DockerClient, docker_image: str, name: str, tmp_path: Path
) -> None:
    hub = await Hub("unix:///var/run/docker.sock", tmp_path).ready()
    url = f"http://127.0.0.1:{free_port()}"

    def document(**keys: Json) -> dict[str, Json]:
        entry: dict[str, Json] = {
            "use": "hub-and-spoke",
            "endpoint": url,
            "image": docker_image,
            "version": "1",
            **keys,
        }
        return {"components": {name: entry}}

    assert (await hub.components.discover_endpoint(url, ANNA)).exists is False
    first = await hub.apply(document(routers=1))
    assert first.mode == "bootstrap"
    assert (await hub.components.discover_endpoint(f"{url}/health", ANNA)).version == "1"
    controller = docker_engine.containers.get(f"{name}-controller-1").id

    again = await hub.apply(document(routers=1))
    assert (again.mode, again.changes) == ("expand", ())
    more = await hub.apply(document(routers=2))
    assert (more.mode, [change.name for change in more.changes]) == ("expand", [f"{name}-router-2"])
    assert docker_engine.containers.get(f"{name}-controller-1").id == controller, "the very same controller"
    assert {str(item.health) for item in await hub.components.health(document(routers=2), None)} == {"healthy"}
    inside = docker_engine.containers.get(f"{name}-router-2").exec_run(
        ["/bin/sh", "-c", "/bin/busybox wget -q -O - $CONTROLLER_URL/health"]
    )
    assert f'"id":"{name}"' in inside.output.decode(), "a router reaches its controller"

    newer = await hub.apply(document(routers=2, version="2"))
    assert newer.mode == "upgrade"
    assert (await hub.components.discover_endpoint(f"{url}/health", ANNA)).version == "2"
    await hub.driver.writer.close()
