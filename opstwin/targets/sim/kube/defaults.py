"""What the server fills in, kind by kind."""

import base64
from collections.abc import Callable
from typing import Any, Final

from opstwin.targets.sim.kube.pod_defaults import pod_object, pod_template, set_missing
from opstwin.targets.sim.kube.schema import Doc

_ROLLING: Final = {"maxUnavailable": "25%", "maxSurge": "25%"}


def defaulted(kind: str, doc: Doc, minor: int) -> Doc:
    """Fill in what `doc` (which is changed) leaves out. Returns it."""
    fill = _FILL.get(kind)
    if fill is not None:
        fill(doc, minor)
    return doc


def _spec(doc: Doc) -> Doc:
    found: Doc = doc.setdefault("spec", {})
    return found


def _deployment(doc: Doc, minor: int) -> None:
    spec = _spec(doc)
    set_missing(spec, replicas=1, revisionHistoryLimit=10, progressDeadlineSeconds=600)
    strategy = spec.setdefault("strategy", {})
    set_missing(strategy, type="RollingUpdate")
    if strategy["type"] == "RollingUpdate":
        rolling = strategy.get("rollingUpdate") or {}
        strategy["rollingUpdate"] = {**_ROLLING, **rolling}
    pod_template(spec, minor)


def _replica_set(doc: Doc, minor: int) -> None:
    spec = _spec(doc)
    set_missing(spec, replicas=1)
    if "template" in spec:
        pod_template(spec, minor)
        labels = spec["template"].get("metadata", {}).get("labels")
        if labels:
            set_missing(spec, selector={"matchLabels": labels})


def _stateful_set(doc: Doc, minor: int) -> None:
    spec = _spec(doc)
    set_missing(spec, replicas=1, podManagementPolicy="OrderedReady", revisionHistoryLimit=10)
    update = spec.setdefault("updateStrategy", {})
    set_missing(update, type="RollingUpdate")
    if update["type"] == "RollingUpdate":
        set_missing(update, rollingUpdate={"partition": 0})
        set_missing(update["rollingUpdate"], partition=0)
    if minor >= 27:
        set_missing(spec, persistentVolumeClaimRetentionPolicy={})
        set_missing(spec["persistentVolumeClaimRetentionPolicy"], whenDeleted="Retain", whenScaled="Retain")
    for claim in spec.get("volumeClaimTemplates") or []:
        set_missing(claim, apiVersion="v1", kind="PersistentVolumeClaim", status={"phase": "Pending"})
        _claim(claim, minor)
    pod_template(spec, minor)


def _daemon_set(doc: Doc, minor: int) -> None:
    spec = _spec(doc)
    set_missing(spec, revisionHistoryLimit=10)
    update = spec.setdefault("updateStrategy", {})
    set_missing(update, type="RollingUpdate")
    if update["type"] == "RollingUpdate":
        rolling = update.setdefault("rollingUpdate", {})
        set_missing(rolling, maxUnavailable=1)
        if minor >= 22:
            set_missing(rolling, maxSurge=0)
    pod_template(spec, minor)


def _job_spec(spec: Doc, minor: int) -> None:
    if spec.get("completions") is None and spec.get("parallelism") is None:
        spec["completions"] = 1
    set_missing(spec, parallelism=1, backoffLimit=6)
    if minor >= 22:
        set_missing(spec, completionMode="NonIndexed", suspend=False)
    if minor >= 29:
        set_missing(spec, podReplacementPolicy="TerminatingOrFailed", manualSelector=False)
    pod_template(spec, minor, restart=False)


def _job(doc: Doc, minor: int) -> None:
    _job_spec(_spec(doc), minor)


def _cron_job(doc: Doc, minor: int) -> None:
    spec = _spec(doc)
    set_missing(
        spec, concurrencyPolicy="Allow", suspend=False, successfulJobsHistoryLimit=3, failedJobsHistoryLimit=1
    )  # fmt: skip
    inner = spec.get("jobTemplate", {}).get("spec")
    if inner is not None:
        pod_template(inner, minor, restart=False)


def _service(doc: Doc, minor: int) -> None:
    spec = _spec(doc)
    set_missing(spec, type="ClusterIP", sessionAffinity="None")
    for port in spec.get("ports") or []:
        set_missing(port, protocol="TCP", targetPort=port.get("port"))
    if spec["type"] in ("NodePort", "LoadBalancer"):
        set_missing(spec, externalTrafficPolicy="Cluster")
    if spec["type"] == "ExternalName":
        return
    if minor >= 22:
        set_missing(spec, internalTrafficPolicy="Cluster")
        set_missing(spec, ipFamilies=["IPv4"], ipFamilyPolicy="SingleStack")
    if minor >= 24 and spec["type"] == "LoadBalancer":
        set_missing(spec, allocateLoadBalancerNodePorts=True)
    if spec["sessionAffinity"] == "ClientIP":
        set_missing(spec, sessionAffinityConfig={"clientIP": {"timeoutSeconds": 10800}})


