"""Each test of the contract runs on every engine: the simulator, a file of it, Docker, and clusters.

What an engine does not have is declared in `engines.LACKS`; tests that are about it are marked `needs` and left out.
"""

import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.contract.targets.clusters import cluster_place, real_cluster_place
from tests.contract.targets.engines import LACKS, Place, docker_place, sim_place
from tests.plugins.cluster import TEST_S

ENGINES = [
    "sim", "sim-file", pytest.param("docker", marks=pytest.mark.docker), "cluster",
    pytest.param("real-cluster", marks=pytest.mark.timeout(TEST_S, func_only=True)),
]  # fmt: skip


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what an engine declares that it does not have."""
    out = [item for item in items if isinstance(item, pytest.Function) and is_beyond(item)]
    if out:
        items[:] = [item for item in items if item not in out]
        config.hook.pytest_deselected(items=out)


def is_beyond(item: pytest.Function) -> bool:
    """Whether a test needs what its engine lacks."""
    engine = str(item.callspec.params.get("place")) if hasattr(item, "callspec") else ""
    wanted = {what for mark in item.iter_markers("needs") for what in mark.args}
    return bool(wanted & set(LACKS.get(engine, ())))


@pytest.fixture(params=ENGINES)
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Place]:
    fresh = f"ot-{secrets.token_hex(3)}"
    async with AsyncExitStack() as stack:
        match request.param:
            case "docker":
                engine, image = (request.getfixturevalue(name) for name in ("docker_engine", "docker_image"))
                found = stack.enter_context(docker_place(engine, image, fresh))
            case "cluster":
                found = await stack.enter_async_context(cluster_place(tmp_path))
            case "real-cluster":
                kubeconfig = request.getfixturevalue("kubeconfig")
                found = await stack.enter_async_context(real_cluster_place(kubeconfig, tmp_path, fresh))
            case _:
                found = sim_place(tmp_path / "world.json" if request.param == "sim-file" else None)
        for driver in (found.unreachable, found.driver):
            stack.push_async_callback(driver.writer.close)
        yield found
