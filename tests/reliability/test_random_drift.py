"""A thousand resources, a tenth of which drift each minute: all come back by themselves; nothing else is written."""

import os
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from opstwin.clock import VirtualClock
from opstwin.control.apply_settings import ApplySettings
from opstwin.control.verifying import Patience
from opstwin.domain.approval import SOLO
from opstwin.domain.target import Target
from opstwin.domain.values import ResourceId, resource_id
from opstwin.domain.workload import Workload
from opstwin.targets.sim.kube.world import KubeWorld
from opstwin.targets.sim.world import World
from opstwin.twin.opening import open_store
from tests.cluster_rig import PROD, cluster_rig
from tests.reliability.drifting import SHARE, Account, CountingPlaces, Drift, Drifting
from tests.rig import LOCAL, Rig, SimPlaces

THOUSAND = 1000
MINUTES = int(os.environ.get("OPSTWIN_TEST_DRIFT_MINUTES", "12"))
"""An hour takes three minutes of a core; the figures of one stand in docs/performance.md."""

EACH = 10
MIB = 1 << 20
LOOK_S = 25.0
"""Between two looks fewer than 50 things drift: so many at once would be for a person to approve."""

LONGEST_WAIT = timedelta(hours=2)
FEW_PAUSED = 0.02
OBJECTS = int(os.environ.get("OPSTWIN_TEST_DRIFT_OBJECTS", "300"))
"""On the simulated cluster. The whole of M3 (1,000 for 60 minutes) is for a quiet machine, by hand."""

SETTINGS, SERVICES, APPS = OBJECTS * 6 // 10, OBJECTS * 3 // 10, OBJECTS // 10
PATIENCE_S = 900 if MINUTES <= 20 else 7200
BRISK = ApplySettings(
    step_s=60, lease_s=60, attempts=3, parallel=8, patience=Patience(hold_s=1, timeout_s=60, poll_s=1)
)


def containers(world: World) -> list[Drift]:
    """What is done to containers behind the reconciler's back."""

    def edit(made: Callable[[random.Random], dict[str, Any]]) -> Drift:
        def drift(chance: random.Random, name: str) -> None:
            if name in world.containers():
                world.edit(name, **made(chance))

        return drift

    def removed(_chance: random.Random, name: str) -> None:
        if name in world.containers():
            world.remove(name)

    return [
        edit(lambda chance: {"memory_bytes": chance.randrange(64, 512) * MIB}),
        edit(lambda chance: {"cpu_millicores": chance.randrange(100, 900)}),
        edit(lambda chance: {"env": {"LEVEL": f"level-{chance.randrange(1000)}"}}),
        edit(lambda chance: {"labels": {"owner": f"team-{chance.randrange(1000)}"}}),
        edit(lambda _chance: {"running": False}),
        removed,
    ]


@asynccontextmanager
async def engine(folder: Path) -> AsyncIterator[Drifting]:
    """A simulated engine with a thousand containers."""
    clock, world, account = VirtualClock(), World(), Account()
    places = CountingPlaces(SimPlaces({"local": world}, clock), account)
    store = await open_store(f"sqlite:///{folder / 'twin.db'}")
    rig = await Rig(
        store=store, clock=clock, world=world, policy=SOLO, settings=BRISK, places=cast(SimPlaces, places)
    ).ready()
    await rig.change_to(*(Workload(name=f"app-{n}", image="app:1", replicas=EACH) for n in range(THOUSAND // EACH)))
    kinds = containers(world)
    names = {resource_id(LOCAL, "container", name): kinds for name in world.containers()}
    yield Drifting(rig, LOCAL, account, names, LOOK_S, MINUTES)
    await store.close()


def settings(name: str) -> dict[str, Any]:
    labels = {"app.kubernetes.io/part-of": "shop"}
    return {
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "labels": labels},
        "data": {"LEVEL": "info"},
    }  # fmt: skip


def service(name: str) -> dict[str, Any]:
    ports = [{"name": "http", "port": 80, "targetPort": 8080}]
    return {
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "labels": {"team": "shop"}},
        "spec": {"ports": ports},
    }  # fmt: skip


def application(name: str) -> dict[str, Any]:
    container = {"name": "app", "image": "shop:1", "env": [{"name": "LEVEL", "value": "info"}]}
    return {
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "labels": {"team": "shop"}},
        "spec": {
            "replicas": 1, "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}}, "spec": {"containers": [container]}},
        },
    }  # fmt: skip


