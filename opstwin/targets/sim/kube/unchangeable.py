"""What may not be changed once an object is there."""

import json
from collections.abc import Callable, Iterator
from typing import Any, Final

from opstwin.targets.sim.kube.failures import Cause, invalid
from opstwin.targets.sim.kube.schema import Doc

_SET_FREE: Final = (
    "replicas", "ordinals", "template", "updateStrategy", "revisionHistoryLimit",
    "persistentVolumeClaimRetentionPolicy", "minReadySeconds",
)  # fmt: skip
_SET_TEXT: Final = (
    "Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', "
    "'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are "
    "forbidden"
)
_OLD_SET_TEXT: Final = (
    "Forbidden: updates to statefulset spec for fields other than 'replicas', 'template', and 'updateStrategy' are "
    "forbidden"
)
_POD_TEXT: Final = (
    "Forbidden: pod updates may not change fields other than `spec.containers[*].image`,"
    "`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing "
    "tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
)


def causes_of_change(kind: str, before: Doc, after: Doc, minor: int) -> list[Cause]:
    """What a change does that it may not."""
    check = _CHECKS.get(kind)
    return list(check(before, after, minor)) if check else []


def _selector(before: Doc, after: Doc, minor: int) -> Iterator[Cause]:
    yield from _fixed(before, after, "spec.selector", "v1.LabelSelector")


def _fixed(before: Doc, after: Doc, path: str, go_type: str) -> Iterator[Cause]:
    old, new = _at(before, path), _at(after, path)
    if old != new:
        yield invalid(path, f"{go_type}{_go(new)}", "field is immutable")


def _at(doc: Any, path: str) -> Any:
    for part in path.split("."):
        doc = (doc or {}).get(part)
    return doc


def _go(value: Any) -> str:
    if not isinstance(value, dict):
        return json.dumps(value)
    labels = value.get("matchLabels") or {}
    inner = ", ".join(f'"{key}":"{labels[key]}"' for key in sorted(labels))
    return f"{{MatchLabels:map[string]string{{{inner}}}, MatchExpressions:[]v1.LabelSelectorRequirement(nil)}}"


def _stateful_set(before: Doc, after: Doc, minor: int) -> Iterator[Cause]:
    old = {key: value for key, value in before["spec"].items() if key not in _SET_FREE}
    new = {key: value for key, value in after["spec"].items() if key not in _SET_FREE}
    if old != new:
        yield Cause("FieldValueForbidden", "spec", _SET_TEXT if minor > 20 else _OLD_SET_TEXT)


def _pod(before: Doc, after: Doc, minor: int) -> Iterator[Cause]:
    if _pod_core(before) != _pod_core(after):
        yield Cause("FieldValueForbidden", "spec", _POD_TEXT)


def _pod_core(doc: Doc) -> Doc:
    free = ("activeDeadlineSeconds", "tolerations", "nodeName", "terminationGracePeriodSeconds", "ephemeralContainers")
    spec = {key: value for key, value in doc["spec"].items() if key not in free}
    for part in ("containers", "initContainers"):
        spec[part] = [
            {key: value for key, value in one.items() if key not in ("image", "resources")}
            for one in spec.get(part) or []
        ]
    return spec


def _job(before: Doc, after: Doc, minor: int) -> Iterator[Cause]:
    yield from _selector(before, after, minor)
    if before["spec"].get("template") != after["spec"].get("template"):
        yield invalid("spec.template", "core.PodTemplateSpec{...}", "field is immutable")


def _kept_data(before: Doc, after: Doc, minor: int) -> Iterator[Cause]:
    if before.get("type") != after.get("type"):
        yield invalid("type", f'"{after.get("type")}"', "field is immutable")
    if not before.get("immutable"):
        return
    if not after.get("immutable"):
        yield Cause("FieldValueForbidden", "immutable", "Forbidden: field is immutable when `immutable` is set")
    for part in ("data", "binaryData"):
        if before.get(part) != after.get(part):
            yield Cause("FieldValueForbidden", part, "Forbidden: field is immutable when `immutable` is set")


def _service(before: Doc, after: Doc, minor: int) -> Iterator[Cause]:
    old, new = before["spec"].get("clusterIP"), after["spec"].get("clusterIP")
    if old and new != old and after["spec"].get("type") != "ExternalName":
        yield invalid("spec.clusterIPs[0]", f'[]string{{"{new}"}}', "may not change once set")


def _claim(before: Doc, after: Doc, minor: int) -> Iterator[Cause]:
    free = ("resources", "volumeName", "volumeAttributesClassName")
    if _less(before["spec"], free) != _less(after["spec"], free):
        yield Cause(
            "FieldValueForbidden", "spec",
            "Forbidden: spec is immutable after creation except resources.requests and volumeAttributesClassName for "
            "bound claims",
        )  # fmt: skip


def _less(doc: Doc, names: tuple[str, ...]) -> Doc:
    return {key: value for key, value in doc.items() if key not in names}


def _binding(before: Doc, after: Doc, minor: int) -> Iterator[Cause]:
    if before.get("roleRef") != after.get("roleRef"):
        ref = after.get("roleRef") or {}
        text = f'APIGroup:"{ref.get("apiGroup", "")}", Kind:"{ref.get("kind", "")}", Name:"{ref.get("name", "")}"'
        yield invalid("roleRef", f"rbac.RoleRef{{{text}}}", "cannot change roleRef")


_CHECKS: Final[dict[str, Callable[[Doc, Doc, int], Iterator[Cause]]]] = {
    "Deployment": _selector, "ReplicaSet": _selector, "DaemonSet": _selector, "StatefulSet": _stateful_set,
    "Pod": _pod, "Job": _job, "ConfigMap": _kept_data, "Secret": _kept_data, "Service": _service,
    "PersistentVolumeClaim": _claim, "RoleBinding": _binding, "ClusterRoleBinding": _binding,
}  # fmt: skip
