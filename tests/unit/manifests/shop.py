"""Manifests of a small shop, and how a cluster shows them once they are applied."""

import copy
import json
from collections.abc import Mapping, Sequence
from typing import Any

from opstwin.domain.values import Json
from opstwin.manifests.merging import keys_of

Object = dict[str, Any]


def deployment(**spec: Json) -> Object:
    """What somebody asks for: one container with a probe, amounts, a volume."""
    container: Object = {
        "name": "web", "image": "shop/web:1", "ports": [{"containerPort": 80, "name": "http"}],
        "env": [{"name": "MODE", "value": "fast"}, {"name": "EMPTY", "value": ""}],
        "resources": {"requests": {"cpu": "0.5", "memory": "64Mi"}, "limits": {"memory": "0.0625Gi"}},
        "readinessProbe": {"httpGet": {"path": "/", "port": "http"}},
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp", "readOnly": False}],
    }  # fmt: skip
    pod: Object = {"containers": [container], "volumes": [{"name": "tmp", "emptyDir": {}}], "hostNetwork": False}
    template = {"metadata": {"labels": {"app": "web"}}, "spec": pod}
    return {
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "shop", "labels": {"app": "web"}},
        "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "web"}}, "template": template, **spec},
    }  # fmt: skip


def container_of(manifest: Object) -> Object:
    found: Object = manifest["spec"]["template"]["spec"]["containers"][0]
    return found


def served(manifest: Object) -> Object:
    """The Deployment as a cluster holds it: defaults filled in, empty values left out, amounts written its way."""
    shown = copy.deepcopy(manifest)
    shown["metadata"]["annotations"] = {"deployment.kubernetes.io/revision": "1"}
    shown["spec"].update(progressDeadlineSeconds=600, revisionHistoryLimit=10, strategy={"type": "RollingUpdate"})
    pod = shown["spec"]["template"]["spec"]
    pod.update(dnsPolicy="ClusterFirst", restartPolicy="Always", schedulerName="default-scheduler", securityContext={})
    pod.pop("hostNetwork", None)
    container = container_of(shown)
    container["imagePullPolicy"] = "IfNotPresent"
    container["ports"][0]["protocol"] = "TCP"
    container["env"] = [{k: v for k, v in item.items() if v != ""} for item in container["env"]]
    container["resources"] = {"requests": {"cpu": "500m", "memory": "64Mi"}, "limits": {"memory": "64Mi"}}
    container["readinessProbe"].update(timeoutSeconds=1, periodSeconds=10, failureThreshold=3, successThreshold=1)
    container["readinessProbe"]["httpGet"]["scheme"] = "HTTP"
    container["volumeMounts"] = [{"name": "tmp", "mountPath": "/tmp"}]
    return shown


def fields_of(value: Json, kind: str = "deployment", field: str = "") -> Object:
    """The fieldsV1 of somebody who applied `value`, as the API server writes them."""
    if isinstance(value, dict):
        return {f"f:{key}": fields_of(item, kind, key) for key, item in value.items()}
    keys = keys_of(kind, field, value) if isinstance(value, list) else None
    if keys is None or not isinstance(value, list):
        return {}
    return {_key(item, keys): {".": {}, **fields_of(item, kind)} for item in value}


def _key(item: Json, keys: Sequence[str]) -> str:
    assert isinstance(item, dict)
    return "k:" + json.dumps({key: item.get(key, "TCP") for key in keys}, separators=(",", ":"))


def owning(shown: Object, applied: Mapping[str, Any], manager: str = "opstwin") -> Object:
    """`shown` with the managed fields of `manager`, who applied `applied`."""
    said = {key: item for key, item in applied.items() if key not in ("apiVersion", "kind")}
    metadata = said.pop("metadata", {})
    marked = {key: metadata[key] for key in ("labels", "annotations") if key in metadata}
    said |= {"metadata": marked} if marked else {}
    entry = {"manager": manager, "operation": "Apply", "fieldsV1": fields_of(said)}
    return {**shown, "metadata": {**shown["metadata"], "managedFields": [entry]}}
