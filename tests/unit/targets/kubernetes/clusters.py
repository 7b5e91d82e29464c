"""A cluster of the simulator, served on a port, with the driver of a target on it."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from opstwin.clock import SystemClock, VirtualClock
from opstwin.domain.target import Target
from opstwin.domain.values import ResourceId, TargetId
from opstwin.targets.kubernetes.driver import kubernetes_driver
from opstwin.targets.ports import Driver, Sighting
from opstwin.targets.secrets import HubSecrets
from opstwin.targets.sim.kube.serving import Served, serving
from opstwin.targets.sim.kube.world import ADMIN_TOKEN, KubeWorld

PROD = TargetId("prod")


def deployment(name: str = "web", image: str = "web:1", **spec: Any) -> dict[str, Any]:
    """A Deployment of two pods."""
    labels = {"app": name}
    return {
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "default", "labels": labels},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": "app", "image": image, **spec.pop("container", {})}]},
            },
            **spec,
        },
    }


@dataclass
class Cluster:
    """One served world, and the driver of a target that is this world."""

    served: Served
    world: KubeWorld
    driver: Driver
    kubeconfig: Path

    async def seen(self) -> dict[str, Sighting]:
        """What a look shows, by kind and name."""
        return {f"{item.kind}/{item.name}": item for item in await self.driver.reader.discover()}

    async def look(self, rest: str) -> Sighting:
        """One resource, named as `kind/namespace/name`."""
        return await self.driver.reader.observe(ResourceId(f"{PROD}/{rest}"))

    def use(self, token: str) -> None:
        """From now on the kubeconfig holds another token."""
        self.kubeconfig.write_text(self.served.kubeconfig_text(token), encoding="utf-8")


@asynccontextmanager
async def cluster(
    folder: Path, *, token: str = ADMIN_TOKEN, settings: Mapping[str, str] | None = None, version: str = "1.33"
) -> AsyncIterator[Cluster]:
    """A new world, that shows `token` the way in."""
    world = KubeWorld(VirtualClock(), version)
    async with serving(world, token=True) as served:
        kubeconfig = served.write_kubeconfig(folder / "kubeconfig", token)
        target = Target(
            id=PROD, display_name="Production", backend_type="kubernetes", agent_endpoint=f"kubeconfig://{kubeconfig}",
            settings=dict(settings or {}), created_at=datetime(2026, 1, 5, tzinfo=UTC),
        )  # fmt: skip
        secrets = HubSecrets({}, folder)
        driver = kubernetes_driver(target, secrets=secrets, clock=SystemClock(), on_call=lambda _call: None)
        try:
            yield Cluster(served, world, driver, kubeconfig)
        finally:
            await driver.writer.close()


def text_of(sightings: Mapping[str, Sighting]) -> str:
    """Everything that is kept of them, as one text."""
    return json.dumps(
        [[dict(item.spec or {}), dict(item.facts), item.error] for item in sightings.values()], default=str
    )
