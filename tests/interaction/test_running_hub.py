"""A hub as it is wired, on its own database: what it finds at its start, and what its loops do."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from opstwin.control.actors import OBSERVER
from opstwin.domain.audit import AuditEntry
from opstwin.domain.deployment import Deployment
from opstwin.settings import Settings
from opstwin.twin.store import Put
from opstwin.wiring.hub import detect_docker, open_hub
from tests.interaction.house import NO_MODELS
from tests.unit.control.test_history import MIB, deployment, readings

GUARD_S = 60


def settings(folder: Path, **given: Any) -> Settings:
    return Settings(data_dir=folder, models=NO_MODELS, **given)  # type: ignore[arg-type]


@pytest.mark.req("S5.74")
async def test_the_engine_behind_the_socket_that_the_settings_name_becomes_the_target_local(tmp_path: Path) -> None:
    place = tmp_path / "engine.sock"
    async with open_hub(settings(tmp_path, docker_socket=f"unix://{place}")) as hub:
        assert not await detect_docker(hub), "nobody answers there yet"
        async with await asyncio.start_unix_server(lambda _reader, writer: writer.close(), place):
            assert await detect_docker(hub)
        [found] = await hub.services.places.list()
    assert (found.id, found.backend_type, found.agent_endpoint) == ("local", "docker", f"unix://{place}")


@pytest.mark.req("S5.69")
async def test_a_running_hub_computes_what_a_deployment_used(tmp_path: Path) -> None:
    async with open_hub(settings(tmp_path, detect_docker=False)) as hub:
        ledger = hub.services.ledger
        began = ledger.clock.now() - timedelta(hours=1)
        noted = AuditEntry(action="test.put", subject="d1", actor=OBSERVER)
        await ledger.commit([Put(deployment("d1", began))], [noted])
        await hub.services.sampler.store.write(readings(began + timedelta(minutes=1), 40.0, MIB))
        running = asyncio.create_task(hub.run())
        try:
            async with asyncio.timeout(GUARD_S):
                while (record := await ledger.need(Deployment, "d1")).usage is None:
                    await asyncio.sleep(0.01)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
    assert (record.actual_cpu_millicores, record.actual_memory_bytes) == (40.0, MIB)
