"""A hub's services over one namespace of the real cluster, which it follows."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

from opstwin.clock import SystemClock
from opstwin.control.diagnosing import Diagnostician
from opstwin.control.diagnosing_findings import Finding
from opstwin.domain.approval import SOLO
from opstwin.domain.diagnosis import Code
from opstwin.domain.event import Event
from opstwin.domain.target import Target
from opstwin.domain.values import TargetId
from opstwin.targets.kubernetes.driver import kubernetes_driver
from opstwin.targets.secrets import HubSecrets
from tests.cluster_rig import PATIENT, OneCluster
from tests.e2e.kube.spot import Spot
from tests.rig import ANNA, Rig

REAL = TargetId("real")
DEADLINE_S = 50.0
OLD_S = 3600.0


class Ward:
    """A hub's services over one namespace of the real cluster, which it follows."""

    def __init__(self, spot: Spot, rig: Rig) -> None:
        self.spot, self.rig = spot, rig

    def has(self, name: str, *command: str, image: str = "", **container: Any) -> None:
        """Somebody makes a Deployment."""
        made = self.spot.deployment(*command, name=name, **({"image": image} if image else {}))
        made["spec"]["template"]["spec"]["containers"][0] |= container
        self.spot.kubectl("apply", "-f", "-", input=made)

    async def findings(self, name: str, kind: str = "deployment") -> list[Finding]:
        assert self.rig.places is not None
        doctor = Diagnostician(self.rig.ledger, self.rig.places, self.rig.breakers, OLD_S)
        subject = f"{REAL}/{kind}/{self.spot.namespace}/{name}"
        seen = await self.rig.observer.discover(REAL, ANNA)
        assert not seen.unknown
        return [item for item in (await doctor.diagnose()).findings if item.subject == subject]

    async def finding(self, name: str, code: Code, kind: str = "deployment") -> Finding:
        """What is found at something, once it is."""
        last: list[Finding] = []
        try:
            async with asyncio.timeout(DEADLINE_S):
                while True:
                    last = await self.findings(name, kind)
                    for item in last:
                        if item.code is code:
                            return item
                    await asyncio.sleep(0.5)
        except TimeoutError:
            raise AssertionError(f"{name} has no {code}: {[item.code.value for item in last]}") from None

    async def told(self, reason: str, name: str) -> None:
        """Wait until the twin holds the cluster's warning about a pod of a Deployment."""
        async with asyncio.timeout(DEADLINE_S):
            while not any(
                item.details.get("reason") == reason and f"/{name}-" in str(item.resource)
                for item in await self.rig.ledger.all(Event, {"type": "pod.warning", "target": REAL})
            ):
                await asyncio.sleep(0.2)

    async def follows(self) -> None:
        """Wait until what happens is told: a watch shows nothing of what was before it."""
        turn = 0
        async with asyncio.timeout(DEADLINE_S):
            while not await self.rig.ledger.all(Event, {"type": "configmap.added", "target": REAL}):
                await asyncio.to_thread(self.spot.kubectl, "create", "configmap", f"turn-{turn}")
                await asyncio.sleep(0.3)
                turn += 1


@asynccontextmanager
async def ward_at(spot: Spot, folder: Path) -> AsyncIterator[Ward]:
    """A ward that sees what happens from now on."""
    clock = SystemClock()
    target = Target(
        id=REAL, display_name="Real", backend_type="kubernetes", agent_endpoint=f"kubeconfig://{spot.kubeconfig}",
        is_default=True, settings={"namespace": spot.namespace, "namespaces": spot.namespace}, created_at=clock.now(),
    )  # fmt: skip
    driver = kubernetes_driver(target, secrets=HubSecrets({}, folder), clock=clock, on_call=lambda _call: None)
    rig = Rig(clock=cast(Any, clock), policy=SOLO, settings=PATIENT, places=cast(Any, OneCluster(driver)))
    for record in (target, rig.person("anna")):
        await rig.put(record)
    await rig.observer.discover(REAL, ANNA)
    following = asyncio.create_task(rig.observer.follow(REAL))
    ward = Ward(spot, rig)
    try:
        await ward.follows()
        yield ward
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        await driver.writer.close()
