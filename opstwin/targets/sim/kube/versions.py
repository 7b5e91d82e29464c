"""One object in several versions of its API."""

from typing import Any

from opstwin.targets.sim.kube.catalogue import Kind
from opstwin.targets.sim.kube.schema import Doc


def in_version(doc: Doc, kind: Kind) -> Doc:
    """The object as `kind`'s version writes it; the same object when it is in that version already."""
    if doc.get("apiVersion") == kind.api_version:
        return doc
    found = {**doc, "apiVersion": kind.api_version, "kind": kind.name}
    if kind.name == "HorizontalPodAutoscaler":
        found["spec"] = _autoscaler(found.get("spec") or {}, kind.version)
    if kind.name == "Event":
        found = _event(found, kind)
    return found


def _autoscaler(spec: Doc, version: str) -> Doc:
    if version != "v1":
        given = spec.get("targetCPUUtilizationPercentage")
        kept = {key: value for key, value in spec.items() if key != "targetCPUUtilizationPercentage"}
        return {**kept, "metrics": [_cpu(given)]} if given else kept
    cpu = next((_percentage(item) for item in spec.get("metrics") or [] if _percentage(item)), None)
    kept = {key: value for key, value in spec.items() if key not in ("metrics", "behavior")}
    return {**kept, "targetCPUUtilizationPercentage": cpu} if cpu else kept


def _cpu(percentage: int) -> Doc:
    target = {"type": "Utilization", "averageUtilization": percentage}
    return {"type": "Resource", "resource": {"name": "cpu", "target": target}}


def _percentage(metric: Doc) -> Any:
    resource = metric.get("resource") or {}
    return (resource.get("target") or {}).get("averageUtilization") if resource.get("name") == "cpu" else None


_EVENT = (
    ("involvedObject", "regarding"), ("message", "note"), ("source", "deprecatedSource"), ("count", "deprecatedCount"),
    ("firstTimestamp", "deprecatedFirstTimestamp"), ("lastTimestamp", "deprecatedLastTimestamp"),
    ("reportingComponent", "reportingController"),
)  # fmt: skip


def _event(doc: Doc, kind: Kind) -> Doc:
    names = dict(_EVENT) if kind.group else {new: old for old, new in _EVENT}
    return {names.get(key, key): value for key, value in doc.items()}
