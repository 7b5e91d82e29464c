"""What the demo needs on a target: a few tiny images, somebody who breaks things, and a clean end."""

import io
import json
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Protocol

from opstwin.errors import Rejected, Unreachable
from opstwin.targets.sim.driver import opened_world
from opstwin.targets.sim.world import World
from opstwin.targets.tiny_program import tiny_program

REPOSITORY: Final = "opstwin-demo"
"""The demo's own images: `:1` and `:2` are healthy, `:bad` starts but its health check fails."""

_CHECKS: Final[Mapping[str, tuple[str, ...]]] = {
    "1": ("/tiny", "ok"),
    "2": ("/tiny", "ok"),
    "bad": ("/tiny", "not", "ok"),
}


class Stage(Protocol):
    """A place where the demo plays. Calls block; the demo is not a service."""

    backend: str
    endpoint: str

    def prepare(self) -> str:
        """Make the images; returns one line about the engine."""
        ...

    def taken(self, name: str) -> bool:
        """Whether a container of this name exists."""
        ...

    def break_container(self, name: str) -> str:
        """Remove a container behind Opstwin's back; returns the command that says the same."""
        ...

    def clean_up(self, workload: str) -> None:
        """Remove what the demo made, whatever state it is in."""
        ...


class DockerStage:
    """The local Docker Engine. Raises `Unreachable` on construction when none answers.

    Two stages at once need a `repository` each: the end of one takes its images away.
    """

    backend = "docker"

    def __init__(self, endpoint: str, repository: str = REPOSITORY) -> None:
        import docker
        from docker.errors import DockerException

        self.endpoint, self._repository = endpoint, repository
        try:
            self._engine = docker.DockerClient(base_url=endpoint, timeout=60)
            self._version = self._engine.version()
        except DockerException as error:
            raise Unreachable(
                f"No Docker Engine answers at {endpoint}.", next_step="Use: opstwin demo --target sim"
            ) from error

    def prepare(self) -> str:
        for tag, check in _CHECKS.items():
            self.build(tag, check)
        return f"Docker Engine {self._version['Version']} on this machine"

    def build(self, tag: str, check: tuple[str, ...]) -> None:
        """Build one image; without `check` it has no health check."""
        program = tiny_program(str(self._version["Arch"]))
        self._engine.images.build(
            fileobj=_context(program, check), custom_context=True, tag=f"{self._repository}:{tag}", rm=True
        )

    def taken(self, name: str) -> bool:
        return any(f"/{name}" in item["Names"] for item in self._engine.api.containers(all=True))

    def break_container(self, name: str) -> str:
        self._engine.containers.get(name).remove(force=True)
        return f"docker rm -f {name}"

    def clean_up(self, workload: str) -> None:
        from docker.errors import APIError, ImageNotFound

        label = f"io.opstwin.workload={workload}"
        for item in self._engine.api.containers(all=True, filters={"label": label}):
            if item["Image"].startswith(f"{self._repository}:"):
                self._engine.api.remove_container(item["Id"], force=True)
        for tag in _CHECKS:
            try:
                self._engine.images.remove(f"{self._repository}:{tag}", force=True)
            except ImageNotFound:
                continue
            except APIError as error:
                raise Rejected(
                    f"Image {self._repository}:{tag} stays: {error.explanation}", next_step="Remove it by hand."
                ) from error
        self._engine.close()


class SimStage:
    """The built-in simulator, kept in a file that the hub opens too."""

    backend = "sim"

    def __init__(self, path: Path) -> None:
        self.endpoint = f"sim://{path}"
        self._path = path

    def prepare(self) -> str:
        world = self._world()
        for tag in _CHECKS:
            world.image(f"{REPOSITORY}:{tag}", healthy=tag != "bad", start_s=0.5)
        return "the built-in simulator (no Docker Engine answered)"

    def taken(self, name: str) -> bool:
        return name in self._world().containers()

    def break_container(self, name: str) -> str:
        self._world().remove(name)
        return f"docker rm -f {name}"

    def clean_up(self, workload: str) -> None:
        self._path.unlink(missing_ok=True)

    def _world(self) -> World:
        from opstwin.clock import SystemClock

        return opened_world(self._path, clock=SystemClock())


def _context(program: bytes, check: tuple[str, ...]) -> io.BytesIO:
    """A build context with the program and a Dockerfile; the check runs every second."""
    health = f"HEALTHCHECK --interval=1s --timeout=5s --retries=2 CMD {json.dumps(list(check))}\n" if check else ""
    dockerfile = f'FROM scratch\nCOPY tiny /tiny\n{health}CMD ["/tiny"]\n'
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, content, mode in (("tiny", program, 0o755), ("Dockerfile", dockerfile.encode(), 0o644)):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), mode
            archive.addfile(entry, io.BytesIO(content))
    packed.seek(0)
    return packed
