"""Where the demo plays."""

from pathlib import Path

from opstwin.errors import InvalidInput, Unreachable
from opstwin.targets.stage import DockerStage, SimStage, Stage

__all__ = ["Stage", "demo_stage"]


def demo_stage(wanted: str, docker_socket: str, folder: Path) -> Stage:
    """The local Docker Engine when one answers (or is asked for), else the simulator.

    Raises `Unreachable` when Docker was asked for and does not answer.
    """
    if wanted not in ("auto", "docker", "sim"):
        raise InvalidInput(f"{wanted!r} is no stage.", field="target", next_step="Use docker, sim or auto.")
    if wanted == "sim":
        return SimStage(folder / "world.json")
    try:
        return DockerStage(docker_socket)
    except Unreachable:
        if wanted == "docker":
            raise
        return SimStage(folder / "world.json")
