"""What the server refuses about an object itself, in its words."""

import re
from collections.abc import Callable, Iterator
from typing import Any, Final

from opstwin.targets.sim.kube.failures import Cause, invalid, required, unsupported
from opstwin.targets.sim.kube.pod_validating import pod_spec_causes, quantity_causes
from opstwin.targets.sim.kube.schema import Doc, Shape, struct
from opstwin.targets.sim.kube.selectors import matches

_LABEL: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_SUBDOMAIN: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_LABEL_VALUE: Final = re.compile(r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?")
_PORT_TEXT: Final = "must be between 1 and 65535, inclusive"
_CONFIG_KEY: Final = re.compile(r"[-._a-zA-Z0-9]+")
_SERVICE: Final = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
_SERVICE_TEXT: Final = (
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, "
    "and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is "
    "'[a-z]([-a-z0-9]*[a-z0-9])?')"
)
_FREE: Final = ("Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding")

_SUBDOMAIN_TEXT: Final = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and "
    "end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
_LABEL_TEXT: Final = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with "
    "an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
_VALUE_TEXT: Final = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and "
    "end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is "
    "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)


def causes_against(kind: str, doc: Doc, shape: Shape) -> list[Cause]:
    """All that is wrong with an object that is to be stored."""
    found = [*_name(kind, doc["metadata"]), *_labels(doc["metadata"], "metadata")]
    special = list(_CHECKS[kind](doc)) if kind in _CHECKS else []
    seen = {cause.field for cause in special}
    found += special
    found += [cause for cause in _missing(doc, shape, "") if not _covered(cause.field, seen)]
    return found


def _covered(field: str, seen: set[str]) -> bool:
    return any(field == one or field.startswith(one + ".") for one in seen)


def _name(kind: str, meta: Doc) -> Iterator[Cause]:
    name = meta.get("name", "")
    if not name:
        yield required("metadata.name", "name or generateName is required")
    elif kind == "Service" and not (_SERVICE.fullmatch(name) and len(name) <= 63):
        yield invalid("metadata.name", f'"{name}"', _SERVICE_TEXT)
    elif kind == "Namespace" and not (_LABEL.fullmatch(name) and len(name) <= 63):
        yield invalid("metadata.name", f'"{name}"', _LABEL_TEXT)
    elif kind not in _FREE and not (_SUBDOMAIN.fullmatch(name) and len(name) <= 253):
        yield invalid("metadata.name", f'"{name}"', _SUBDOMAIN_TEXT)


def _labels(meta: Doc, at: str) -> Iterator[Cause]:
    for value in (meta.get("labels") or {}).values():
        if not _LABEL_VALUE.fullmatch(str(value)):
            yield invalid(f"{at}.labels", f'"{value}"', _VALUE_TEXT)
        elif len(str(value)) > 63:
            yield invalid(f"{at}.labels", f'"{value}"', "must be no more than 63 characters")


def _missing(value: Any, shape: Shape, at: str) -> Iterator[Cause]:
    """Fields that the schema requires, apart from status and metadata."""
    if isinstance(value, dict):
        yield from _missing_here(value, shape, at)
        for name, item in value.items():
            if at or name not in ("metadata", "status"):
                yield from _missing(item, shape.child(name), f"{at}{name}.")
    elif isinstance(value, list) and shape.form == "list":
        for index, item in enumerate(value):
            yield from _missing(item, shape.items, f"{at[:-1]}[{index}].")


def _missing_here(value: Doc, shape: Shape, at: str) -> Iterator[Cause]:
    names = struct(shape.type_name).required if shape.form == "struct" and shape.type_name else ()
    for name in names:
        if value.get(name) is None and name not in _MAY_BE_ABSENT:
            yield required(f"{at}{name}")


_MAY_BE_ABSENT: Final = ("serviceName", "rules", "currentMetrics", "subsets", "endpoints", "served", "storage", "group")


def _template(doc: Doc) -> Iterator[Cause]:
    spec = doc.get("spec") or {}
    template = spec.get("template") or {}
    meta = template.get("metadata") or {}
    selector = spec.get("selector")
    labels = meta.get("labels") or {}
    if selector is None or not (selector.get("matchLabels") or selector.get("matchExpressions")):
        yield (
            required("spec.selector")
            if selector is None
            else invalid("spec.selector", "v1.LabelSelector{}", "empty selector is invalid for deployment")
        )
    if selector != {} and not matches(selector, labels):
        yield invalid("spec.template.metadata.labels", _go_map(labels), "`selector` does not match template `labels`")
    yield from _labels(meta, "spec.template.metadata")
    claimed = [str(item["metadata"].get("name")) for item in spec.get("volumeClaimTemplates") or []]
    yield from pod_spec_causes(template.get("spec") or {}, "spec.template.spec", claimed)
    policy = (template.get("spec") or {}).get("restartPolicy")
    if policy != "Always":
        yield unsupported("spec.template.spec.restartPolicy", str(policy), ["Always"])
    if (spec.get("replicas") or 0) < 0:
        yield invalid("spec.replicas", str(spec["replicas"]), "must be greater than or equal to 0")


def _go_map(labels: Doc) -> str:
    if not labels:
        return "map[string]string(nil)"
    return "map[string]string{" + ", ".join(f'"{key}":"{labels[key]}"' for key in sorted(labels)) + "}"


def _deployment(doc: Doc) -> Iterator[Cause]:
    yield from _template(doc)
    strategy = (doc.get("spec") or {}).get("strategy") or {}
    if strategy.get("type") not in ("Recreate", "RollingUpdate"):
        yield Cause(
            "FieldValueNotSupported", "spec.strategy",
            f'Unsupported value: apps.DeploymentStrategy{{Type:"{strategy.get("type")}", '
            'RollingUpdate:(*apps.RollingUpdateDeployment)(nil)}: supported values: "Recreate", "RollingUpdate"',
        )  # fmt: skip
    if strategy.get("type") == "Recreate" and strategy.get("rollingUpdate"):
        yield Cause(
            "FieldValueForbidden", "spec.strategy.rollingUpdate",
            "Forbidden: may not be specified when strategy `type` is 'Recreate'",
        )  # fmt: skip
    rolling = strategy.get("rollingUpdate") or {}
    if str(rolling.get("maxUnavailable")) in ("0", "0%") and str(rolling.get("maxSurge")) in ("0", "0%"):
        yield invalid(
            "spec.strategy.rollingUpdate.maxUnavailable", 'intstr.IntOrString{Type:0, IntVal:0, StrVal:""}',
            "may not be 0 when `maxSurge` is 0",
        )  # fmt: skip


def _job(doc: Doc) -> Iterator[Cause]:
    inner = ((doc.get("spec") or {}).get("template") or {}).get("spec") or {}
    yield from pod_spec_causes(inner, "spec.template.spec")
    if inner.get("restartPolicy", "Always") not in ("OnFailure", "Never"):
        given = inner.get("restartPolicy", "")
        at = "spec.template.spec.restartPolicy"
        if given:
            yield unsupported(at, given, ["OnFailure", "Never"])
        else:
            yield required(at, 'valid values: "OnFailure", "Never"')


def _pod(doc: Doc) -> Iterator[Cause]:
    yield from pod_spec_causes(doc.get("spec") or {}, "spec")


def _service(doc: Doc) -> Iterator[Cause]:
    spec = doc.get("spec") or {}
    ports = spec.get("ports") or []
    if not ports and spec.get("clusterIP") != "None" and spec.get("type") != "ExternalName":
        yield required("spec.ports")
    for index, port in enumerate(ports):
        at = f"spec.ports[{index}]"
        if len(ports) > 1 and not port.get("name"):
            yield required(f"{at}.name")
        if not 1 <= int(port.get("port") or 0) <= 65535:
            yield invalid(f"{at}.port", str(port.get("port") or 0), _PORT_TEXT)
        target = port.get("targetPort")
        if isinstance(target, int) and not 1 <= target <= 65535:
            yield invalid(f"{at}.targetPort", str(target), _PORT_TEXT)
    kinds = ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"]
    if spec.get("type") not in kinds:
        yield unsupported("spec.type", str(spec.get("type")), kinds)


def _config_map(doc: Doc) -> Iterator[Cause]:
    for part in ("data", "binaryData"):
        for key in doc.get(part) or {}:
            if not _CONFIG_KEY.fullmatch(key):
                yield invalid(
                    f"{part}[{key}]", f'"{key}"',
                    "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or "
                    "'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')",
                )  # fmt: skip


def _autoscaler(doc: Doc) -> Iterator[Cause]:
    spec = doc.get("spec") or {}
    low, high = spec.get("minReplicas") or 1, spec.get("maxReplicas") or 0
    if high < 1:
        yield invalid("spec.maxReplicas", str(high), "must be greater than 0")
    elif high < low:
        yield invalid("spec.maxReplicas", str(high), "must be greater than or equal to `minReplicas`")


def _claim(doc: Doc) -> Iterator[Cause]:
    spec = doc.get("spec") or {}
    if not spec.get("accessModes"):
        yield required("spec.accessModes", "at least 1 access mode is required")
    requests = (spec.get("resources") or {}).get("requests") or {}
    if "storage" not in requests:
        yield required("spec.resources[storage]")
    yield from quantity_causes(requests, "spec.resources.requests")


_CHECKS: Final[dict[str, Callable[[Doc], Iterator[Cause]]]] = {
    "Deployment": _deployment, "StatefulSet": _template, "DaemonSet": _template, "ReplicaSet": _template, "Job": _job,
    "Pod": _pod, "Service": _service, "ConfigMap": _config_map, "Secret": _config_map,
    "HorizontalPodAutoscaler": _autoscaler, "PersistentVolumeClaim": _claim,
}  # fmt: skip
