"""Diagnosis, drift and subjects of a whole control plane over a simulated cluster."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from opstwin.control.diagnosing import Diagnostician
from opstwin.control.diagnosing_calls import call_text
from opstwin.control.diagnosing_findings import Diagnosis, Finding
from opstwin.control.drift_causes import Cause
from opstwin.control.drift_explaining import DriftExplainer, Story
from opstwin.control.subjects import containers_of
from opstwin.domain.diagnosis import Code, Severity
from opstwin.domain.event import Event
from opstwin.errors import InvalidInput
from opstwin.targets.sim.kube.life.images import Image
from tests.cluster_rig import PROD, ClusterRig, cluster_rig

Object = dict[str, Any]


def deployment(image: str = "shop:1", replicas: int = 2, name: str = "web", **container: Any) -> Object:
    labels = {"app": name, "app.kubernetes.io/part-of": "shop"}
    return {
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": name, "namespace": "default", "labels": labels},
        "spec": {
            "replicas": replicas, "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": "app", "image": image, **container}]},
            },
        },
    }  # fmt: skip


def thing(kind: str, version: str, name: str, **spec: Any) -> Object:
    return {
        "apiVersion": version, "kind": kind, "metadata": {"name": name, "namespace": "default"}, "spec": spec,
    }  # fmt: skip


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[ClusterRig]:
    async with cluster_rig(tmp_path) as here:
        await here.discover()
        yield here


async def diagnosis(here: ClusterRig, subject: str | None = None, language: str = "en") -> Diagnosis:
    await here.discover()
    assert here.rig.places is not None
    doctor = Diagnostician(here.rig.ledger, here.rig.places, here.rig.breakers, 1e6)
    return await doctor.diagnose(subject=subject, language=language)


async def finding(here: ClusterRig, code: Code, subject: str = "", **about: str) -> Finding:
    found = (await diagnosis(here, **about)).findings
    fitting = [item for item in found if item.code is code and item.subject.endswith(subject)]
    assert len(fitting) == 1, [(item.code.value, item.subject) for item in found]
    return fitting[0]


def has(here: ClusterRig, *documents: Object, after_s: float = 40) -> None:
    """Somebody else makes these, and some time goes by."""
    for document in documents:
        here.cluster.create(document)
    here.cluster.advance(after_s)


def facts(found: Finding) -> dict[str, object]:
    return {item.fact: item.value for item in found.evidence}


async def test_a_cluster_in_order_has_no_findings(shop: ClusterRig) -> None:
    service = thing("Service", "v1", "web", selector={"app": "web"}, ports=[{"port": 80}])
    has(shop, deployment(), service)
    found = await diagnosis(shop)
    assert (found.findings, found.unchecked) == ((), ())


async def test_an_image_that_cannot_be_pulled_is_one_finding_for_all_pods_with_the_way_back(shop: ClusterRig) -> None:
    await shop.apply(deployment())
    await shop.apply(deployment("shop:2"))
    shop.cluster.image("shop:2", Image(pulls=False))
    for pod in shop.cluster.all("Pod", "default"):
        shop.cluster.remove("Pod", "default", pod["metadata"]["name"])
    has(shop)
    found = await finding(shop, Code.IMAGE_PULL)
    assert (found.subject, found.severity) == ("prod/deployment/default/web", Severity.CRITICAL)
    assert found.why == "web does not come up: image shop:2 cannot be pulled (2 pod(s))."
    assert "ImagePullBackOff" in str(facts(found)["why"])
    assert [call_text(call) for call in found.next_calls] == [
        "plan_create(rollback=shop, target=prod)", "twin_get(id=prod/deployment/default/web)",
    ]  # fmt: skip


async def test_asking_about_a_pod_tells_what_is_found_at_its_deployment(shop: ClusterRig) -> None:
    has(shop, deployment("shop:missing", 1), deployment("else:missing", 1, name="else"))
    name = next(item["metadata"]["name"] for item in shop.cluster.all("Pod", "default")
                if item["metadata"]["name"].startswith("web"))  # fmt: skip
    await shop.discover()
    found = await diagnosis(shop, f"{PROD}/pod/default/{name}")
    assert [(item.code, item.subject) for item in found.findings] == [
        (Code.IMAGE_PULL, "prod/deployment/default/web")
    ]  # fmt: skip


async def test_a_crash_loop_and_a_kill_for_memory_are_told_apart(shop: ClusterRig) -> None:
    shop.cluster.image("breaks:1", Image(exits=7))
    shop.cluster.image("hungry:1", Image(exits=137, out_of_memory=True))
    limits = {"limits": {"memory": "32Mi"}}
    has(shop, deployment("breaks:1", 1), deployment("hungry:1", 1, name="hungry", resources=limits))
    crash = await finding(shop, Code.CRASH_LOOP)
    assert crash.subject.endswith("/web")
    assert "exit code 7" in crash.why
    killed = await finding(shop, Code.OUT_OF_MEMORY)
    assert killed.subject.endswith("/hungry")
    assert "its limit of 32Mi" in killed.why
    korean = await finding(shop, Code.OUT_OF_MEMORY, language="ko")
    assert "메모리 한도 32Mi" in korean.why


async def test_a_memory_limit_of_ours_that_is_too_small_is_planned_anew(shop: ClusterRig) -> None:
    shop.cluster.image("shop:1", Image(exits=137, out_of_memory=True, runs_s=300))
    done = await shop.apply(deployment(replicas=1, resources={"limits": {"memory": "32Mi"}}))
    assert done.state.value == "succeeded", done.error
    has(shop, after_s=400)
    calls = (await finding(shop, Code.OUT_OF_MEMORY)).next_calls
    assert [call.tool for call in calls] == ["metrics_query"]


async def test_a_pod_without_a_node_is_found_with_what_it_asks_for(shop: ClusterRig) -> None:
    has(shop, deployment(replicas=1, resources={"requests": {"cpu": "9000"}}))
    found = await finding(shop, Code.UNSCHEDULABLE)
    assert facts(found)["requests"] == [{"cpu": "9k"}]
    assert "nodes are available" in str(facts(found)["why"])
    assert "nodes are available" not in found.why
    assert call_text(found.next_calls[0]) == "twin_query(kind=node, target=prod)"


async def test_a_probe_that_never_passes_is_found_with_the_probe(shop: ClusterRig) -> None:
    shop.cluster.image("shop:1", Image(ready=False))
    probe = {"httpGet": {"path": "/ready", "port": 80}}
    has(shop, deployment(replicas=1, readinessProbe=probe), after_s=90)
    found = await finding(shop, Code.PROBE_FAILS)
    assert facts(found)["probe"]["httpGet"]["path"] == "/ready"  # type: ignore[index]


async def test_a_quota_that_is_in_the_way_of_pods_is_named(shop: ClusterRig) -> None:
    has(shop, thing("ResourceQuota", "v1", "tight", hard={"pods": "1"}), deployment(replicas=2))
    found = await finding(shop, Code.QUOTA_EXCEEDED)
    assert found.severity is Severity.WARNING
    assert "quota tight " in found.why
    assert "exceeded quota: tight" in str(facts(found)["why"])


async def test_a_webhook_that_does_not_answer_is_named_as_what_keeps_pods_from_being_made(shop: ClusterRig) -> None:
    rule = {"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"]}
    hook = {
        "name": "gate.example.com", "rules": [rule], "failurePolicy": "Fail", "sideEffects": "None",
        "admissionReviewVersions": ["v1"], "clientConfig": {"url": "https://127.0.0.1:1/none"},
    }  # fmt: skip
    shop.cluster.webhook("gate.example.com", "down")
    has(shop, {
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": "gate"}, "webhooks": [hook],
    }, deployment(replicas=1))  # fmt: skip
    found = await finding(shop, Code.WEBHOOK_DOWN)
    assert found.severity is Severity.CRITICAL
    assert "admission webhook gate.example.com does not answer" in found.why
    korean = await finding(shop, Code.WEBHOOK_DOWN, language="ko")
    assert "웹훅 gate.example.com" in korean.why


async def test_a_namespace_that_goes_is_found(shop: ClusterRig) -> None:
    has(shop, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "old", "finalizers": ["example.com/x"]}})
    shop.cluster.remove("Namespace", "", "old")
    found = await finding(shop, Code.NAMESPACE_LEAVING)
    assert (found.subject, found.severity) == ("prod/namespace/old", Severity.NOTICE)


async def test_warnings_of_the_feed_about_pods_and_replica_sets_are_evidence_at_the_deployment(
    shop: ClusterRig,
) -> None:
    following = asyncio.create_task(shop.rig.observer.follow(PROD))
    try:
        async with asyncio.timeout(20):
            while not [item async for item in shop.rig.ledger.each(Event, {"type": "pod.added"})]:
                has(shop, deployment(replicas=1, name=f"new-{shop.rig.clock.monotonic_s():.0f}"), after_s=1)
                await asyncio.sleep(0.01)
            has(shop, thing("ResourceQuota", "v1", "tight", hard={"pods": "0"}), deployment(replicas=1))
            while not [item async for item in shop.rig.ledger.each(Event, {"type": "replicaset.warning"})]:
                shop.cluster.advance(1)
                await asyncio.sleep(0.01)
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
    found = await finding(shop, Code.QUOTA_EXCEEDED)
    assert str(facts(found)["warning"]).startswith("FailedCreate: ")


async def test_services_that_lead_nowhere_and_budgets_that_let_nothing_go_are_found(shop: ClusterRig) -> None:
    wrong = thing("Service", "v1", "wrong", selector={"app": "wbe"}, ports=[{"port": 80}])
    unready = thing("Service", "v1", "unready", selector={"app": "else"}, ports=[{"port": 80}])
    asleep = thing("Service", "v1", "asleep", selector={"app": "none"}, ports=[{"port": 80}])
    budget = thing("PodDisruptionBudget", "policy/v1", "web", minAvailable=2, selector={"matchLabels": {"app": "web"}})
    has(shop, deployment(), deployment("else:missing", 1, name="else"), deployment(replicas=0, name="none"),
        wrong, unready, asleep, budget)  # fmt: skip
    found = {item.subject.rpartition("/")[2]: item for item in (await diagnosis(shop)).findings
             if item.code in (Code.SERVICE_WITHOUT_PODS, Code.EVICTION_BLOCKED)}  # fmt: skip
    assert {name: item.severity.value for name, item in found.items()} == {
        "wrong": "warning", "unready": "critical", "asleep": "notice", "web": "notice",
    }  # fmt: skip
    assert facts(found["wrong"])["selector"] == {"app": "wbe"}
    assert facts(found["web"])["healthy pods"] == "2/2"


async def test_replicas_that_an_autoscaler_sets_are_told_as_its_doing(shop: ClusterRig) -> None:
    await shop.apply(deployment())
    to = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    has(shop, thing("HorizontalPodAutoscaler", "autoscaling/v2", "web", minReplicas=3, maxReplicas=5,
                    scaleTargetRef=to))  # fmt: skip
    shop.cluster.edit("Deployment", "default", "web", {"spec": {"replicas": 3}})
    await shop.discover()
    story = await drifted(shop)
    assert (story.cause, [item.path for item in story.differences]) == (Cause.AUTOSCALER, ["spec.replicas"])
    assert story.cause_text.startswith("Autoscaler web sets its number of replicas")
    shop.cluster.remove("HorizontalPodAutoscaler", "default", "web")
    await shop.discover()
    assert (await drifted(shop)).cause is Cause.OUTSIDE


async def test_fields_that_somebody_took_are_told_as_no_longer_ours(shop: ClusterRig) -> None:
    await shop.apply(deployment())
    shop.cluster.edit("Deployment", "default", "web", {"spec": {"replicas": 1}})
    await shop.discover()
    assert (await drifted(shop)).cause_text == (
        "Somebody or something outside of Opstwin changed it: no plan of ours did. "
        "By the cluster's books these fields are no longer Opstwin's: spec.replicas."
    )


async def test_a_service_has_no_log_and_the_error_says_what_has(shop: ClusterRig) -> None:
    has(shop, deployment(), thing("Service", "v1", "front", selector={"app": "web"}, ports=[{"port": 80}]))
    await shop.discover()
    with pytest.raises(InvalidInput, match="front") as refused:
        await containers_of(shop.rig.ledger, "front", None)
    assert "Deployment" in refused.value.next_step
    assert await containers_of(shop.rig.ledger, "web", None) == ["prod/deployment/default/web"]


async def drifted(here: ClusterRig) -> Story:
    assert here.rig.places is not None
    explainer = DriftExplainer(here.rig.ledger, here.rig.places, here.rig.breakers)
    [found] = await explainer.stories(await explainer.drifts(PROD, None))
    return found
