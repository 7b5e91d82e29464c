"""Stock kubectl works against the simulated cluster, over TLS with a token, on old and new versions."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from opstwin.clock import SystemClock
from opstwin.targets.sim.kube.serving import Served, serving
from opstwin.targets.sim.kube.world import KubeWorld

APP = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - {name: web, image: "shop/web:1", ports: [{containerPort: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80}]}
"""


@dataclass
class Kubectl:
    """Runs kubectl as a user of one served world."""

    served: Served
    folder: Path
    config: Path

    async def __call__(self, *words: str, ok: bool = True) -> str:
        """What kubectl says on both outputs. Fails when it does (or with `ok` False does not) succeed."""
        if words[0] == "apply" and self.served.world.cluster.minor < 24:
            words = (*words, "--validate=false")  # 1.20 describes itself by OpenAPI v2 only, which the fake does not
        found = shutil.which("kubectl")
        assert found, "kubectl is needed: apt-get install kubernetes-client"
        process = await asyncio.create_subprocess_exec(
            found, "--kubeconfig", self.config, "--cache-dir", self.folder / "cache", *words,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        async with asyncio.timeout(60):
            out, _ = await process.communicate()
        assert (process.returncode == 0) is ok, f"kubectl {' '.join(words)}: {out.decode()}"
        return out.decode()

    def file(self, text: str) -> str:
        path = self.folder / "app.yaml"
        path.write_text(text)
        return str(path)


@pytest.fixture(params=["1.20", "1.25", "1.33", "1.37"])
async def kubectl(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Kubectl]:
    async with serving(KubeWorld(SystemClock(), request.param), tls=True) as served:
        yield Kubectl(served, tmp_path, served.write_kubeconfig(tmp_path / "config"))


async def test_an_application_is_applied_watched_changed_and_deleted(kubectl: Kubectl) -> None:
    app = kubectl.file(APP)
    assert "deployment.apps/web created" in await kubectl("apply", "-f", app)
    assert "successfully rolled out" in await kubectl("rollout", "status", "deployment/web", "--timeout=30s")
    assert "condition met" in await kubectl("wait", "--for=condition=Available", "deployment/web", "--timeout=30s")
    assert "2/2" in await kubectl("get", "deployments")
    assert "deployment.apps/web unchanged" in await kubectl("apply", "-f", app)
    changed = kubectl.file(APP.replace("shop/web:1", "shop/web:2"))
    assert "configured" in await kubectl("apply", "-f", changed)
    assert "successfully rolled out" in await kubectl("rollout", "status", "deployment/web", "--timeout=30s")
    assert "rolled back" in await kubectl("rollout", "undo", "deployment/web")
    assert "shop/web:1" in await kubectl("get", "deployment", "web", "-o", "wide")
    assert 'service "web" deleted' in await kubectl("delete", "-f", changed)
    await kubectl("get", "deployment", "web", ok=False)


async def test_server_side_apply_names_whose_field_it_is(kubectl: Kubectl) -> None:
    app = kubectl.file(APP)
    assert "serverside-applied" in await kubectl("apply", "--server-side", "--field-manager=one", "-f", app)
    other = kubectl.file(APP.replace("replicas: 2", "replicas: 3"))
    said = await kubectl("apply", "--server-side", "--field-manager=two", "-f", other, ok=False)
    assert 'conflict with "one": .spec.replicas' in said
    await kubectl("apply", "--server-side", "--field-manager=two", "--force-conflicts", "-f", other)
    assert await kubectl("get", "deployment", "web", "-o", "jsonpath={.spec.replicas}") == "3"


async def test_the_other_verbs(kubectl: Kubectl) -> None:
    await kubectl("apply", "-f", kubectl.file(APP))
    await kubectl("rollout", "status", "deployment/web", "--timeout=30s")
    assert "ScalingReplicaSet" in await kubectl("describe", "deployment", "web")
    assert "scaled" in await kubectl("scale", "deployment", "web", "--replicas=3")
    assert "started" in await kubectl("logs", "deployment/web")
    assert await kubectl("auth", "can-i", "delete", "pods") == "yes\n"
    assert "web-" in await kubectl("top", "pods")
    assert "cordoned" in await kubectl("cordon", "node-1")
    labelled = await kubectl("get", "pods", "-l", "app=web", "-o", "json")
    assert len(json.loads(labelled)["items"]) == 3


async def test_a_user_without_rights_is_told_so(kubectl: Kubectl) -> None:
    rules = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]}]
    kubectl.served.world.user("jane", "jane-token", rules=rules, namespace="default")
    kubectl.served.write_kubeconfig(kubectl.config, "jane-token")
    assert "No resources found" in await kubectl("get", "pods")
    assert await kubectl("auth", "can-i", "list", "secrets", ok=False) == "no\n"
    said = await kubectl("get", "secrets", ok=False)
    assert 'User "jane" cannot list resource "secrets" in API group "" in the namespace "default"' in said


async def test_commands_run_over_a_websocket(tmp_path: Path) -> None:
    world = KubeWorld(SystemClock(), "1.33")
    async with serving(world, tls=True) as served:
        kubectl = Kubectl(served, tmp_path, served.write_kubeconfig(tmp_path / "config"))
        world.create(
            {"kind": "Pod", "metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "i:1"}]}}
        )
        world.life.answers["default/p", "c", "id", "-u"] = (3, "1000\n", "odd\n")
        await kubectl("wait", "--for=condition=Ready", "pod/p", "--timeout=30s")
        assert await kubectl("exec", "p", "--", "echo", "hello") == "hello\n"
        said = await kubectl("exec", "p", "--", "id", "-u", ok=False)
        assert "1000\n" in said
        assert "exit code 3" in said
