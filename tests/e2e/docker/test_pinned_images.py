"""A plan that names a digest, on a real engine that pulls from a real registry: the tag may go where it likes."""

import secrets
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import docker
import pytest
from docker.errors import ImageNotFound

from tests.e2e.cli.conftest import Shell
from tests.e2e.docker.spot import address
from tests.plugins.image_registry import RealRegistry, real_registry

pytestmark = [pytest.mark.docker, pytest.mark.slow]
REPOSITORY = "shop/web"


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[RealRegistry]:
    (tmp_path / "registry").mkdir()
    with real_registry(tmp_path / "registry", tmp_path / "images") as registry:
        yield registry


@pytest.fixture
def shell(tmp_path: Path, registry: RealRegistry) -> Iterator[Shell]:
    made = Shell(tmp_path, more={"OPSTWIN_PIN_IMAGES": "true"})
    (tmp_path / "data").mkdir()
    text = f"registries:\n- host: {registry.host}\n  insecure: true\n"
    (tmp_path / "data" / "registries.yaml").write_text(text)
    made.up()
    try:
        made.ok("targets", "add", "here", "--backend", "docker", "--endpoint", address(), "--default")
        made.ok("discover", "here")
        yield made
    finally:
        made.down()


class Engine:
    """The engine's own client, and what it leaves behind taken away."""

    def __init__(self, client: docker.DockerClient, registry: RealRegistry, source: str) -> None:
        self.client, self.source = client, source
        self.name = f"{registry.host}/{REPOSITORY}"
        self.workload = f"pin-{secrets.token_hex(4)}"

    def push(self, tag: str, **labels: str) -> str:
        """Push the source image under a tag, keep nothing of it here, and return its digest."""
        made = self.client.containers.create(self.source)
        try:
            changes = [f"LABEL {key}={value}" for key, value in labels.items()]
            made.commit(self.name, tag=tag, changes="\n".join(changes))
        finally:
            made.remove()
        for line in self.client.api.push(self.name, tag=tag, stream=True, decode=True):
            assert "error" not in line, line
        digests = self.client.images.get(f"{self.name}:{tag}").attrs["RepoDigests"]
        self.client.images.remove(f"{self.name}:{tag}", force=True)
        [digest] = [item.partition("@")[2] for item in digests if item.startswith(f"{self.name}@")]
        return str(digest)

    def containers(self) -> dict[str, Any]:
        """What runs of the workload: by name, the image as it was asked for and its labels."""
        found = self.client.containers.list(filters={"label": f"io.opstwin.workload={self.workload}"})
        return {str(item.name): (item.attrs["Config"]["Image"], item.labels["content"]) for item in found}

    def clean(self) -> None:
        """Nothing of it stays."""
        for item in self.client.containers.list(all=True, filters={"label": f"io.opstwin.workload={self.workload}"}):
            item.remove(force=True)
        for image in self.client.images.list(name=self.name):
            with suppress(ImageNotFound):
                self.client.images.remove(str(image.id), force=True)


@pytest.fixture
def engine(docker_engine: docker.DockerClient, docker_image: str, registry: RealRegistry) -> Iterator[Engine]:
    made = Engine(docker_engine, registry, docker_image)
    try:
        yield made
    finally:
        made.clean()


def test_the_content_that_was_approved_runs_though_its_tag_has_moved(shell: Shell, engine: Engine) -> None:
    first = engine.push("1", content="first")
    pinned = f"{engine.name}:1@{first}"
    plan = shell.json("plan", f"deploy {engine.name}:1 as {engine.workload}")
    assert [item["after"]["image"] for item in plan["changes"]] == [pinned]
    moved = engine.push("1", content="second")
    assert moved != first
    shell.ok("approve", plan["id"])
    shell.ok("apply", plan["id"])
    assert engine.containers() == {f"{engine.workload}-1": (pinned, "first")}
    scaled = shell.json("plan", f"scale {engine.workload} to 2")
    shell.ok("approve", scaled["id"])
    shell.ok("apply", scaled["id"])
    assert set(engine.containers().values()) == {(pinned, "first")}
    assert len(engine.containers()) == 2
    shell.ok("discover", "here")
    assert engine.workload not in shell.ok("drift")
    changes = shell.json("plan", f"deploy {engine.name}:1 as {engine.workload} with 2 replicas")["changes"]
    assert {item["after"]["image"] for item in changes} == {f"{engine.name}:1@{moved}"}
