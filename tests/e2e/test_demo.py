"""`opstwin demo` as a user runs it: every part ends as it should, and nothing is left behind."""

import subprocess
import sys
from pathlib import Path

import docker
import pytest

ROOT = Path(__file__).parents[2]


def played(target: str, folder: Path) -> str:
    """What the demo prints."""
    ended = subprocess.run(
        [sys.executable, "-m", "opstwin.cli", "demo", "--target", target], cwd=folder, capture_output=True, text=True,
        check=False, timeout=170, env={"PATH": "/usr/bin:/bin", "HOME": str(folder), "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout + ended.stderr


def check(said: str) -> None:
    """The parts that a user must have seen."""
    for words in (
        "Plan: 2 to add, 0 to change, 0 to remove.", "Digest: sha256:", "Done and verified.", "rolling back",
        "It failed and was rolled back", "it should exist, and does not", "No drift: everything is as it should be.",
        "The audit chain holds", "are gone.",
    ):  # fmt: skip
        assert words in said, words


def test_the_demo_plays_on_the_simulator_where_there_is_no_engine(tmp_path: Path) -> None:
    check(played("sim", tmp_path))


@pytest.mark.slow
@pytest.mark.docker
@pytest.mark.req("S5.5", "S5.8")
@pytest.mark.timeout(200)
def test_the_demo_plays_on_a_real_engine_and_leaves_nothing_behind(
    docker_engine: docker.DockerClient, tmp_path: Path
) -> None:
    check(played("docker", tmp_path))
    images = [tag for image in docker_engine.images.list() for tag in image.tags]
    assert not [tag for tag in images if tag.startswith("opstwin-demo:1")]
    mine = docker_engine.api.containers(all=True, filters={"label": "io.opstwin.workload=web"})
    assert not [item for item in mine if item["Image"].startswith("opstwin-demo")]
