"""The services of one hub over a simulated Kubernetes cluster that is served on a port."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

from opstwin.clock import VirtualClock
from opstwin.control.apply_settings import ApplySettings
from opstwin.control.manifest_goals import Manifests
from opstwin.control.verifying import Patience
from opstwin.domain.access import ActorKind
from opstwin.domain.approval import SOLO
from opstwin.domain.execution import Execution
from opstwin.domain.plan import Origin, Plan
from opstwin.domain.target import Target
from opstwin.domain.values import TargetId
from opstwin.targets.kubernetes.driver import kubernetes_driver
from opstwin.targets.ports import Driver, Previewer, Reader, Renderer, Writer
from opstwin.targets.secrets import HubSecrets
from opstwin.targets.sim.kube.serving import serving
from opstwin.targets.sim.kube.world import ADMIN_TOKEN, KubeWorld
from tests.rig import ANNA, Rig, SimPlaces

PROD = TargetId("prod")
PATIENT = ApplySettings(
    step_s=300, lease_s=300, patience=Patience(hold_s=3, timeout_s=120, poll_s=0.5), parallel=4, give_up_s=600
)


@dataclass(frozen=True)
class OneCluster:
    """The driver of the one target there is."""

    driver: Driver

    def reader(self, target: Target) -> Reader:
        return self.driver.reader

    def renderer(self, target: Target) -> Renderer:
        return self.driver.renderer

    def previewer(self, target: Target) -> Previewer | None:
        return self.driver.previewer

    def writer(self, target: Target) -> Writer:
        return self.driver.writer


@dataclass
class ClusterRig:
    """A rig, the world that its target `prod` is, and the file that says how to reach it."""

    rig: Rig
    cluster: KubeWorld
    kubeconfig: Path

    async def discover(self) -> None:
        await self.rig.observer.discover(PROD, ANNA)

    async def from_manifests(self, *documents: dict[str, Any], **about: Any) -> Plan:
        """A plan from manifests that anna gives; `name` and `prune` are the manifests' own."""
        own = {key: about.pop(key) for key in ("name", "prune") if key in about}
        return await self.rig.planner.from_manifests(
            PROD, Manifests(documents=documents, **own), request="manifests", origin=Origin.FILE, actor=ANNA, **about
        )

    async def apply(self, *documents: dict[str, Any], **about: Any) -> Execution:
        return await self.rig.carry_out(await self.from_manifests(*documents, **about))

    def owned(self, kind: str, name: str, namespace: str = "default") -> dict[str, Any]:
        return dict(self.cluster.get(kind, namespace, name))


@asynccontextmanager
async def cluster_rig(folder: Path, *, version: str = "1.33", token: str = ADMIN_TOKEN) -> AsyncIterator[ClusterRig]:
    """A hub's services with the target `prod`, discovered when its account may see anything."""
    clock = VirtualClock()
    world = KubeWorld(clock, version)
    async with serving(world, token=True) as served:
        kubeconfig = served.write_kubeconfig(folder / "kubeconfig", token)
        target = Target(
            id=PROD, display_name="Production", backend_type="kubernetes", agent_endpoint=f"kubeconfig://{kubeconfig}",
            is_default=True, created_at=clock.now(),
        )  # fmt: skip
        secrets = HubSecrets({"SHOP_PASSWORD": "canary-secret"}, folder)
        driver = kubernetes_driver(target, secrets=secrets, clock=clock, on_call=lambda _call: None)
        rig = Rig(clock=clock, policy=SOLO, settings=PATIENT, places=cast(SimPlaces, OneCluster(driver)))
        robot = replace(rig.person("robot"), kind=ActorKind.AGENT, on_behalf_of="anna")
        for record in (target, rig.person("anna"), rig.person("ben"), robot):
            await rig.put(record)
        try:
            yield ClusterRig(rig, world, kubeconfig)
        finally:
            await driver.writer.close()


HOUR = timedelta(hours=1)
