"""The places on which the contract of targets is tried: container engines here, clusters in `clusters.py`.

Beside the driver under test each has hands: what somebody does on the target behind Opstwin's back. What a kind of
target does not have at all is declared in `LACKS`, with the reason; tests that are about it say so and are left out.
"""

import contextlib
import os
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, Protocol

import docker
from docker.errors import NotFound as DockerNotFound

from opstwin.clock import Clock, SystemClock, VirtualClock
from opstwin.domain.target import Target
from opstwin.domain.values import ResourceId, Spec, TargetId, resource_id
from opstwin.targets.docker.driver import docker_driver
from opstwin.targets.ports import Driver
from opstwin.targets.secrets import HubSecrets
from opstwin.targets.sim.driver import sim_driver
from opstwin.targets.sim.faults import Fault, FaultKind
from opstwin.targets.sim.world import World

TARGET = TargetId("place")
SECRET_NAME, SECRET = "CONTRACT_SECRET", "correct horse battery"


class Can(StrEnum):
    """What not every target has."""

    PROCESS = "what runs is one process, which ends, and whose limits change while it runs"
    IMAGES = "images are resources"
    NETWORKS = "networks are resources"
    HOST = "ports and folders of one machine are given to what runs"
    REFUSES_EARLY = "what cannot start, or is in use, is refused before anything changes"
    CHECKS = "the command of a health check is run"
    TIMED = "commands take their time"
    ENDS = "a command that takes too long is ended"
    BARE = "variables whose names say secret are given as they are"


_CLUSTER: Final = {
    Can.PROCESS: "a Deployment keeps its pods running, and a changed template makes other pods; a Job ends",
    Can.IMAGES: "nodes hold images, and no API tells of them by name",
    Can.NETWORKS: "all pods of a cluster reach each other; a NetworkPolicy says who may not",
    Can.HOST: "a Service publishes ports, of no machine in particular; Pod Security refuses folders of a node",
    Can.BARE: "a manifest that is made of a workload takes such variables from a Secret",
    Can.REFUSES_EARLY: "the API server stores what is wanted, and its nodes try: verification takes it back",
}
LACKS: Final[Mapping[str, Mapping[Can, str]]] = {
    "sim": {}, "sim-file": {}, "docker": {},
    "cluster": _CLUSTER | {
        Can.CHECKS: "simulated nodes go by what is declared of an image",
        Can.TIMED: "simulated nodes answer commands at once",
    },
    "real-cluster": _CLUSTER | {Can.ENDS: "Kubernetes cannot end a command; it is told that it may be running still"},
}  # fmt: skip
"""What each engine does not have, and why."""

NAMED: Final = {"container": "deployment", "volume": "persistentvolumeclaim"}
"""What stands in a cluster for a kind of container engines."""


class Hands(Protocol):
    """What somebody does on the target without Opstwin."""

    def run(self, name: str) -> None:
        """Start a container."""
        ...

    def remove(self, name: str) -> None:
        """Remove a container, running or not."""
        ...

    def life(self, name: str) -> tuple[str, str]:
        """Which container this is and since when it has run, as the target itself says."""
        ...

    def say(self, name: str, text: str) -> None:
        """Have a container write a line."""
        ...

    def taken_port(self) -> int:
        """A port that a program of the host listens on."""
        ...


