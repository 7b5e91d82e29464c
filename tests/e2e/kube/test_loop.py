"""The whole loop on a real cluster: discover, draft, approve, roll out, break, take back, drift, heal, roll back."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import pytest

from opstwin.clock import SystemClock
from opstwin.control.adopting import adopt
from opstwin.control.apply_settings import ApplySettings
from opstwin.control.manifest_goals import Manifests
from opstwin.control.verifying import Patience
from opstwin.domain.approval import SOLO
from opstwin.domain.execution import Execution, ExecutionState
from opstwin.domain.plan import Op, Origin, Plan
from opstwin.domain.resource import Health, Observed
from opstwin.domain.target import Target
from opstwin.domain.values import ResourceId, TargetId
from opstwin.errors import Conflict, Rejected
from opstwin.targets.kubernetes.driver import kubernetes_driver
from opstwin.targets.secrets import HubSecrets
from tests.cluster_rig import OneCluster
from tests.e2e.kube.spot import IMAGE, NEWER, Spot
from tests.rig import ANNA, Rig

REAL = TargetId("real")
DEADLINE_S = 60.0
PATIENT = ApplySettings(patience=Patience(hold_s=1, timeout_s=60, poll_s=0.25))


class Shop:
    """A hub's services over one namespace of the real cluster."""

    def __init__(self, spot: Spot, rig: Rig) -> None:
        self.spot, self.rig = spot, rig

    def config(self, **data: str) -> dict[str, Any]:
        labels = {"app.kubernetes.io/part-of": "shop"}
        metadata = {"name": "shop", "namespace": self.spot.namespace, "labels": labels}
        return {"apiVersion": "v1", "kind": "ConfigMap", "data": data or {"MODE": "calm"}, "metadata": metadata}

    def app(self, image: str = IMAGE, command: tuple[str, ...] = ("sleep", "3600")) -> dict[str, Any]:
        labels = {"app.kubernetes.io/name": "web", "app.kubernetes.io/part-of": "shop"}
        container = {
            "name": "web", "image": image, "imagePullPolicy": "IfNotPresent", "command": list(command),
            "envFrom": [{"configMapRef": {"name": "shop"}}],
        }  # fmt: skip
        pod = {"containers": [container], "terminationGracePeriodSeconds": 0}
        return {
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "web", "namespace": self.spot.namespace, "labels": labels},
            "spec": {
                "replicas": 2, "selector": {"matchLabels": {"app.kubernetes.io/name": "web"}},
                "template": {"metadata": {"labels": labels}, "spec": pod},
            },
        }  # fmt: skip

    async def plan(self, *documents: dict[str, Any], **about: Any) -> Plan:
        return await self.rig.planner.from_manifests(
            REAL, Manifests(documents=documents), request="manifests", origin=Origin.FILE, actor=ANNA, **about
        )

    async def apply(self, *documents: dict[str, Any], **about: Any) -> Execution:
        return await self.rig.carry_out(await self.plan(*documents, **about))

    async def discover(self) -> None:
        await self.rig.observer.discover(REAL, ANNA)

    def resource(self, rest: str) -> ResourceId:
        kind, name = rest.split("/")
        return ResourceId(f"{REAL}/{kind}/{self.spot.namespace}/{name}")

    def template(self) -> dict[str, Any]:
        return dict(self.spot.there("deployment", "web")["spec"]["template"])


@pytest.fixture
async def shop(spot: Spot, tmp_path: Path) -> AsyncIterator[Shop]:
    clock = SystemClock()
    target = Target(
        id=REAL, display_name="Real", backend_type="kubernetes", agent_endpoint=f"kubeconfig://{spot.kubeconfig}",
        is_default=True, settings={"namespace": spot.namespace}, created_at=clock.now(),
    )  # fmt: skip
    driver = kubernetes_driver(target, secrets=HubSecrets({}, tmp_path), clock=clock, on_call=lambda _call: None)
    rig = Rig(clock=cast(Any, clock), policy=SOLO, settings=PATIENT, places=cast(Any, OneCluster(driver)))
    for record in (target, rig.person("anna")):
        await rig.put(record)
    await rig.observer.discover(REAL, ANNA)
    try:
        yield Shop(spot, rig)
    finally:
        await driver.writer.close()


@pytest.mark.req("S5.6")
async def test_a_rollout_is_planned_applied_verified_broken_taken_back_and_rolled_back(shop: Shop) -> None:
    made = await shop.apply(shop.config(), shop.app())
    assert made.state is ExecutionState.SUCCEEDED, made.error
    ran = shop.template()

    broken = await shop.apply(shop.config(MODE="bold"), shop.app("k8slocal/busybox:9"))
    assert broken.state is ExecutionState.ROLLED_BACK
    assert "ImagePull" in str((broken.error or {}).get("message"))
    assert shop.template() == ran
    assert shop.spot.there("configmap", "shop")["data"] == {"MODE": "calm"}
    assert (await shop.rig.planner.look_at_drift(REAL, None, ANNA)).changes == ()

    better = await shop.apply(shop.config(MODE="bold"), shop.app(NEWER))
    assert better.state is ExecutionState.SUCCEEDED, better.error
    back = await shop.rig.planner.rollback(f"{REAL}/workload/shop", ANNA)
    assert (await shop.rig.carry_out(back)).state is ExecutionState.SUCCEEDED
    assert shop.template()["spec"]["containers"][0]["image"] == IMAGE
    assert shop.spot.there("configmap", "shop")["data"] == {"MODE": "calm"}


