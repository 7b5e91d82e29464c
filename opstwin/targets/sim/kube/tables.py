"""The forms in which an object or a list can be asked for: whole, as a table for people, or only its metadata."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from opstwin.targets.sim.kube.asking import Ask
from opstwin.targets.sim.kube.catalogue import Kind
from opstwin.targets.sim.kube.cluster import Cluster
from opstwin.targets.sim.kube.schema import Doc

Row = tuple[Any, ...]


def form_of(ask: Ask) -> str:
    """`Table`, `PartialObjectMetadata`, `PartialObjectMetadataList`, or "" for the whole."""
    first = ask.headers.get("accept", "").split(",")[0]
    return next((item.strip()[3:] for item in first.split(";") if item.strip().startswith("as=")), "")


def shown(cluster: Cluster, kind: Kind, doc: Doc, ask: Ask) -> Doc:
    """`doc` (an object or a list) in the form that was asked for."""
    form = form_of(ask)
    if form == "Table":
        return table(cluster, kind, doc, whole=ask.query.get("includeObject") == "Object")
    if form.startswith("PartialObjectMetadata"):
        return _metadata_only(doc)
    return doc


def _metadata_only(doc: Doc) -> Doc:
    if "items" not in doc:
        return _partial(doc)
    items = [_partial(item) for item in doc["items"]]
    return {
        "kind": "PartialObjectMetadataList",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": doc["metadata"],
        "items": items,
    }


def _partial(doc: Doc) -> Doc:
    return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": doc["metadata"]}


def table(cluster: Cluster, kind: Kind, doc: Doc, *, whole: bool = False, head: bool = True) -> Doc:
    """The Table form; `whole` puts whole objects into its rows, without `head` the columns are left out."""
    columns, cells = _TABLES.get("" if kind.custom_shape else kind.name, (("Name", "Age"), _plain))
    now = cluster.now()
    items = doc.get("items", [doc])
    rows = [{"cells": list(cells(item, now)), "object": item if whole else _partial(item)} for item in items]
    meta = (
        {key: value for key, value in doc["metadata"].items() if key in _TABLE_META}
        if "items" in doc
        else {"resourceVersion": doc["metadata"].get("resourceVersion", "")}
    )
    told = [_column(name) for name in columns] if head else []
    return {
        "kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": meta, "columnDefinitions": told, "rows": rows,
    }  # fmt: skip


_TABLE_META: Final = ("resourceVersion", "continue", "remainingItemCount")


def _column(name: str) -> Doc:
    wide = name.startswith("+")
    kind = "integer" if name in ("Up-to-date", "Available", "Data", "Desired", "Current", "Secrets") else "string"
    return {
        "name": name.lstrip("+"), "type": kind, "format": "name" if name == "Name" else "", "description": "",
        "priority": 1 if wide else 0,
    }  # fmt: skip


def age(doc: Doc, now: datetime) -> str:
    """How long ago an object was created, as `kubectl` shows it."""
    return since(doc["metadata"].get("creationTimestamp"), now)


def since(stamp: str | None, now: datetime) -> str:
    """How long ago a moment was, in the largest fitting unit."""
    if not stamp:
        return "<unknown>"
    passed_s = max(0, int((now - datetime.fromisoformat(stamp)).total_seconds()))
    if passed_s < 120:
        return f"{passed_s}s"
    minutes = passed_s // 60
    if minutes < 10:
        return f"{minutes}m{passed_s % 60}s" if passed_s % 60 else f"{minutes}m"
    if minutes < 180:
        return f"{minutes}m"
    hours = minutes // 60
    return f"{hours}h" if hours < 48 else f"{hours // 24}d"


def _plain(doc: Doc, now: datetime) -> Row:
    return doc["metadata"]["name"], age(doc, now)


def _pod(doc: Doc, now: datetime) -> Row:
    status, spec = doc.get("status") or {}, doc.get("spec") or {}
    states = status.get("containerStatuses") or []
    ready = sum(bool(item.get("ready")) for item in states)
    restarts = sum(int(item.get("restartCount", 0)) for item in states)
    told = f"{ready}/{len(spec.get('containers') or [])}"
    return (
        doc["metadata"]["name"], told, pod_word(doc), str(restarts), age(doc, now), status.get("podIP", "<none>"),
        spec.get("nodeName", "<none>"), "<none>", "<none>",
    )  # fmt: skip


def pod_word(doc: Doc) -> str:
    """The one word for how a pod does."""
    status = doc.get("status") or {}
    if doc["metadata"].get("deletionTimestamp"):
        return "Terminating"
    for item in status.get("containerStatuses") or []:
        state = item.get("state") or {}
        reason = (state.get("waiting") or state.get("terminated") or {}).get("reason")
        if reason:
            return str(reason)
    return str(status.get("reason") or status.get("phase", "Unknown"))


def _deployment(doc: Doc, now: datetime) -> Row:
    status, spec = doc.get("status") or {}, doc.get("spec") or {}
    told = f"{status.get('readyReplicas', 0)}/{spec.get('replicas', 0)}"
    return (
        doc["metadata"]["name"], told, status.get("updatedReplicas", 0), status.get("availableReplicas", 0),
        age(doc, now), *_containers(spec),
    )  # fmt: skip


def _containers(spec: Doc) -> tuple[str, str, str]:
    containers = ((spec.get("template") or {}).get("spec") or {}).get("containers") or []
    labels = (spec.get("selector") or {}).get("matchLabels") or {}
    return (
        ",".join(item["name"] for item in containers), ",".join(item.get("image", "") for item in containers),
        ",".join(f"{key}={value}" for key, value in labels.items()),
    )  # fmt: skip


def _replica_set(doc: Doc, now: datetime) -> Row:
    status, spec = doc.get("status") or {}, doc.get("spec") or {}
    counts = (spec.get("replicas", 0), status.get("replicas", 0), status.get("readyReplicas", 0))
    return doc["metadata"]["name"], *counts, age(doc, now), *_containers(spec)


def _stateful_set(doc: Doc, now: datetime) -> Row:
    told = f"{(doc.get('status') or {}).get('readyReplicas', 0)}/{(doc.get('spec') or {}).get('replicas', 0)}"
    return doc["metadata"]["name"], told, age(doc, now)


def _daemon_set(doc: Doc, now: datetime) -> Row:
    status = doc.get("status") or {}
    names = (
        "desiredNumberScheduled",
        "currentNumberScheduled",
        "numberReady",
        "updatedNumberScheduled",
        "numberAvailable",
    )
    return doc["metadata"]["name"], *(status.get(name, 0) for name in names), age(doc, now)


def _service(doc: Doc, now: datetime) -> Row:
    spec = doc.get("spec") or {}
    ports = ",".join(
        f"{port['port']}{':' + str(port['nodePort']) if port.get('nodePort') else ''}/{port.get('protocol', 'TCP')}"
        for port in spec.get("ports") or []
    )
    address = spec.get("clusterIP", "<none>")
    return doc["metadata"]["name"], spec.get("type", ""), address, "<none>", ports or "<none>", age(doc, now)


def _config_map(doc: Doc, now: datetime) -> Row:
    return doc["metadata"]["name"], len(doc.get("data") or {}) + len(doc.get("binaryData") or {}), age(doc, now)


def _secret(doc: Doc, now: datetime) -> Row:
    return doc["metadata"]["name"], doc.get("type", ""), len(doc.get("data") or {}), age(doc, now)


def _namespace(doc: Doc, now: datetime) -> Row:
    return doc["metadata"]["name"], (doc.get("status") or {}).get("phase", ""), age(doc, now)


def _node(doc: Doc, now: datetime) -> Row:
    status = doc.get("status") or {}
    ready = any(item["type"] == "Ready" and item["status"] == "True" for item in status.get("conditions") or [])
    word = ("Ready" if ready else "NotReady") + (
        ",SchedulingDisabled" if (doc.get("spec") or {}).get("unschedulable") else ""
    )
    return (
        doc["metadata"]["name"],
        word,
        "<none>",
        age(doc, now),
        (status.get("nodeInfo") or {}).get("kubeletVersion", ""),
    )


def _job(doc: Doc, now: datetime) -> Row:
    status, spec = doc.get("status") or {}, doc.get("spec") or {}
    return doc["metadata"]["name"], f"{status.get('succeeded', 0)}/{spec.get('completions', 1)}", "", age(doc, now)


def _event(doc: Doc, now: datetime) -> Row:
    about = doc.get("involvedObject") or doc.get("regarding") or {}
    seen = since(doc.get("lastTimestamp") or doc["metadata"].get("creationTimestamp"), now)
    subject = f"{str(about.get('kind', '')).lower()}/{about.get('name', '')}"
    return seen, doc.get("type", ""), doc.get("reason", ""), subject, doc.get("message", "")


_WIDE: Final = ("+Containers", "+Images", "+Selector")
_TABLES: Final[dict[str, tuple[tuple[str, ...], Callable[[Doc, datetime], Row]]]] = {
    "Pod": (
        ("Name", "Ready", "Status", "Restarts", "Age", "+IP", "+Node", "+Nominated Node", "+Readiness Gates"),
        _pod,
    ),
    "Deployment": (("Name", "Ready", "Up-to-date", "Available", "Age", *_WIDE), _deployment),
    "ReplicaSet": (("Name", "Desired", "Current", "Ready", "Age", *_WIDE), _replica_set),
    "StatefulSet": (("Name", "Ready", "Age"), _stateful_set),
    "DaemonSet": (("Name", "Desired", "Current", "Ready", "Up-to-date", "Available", "Age"), _daemon_set),
    "Service": (("Name", "Type", "Cluster-IP", "External-IP", "Port(s)", "Age"), _service),
    "ConfigMap": (("Name", "Data", "Age"), _config_map),
    "Secret": (("Name", "Type", "Data", "Age"), _secret),
    "Namespace": (("Name", "Status", "Age"), _namespace),
    "Node": (("Name", "Status", "Roles", "Age", "Version"), _node),
    "Job": (("Name", "Completions", "Duration", "Age"), _job),
    "Event": (("Last Seen", "Type", "Reason", "Object", "Message"), _event),
}