@dataclass(frozen=True)
class Place:
    """One target under test. Names begin with `prefix`, so that tests beside each other do not meet.

    `namespace` is that of a cluster. `wait_s` passes between two looks at something that takes its time.
    """

    driver: Driver
    hands: Hands
    clock: Clock
    image: str
    prefix: str
    unreachable: Driver
    engine: str
    namespace: str = ""
    wait_s: float = 0.1

    def can(self, what: Can) -> bool:
        return what not in LACKS[self.engine]

    def name(self, rest: str) -> str:
        return f"{self.prefix}-{rest}"

    def kind(self, kind: str) -> str:
        """What is called `kind` on container engines."""
        return NAMED.get(kind, kind) if self.namespace else kind

    def id(self, kind: str, rest: str) -> ResourceId:
        return resource_id(TARGET, self.kind(kind), self.full(self.name(rest)))

    def full(self, name: str) -> str:
        return f"{self.namespace}/{name}" if self.namespace else name

    def owns(self, full: str) -> bool:
        """Whether a name is one of this test."""
        return full.startswith(self.full(self.prefix))

    def stopped(self, spec: Spec) -> Spec:
        """`spec`, of what runs, so that it does not run."""
        if not self.namespace:
            return {**spec, "running": False}
        inner = spec["spec"]
        assert isinstance(inner, dict)
        return {**spec, "spec": {**inner, "replicas": 0}}

    def free_port(self) -> int:
        with socket.socket() as probe:
            probe.bind(("0.0.0.0", 0))
            return int(probe.getsockname()[1])


@dataclass
class SimHands:
    world: World
    image: str

    def run(self, name: str) -> None:
        self.world.run(name, self.image)

    def remove(self, name: str) -> None:
        self.world.remove(name)

    def life(self, name: str) -> tuple[str, str]:
        found = self.world.containers()[name]
        return found.id, str(found.started_at)

    def say(self, name: str, text: str) -> None:
        self.world.say(name, text)

    def taken_port(self) -> int:
        self.world.occupy(18080)
        return 18080


def sim_place(path: Path | None) -> Place:
    world, clock = World(path, seed=7), VirtualClock()
    image = world.image("opstwin-test/busybox:1").name
    away = World()
    away.faults.add(Fault(kind=FaultKind.UNREACHABLE, call="*", times=None))
    return Place(
        driver=sim_driver(TARGET, world, clock=clock), hands=SimHands(world, image), clock=clock, image=image,
        prefix="t", unreachable=sim_driver(TARGET, away, clock=VirtualClock()), engine="sim",
    )  # fmt: skip


@dataclass
class DockerHands:
    client: docker.DockerClient
    image: str
    prefix: str
    listening: list[socket.socket] = field(default_factory=list)

    def run(self, name: str) -> None:
        self.client.containers.run(self.image, ["/bin/sleep", "3600"], name=name, detach=True)

    def remove(self, name: str) -> None:
        self.client.containers.get(name).remove(force=True)

    def life(self, name: str) -> tuple[str, str]:
        found: Any = self.client.containers.get(name)
        return str(found.id), str(found.attrs["State"]["StartedAt"])

    def say(self, name: str, text: str) -> None:
        argv = ["/bin/sh", "-c", 'echo "$0" > /proc/1/fd/1', text]
        assert self.client.containers.get(name).exec_run(argv).exit_code == 0

    def taken_port(self) -> int:
        busy = socket.socket()
        busy.bind(("0.0.0.0", 0))
        busy.listen()
        self.listening.append(busy)
        return int(busy.getsockname()[1])

    def clean(self) -> None:
        for busy in self.listening:
            busy.close()
        for container in self.client.containers.list(all=True, filters={"name": f"^/{self.prefix}"}):
            container.remove(force=True, v=True)
        for kind in (self.client.volumes, self.client.networks):
            for item in kind.list(filters={"name": self.prefix}):
                with contextlib.suppress(DockerNotFound):
                    item.remove()


@contextlib.contextmanager
def docker_place(client: docker.DockerClient, image: str, prefix: str) -> Iterator[Place]:
    hands = DockerHands(client, image, prefix)
    try:
        yield Place(
            driver=docker_on(SOCKET), hands=hands, clock=SystemClock(), image=image, prefix=prefix,
            unreachable=docker_on("unix:///nonexistent/docker.sock"), engine="docker",
        )  # fmt: skip
    finally:
        hands.clean()


SOCKET = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")


def docker_on(address: str) -> Driver:
    target = Target(
        id=TARGET, display_name="Place", backend_type="docker", agent_endpoint=address,
        created_at=SystemClock().now(),
    )  # fmt: skip
    secrets = HubSecrets({SECRET_NAME: SECRET})
    return docker_driver(target, secrets=secrets, on_call=lambda _: None, clock=SystemClock(), stop_grace_s=0)
