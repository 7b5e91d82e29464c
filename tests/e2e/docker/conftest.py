"""Fixtures for tests on a real Docker Engine."""

from collections.abc import AsyncIterator

import docker
import pytest

from tests.e2e.docker.spot import Spot, address, driver_at


@pytest.fixture
async def spot(docker_engine: docker.DockerClient, docker_image: str) -> AsyncIterator[Spot]:
    """A driver of the engine and a prefix of its own; everything under the prefix is removed in the end."""
    calls: list[str] = []
    made = Spot(
        client=docker_engine, image=docker_image, driver=driver_at(address(), on_call=calls.append), calls=calls
    )
    try:
        yield made
    finally:
        await made.driver.writer.close()
        made.clean()
