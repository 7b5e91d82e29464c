"""What every cluster has from its first moment."""

from collections.abc import Iterable
from typing import Final

from opstwin.targets.sim.kube.cluster import FIRST_SPACES, Cluster, How
from opstwin.targets.sim.kube.schema import Doc
from opstwin.targets.sim.kube.writing import create

_HOW: Final = How(manager="kube-apiserver")
_CAPACITY: Final = {"cpu": "4", "memory": "16Gi", "pods": "5000", "ephemeral-storage": "100Gi"}
_EVERYTHING: Final = [
    {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}, {"verbs": ["*"], "nonResourceURLs": ["*"]},
]  # fmt: skip
_READ: Final = ["get", "list", "watch"]


def furnished(cluster: Cluster, nodes: Iterable[str]) -> None:
    """Make the namespaces, the server's own service, the usual roles, and nodes that are ready."""
    for name in FIRST_SPACES:
        _make(cluster, "Namespace", "", {"metadata": {"name": name}})
    _make(cluster, "Service", "default", {
        "metadata": {"name": "kubernetes", "labels": {"component": "apiserver", "provider": "kubernetes"}},
        "spec": {"clusterIP": "10.96.0.1", "ports": [{"name": "https", "port": 443, "targetPort": 6443}]},
    })  # fmt: skip
    _make(cluster, "ClusterRole", "", {"metadata": {"name": "cluster-admin"}, "rules": _EVERYTHING})
    _make(cluster, "ClusterRole", "", {"metadata": {"name": "view"}, "rules": [
        {"verbs": _READ, "apiGroups": ["", "apps", "batch", "autoscaling", "policy", "networking.k8s.io"],
         "resources": ["*"]},
    ]})  # fmt: skip
    for name in nodes:
        _make(cluster, "Node", "", _node(cluster, name))


def _make(cluster: Cluster, kind: str, namespace: str, doc: Doc) -> None:
    create(cluster, cluster.named(kind), namespace, doc, _HOW)


def _node(cluster: Cluster, name: str) -> Doc:
    ready = {
        "type": "Ready", "status": "True", "reason": "KubeletReady", "message": "kubelet is posting ready status",
        "lastHeartbeatTime": cluster.stamp(), "lastTransitionTime": cluster.stamp(),
    }  # fmt: skip
    info = {"kubeletVersion": cluster.git_version, "operatingSystem": "linux", "architecture": "amd64"}
    labels = {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64"}
    return {
        "metadata": {"name": name, "labels": labels},
        "status": {
            "capacity": _CAPACITY, "allocatable": _CAPACITY, "conditions": [ready], "nodeInfo": info,
            "addresses": [{"type": "Hostname", "address": name}],
        },
    }  # fmt: skip
