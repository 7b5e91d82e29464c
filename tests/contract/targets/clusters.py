"""Clusters on which the contract of targets is tried: the simulated one, and a namespace of a real one."""

import json
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from opstwin.clock import Clock, SystemClock, VirtualClock
from opstwin.domain.target import Target
from opstwin.targets.kubernetes.driver import kubernetes_driver
from opstwin.targets.ports import Driver
from opstwin.targets.secrets import HubSecrets
from opstwin.targets.sim.kube.serving import serving
from opstwin.targets.sim.kube.store import Key
from opstwin.targets.sim.kube.world import KubeWorld
from tests.contract.targets.engines import SECRET, SECRET_NAME, TARGET, Place

IMAGE = "opstwin-test/busybox:1"
REAL_IMAGE = "k8slocal/busybox:1"
RESTARTED_AT = "kubectl.kubernetes.io/restartedAt"
Object = dict[str, Any]


def by_hand(name: str, namespace: str, image: str) -> Object:
    """A Deployment as somebody makes it without Opstwin."""
    labels = {"app": name}
    container = {"name": "main", "image": image, "command": ["/bin/sleep", "3600"]}
    pod = {"terminationGracePeriodSeconds": 0, "containers": [container]}
    return {
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "replicas": 1, "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": pod},
        },
    }  # fmt: skip


def life_of(found: Object) -> tuple[str, str]:
    """Which Deployment this is, and when it was restarted."""
    notes = found["spec"]["template"]["metadata"].get("annotations") or {}
    return found["metadata"]["uid"], notes.get(RESTARTED_AT, "")


@dataclass
class WorldHands:
    """Somebody on a simulated cluster. Full names and names without their namespace mean the same."""

    world: KubeWorld

    def run(self, name: str) -> None:
        self.world.create(by_hand(_own(name), "default", IMAGE))

    def remove(self, name: str) -> None:
        self.world.remove("Deployment", "default", _own(name))

    def life(self, name: str) -> tuple[str, str]:
        return life_of(self.world.get("Deployment", "default", _own(name)))

    def say(self, name: str, text: str) -> None:
        if not self._pods(_own(name)):
            self.world.advance(5)
        for pod in self._pods(_own(name)):
            [container] = pod["spec"]["containers"]
            self.world.life.say(Key("pods", "default", pod["metadata"]["name"]), container["name"], text)
        self.world.bell.ring()

    def taken_port(self) -> int:
        raise NotImplementedError("A cluster has no ports of one machine: Can.HOST.")

    def _pods(self, name: str) -> list[Object]:
        pods = self.world.all("Pod", "default")
        return [pod for pod in pods if pod["metadata"]["name"].startswith(name) and _runs(pod)]


@dataclass
class KubectlHands:
    """Somebody with kubectl on a real cluster."""

    kubeconfig: Path
    namespace: str

    def run(self, name: str) -> None:
        self._kubectl("create", "-f", "-", input=json.dumps(by_hand(_own(name), self.namespace, REAL_IMAGE)))

    def remove(self, name: str) -> None:
        self._kubectl("delete", "deployment", _own(name), "--wait=true")

    def life(self, name: str) -> tuple[str, str]:
        return life_of(json.loads(self._kubectl("get", "deployment", _own(name), "-o", "json")))

    def say(self, name: str, text: str) -> None:
        self._kubectl("rollout", "status", f"deployment/{_own(name)}", "--timeout=60s")
        self._kubectl("exec", f"deployment/{_own(name)}", "--", "sh", "-c", 'echo "$0" > /proc/1/fd/1', text)

    def taken_port(self) -> int:
        raise NotImplementedError("A cluster has no ports of one machine: Can.HOST.")

    def _kubectl(self, *words: str, input: str | None = None) -> str:
        argv = ["kubectl", "--kubeconfig", str(self.kubeconfig), "--namespace", self.namespace, *words]
        return subprocess.run(argv, input=input, capture_output=True, text=True, check=True, timeout=90).stdout


@asynccontextmanager
async def cluster_place(folder: Path) -> AsyncIterator[Place]:
    """A simulated cluster; its time goes on when somebody waits."""
    clock = VirtualClock()
    world = KubeWorld(clock)
    async with serving(world, token=True) as served:
        kubeconfig = served.write_kubeconfig(folder / "kubeconfig")
        yield Place(
            driver=driver_on(kubeconfig, clock, "default"), hands=WorldHands(world), clock=clock, image=IMAGE,
            prefix="t", unreachable=driver_on(nowhere(folder), clock, "default"), engine="cluster",
            namespace="default", wait_s=1.0,
        )  # fmt: skip


@asynccontextmanager
async def real_cluster_place(kubeconfig: Path, folder: Path, prefix: str) -> AsyncIterator[Place]:
    """A namespace of its own, which goes in the end with all that is in it."""
    clock = SystemClock()
    hands = KubectlHands(kubeconfig, prefix)
    hands._kubectl("create", "namespace", prefix)
    try:
        yield Place(
            driver=driver_on(kubeconfig, clock, prefix), hands=hands, clock=clock, image=REAL_IMAGE, prefix="t",
            unreachable=driver_on(nowhere(folder), clock, prefix), engine="real-cluster", namespace=prefix,
        )  # fmt: skip
    finally:
        hands._kubectl("delete", "namespace", prefix, "--wait=false")


def driver_on(kubeconfig: Path, clock: Clock, namespace: str) -> Driver:
    target = Target(
        id=TARGET, display_name="Place", backend_type="kubernetes", agent_endpoint=f"kubeconfig://{kubeconfig}",
        settings={"namespace": namespace, "namespaces": namespace}, created_at=clock.now(),
    )  # fmt: skip
    secrets = HubSecrets({SECRET_NAME: SECRET}, kubeconfig.parent)
    return kubernetes_driver(target, secrets=secrets, clock=clock, on_call=lambda _call: None)


def nowhere(folder: Path) -> Path:
    """A kubeconfig of a cluster that is not there: nothing listens on port 1."""
    path = folder / "nowhere"
    path.write_text(json.dumps({
        "apiVersion": "v1", "kind": "Config", "current-context": "none",
        "clusters": [{"name": "none", "cluster": {"server": "http://127.0.0.1:1"}}],
        "users": [{"name": "none", "user": {}}],
        "contexts": [{"name": "none", "context": {"cluster": "none", "user": "none"}}],
    }))  # fmt: skip
    path.chmod(0o600)
    return path


def _own(name: str) -> str:
    return name.rpartition("/")[2]


def _runs(pod: Object) -> bool:
    states = (pod.get("status") or {}).get("containerStatuses") or []
    return bool(states) and all("running" in item["state"] for item in states)
