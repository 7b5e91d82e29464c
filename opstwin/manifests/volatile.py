"""What a cluster writes into objects by itself and would write anew into a successor. Pure."""

from collections.abc import Callable, Mapping
from typing import Final

from opstwin.domain.values import Json, Spec

_ANNOTATIONS: Final = frozenset({
    "autoscaling.alpha.kubernetes.io/conditions", "autoscaling.alpha.kubernetes.io/current-metrics",
    "batch.kubernetes.io/job-tracking", "control-plane.alpha.kubernetes.io/leader",
    "deployment.kubernetes.io/revision", "deprecated.daemonset.template.generation",
    "kubectl.kubernetes.io/last-applied-configuration", "pv.kubernetes.io/bind-completed",
    "pv.kubernetes.io/bound-by-controller", "pv.kubernetes.io/provisioned-by",
    "volume.beta.kubernetes.io/storage-provisioner", "volume.kubernetes.io/selected-node",
    "volume.kubernetes.io/storage-provisioner",
})  # fmt: skip
"""Written by controllers and by kubectl; the list of well-known annotations in the Kubernetes reference."""

_JOB_LABELS: Final = frozenset({
    "batch.kubernetes.io/controller-uid", "batch.kubernetes.io/job-name", "controller-uid", "job-name",
})  # fmt: skip
_TOKENS: Final = ("default-token-", "kube-api-access-")
"""The names of volumes that admission adds to pods for the credentials of their service account."""

_METADATA: Final = ("name", "namespace", "labels", "annotations")
Object = dict[str, Json]


def without_volatile(kind: str, spec: Spec) -> Object:
    """`spec` as one would ask for it again: without status and without what the cluster itself put in."""
    kept = {key: value for key, value in spec.items() if key != "status"}
    kept["metadata"] = _metadata(kept.get("metadata"))
    body = kept.get("spec")
    if isinstance(body, dict) and kind in _OF_KIND:
        kept["spec"] = _OF_KIND[kind](body)
    if kind == "serviceaccount":
        kept.pop("secrets", None)
    return kept


def _metadata(value: Json) -> Object:
    found = value if isinstance(value, dict) else {}
    kept: Object = {key: found[key] for key in _METADATA if key in found}
    notes = kept.get("annotations")
    if isinstance(notes, dict) and not _ANNOTATIONS.isdisjoint(notes):
        kept["annotations"] = {key: item for key, item in notes.items() if key not in _ANNOTATIONS}
    return kept


def _service(spec: Object) -> Object:
    """The addresses are given out anew; "None" is a wish."""
    dropped = {"healthCheckNodePort"} | (set() if spec.get("clusterIP") == "None" else {"clusterIP", "clusterIPs"})
    return _without(spec, *dropped)


def _job(spec: Object) -> Object:
    if spec.get("manualSelector"):
        return spec
    kept = _without(spec, "selector")
    template = kept.get("template")
    metadata = template.get("metadata") if isinstance(template, dict) else None
    labels = metadata.get("labels") if isinstance(metadata, dict) else None
    if isinstance(template, dict) and isinstance(metadata, dict) and isinstance(labels, dict):
        own: Object = {key: value for key, value in labels.items() if key not in _JOB_LABELS}
        kept["template"] = {**template, "metadata": {**metadata, "labels": own}}
    return kept


def _pod(spec: Object) -> Object:
    kept = _without(spec, "nodeName")
    for field in ("containers", "initContainers"):
        found = kept.get(field)
        if isinstance(found, list):
            kept[field] = [_without_tokens(item, "volumeMounts") if isinstance(item, dict) else item for item in found]
    return _without_tokens(kept, "volumes")


def _without_tokens(value: Object, field: str) -> Object:
    items = value.get(field)
    return {**value, field: [item for item in items if not _is_token(item)]} if isinstance(items, list) else value


def _is_token(item: Json) -> bool:
    name = item.get("name") if isinstance(item, dict) else None
    return isinstance(name, str) and name.startswith(_TOKENS)


def _without(spec: Object, *names: str) -> Object:
    return {key: value for key, value in spec.items() if key not in names}


_OF_KIND: Final[Mapping[str, Callable[[Object], Object]]] = {
    "job": _job,
    "namespace": lambda spec: _without(spec, "finalizers"),
    "persistentvolume": lambda spec: _without(spec, "claimRef"),
    "persistentvolumeclaim": lambda spec: _without(spec, "volumeName"),
    "pod": _pod,
    "service": _service,
}
