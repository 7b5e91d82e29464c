"""Label and field selectors."""

import re
from collections.abc import Callable
from typing import Any, Final

from opstwin.targets.sim.kube.failures import bad_request
from opstwin.targets.sim.kube.schema import Doc

Test = Callable[[Doc], bool]

_SET: Final = re.compile(r"^\s*(\S+)\s+(in|notin)\s*\(([^)]*)\)\s*$")
_PARTS: Final = re.compile(r",(?![^(]*\))")

_ANYWHERE: Final = ("metadata.name", "metadata.namespace")
_BY_HOME: Final = {
    "pods": ("spec.nodeName", "spec.restartPolicy", "spec.schedulerName", "spec.serviceAccountName", "status.phase",
             "status.podIP", "spec.hostNetwork"),
    "events": ("involvedObject.kind", "involvedObject.namespace", "involvedObject.name", "involvedObject.uid",
               "involvedObject.apiVersion", "involvedObject.resourceVersion", "involvedObject.fieldPath", "reason",
               "reportingComponent", "source", "type", "regarding.kind", "regarding.name", "regarding.uid"),
    "secrets": ("type",),
    "namespaces": ("status.phase",),
    "nodes": ("spec.unschedulable",),
    "replicasets.apps": ("status.replicas",),
    "jobs.batch": ("status.successful",),
}  # fmt: skip


def label_test(text: str) -> Test:
    """The test that a `labelSelector` parameter describes. Raises `ApiFailure` when it cannot be read."""
    tests = [_label_part(part.strip()) for part in _PARTS.split(text) if part.strip()]
    return lambda doc: all(test(doc["metadata"].get("labels") or {}) for test in tests)


def field_test(home: str, text: str) -> Test:
    """The test that a `fieldSelector` parameter describes, for objects kept at `home`. Raises `ApiFailure`."""
    tests = [_field_part(home, part.strip()) for part in text.split(",") if part.strip()]
    return lambda doc: all(test(doc) for test in tests)


def matches(selector: Doc | None, labels: Doc) -> bool:
    """Whether a `LabelSelector` object selects these labels; None selects nothing."""
    if selector is None:
        return False
    if any(labels.get(key) != value for key, value in (selector.get("matchLabels") or {}).items()):
        return False
    return all(_expression(item, labels) for item in selector.get("matchExpressions") or [])


def _expression(item: Doc, labels: Doc) -> bool:
    key, values = item["key"], item.get("values") or []
    return {
        "In": labels.get(key) in values,
        "NotIn": labels.get(key) not in values,
        "Exists": key in labels,
        "DoesNotExist": key not in labels,
    }.get(item["operator"], False)


def _label_part(part: str) -> Callable[[Doc], bool]:
    found = _SET.match(part)
    if found:
        key, values = found[1], {value.strip() for value in found[3].split(",")}
        return (
            (lambda labels: labels.get(key) in values)
            if found[2] == "in"
            else (lambda labels: labels.get(key) not in values)
        )
    for sign, wanted in (("!=", False), ("==", True), ("=", True)):
        if sign in part:
            key, value = (item.strip() for item in part.split(sign, 1))
            return lambda labels: (labels.get(key) == value) is wanted
    if not re.fullmatch(r"!?[\w./-]+", part):
        raise bad_request(f"unable to parse requirement: found '{part}', expected: identifier")
    return (lambda labels: part[1:] not in labels) if part.startswith("!") else (lambda labels: part in labels)


def _field_part(home: str, part: str) -> Test:
    sign = "!=" if "!=" in part else "==" if "==" in part else "="
    if sign not in part:
        raise bad_request(f"invalid field selector: {part}")
    path, value = (item.strip() for item in part.split(sign, 1))
    if path not in _ANYWHERE and path not in _BY_HOME.get(home, ()):
        raise bad_request(_unknown_path(home, path))
    keys = path.replace("regarding.", "involvedObject.").split(".")
    return lambda doc: (_text_at(doc, keys) == value) is (sign != "!=")


def _unknown_path(home: str, path: str) -> str:
    if home in _BY_HOME:
        return f"field label not supported: {path}"
    return f'"{path}" is not a known field selector: only "metadata.name", "metadata.namespace"'


def _text_at(doc: Any, keys: list[str]) -> str:
    for key in keys:
        doc = doc.get(key) if isinstance(doc, dict) else None
    if isinstance(doc, dict):
        return str(doc.get("component", ""))
    return "" if doc is None else str(doc).lower() if isinstance(doc, bool) else str(doc)