def objects(world: KubeWorld, kind: str, *patches: Callable[[int], dict[str, Any]]) -> list[Drift]:
    """What is done to objects of one kind behind the reconciler's back: these merge patches, and deletion."""

    def there(name: str) -> bool:
        return world.cluster.get(kind, "default", name) is not None

    def edit(made: Callable[[int], dict[str, Any]]) -> Drift:
        def drift(chance: random.Random, name: str) -> None:
            if there(name):
                world.edit(kind, "default", name, made(chance.randrange(2, 1000)))

        return drift

    def removed(_chance: random.Random, name: str) -> None:
        if there(name):
            world.remove(kind, "default", name)

    return [*map(edit, patches), removed]


def label(key: str) -> Callable[[int], dict[str, Any]]:
    return lambda value: {"metadata": {"labels": {key: f"other-{value}"}}}


@asynccontextmanager
async def cluster(folder: Path) -> AsyncIterator[Drifting]:
    """A simulated cluster with some hundred objects."""
    async with cluster_rig(folder) as here:
        world, account = here.cluster, Account()
        places = CountingPlaces(here.rig.places, account)  # type: ignore[arg-type]
        store = await open_store(f"sqlite:///{folder / 'twin.db'}")
        rig = Rig(store=store, clock=here.rig.clock, policy=SOLO, settings=BRISK, places=cast(SimPlaces, places))
        for record in (await here.rig.ledger.need(Target, PROD), rig.person("anna"), rig.person("ben")):
            await rig.put(replace(record, version=0))
        here.rig = rig
        await here.discover()
        manifests = [
            *(settings(f"settings-{n}") for n in range(SETTINGS)), *(service(f"service-{n}") for n in range(SERVICES)),
            *(application(f"app-{n}") for n in range(APPS)),
        ]  # fmt: skip
        await here.apply(*manifests)
        drifts: dict[ResourceId, list[Drift]] = {}
        kinds = {
            "ConfigMap": objects(
                world, "ConfigMap", lambda v: {"data": {"LEVEL": f"level-{v}"}}, label("app.kubernetes.io/part-of")
            ),
            "Service": objects(
                world,
                "Service",
                lambda v: {"spec": {"ports": [{"name": "http", "port": 80, "targetPort": v}]}},
                label("team"),
            ),
            "Deployment": objects(world, "Deployment", lambda v: {"spec": {"replicas": 2 + v % 3}}, label("team")),
        }
        for made in manifests:
            id = resource_id(PROD, made["kind"].lower(), f"default/{made['metadata']['name']}")
            drifts[id] = kinds[made["kind"]]
        yield Drifting(rig, PROD, account, drifts, look_s=min(60.0, LOOK_S * THOUSAND / OBJECTS), minutes=MINUTES)
        await store.close()


async def keeps_up(drifting: Drifting) -> None:
    """What drifts is healed at the next look but for few fights, all comes back, and nothing is written in vain."""
    await drifting.begin()
    await drifting.go_by()
    count = len(drifting.drifts)
    assert drifting.drifted >= 0.9 * drifting.minutes * SHARE * count
    assert drifting.late == set()
    assert len(drifting.paused) <= FEW_PAUSED * count
    await drifting.settle(LONGEST_WAIT)
    assert drifting.account.spoilt == set()
    assert drifting.account.writes <= drifting.drifted
    assert len(drifting.account.needless) < drifting.minutes
    assert await drifting.written_in_vain(10) == 0


@pytest.mark.slow
@pytest.mark.timeout(PATIENCE_S)
async def test_random_drift_on_a_thousand_containers_ends_as_desired(tmp_path: Path) -> None:
    async with engine(tmp_path) as drifting:
        assert len(drifting.drifts) == THOUSAND
        await keeps_up(drifting)


@pytest.mark.slow
@pytest.mark.timeout(PATIENCE_S)
async def test_random_drift_on_a_cluster_ends_as_desired(tmp_path: Path) -> None:
    async with cluster(tmp_path) as drifting:
        await keeps_up(drifting)
