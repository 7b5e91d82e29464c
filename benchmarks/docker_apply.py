"""Applying 20 containers on a real Docker Engine, beside the same calls made straight with the SDK."""

import asyncio
import contextlib
import random
import secrets
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import docker

from benchmarks.measuring import compared, figure
from opstwin.domain.access import Actor, ActorKind, Principal, Scope
from opstwin.domain.audit import AuditEntry
from opstwin.domain.execution import ExecutionState
from opstwin.domain.plan import Origin
from opstwin.domain.resource import Observed, Presence
from opstwin.domain.values import ResourceId, TargetId
from opstwin.domain.workload import Workload
from opstwin.settings import Settings
from opstwin.targets.stage import REPOSITORY, DockerStage
from opstwin.twin.store import Put
from opstwin.wiring.hub import Hub, open_hub

COUNT: Final = 20
PARALLEL: Final = 8
ME: Final = Actor(kind=ActorKind.PERSON, id="bench", face="cli")
SOCKET: Final = "unix:///var/run/docker.sock"


@contextlib.contextmanager
def stage() -> Iterator[DockerStage]:
    """The demo's images, removed at the end."""
    place = DockerStage(SOCKET)
    place.build("plain", ())
    try:
        yield place
    finally:
        place.clean_up("none")
        docker.DockerClient(base_url=SOCKET).images.remove(f"{REPOSITORY}:plain", force=True)


def straight(name: str, engine: docker.DockerClient) -> float:
    """Create and start the containers with the SDK, `PARALLEL` at a time; returns seconds."""
    low = engine.api

    def one(number: int) -> None:
        made = low.create_container(
            f"{REPOSITORY}:plain",
            name=f"{name}-{number}",
            host_config=low.create_host_config(restart_policy={"Name": "unless-stopped"}),
        )
        low.start(made["Id"])
        low.inspect_container(made["Id"])

    begin = time.perf_counter()
    with ThreadPoolExecutor(PARALLEL) as pool:
        list(pool.map(one, range(1, COUNT + 1)))
    return time.perf_counter() - begin


def cleared(engine: docker.DockerClient, name: str) -> None:
    """Remove the containers of one round."""
    mine = [item["Id"] for item in engine.api.containers(all=True) if item["Names"][0].startswith(f"/{name}-")]
    with ThreadPoolExecutor(PARALLEL) as pool:
        list(pool.map(lambda container: engine.api.remove_container(container, force=True), mine))


async def applied(hub: Hub, name: str) -> tuple[float, float]:
    """Seconds from the start to the last step done, and to the verified end."""
    services = hub.services
    plan = await services.planner.from_workloads(
        "bench",
        [Workload(name=name, image=f"{REPOSITORY}:plain", replicas=COUNT)],
        request="bench",
        origin=Origin.FILE,
        actor=ME,
    )
    await services.approver.decide(plan.id, ME, "approve", "bench", plan.digest)
    begin = time.perf_counter()
    execution = await services.applier.start(plan.id, ME)
    driving = asyncio.create_task(services.applier.run(execution.id))
    steps_s = await _steps_done(hub, execution.id, begin)
    ended = await driving
    assert ended.state is ExecutionState.SUCCEEDED, ended.error
    return steps_s, time.perf_counter() - begin


async def _steps_done(hub: Hub, execution_id: str, begin: float) -> float:
    from opstwin.domain.event import Event

    seen = 0
    while True:
        seen = await hub.store.wait(seen, 5)
        if await hub.services.ledger.all(Event, {"type": "execution.verifying", "execution_id": execution_id}):
            return time.perf_counter() - begin


async def add_bench(hub: Hub) -> None:
    """The bench's person and target."""
    services = hub.services
    person = Principal(
        id="bench",
        kind=ActorKind.PERSON,
        display_name="Bench",
        scopes=frozenset(Scope),
        created_at=services.ledger.clock.now(),
    )
    await services.ledger.commit([Put(person)], [AuditEntry(action="bench", subject="bench", actor=ME)])
    fields = {
        "id": "bench",
        "display_name": "Bench",
        "backend_type": "docker",
        "agent_endpoint": SOCKET,
        "is_default": True,
    }
    await services.places.add(fields, ME)
    await services.observer.discover("bench", ME)


async def apply_figures(runs: int = 5) -> dict[str, Any]:
    """The ratio of ours to the SDK's own calls, and how soon a removal by hand is in the twin."""
    engine = docker.DockerClient(base_url=SOCKET)
    ours, whole, theirs = [], [], []
    with tempfile.TemporaryDirectory() as folder, stage():
        settings = Settings(data_dir=Path(folder), hold_s=0.0, parallel=PARALLEL, stop_grace_s=0, policy="solo")
        async with open_hub(settings) as hub:
            await add_bench(hub)
            for number in range(runs + 1):
                base = f"bench-{secrets.token_hex(3)}"
                taken = await asyncio.to_thread(straight, base, engine)
                await asyncio.to_thread(cleared, engine, base)
                steps_s, all_s = await applied(hub, name := f"bench-{secrets.token_hex(3)}")
                await asyncio.to_thread(cleared, engine, name)
                await hub.services.observer.discover("bench", ME)
                if number:
                    theirs.append(taken)
                    ours.append(steps_s)
                    whole.append(all_s)
            drifts = await _drift_seen(hub, engine)
    return {
        "apply_20_containers": compared(
            ours,
            theirs,
            baseline="the same create, start and inspect with the docker SDK, 8 at a time",
            limit="ratio <= 1.2",
        )
        | {"verified_median_ms": figure(whole)["median_ms"]},
        "drift_by_event": figure(drifts, limit="< 1000 ms", baseline="the moment the removal returned"),
    }


async def _drift_seen(hub: Hub, engine: docker.DockerClient, runs: int = 5) -> list[float]:
    """Seconds from a removal by hand until the twin says absent."""
    name = f"bench-{secrets.token_hex(3)}"
    await applied(hub, name)
    following = asyncio.create_task(hub.services.observer.follow("bench"))
    await asyncio.sleep(1 + random.random())
    found = []
    for number in range(1, runs + 1):
        await asyncio.to_thread(engine.containers.get(f"{name}-{number}").remove, force=True)
        begin = time.perf_counter()
        resource = ResourceId(f"{TargetId('bench')}/container/{name}-{number}")
        while (seen := await hub.services.ledger.need(Observed, resource)).presence is not Presence.ABSENT:
            await asyncio.sleep(0.005)
            assert time.perf_counter() - begin < 10, seen
        found.append(time.perf_counter() - begin)
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)
    await asyncio.to_thread(cleared, engine, name)
    return found
