"""Serves a simulated cluster with many pods, in a process of its own; prints its kubeconfig path, then waits.

`python -m benchmarks.kube_world FOLDER PODS`; a line `touch` on stdin changes one ConfigMap.
"""

import asyncio
import sys
from pathlib import Path

from opstwin.clock import SystemClock
from opstwin.targets.sim.kube.serving import serving
from opstwin.targets.sim.kube.world import KubeWorld

EACH = 50
"""Pods of one Deployment."""


def furnish(world: KubeWorld, pods: int) -> None:
    """Deployments of `EACH` pods."""
    for number in range(pods // EACH):
        labels = {"app": f"app-{number}"}
        container = {
            "name": "app", "image": "shop/app:1.4.2", "ports": [{"containerPort": 8080, "name": "http"}],
            "env": [{"name": f"SETTING_{count}", "value": f"value {count}"} for count in range(10)],
            "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "256Mi"}},
        }  # fmt: skip
        pod = {"nodeName": f"node-{number}", "containers": [container]}
        template = {"metadata": {"labels": labels}, "spec": pod}
        spec = {"replicas": EACH, "selector": {"matchLabels": labels}, "template": template}
        metadata = {"name": f"app-{number}", "namespace": "default", "labels": labels}
        world.create({"kind": "Deployment", "metadata": metadata, "spec": spec})
    world.create({"kind": "ConfigMap", "metadata": {"name": "touched", "namespace": "default"}, "data": {"n": "0"}})


async def _main(folder: Path, pods: int) -> None:
    world = KubeWorld(SystemClock(), nodes=[f"node-{number}" for number in range(pods // EACH)])
    await asyncio.to_thread(furnish, world, pods)
    async with serving(world) as served:
        print(served.write_kubeconfig(folder / "kubeconfig"), flush=True)
        turn = 0
        while await asyncio.to_thread(sys.stdin.readline):
            turn += 1
            world.edit("ConfigMap", "default", "touched", {"data": {"n": str(turn)}})


if __name__ == "__main__":
    asyncio.run(_main(Path(sys.argv[1]), int(sys.argv[2])))
