"""The Pod Security Standards: versions of controls, what is enforced, and the golden set of dangerous manifests."""

from typing import Any

import pytest

from opstwin.manifests.checks.checking import checked
from opstwin.manifests.checks.findings import Level
from opstwin.manifests.checks.policy import Policy, Standard
from opstwin.manifests.checks.world import References
from tests.unit.manifests.checks.golden import BASELINE, CONTEXT, RESTRICTED, Change, volume
from tests.unit.manifests.checks.goods import GONE, POD, WEB, good, only, report, rules_in

BASELINE_PARAMS = [
    pytest.param(rule, bad, id=rule) for rule, (bad, _) in BASELINE.items() if rule != "security/host-root"
]
RESTRICTED_PARAMS = [pytest.param(rule, bad, id=rule) for rule, (bad, _) in RESTRICTED.items()]


@pytest.mark.parametrize(("rule", "bad"), BASELINE_PARAMS)
def test_a_breach_of_baseline_is_a_risk_and_an_error_where_baseline_is_enforced(rule: str, bad: list[Change]) -> None:
    assert only(report(*bad), rule).level is Level.WARNING
    for standard in (Standard.BASELINE, Standard.RESTRICTED):
        assert only(report(*bad, policy=Policy(enforced=standard)), rule).level is Level.ERROR


@pytest.mark.parametrize(("rule", "bad"), RESTRICTED_PARAMS)
def test_a_breach_of_restricted_is_a_note_and_an_error_only_where_restricted_is_enforced(
    rule: str, bad: list[Change]
) -> None:
    assert only(report(*bad), rule).level is Level.INFO
    assert only(report(*bad, policy=Policy(enforced=Standard.BASELINE)), rule).level is Level.INFO
    assert only(report(*bad, policy=Policy(enforced=Standard.RESTRICTED)), rule).level is Level.ERROR


@pytest.mark.parametrize("is_known", [True, False], ids=["on the cluster", "in the set"])
def test_what_a_namespace_enforces_holds_for_the_pods_in_it(is_known: bool) -> None:
    labels = {"pod-security.kubernetes.io/enforce": "baseline"}
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop", "labels": labels}}
    spoilt = good()
    spoilt[0]["spec"]["template"]["spec"]["hostPID"] = True
    rest: list[Any] = [] if is_known else [namespace]
    known = References(manifests=[namespace]) if is_known else None
    assert only(checked([*spoilt, *rest], known=known), "security/host-namespaces").level is Level.ERROR
    namespace["metadata"]["labels"] = {}  # type: ignore[index]
    assert only(checked([*spoilt, *rest], known=known), "security/host-namespaces").level is Level.WARNING


@pytest.mark.parametrize(
    ("rule", "before", "since", "changes"),
    [
        ("security/probe-host", "1.33", "1.34", [(f"{WEB}.livenessProbe.httpGet.host", "10.0.0.1")]),
        ("security/root-user", "1.22", "1.23", [(f"{CONTEXT}.runAsUser", 0)]),
        ("security/drop-all", "1.21", "1.22", [(f"{CONTEXT}.capabilities", GONE)]),
    ],
)
def test_a_control_holds_since_its_release(rule: str, before: str, since: str, changes: list[Change]) -> None:
    assert rule not in rules_in(report(*changes, version=before))
    assert rule in rules_in(report(*changes, version=since))


@pytest.mark.parametrize(
    ("changes", "rule", "before", "since"),
    [
        ([(f"{POD}.securityContext.sysctls", [{"name": "net.ipv4.tcp_rmem", "value": "1"}])],
         "security/sysctls", "1.31", "1.32"),
        ([(f"{CONTEXT}.seLinuxOptions", {"type": "container_engine_t"})], "security/selinux", "1.30", "1.31"),
    ],
)  # fmt: skip
def test_what_became_safe_is_safe_since_its_release(changes: list[Change], rule: str, before: str, since: str) -> None:
    assert rule in rules_in(report(*changes, version=before))
    assert rule not in rules_in(report(*changes, version=since))


def test_pods_for_windows_need_not_do_what_only_linux_can() -> None:
    changes = [(f"{POD}.os", {"name": "windows"}), (f"{WEB}.securityContext", GONE)]
    assert rules_in(report(*changes)) == set()
    assert "security/drop-all" in rules_in(report(*changes, version="1.24"))


@pytest.mark.parametrize("role", ["initContainers", "ephemeralContainers"])
def test_every_sort_of_container_is_looked_at(role: str) -> None:
    container = {"name": "other", "image": "a:1", "securityContext": {"privileged": True}}
    assert "security/privileged" in rules_in(report((f"{POD}.{role}", [container])))


@pytest.mark.parametrize("kind", ["Pod", "Job", "CronJob", "DaemonSet", "StatefulSet", "ReplicaSet"])
def test_pods_of_every_kind_are_looked_at(kind: str) -> None:
    pod: dict[str, Any] = {"spec": {"hostNetwork": True, "containers": [{"name": "a", "image": "a:1"}]}}
    if kind != "Pod":
        pod = {"spec": {"template": pod}}
    if kind == "CronJob":
        pod = {"spec": {"jobTemplate": pod}}
    api = {"Pod": "v1", "Job": "batch/v1", "CronJob": "batch/v1"}.get(kind, "apps/v1")
    found = checked([{"apiVersion": api, "kind": kind, "metadata": {"name": "a"}, **pod}])
    assert "security/host-namespaces" in rules_in(found)


@pytest.mark.parametrize(
    "path", ["/", "//", "/.", "/a/..", "/etc", "/var/run/docker.sock", "/var/lib/kubelet/", "/proc"]
)
def test_a_host_path_that_gives_the_node_away_blocks_however_it_is_written(path: str) -> None:
    found = report(*volume({"hostPath": {"path": path}}))
    assert only(found, "security/host-root").level is Level.ERROR
    assert only(found, "security/host-path").level is Level.WARNING


DANGEROUS = {
    "host path /": (volume({"hostPath": {"path": "/"}}), "security/host-root", Level.ERROR),
    "privileged": ([(f"{CONTEXT}.privileged", True)], "security/privileged", Level.WARNING),
    "host network": ([(f"{POD}.hostNetwork", True)], "security/host-namespaces", Level.WARNING),
    ":latest": ([(f"{WEB}.image", "web:latest")], "values/floating-image", Level.WARNING),
    "no tag": ([(f"{WEB}.image", "web")], "values/floating-image", Level.WARNING),
    "10^9 replicas": ([("Deployment.spec.replicas", 10**9)], "values/replicas", Level.ERROR),
}


@pytest.mark.parametrize(("changes", "rule", "level"), DANGEROUS.values(), ids=DANGEROUS)
def test_a_dangerous_manifest_has_a_verdict(changes: list[Change], rule: str, level: Level) -> None:
    finding = only(report(*changes), rule)
    assert finding.level is level
    assert finding in (*report(*changes).blocking, *report(*changes).risks)
