"""Docker stopped before, during and after a step, under a running hub: waited out, and never taken for absence."""

import signal
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
import pytest

from tests.e2e.docker.second_engine import SecondEngine
from tests.plugins.engine import ensure_image, layer, static_busybox
from tests.reliability.hubs import Hub, running, until

WORK = """
name: web
image: opstwin-test/busybox:1
replicas: {replicas}
command: [/bin/sh, -c, "trap 'exit 0' TERM; while :; do sleep 0.1; done"]
env: {{VERSION: "{version}"}}
"""


@dataclass
class Place:
    """One engine, as the hub's target and seen past the hub."""

    name: str
    engine: SecondEngine
    hub: Hub

    def wish(self, version: int, replicas: int = 2) -> dict[str, Any]:
        """The workload in a version, planned and approved."""
        made = self.hub.post("/plans", {"file": WORK.format(version=version, replicas=replicas), "target": self.name})
        assert made.status == 201, made
        assert self.hub.decide(made.body).status == 200
        return made.body

    def started(self, version: int, replicas: int = 2) -> str:
        """The execution of that."""
        answer = self.hub.apply(self.wish(version, replicas))
        assert answer.status == 202, answer
        return str(answer.body["id"])

    def containers(self) -> dict[str, tuple[str, str]]:
        """What is on the engine: state and version by name."""
        client = docker.DockerClient(base_url=self.engine.address, timeout=30)
        try:
            found = [client.api.inspect_container(item["Id"]) for item in client.api.containers(all=True)]
        finally:
            client.close()
        return {
            item["Name"].removeprefix("/"): (item["State"]["Status"], version_of(item["Config"]["Env"]))
            for item in found
        }

    def presences(self) -> set[str]:
        """What the twin says of the containers here."""
        items = self.hub.get("/resources?limit=1000")["items"]
        return {item["observed"]["presence"] for item in items if item["target"] == self.name and item["kind"] == "container"}

    def heard(self, *types: str) -> list[str]:
        """The events of these types about this place."""
        return [item["type"] for item in self.hub.events(*types) if item["target"] == self.name]


def version_of(env: list[str]) -> str:
    return next(item.removeprefix("VERSION=") for item in env if item.startswith("VERSION="))


@contextmanager
def places(folder: Path, *names: str) -> Iterator[list[Place]]:
    """A hub and so many engines of its own."""
    content = layer(static_busybox())
    # A path of a Unix socket has at most 107 bytes, which pytest's own folders exceed.
    with ExitStack() as undo, running(folder, sim=False, hold_s="1.5", stop_grace_s="0", policy="solo") as hub:
        made = []
        for name in names:
            short = undo.enter_context(tempfile.TemporaryDirectory(prefix="ote-", ignore_cleanup_errors=True))
            engine = SecondEngine(Path(short))
            undo.callback(engine.stop, signal.SIGKILL)
            engine.start()
            client = docker.DockerClient(base_url=engine.address, timeout=60)
            ensure_image(client, content)
            client.close()
            hub.add(engine.address, "docker", name)
            made.append(Place(name, engine, hub))
        yield made
