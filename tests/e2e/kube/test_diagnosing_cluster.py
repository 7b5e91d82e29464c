"""A diagnosis of a real cluster: what is broken there is named, with the cluster's own words as evidence."""

from typing import Any

from opstwin.control.diagnosing_findings import Finding
from opstwin.control.diagnosing_logs import with_last_lines
from opstwin.domain.diagnosis import Code, Severity
from tests.e2e.kube.ward import Ward


def facts(finding: Finding) -> dict[str, object]:
    return {item.fact: item.value for item in finding.evidence}


async def test_what_keeps_deployments_of_a_real_cluster_from_running_is_found_with_evidence(ward: Ward) -> None:
    ward.has("unpulled", image="k8slocal/nothing:9")
    ward.has("crashing", "sh", "-c", "echo it breaks; exit 7")
    ward.has("hungry", "sh", "-c", "head -c 200000000 /dev/zero | tail", resources={"limits": {"memory": "16Mi"}})
    ward.has("homeless", resources={"requests": {"cpu": "900"}})
    ward.has("keyless", envFrom=[{"secretRef": {"name": "nobody-made-it"}}])

    pull = await ward.finding("unpulled", Code.IMAGE_PULL)
    assert pull.severity is Severity.CRITICAL
    assert pull.since is not None
    assert "k8slocal/nothing:9" in pull.why
    assert "ImagePull" in str(facts(pull)["why"])

    homeless = await ward.finding("homeless", Code.UNSCHEDULABLE)
    assert homeless.why.startswith("No node has room for 1 pod(s) of homeless")
    assert "Insufficient cpu" in str(facts(homeless)["why"])
    assert facts(homeless)["requests"] == [{"cpu": "900"}]
    await ward.told("FailedScheduling", "homeless")
    warned = facts(await ward.finding("homeless", Code.UNSCHEDULABLE))["warning"]
    assert str(warned).startswith("FailedScheduling: 0/1 nodes are available")

    keyless = await ward.finding("keyless", Code.CONFIG_MISSING)
    assert 'secret "nobody-made-it" not found' in str(facts(keyless)["why"])

    crash = await ward.finding("crashing", Code.CRASH_LOOP)
    assert "exit code 7" in crash.why
    assert facts(crash)["exit_code"] == 7
    assert crash.next_calls[0].tool == "logs_search"
    assert ward.rig.places is not None
    [read] = await with_last_lines(ward.rig.ledger, ward.rig.places, ward.rig.breakers, [crash])
    assert any(item.source == "log" and item.value == "it breaks" for item in read.evidence)

    killed = await ward.finding("hungry", Code.OUT_OF_MEMORY)
    assert "its limit of 16Mi" in killed.why
    assert (facts(killed)["ended"], facts(killed)["limits.memory"]) == ("OOMKilled", "16Mi")
    assert Code.CRASH_LOOP not in {item.code for item in await ward.findings("hungry")}


async def test_what_is_wrong_around_the_workloads_of_a_real_cluster_is_found_with_evidence(ward: Ward) -> None:
    def make(kind: str, api: str, name: str, **spec: Any) -> None:
        ward.spot.kubectl("apply", "-f", "-", input={
            "apiVersion": api, "kind": kind, "metadata": {"name": name}, "spec": spec,
        })  # fmt: skip

    ward.has("unready", readinessProbe={"exec": {"command": ["false"]}, "periodSeconds": 1})
    make("Service", "v1", "nowhere", selector={"app": "nobody"}, ports=[{"port": 80}])
    make("Service", "v1", "front", selector={"app": "unready"}, ports=[{"port": 80}])
    make("PersistentVolumeClaim", "v1", "data", accessModes=["ReadWriteOnce"], storageClassName="nobody-has-it",
         resources={"requests": {"storage": "1Gi"}})  # fmt: skip
    to = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "unready"}
    make("HorizontalPodAutoscaler", "autoscaling/v1", "unready", scaleTargetRef=to, minReplicas=1, maxReplicas=3,
         targetCPUUtilizationPercentage=50)  # fmt: skip

    await ward.told("Unhealthy", "unready")
    probe = await ward.finding("unready", Code.PROBE_FAILS)
    assert str(facts(probe)["warning"]).startswith("Unhealthy: Readiness probe failed")
    assert (await ward.finding("nowhere", Code.SERVICE_WITHOUT_PODS, "service")).severity is Severity.WARNING
    front = await ward.finding("front", Code.SERVICE_WITHOUT_PODS, "service")
    assert (front.severity, "none of its 1 pod(s) is ready" in front.why) == (Severity.CRITICAL, True)
    claim = await ward.finding("data", Code.CLAIM_UNBOUND, "persistentvolumeclaim")
    assert "nobody-has-it" in str(facts(claim)["asks for"])
    blind = await ward.finding("unready", Code.AUTOSCALER_BLIND, "horizontalpodautoscaler")
    assert str(facts(blind)["condition"]).startswith(("ScalingActive=False FailedGet", "AbleToScale=False"))

    make("ResourceQuota", "v1", "tight", hard={"pods": "1"})
    await ward.spot.until("resourcequota", "tight", lambda found: "used" in found["status"])
    ward.has("refused")
    quota = await ward.finding("refused", Code.QUOTA_EXCEEDED)
    assert "quota tight " in quota.why
    assert "exceeded quota: tight" in str(facts(quota)["why"])
