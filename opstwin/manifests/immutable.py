"""Which fields of an object cannot be changed once it is there, so that only a new object can have them. Pure.

From the update validation of Kubernetes 1.20 to 1.37 (k8s.io/kubernetes/pkg/apis/*/validation). What custom resources
refuse is said by their definitions: only the cluster knows, and says it to a preview.
"""

from collections.abc import Mapping
from typing import Final

from opstwin.domain.diff import FieldChange, FieldOp
from opstwin.domain.values import Json, Spec
from opstwin.manifests.difference import difference
from opstwin.manifests.quantities import amount_of

Path = tuple[str, ...]

_FIXED: Final[Mapping[str, tuple[Path, ...]]] = {
    "clusterrolebinding": (("roleRef",),),
    "csidriver": (("spec", "attachRequired"), ("spec", "volumeLifecycleModes")),
    "daemonset": (("spec", "selector"),),
    "deployment": (("spec", "selector"),),
    "endpointslice": (("addressType",),),
    "ingressclass": (("spec", "controller"),),
    "job": (
        ("spec", "completionMode"), ("spec", "completions"), ("spec", "managedBy"), ("spec", "manualSelector"),
        ("spec", "podFailurePolicy"), ("spec", "selector"), ("spec", "template"),
    ),
    "priorityclass": (("value",), ("preemptionPolicy",)),
    "replicaset": (("spec", "selector"),),
    "rolebinding": (("roleRef",),),
    "runtimeclass": (("handler",),),
    "service": (("spec", "clusterIP"), ("spec", "clusterIPs")),
    "storageclass": (("parameters",), ("provisioner",), ("reclaimPolicy",), ("volumeBindingMode",)),
}  # fmt: skip

_MAY_CHANGE: Final[Mapping[str, tuple[Path, ...]]] = {
    "persistentvolume": (
        ("spec", "accessModes"), ("spec", "capacity"), ("spec", "claimRef"), ("spec", "mountOptions"),
        ("spec", "persistentVolumeReclaimPolicy"), ("spec", "storageClassName"), ("spec", "volumeAttributesClassName"),
    ),
    "persistentvolumeclaim": (("spec", "resources", "requests"), ("spec", "volumeAttributesClassName")),
    "pod": (("spec", "activeDeadlineSeconds"), ("spec", "tolerations"), ("spec", "schedulingGates")),
    "statefulset": (
        ("spec", "minReadySeconds"), ("spec", "ordinals"), ("spec", "persistentVolumeClaimRetentionPolicy"),
        ("spec", "replicas"), ("spec", "revisionHistoryLimit"), ("spec", "template"), ("spec", "updateStrategy"),
    ),
}  # fmt: skip
"""Kinds of whose `spec` everything else is fixed."""

_CONTENT: Final = frozenset({"binaryData", "data", "immutable", "stringData"})


def forced_by(kind: str, before: Spec, after: Spec) -> tuple[str, ...]:
    """The dotted fields in which `after` differs and that cannot be changed in place; empty when all of them can."""
    differing = difference(kind, after, before)
    return tuple(".".join(change.path) for change in differing if _is_fixed(kind, change, before))


def _is_fixed(kind: str, change: FieldChange, before: Spec) -> bool:
    path = change.path
    if kind in ("configmap", "secret"):
        return (before.get("immutable") is True and path[0] in _CONTENT) or path == ("type",)
    if kind == "persistentvolumeclaim" and path[:3] == ("spec", "resources", "requests"):
        # The difference leads from what is wanted to what is there.
        return _shrinks(there=change.after, wanted=change.before)
    if kind == "pod" and path[:1] == ("spec",):
        return not _in_pod(change)
    if kind in _MAY_CHANGE and path[:1] == ("spec",):
        return not any(path[: len(free)] == free for free in _MAY_CHANGE[kind])
    return any(path[: len(fixed)] == fixed for fixed in _FIXED.get(kind, ()))


def _in_pod(change: FieldChange) -> bool:
    path = change.path
    if len(path) == 4 and path[1] in ("containers", "initContainers") and path[3] == "image":
        return change.op is FieldOp.CHANGE
    return any(path[: len(free)] == free for free in _MAY_CHANGE["pod"])


def _shrinks(*, there: Json, wanted: Json) -> bool:
    held, asked = amount_of(_storage(there)), amount_of(_storage(wanted))
    return held is not None and asked is not None and asked < held


def _storage(value: Json) -> Json:
    return value.get("storage") if isinstance(value, dict) else value
