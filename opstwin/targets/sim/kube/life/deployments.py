"""The Deployment controller: revisions, rolling updates, progress."""

import hashlib
import json
import math
from datetime import datetime
from typing import Any, Final

from opstwin.targets.sim.kube.life.acting import change, condition, drop, make, owned, owner, put_status, tell
from opstwin.targets.sim.kube.life.engine import Life
from opstwin.targets.sim.kube.schema import Doc
from opstwin.targets.sim.kube.store import Key

NAME: Final = "deployment-controller"
REVISION: Final = "deployment.kubernetes.io/revision"
_HASH: Final = "pod-template-hash"
_LETTERS: Final = "bcdfghjklmnpqrstvwxz2456789"

Set = tuple[Key, Doc]


def look_at_deployment(life: Life, key: Key) -> None:
    """Go one step towards the wanted template and count."""
    doc = life.cluster.store.get(key)
    if doc is None or doc["metadata"].get("deletionTimestamp"):
        return
    if not doc["spec"].get("paused"):
        new = _new_set(life, key, doc)
        old = [item for item in owned(life, doc, "replicasets.apps") if item[0] != new[0]]
        if doc["spec"]["strategy"]["type"] == "Recreate":
            _recreate(life, doc, new, old)
        else:
            _roll(life, doc, new, old)
        _clean_up(life, doc, new, old)
    _status(life, key)


def template_hash(template: Doc) -> str:
    """The letters that name a template."""
    meta = {name: value for name, value in (template.get("metadata") or {}).items() if name != "creationTimestamp"}
    text = json.dumps({**template, "metadata": meta}, sort_keys=True, default=str)
    number = int(hashlib.sha256(text.encode()).hexdigest(), 16)
    found = ""
    for _ in range(10):
        number, index = divmod(number, len(_LETTERS))
        found += _LETTERS[index]
    return found


def _revision(doc: Doc) -> int:
    return int((doc["metadata"].get("annotations") or {}).get(REVISION, 0))


def _new_set(life: Life, key: Key, doc: Doc) -> Set:
    """The ReplicaSet of the wanted template, made if need be, with the highest revision."""
    name = f"{key.name}-{template_hash(doc['spec']['template'])}"
    sets = owned(life, doc, "replicasets.apps")
    newest = max((_revision(item) for _, item in sets if item["metadata"]["name"] != name), default=0)
    set_key = Key("replicasets.apps", key.namespace, name)
    found = life.cluster.store.get(set_key)
    if found is None:
        found = make(life, "ReplicaSet", key.namespace, _set_of(doc, name, newest + 1), NAME)
    elif _revision(found) <= newest:
        found = _mark(life, set_key, found, newest + 1)
    live = life.cluster.store.get(key) or doc
    if _revision(live) != _revision(found):
        _mark(life, key, live, _revision(found))
    return set_key, found


def _mark(life: Life, key: Key, doc: Doc, revision: int) -> Doc:
    notes = {**(doc["metadata"].get("annotations") or {}), REVISION: str(revision)}
    return life.cluster.store.put(key, {**doc, "metadata": {**doc["metadata"], "annotations": notes}})


def _set_of(doc: Doc, name: str, revision: int) -> Doc:
    spec = doc["spec"]
    label = {_HASH: name.rpartition("-")[2]}
    template = spec["template"]
    labels = {**(template["metadata"].get("labels") or {}), **label}
    selector = {**spec["selector"], "matchLabels": {**(spec["selector"].get("matchLabels") or {}), **label}}
    notes = {
        REVISION: str(revision), "deployment.kubernetes.io/desired-replicas": str(spec["replicas"]),
        "deployment.kubernetes.io/max-replicas": str(spec["replicas"] + _surge(spec)),
    }  # fmt: skip
    why = (doc["metadata"].get("annotations") or {}).get("kubernetes.io/change-cause")
    return {
        "metadata": {
            "name": name, "labels": labels, "ownerReferences": [owner(doc)],
            "annotations": {**notes, **({"kubernetes.io/change-cause": why} if why else {})},
        },
        "spec": {
            "replicas": 0, "selector": selector, "minReadySeconds": spec.get("minReadySeconds", 0),
            "template": {**template, "metadata": {**template["metadata"], "labels": labels}},
        },
    }  # fmt: skip


def _portion(value: Any, of: int, *, up: bool) -> int:
    if isinstance(value, str) and value.endswith("%"):
        share = int(value[:-1]) * of / 100
        return math.ceil(share) if up else math.floor(share)
    return int(value or 0)


def _surge(spec: Doc) -> int:
    rolling = spec["strategy"].get("rollingUpdate") or {}
    return _portion(rolling.get("maxSurge"), spec["replicas"], up=True)


def _unavailable(spec: Doc) -> int:
    rolling = spec["strategy"].get("rollingUpdate") or {}
    found = _portion(rolling.get("maxUnavailable"), spec["replicas"], up=False)
    return found if found or _surge(spec) else 1


def _size(item: Set) -> int:
    return int(item[1]["spec"].get("replicas") or 0)


def _count(item: Set, name: str) -> int:
    return int((item[1].get("status") or {}).get(name, 0))


def _recreate(life: Life, doc: Doc, new: Set, old: list[Set]) -> None:
    for item in old:
        _resize(life, doc, item, 0)
    if all(not owned(life, item[1], "pods") for item in old):
        _resize(life, doc, new, doc["spec"]["replicas"])


