"""Each test of the contract runs on the simulator, on one that is kept in a file, and on a real Docker Engine."""

import secrets
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.contract.targets.engines import Place, docker_place, sim_place


@pytest.fixture(params=["sim", "sim-file", pytest.param("docker", marks=pytest.mark.docker)])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    if request.param == "docker":
        engine, image = request.getfixturevalue("docker_engine"), request.getfixturevalue("docker_image")
        with docker_place(engine, image, f"ot-{secrets.token_hex(3)}") as found:
            yield found
    else:
        yield sim_place(tmp_path / "world.json" if request.param == "sim-file" else None)


@pytest.fixture
async def place(target: Place) -> AsyncIterator[Place]:
    yield target
    await target.driver.writer.close()
    await target.unreachable.writer.close()
