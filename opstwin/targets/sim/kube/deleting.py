"""Deleting: grace, finalizers and what becomes of dependents."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from opstwin.targets.sim.kube.admission import deletable
from opstwin.targets.sim.kube.catalogue import Kind
from opstwin.targets.sim.kube.cluster import Cluster, How
from opstwin.targets.sim.kube.failures import conflict
from opstwin.targets.sim.kube.schema import Doc
from opstwin.targets.sim.kube.store import Key
from opstwin.targets.sim.kube.versions import in_version
from opstwin.targets.sim.kube.webhooks import deletion_asked
from opstwin.targets.sim.kube.writing import read

FOREGROUND: Final = "foregroundDeletion"
ORPHAN: Final = "orphan"
_FINALIZERS: Final = {"Foreground": FOREGROUND, "Orphan": ORPHAN}


@dataclass(frozen=True, slots=True, kw_only=True)
class Deletion:
    """What a caller says about a deletion."""

    propagation: str = "Background"
    grace_s: int | None = None
    uid: str = ""
    revision: str = ""


def deletion(body: Doc, query: dict[str, str]) -> Deletion:
    """What body (DeleteOptions) and query say; the body wins."""
    conditions: Doc = body.get("preconditions") or {}
    orphan = body.get("orphanDependents", query.get("orphanDependents") == "true")
    grace = body.get("gracePeriodSeconds", query.get("gracePeriodSeconds"))
    return Deletion(
        propagation=body.get("propagationPolicy")
        or query.get("propagationPolicy")
        or ("Orphan" if orphan else "Background"),
        grace_s=int(grace) if grace is not None else None,
        uid=conditions.get("uid") or "",
        revision=conditions.get("resourceVersion") or "",
    )


def delete(cluster: Cluster, kind: Kind, key: Key, wish: Deletion, how: How) -> tuple[Doc, bool]:
    """Delete an object. Returns it, and whether it is gone. Raises `ApiFailure`."""
    live = read(cluster, kind, key)
    _preconditions(kind, key, live, wish)
    deletable(kind, live)
    deletion_asked(cluster, kind, live)
    marked = _marked(cluster, kind, live, wish)
    if marked is None:
        return live if how.dry_run else in_version(cluster.store.remove(key) or live, kind), True
    if how.dry_run or marked == live:
        return marked, False
    return cluster.store.put(key, marked), False


def _preconditions(kind: Kind, key: Key, live: Doc, wish: Deletion) -> None:
    meta = live["metadata"]
    if wish.uid and wish.uid != meta["uid"]:
        text = (
            f"the UID in the precondition ({wish.uid}) does not match the UID in record ({meta['uid']}). The object "
            "might have been deleted and then recreated"
        )
        raise conflict(kind.group, kind.name, key.name, text)
    if wish.revision and wish.revision != meta["resourceVersion"]:
        text = (
            f"the ResourceVersion in the precondition ({wish.revision}) does not match the ResourceVersion in record "
            f"({meta['resourceVersion']}). The object might have been modified"
        )
        raise conflict(kind.group, kind.name, key.name, text)


def _marked(cluster: Cluster, kind: Kind, live: Doc, wish: Deletion) -> Doc | None:
    """The object on its way out, or None when it goes at once."""
    meta = dict(live["metadata"])
    finalizers = [name for name in meta.get("finalizers") or [] if name not in (FOREGROUND, ORPHAN)]
    if wish.propagation in _FINALIZERS:
        finalizers.append(_FINALIZERS[wish.propagation])
    grace_s = _grace_s(kind, live, wish)
    if not finalizers and not grace_s and kind.name != "Namespace":
        return None
    before = meta.get("deletionGracePeriodSeconds")
    if "deletionTimestamp" not in meta or (before is not None and grace_s < before):
        meta["deletionTimestamp"] = cluster.stamp(cluster.now() + timedelta(seconds=grace_s))
        meta["deletionGracePeriodSeconds"] = grace_s
        if "generation" in meta:
            meta["generation"] += 1
    meta.pop("finalizers", None)
    if finalizers:
        meta["finalizers"] = finalizers
    return _terminating(kind, {**live, "metadata": meta})


def _terminating(kind: Kind, doc: Doc) -> Doc:
    if kind.name == "Namespace":
        doc["metadata"].pop("deletionGracePeriodSeconds", None)
        return {**doc, "status": {**(doc.get("status") or {}), "phase": "Terminating"}}
    return doc


def _grace_s(kind: Kind, live: Doc, wish: Deletion) -> int:
    if kind.name != "Pod" or kind.custom_shape:
        return 0
    spec: dict[str, Any] = live.get("spec") or {}
    if not spec.get("nodeName") or (live.get("status") or {}).get("phase") in ("Succeeded", "Failed"):
        return 0
    if wish.grace_s is not None:
        return wish.grace_s
    return int(spec.get("terminationGracePeriodSeconds", 30))