def _secret(doc: Doc, minor: int) -> None:
    set_missing(doc, type="Opaque")
    plain = doc.pop("stringData", None) or {}
    if plain:
        coded = {key: base64.b64encode(str(text).encode()).decode() for key, text in plain.items()}
        doc["data"] = {**(doc.get("data") or {}), **coded}


def _claim(doc: Doc, minor: int) -> None:
    set_missing(_spec(doc), volumeMode="Filesystem")
    set_missing(doc, status={"phase": "Pending"})


def _volume(doc: Doc, minor: int) -> None:
    set_missing(_spec(doc), volumeMode="Filesystem", persistentVolumeReclaimPolicy="Retain")
    set_missing(doc, status={"phase": "Pending"})


def _autoscaler(doc: Doc, minor: int) -> None:
    spec = _spec(doc)
    set_missing(spec, minReplicas=1)
    if not doc["apiVersion"].endswith("/v1") and not spec.get("metrics"):
        target = {"type": "Utilization", "averageUtilization": 80}
        spec["metrics"] = [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]


def _network_policy(doc: Doc, minor: int) -> None:
    spec = _spec(doc)
    if not spec.get("policyTypes"):
        spec["policyTypes"] = ["Ingress", *(["Egress"] if spec.get("egress") else [])]
    for rule in [*(spec.get("ingress") or []), *(spec.get("egress") or [])]:
        for port in rule.get("ports") or []:
            set_missing(port, protocol="TCP")


def _namespace(doc: Doc, minor: int) -> None:
    set_missing(_spec(doc), finalizers=["kubernetes"])
    set_missing(doc, status={"phase": "Active"})
    if minor >= 21 and "name" in doc["metadata"]:
        labels = doc["metadata"].get("labels") or {}
        doc["metadata"]["labels"] = {**labels, "kubernetes.io/metadata.name": doc["metadata"]["name"]}


def _binding(doc: Doc, minor: int) -> None:
    set_missing(doc.setdefault("roleRef", {}), apiGroup="rbac.authorization.k8s.io")
    for subject in doc.get("subjects") or []:
        group = "" if subject.get("kind") == "ServiceAccount" else "rbac.authorization.k8s.io"
        if group:
            set_missing(subject, apiGroup=group)


def _limit_range(doc: Doc, minor: int) -> None:
    for limit in _spec(doc).get("limits") or []:
        if limit.get("type") != "Container":
            continue
        default = {**(limit.get("max") or {}), **(limit.get("default") or {})}
        request = {**(limit.get("min") or {}), **default, **(limit.get("defaultRequest") or {})}
        limit.update({key: value for key, value in (("default", default), ("defaultRequest", request)) if value})


def _custom_definition(doc: Doc, minor: int) -> None:
    spec = _spec(doc)
    names = spec.setdefault("names", {})
    if "kind" in names:
        set_missing(names, singular=names["kind"].lower(), listKind=names["kind"] + "List")
    set_missing(spec, conversion={"strategy": "None"})


def _webhooks(doc: Doc, minor: int) -> None:
    for hook in doc.get("webhooks") or []:
        set_missing(
            hook, failurePolicy="Fail", matchPolicy="Equivalent", timeoutSeconds=10, namespaceSelector={},
            objectSelector={},
        )  # fmt: skip
        for rule in hook.get("rules") or []:
            set_missing(rule, scope="*")


def _pod(doc: Doc, minor: int) -> None:
    pod_object(doc, minor)


_FILL: Final[dict[str, Callable[[Any, int], None]]] = {
    "Deployment": _deployment, "ReplicaSet": _replica_set, "ReplicationController": _replica_set,
    "StatefulSet": _stateful_set, "DaemonSet": _daemon_set, "Job": _job, "CronJob": _cron_job, "Service": _service,
    "Secret": _secret, "PersistentVolumeClaim": _claim, "PersistentVolume": _volume,
    "HorizontalPodAutoscaler": _autoscaler, "NetworkPolicy": _network_policy, "Namespace": _namespace,
    "RoleBinding": _binding, "ClusterRoleBinding": _binding, "LimitRange": _limit_range,
    "CustomResourceDefinition": _custom_definition, "ValidatingWebhookConfiguration": _webhooks,
    "MutatingWebhookConfiguration": _webhooks, "Pod": _pod,
}  # fmt: skip
