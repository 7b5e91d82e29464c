"""What an AI client reads of a large cluster: little, whatever it asks, and without much work for the hub."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from opstwin.domain.target import Target
from opstwin.domain.values import TargetId
from opstwin.targets.kubernetes.driver import kubernetes_driver
from opstwin.targets.secrets import HubSecrets
from opstwin.targets.sim.kube.life.images import Image
from opstwin.targets.sim.kube.serving import serving
from opstwin.targets.sim.kube.world import KubeWorld
from opstwin.twin.opening import open_store
from tests.interaction.house import HUB, House
from tests.interaction.reading_model import BUDGET, Model, size

EACH = 100
"""Pods of one Deployment, and of one node."""

ILL_EVERY = 10
ROUNDS = 30
MOST_CPU_S = 0.050
LONG = "registry.example.com/team/" + "shop-" * 12


def deployment(number: int, image: str) -> dict[str, Any]:
    labels = {"app": f"app-{number}"}
    pod = {"nodeName": f"node-{number}", "containers": [{"name": "app", "image": image}]}
    return {
        "kind": "Deployment", "metadata": {"name": f"app-{number}", "namespace": "default", "labels": labels},
        "spec": {
            "replicas": EACH, "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": pod},
        },
    }  # fmt: skip


@asynccontextmanager
async def crowded(folder: Path, pods: int) -> AsyncIterator[Model]:
    """A hub on SQLite that has looked at a cluster with so many pods; those of every tenth Deployment are ill."""
    house = House(folder, store=await open_store(f"sqlite:///{folder / 'twin.db'}"))
    count = pods // EACH
    world = KubeWorld(house.clock, nodes=[f"node-{number}" for number in range(count)])
    world.image(f"{LONG}:bad", Image(pulls=False))
    for number in range(count):
        world.create(deployment(number, f"{LONG}:{'bad' if number % ILL_EVERY == 0 else '1'}"))
    world.advance(30)
    async with serving(world, token=True) as served:
        await house.furnish()
        kubeconfig = served.write_kubeconfig(folder / "kubeconfig")
        target = Target(
            id=TargetId("prod"), display_name="Production", backend_type="kubernetes",
            agent_endpoint=f"kubeconfig://{kubeconfig}", created_at=house.clock.now(),
        )  # fmt: skip
        driver = kubernetes_driver(
            target, secrets=HubSecrets({}, folder), clock=house.clock, on_call=lambda _call: None
        )
        house.places.drivers["prod"] = driver
        fields = ("id", "display_name", "backend_type", "agent_endpoint")
        await house.services.places.add({name: getattr(target, name) for name in fields}, HUB)
        await house.services.observer.discover("prod")
        try:
            yield Model(house)
        finally:
            await driver.writer.close()


ASKED: dict[str, dict[str, Any]] = {
    "everything": {"target": "prod"},
    "pods": {"kind": "pod"},
    "what ails": {"kind": "pod", "attention": True},
    "by health": {"health": "unhealthy"},
    "by text": {"kind": "pod", "text": "app-1"},
    "deployments": {"kind": "deployment"},
    "nothing": {"kind": "pod", "text": "nobody"},
}


async def p95_s(model: Model, **asked: Any) -> float:
    """What of 95 of 100 answers the hub's processor needs at most, in seconds."""
    taken: list[float] = []
    for _ in range(ROUNDS):
        began_s = time.process_time()
        await model.both("twin_query", **asked)
        taken.append(time.process_time() - began_s)
    return sorted(taken)[int(ROUNDS * 0.95)]


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.proves("M2")
@pytest.mark.parametrize("pods", [500, 5000])
async def test_listing_filtering_and_describing_takes_400_tokens_and_50_ms_at_most(tmp_path: Path, pods: int) -> None:
    async with crowded(tmp_path, pods) as model:
        whole = await model.brief("twin_query", kind="pod")
        assert whole["counts"]["kind"] == {"pod": pods}
        assert whole["counts"]["health"]["unhealthy"] == -(-pods // EACH // ILL_EVERY) * EACH
        for name, asked in ASKED.items():
            data, text = await model.both("twin_query", **asked)
            assert max(size(data), len(text)) <= BUDGET, name
            assert await p95_s(model, **asked) < MOST_CPU_S, name
        found = await model.whole("twin_query", kind="pod", attention=True, limit=1)
        for id in (found["exceptions"][0]["id"], "prod/deployment/default/app-0", "prod/deployment/default/app-1"):
            data, text = await model.both("twin_get", id=id)
            assert max(size(data), len(text)) <= BUDGET, id
