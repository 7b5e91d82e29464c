"""Admission: what the built-in plugins add to an object or refuse about it."""

from typing import Final

from opstwin.targets.sim.kube.catalogue import Kind
from opstwin.targets.sim.kube.cluster import FIRST_SPACES, Cluster, How
from opstwin.targets.sim.kube.failures import ApiFailure, forbidden, not_found
from opstwin.targets.sim.kube.limit_ranges import limits_applied, limits_kept
from opstwin.targets.sim.kube.pod_security import security_checked
from opstwin.targets.sim.kube.quota import quota_kept
from opstwin.targets.sim.kube.schema import Doc
from opstwin.targets.sim.kube.webhooks import webhooks_asked

_MOUNTED_AT: Final = "/var/run/secrets/kubernetes.io/serviceaccount"


def admitted(cluster: Cluster, kind: Kind, doc: Doc, live: Doc | None, how: How) -> None:
    """Let mutating plugins change `doc`. Raises `ApiFailure`."""
    if live is None:
        _namespace_takes(cluster, kind, doc)
    if kind.name == "Pod" and not kind.custom_shape and live is None:
        limits_applied(cluster, doc)
        _account(cluster, doc)
    webhooks_asked(cluster, kind, doc, live, how, mutating=True)


def checked(cluster: Cluster, kind: Kind, doc: Doc, live: Doc | None, how: How) -> None:
    """Let validating plugins refuse `doc`. Raises `ApiFailure`."""
    if kind.custom_shape is None:
        if kind.name == "Pod" and live is None:
            limits_kept(cluster, doc)
        security_checked(cluster, kind, doc, live, how)
    webhooks_asked(cluster, kind, doc, live, how, mutating=False)
    if kind.namespaced and how.subresource != "status":
        quota_kept(cluster, kind, doc, live)


def deletable(kind: Kind, doc: Doc) -> None:
    """Refuse to delete what the cluster cannot be without."""
    name = doc["metadata"]["name"]
    if kind.name == "Namespace" and name in FIRST_SPACES and name != "kube-node-lease":
        raise forbidden("", "namespaces", name, "this namespace may not be deleted")


def _namespace_takes(cluster: Cluster, kind: Kind, doc: Doc) -> None:
    namespace = doc["metadata"].get("namespace", "")
    if not kind.namespaced or not namespace:
        return
    space = cluster.get("Namespace", "", namespace)
    if space is None:
        raise not_found("", "namespaces", namespace)
    if space["metadata"].get("deletionTimestamp"):
        name = doc["metadata"].get("name", "")
        refusal = forbidden(
            kind.group, kind.plural, name,
            f"unable to create new content in namespace {namespace} because it is being terminated",
        )  # fmt: skip
        refusal.details["causes"] = [
            {
                "reason": "NamespaceTerminating", "message": f"namespace {namespace} is being terminated",
                "field": "metadata.namespace",
            }
        ]  # fmt: skip
        raise refusal


def _account(cluster: Cluster, doc: Doc) -> None:
    """The service account of a pod, and the volume with its token."""
    spec = doc.setdefault("spec", {})
    namespace = doc["metadata"]["namespace"]
    name = spec.get("serviceAccountName") or spec.get("serviceAccount") or "default"
    account = cluster.get("ServiceAccount", namespace, name)
    if account is None:
        raise _no_account(doc, namespace, name)
    spec["serviceAccountName"] = spec["serviceAccount"] = name
    mounts = spec.get("automountServiceAccountToken", account.get("automountServiceAccountToken", True))
    if mounts and cluster.minor > 20:
        _mount_token(cluster, spec)


def _no_account(doc: Doc, namespace: str, name: str) -> ApiFailure:
    return forbidden(
        "", "pods", doc["metadata"].get("name", ""),
        f'error looking up service account {namespace}/{name}: serviceaccount "{name}" not found',
    )  # fmt: skip


def _mount_token(cluster: Cluster, spec: Doc) -> None:
    volumes = spec.get("volumes") or []
    if any(str(item.get("name", "")).startswith("kube-api-access-") for item in volumes):
        return
    name = f"kube-api-access-{cluster.suffix()}"
    sources = [
        {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
        {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
        {"downwardAPI": {"items": [{
            "path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"},
        }]}},
    ]  # fmt: skip
    spec["volumes"] = [*volumes, {"name": name, "projected": {"sources": sources, "defaultMode": 420}}]
    for container in [*(spec.get("containers") or []), *(spec.get("initContainers") or [])]:
        mount = {"name": name, "readOnly": True, "mountPath": _MOUNTED_AT}
        container["volumeMounts"] = [*(container.get("volumeMounts") or []), mount]