async def test_a_container_that_crashes_is_told_with_its_code_and_taken_back(shop: Shop) -> None:
    broken = await shop.apply(shop.config(), shop.app(command=("sh", "-c", "exit 7")))
    assert broken.state is ExecutionState.ROLLED_BACK
    message = str((broken.error or {}).get("message"))
    assert "CrashLoopBackOff" in message
    assert "code 7" in message
    assert not shop.spot.is_there("deployment", "web")
    assert not shop.spot.is_there("configmap", "shop")


async def test_a_container_whose_liveness_never_passes_is_told_and_taken_back(shop: Shop) -> None:
    """It runs, and the cluster calls it available, until the kubelet has had enough of it."""
    probe = {"exec": {"command": ["false"]}, "periodSeconds": 1, "failureThreshold": 4}
    app = shop.app()
    app["spec"]["template"]["spec"]["containers"][0]["livenessProbe"] = probe
    broken = await shop.apply(shop.config(), app)
    assert broken.state is ExecutionState.ROLLED_BACK
    assert "iveness probe" in str((broken.error or {}).get("message"))
    assert not shop.spot.is_there("deployment", "web")


async def test_drift_is_seen_by_the_watch_explained_and_healed(shop: Shop) -> None:
    await shop.apply(shop.config(), shop.app())
    following = asyncio.create_task(shop.rig.observer.follow(REAL))
    try:
        shop.spot.kubectl("scale", "deployment/web", "--replicas=1", "-n", shop.spot.namespace)
        async with asyncio.timeout(DEADLINE_S):
            while (await _replicas(shop)) != 1:
                await asyncio.sleep(0.05)
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
    plan = await shop.rig.planner.from_drift(REAL, None, ANNA)
    [change] = plan.changes
    assert [(item.path, item.before, item.after) for item in change.fields] == [(("spec", "replicas"), 1, 2)]
    assert (await shop.rig.carry_out(plan)).state is ExecutionState.SUCCEEDED
    assert shop.spot.there("deployment", "web")["spec"]["replicas"] == 2


async def test_what_the_namespaces_quota_forbids_is_no_plan_and_its_own_words_say_so(shop: Shop) -> None:
    shop.spot.kubectl("create", "quota", "tight", "--hard=count/configmaps=0", "-n", shop.spot.namespace)
    async with asyncio.timeout(DEADLINE_S):
        while "used" not in (shop.spot.there("resourcequota", "tight").get("status") or {}):
            await asyncio.sleep(0.05)
    with pytest.raises(Rejected, match="exceeded quota: tight"):
        await shop.plan(shop.config())


async def test_what_somebody_else_made_is_adopted_and_then_ours_to_change(shop: Shop) -> None:
    shop.spot.kubectl("create", "-f", "-", input=shop.config(MODE="foreign"))
    await shop.discover()
    with pytest.raises(Conflict, match="did not make it"):
        await shop.plan(shop.config())
    target = await shop.rig.ledger.need(Target, REAL)
    renderer = shop.rig.places.renderer(target)  # type: ignore[union-attr]
    await adopt(shop.rig.ledger, shop.resource("configmap/shop"), ANNA, name="shop", renderer=renderer)
    plan = await shop.plan(shop.config(MODE="ours"), take_over=True)
    assert [item.op for item in plan.changes] == [Op.UPDATE]
    assert (await shop.rig.carry_out(plan)).state is ExecutionState.SUCCEEDED
    assert shop.spot.there("configmap", "shop")["data"] == {"MODE": "ours"}


async def test_a_kind_and_an_object_of_it_are_made_by_one_plan(shop: Shop) -> None:
    """The cluster serves the kind a moment after its definition was made."""
    group = f"{shop.spot.namespace}.example.com"
    labels = {"app.kubernetes.io/part-of": "shop"}
    shape = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": f"widgets.{group}", "labels": labels},
        "spec": {
            "group": group, "scope": "Namespaced", "names": {"kind": "Widget", "plural": "widgets"},
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": shape}}],
        },
    }  # fmt: skip
    metadata = {"name": "one", "namespace": shop.spot.namespace, "labels": labels}
    widget = {"apiVersion": f"{group}/v1", "kind": "Widget", "metadata": metadata, "spec": {"size": 1}}
    try:
        made = await shop.apply(definition, widget)
        assert made.state is ExecutionState.SUCCEEDED, made.error
        assert shop.spot.there(f"widgets.{group}", "one")["spec"] == {"size": 1}
        assert (await shop.plan(definition, widget)).changes == ()
    finally:
        shop.spot.kubectl("delete", "customresourcedefinition", f"widgets.{group}", "--ignore-not-found", check=False)


async def _replicas(shop: Shop) -> object:
    found = await shop.rig.ledger.need(Observed, shop.resource("deployment/web"))
    assert found.health in (Health.HEALTHY, Health.STARTING)
    spec = (found.spec or {})["spec"]
    return spec["replicas"] if isinstance(spec, dict) else None
