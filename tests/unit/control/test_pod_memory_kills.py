"""Containers of pods that were killed for want of memory are counted into the deployment that they hit."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from opstwin.control.following import Follower
from opstwin.control.memory_kills import recount
from opstwin.domain.deployment import Deployment
from opstwin.domain.event import Event
from opstwin.domain.resource import Observed
from opstwin.domain.values import ResourceId
from opstwin.targets.ports import TargetEvent
from opstwin.targets.sim.kube.life.images import Image
from tests.cluster_rig import PROD, ClusterRig, cluster_rig

GUARD_S = 20
WEEK = timedelta(days=8)


def deployment(replicas: int = 1) -> dict[str, Any]:
    labels = {"app": "web", "app.kubernetes.io/part-of": "shop"}
    return {
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "default", "labels": labels},
        "spec": {
            "replicas": replicas, "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": "app", "image": "hungry:1"}]},
            },
        },
    }  # fmt: skip


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[ClusterRig]:
    async with cluster_rig(tmp_path) as made:
        made.cluster.image("hungry:1", Image(exits=137, out_of_memory=True, runs_s=600))
        await made.discover()
        done = await made.apply(deployment())
        assert done.state.value == "succeeded", done.error
        yield made


async def kills(here: ClusterRig) -> int:
    [row] = await here.rig.ledger.all(Deployment)
    return row.oom_events


async def told(here: ClusterRig) -> list[Event]:
    return await here.rig.ledger.all(Event, {"type": "pod.oom"})


async def until_counted(here: ClusterRig, count: int) -> None:
    async with asyncio.timeout(GUARD_S):
        while await kills(here) < count:
            here.cluster.advance(0.1)
            await asyncio.sleep(0.01)


@asynccontextmanager
async def followed(here: ClusterRig) -> AsyncIterator[None]:
    """A hub that follows the cluster; what happens is told from when this is entered."""
    before = len(await here.rig.ledger.all(Event, {"type": "configmap.added"}))
    task = asyncio.create_task(here.rig.observer.follow(PROD))
    try:
        async with asyncio.timeout(GUARD_S):
            turn = 0
            while len(await here.rig.ledger.all(Event, {"type": "configmap.added"})) == before:
                name = f"turn-{before}-{turn}"
                here.cluster.create({"kind": "ConfigMap", "metadata": {"name": name, "namespace": "default"}})
                here.cluster.advance(0.1)
                await asyncio.sleep(0.02)
                turn += 1
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.mark.req("S5.71")
async def test_a_kill_that_the_cluster_tells_of_is_counted_at_once_into_the_deployment_of_its_pod(
    here: ClusterRig,
) -> None:
    async with followed(here):
        here.cluster.advance(620)
        await until_counted(here, 1)
    [event] = await told(here)
    assert str(event.resource).startswith("prod/pod/default/web-")
    assert event.details == {"container": "app", "of": "prod/deployment/default/web"}
    await here.discover()
    assert await recount(here.rig.ledger, here.rig.clock.now() - WEEK) == 0
    assert await kills(here) == 1


async def test_a_kill_while_the_hub_was_away_is_counted_by_the_next_look_and_once_only(here: ClusterRig) -> None:
    here.cluster.advance(620)
    await here.discover()
    assert await told(here) == []
    assert await recount(here.rig.ledger, here.rig.clock.now() - WEEK) == 1
    assert await recount(here.rig.ledger, here.rig.clock.now() - WEEK) == 0
    assert await kills(here) == 1


class Telling:
    """A target that tells of one kill whenever somebody begins to follow it."""

    def __init__(self, event: TargetEvent) -> None:
        self._event = event
        self.looks = 0

    async def watch(self) -> AsyncIterator[TargetEvent]:
        yield self._event
        await asyncio.Event().wait()

    async def observe(self, resources: object) -> None:
        """What happened was counted before it is looked at."""
        self.looks += 1

    async def discover(self, target_id: str) -> None:
        """Nobody missed anything."""


async def test_a_kill_that_is_told_again_to_a_hub_that_began_anew_counts_once(here: ClusterRig) -> None:
    pod, web = ResourceId("prod/pod/default/web-1"), "prod/deployment/default/web"
    kill = TargetEvent(resource=pod, type="pod.oom", at=here.rig.clock.now(), details={"container": "app", "of": web})
    target: Any = Telling(kill)
    for times in (1, 2):
        following = asyncio.create_task(Follower(here.rig.ledger, target, target, PROD).run())
        try:
            async with asyncio.timeout(GUARD_S):
                while target.looks < times:
                    await asyncio.sleep(0.01)
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
    assert (len(await told(here)), await kills(here)) == (2, 1)


async def test_each_kill_of_each_pod_counts(here: ClusterRig) -> None:
    await here.apply(deployment(replicas=2))
    async with followed(here):
        for _ in range(2):
            here.cluster.advance(620)
            await asyncio.sleep(0.05)
        async with asyncio.timeout(GUARD_S):
            while len({(item.resource, item.at) for item in await told(here)}) < 4:
                here.cluster.advance(60)
                await asyncio.sleep(0.02)
    await recount(here.rig.ledger, here.rig.clock.now() - WEEK)
    distinct = {(item.resource, item.at) for item in await told(here)}
    rows = await here.rig.ledger.all(Deployment)
    seen = await here.rig.ledger.all(Observed, {"kind": "pod"})
    assert sum(item.oom_events for item in rows) == len(distinct)
    assert len({resource for resource, _ in distinct}) == len([item for item in seen if item.facts]) == 2
