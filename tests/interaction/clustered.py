"""A house with a second target: the simulated cluster `prod`, behind a writer that remembers what it was told."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from opstwin.domain.target import Target
from opstwin.domain.values import ResourceId, TargetId
from opstwin.targets.kubernetes.driver import kubernetes_driver
from opstwin.targets.ports import ExecResult, Order, Sighting, Writer
from opstwin.targets.secrets import HubSecrets
from opstwin.targets.sim.kube.serving import serving
from opstwin.targets.sim.kube.world import KubeWorld
from tests.interaction.house import HUB, House


@dataclass
class Spy:
    """A writer that passes on what it is told, and remembers it. It stands where a driver's writer stands."""

    inner: Writer
    told: list[str] = field(default_factory=list)

    async def apply(self, order: Order) -> Sighting:
        self.told.append(f"{order.change.op.value} {order.change.resource}")
        return await self.inner.apply(order)

    async def exec(
        self, resource: ResourceId, argv: Sequence[str], *, timeout_s: float, limit_bytes: int
    ) -> ExecResult:
        self.told.append(f"exec {resource}")
        return await self.inner.exec(resource, argv, timeout_s=timeout_s, limit_bytes=limit_bytes)

    async def close(self) -> None:
        await self.inner.close()


@dataclass
class Clustered:
    """The house, the cluster, and what its writer was told."""

    house: House
    cluster: KubeWorld
    spy: Spy


@asynccontextmanager
async def clustered(folder: Path, version: str = "1.33", **settings: Any) -> AsyncIterator[Clustered]:
    """A furnished house with the target `prod`, discovered."""
    house = House(folder, settings=settings)
    world = KubeWorld(house.clock, version)
    async with serving(world, token=True) as served:
        await house.furnish()
        kubeconfig = served.write_kubeconfig(folder / "kubeconfig")
        target = Target(
            id=TargetId("prod"), display_name="Production", backend_type="kubernetes",
            agent_endpoint=f"kubeconfig://{kubeconfig}", created_at=house.clock.now(),
        )  # fmt: skip
        secrets = HubSecrets({"DATABASE_URL": "canary-secret"}, folder)
        driver = kubernetes_driver(target, secrets=secrets, clock=house.clock, on_call=lambda _call: None)
        spy = Spy(driver.writer)
        house.places.drivers["prod"] = replace(driver, writer=spy)
        fields = ("id", "display_name", "backend_type", "agent_endpoint")
        await house.services.places.add({name: getattr(target, name) for name in fields}, HUB)
        await house.services.observer.discover("prod")
        try:
            yield Clustered(house, world, spy)
        finally:
            await driver.writer.close()