def _roll(life: Life, doc: Doc, new: Set, old: list[Set]) -> None:
    """Up with the new as far as surge allows, down with the old as far as enough stay available."""
    spec = doc["spec"]
    wanted = spec["replicas"]
    total = _size(new) + sum(map(_size, old))
    if _size(new) > wanted:
        new = _resize(life, doc, new, wanted)
    elif _size(new) < wanted:
        room = wanted + _surge(spec) - total
        new = _resize(life, doc, new, min(wanted, _size(new) + max(0, room)))
    new_missing = _size(new) - _count(new, "availableReplicas")
    spare = _size(new) + sum(map(_size, old)) - (wanted - _unavailable(spec)) - max(0, new_missing)
    for item in sorted(old, key=lambda one: _revision(one[1])):
        ill = min(_size(item) - _count(item, "availableReplicas"), max(0, spare))
        spare -= ill
        if ill > 0:
            item = (item[0], _resize(life, doc, item, _size(item) - ill)[1])  # noqa: PLW2901
        cut = min(_size(item), max(0, spare))
        spare -= cut
        _resize(life, doc, item, _size(item) - cut)


def _resize(life: Life, doc: Doc, item: Set, size: int) -> Set:
    key, found = item
    if _size(item) == size:
        return item
    word = "up" if size > _size(item) else "down"
    text = f"Scaled {word} replica set {key.name} from {_size(item)} to {size}"
    tell(life, doc, "ScalingReplicaSet", text, source=NAME)
    live = life.cluster.store.get(key) or found
    return key, change(life, key, {**live, "spec": {**live["spec"], "replicas": size}}, NAME)


def _clean_up(life: Life, doc: Doc, new: Set, old: list[Set]) -> None:
    """Keep as many empty old sets as the history may hold."""
    empty = sorted(
        (item for item in old if not _size(item) and not _count(item, "replicas")), key=lambda one: _revision(one[1])
    )
    limit = doc["spec"].get("revisionHistoryLimit", 10)
    for key, _ in empty[: max(0, len(empty) - limit)]:
        drop(life, key)


def _status(life: Life, key: Key) -> None:
    doc = life.cluster.store.get(key)
    if doc is None:
        return
    sets = owned(life, doc, "replicasets.apps")
    new = [item for item in sets if item[0].name == f"{key.name}-{template_hash(doc['spec']['template'])}"]
    names = ("replicas", "readyReplicas", "availableReplicas")
    counts = {name: sum(_count(item, name) for item in sets) for name in names}
    counts["updatedReplicas"] = sum(_count(item, "replicas") for item in new)
    counts["unavailableReplicas"] = max(
        0, max(counts["replicas"], doc["spec"]["replicas"]) - counts["availableReplicas"]
    )
    status: Doc = {name: value for name, value in counts.items() if value}
    status["observedGeneration"] = doc["metadata"]["generation"]
    before = doc.get("status") or {}
    status["conditions"] = _conditions(life, key, doc, before, counts, new)
    failed = [item for one in sets for item in (one[1].get("status") or {}).get("conditions") or []]
    status["conditions"] += [item for item in failed if item["type"] == "ReplicaFailure"][:1]
    put_status(life, key, status)


def _conditions(life: Life, key: Key, doc: Doc, before: Doc, counts: dict[str, int], new: list[Set]) -> list[Doc]:
    spec = doc["spec"]
    enough = counts["availableReplicas"] >= spec["replicas"] - _unavailable(spec)
    word = "has" if enough else "does not have"
    reason = "MinimumReplicasAvailable" if enough else "MinimumReplicasUnavailable"
    stamp = life.cluster.stamp()
    ready = condition("Available", enough, stamp, reason, f"Deployment {word} minimum availability.")
    return [_kept(before, ready), _kept(before, _progress(life, key, doc, before, counts, new))]


def _kept(before: Doc, item: Doc) -> Doc:
    """`item` with the moments of the same condition before."""
    found = {**item}
    found.setdefault("lastUpdateTime", found["lastTransitionTime"])
    for old in before.get("conditions") or []:
        if old["type"] != found["type"]:
            continue
        if old["status"] == found["status"]:
            found["lastTransitionTime"] = old["lastTransitionTime"]
            if (old.get("reason"), old.get("message")) == (
                found.get("reason"),
                found.get("message"),
            ) and "moved" not in found:
                found["lastUpdateTime"] = old["lastUpdateTime"]
    found.pop("moved", None)
    return found


def _progress(life: Life, key: Key, doc: Doc, before: Doc, counts: dict[str, int], new: list[Set]) -> Doc:
    stamp = life.cluster.stamp()
    wanted = doc["spec"]["replicas"]
    name = new[0][0].name if new else ""
    complete = counts["updatedReplicas"] == wanted == counts["replicas"] == counts["availableReplicas"]
    if complete:
        text = f'ReplicaSet "{name}" has successfully progressed.'
        return condition("Progressing", True, stamp, "NewReplicaSetAvailable", text)
    old = next((item for item in before.get("conditions") or [] if item["type"] == "Progressing"), None)
    moved = any(
        counts[item] > before.get(item, 0) for item in ("updatedReplicas", "readyReplicas", "availableReplicas")
    )
    moved = moved or counts["replicas"] < before.get("replicas", 0)
    fresh = before.get("observedGeneration") != doc["metadata"]["generation"]
    deadline_s = doc["spec"].get("progressDeadlineSeconds", 600)
    if old is None or moved or fresh or old["reason"] == "NewReplicaSetAvailable":
        life.later(deadline_s + 1, key)
        text = f'ReplicaSet "{name}" is progressing.'
        return {**condition("Progressing", True, stamp, "ReplicaSetUpdated", text), "moved": True}
    waited_s = (life.cluster.now() - datetime.fromisoformat(old["lastUpdateTime"])).total_seconds()
    if old["reason"] == "ProgressDeadlineExceeded" or waited_s > deadline_s:
        text = f'ReplicaSet "{name}" has timed out progressing.'
        return condition("Progressing", False, stamp, "ProgressDeadlineExceeded", text)
    return dict(old)
