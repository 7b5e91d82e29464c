"""The garbage collector: dependents go after, before, or not with their owner."""

from opstwin.targets.sim.kube.cluster import How
from opstwin.targets.sim.kube.deleting import FOREGROUND, ORPHAN, delete, deletion
from opstwin.targets.sim.kube.life.acting import drop
from opstwin.targets.sim.kube.life.engine import Life
from opstwin.targets.sim.kube.schema import Doc
from opstwin.targets.sim.kube.store import Key


def look_for_owners(life: Life, key: Key) -> None:
    """Delete what has lost its owners; wake what an owner that is gone has left; finish deletions that wait."""
    doc = life.cluster.store.get(key)
    if doc is None:
        _wake_dependents(life, key)
        return
    meta = doc["metadata"]
    finalizers = meta.get("finalizers") or []
    if meta.get("deletionTimestamp") and FOREGROUND in finalizers:
        _after_dependents(life, key, doc)
    elif meta.get("deletionTimestamp") and ORPHAN in finalizers:
        _leave_dependents(life, key, doc)
    elif (
        meta.get("ownerReferences")
        and not meta.get("deletionTimestamp")
        and not any(_exists(life, key, owner) for owner in meta["ownerReferences"])
    ):
        drop(life, key)


def _wake_dependents(life: Life, key: Key) -> None:
    uid = life.gone.pop(key, "")
    for dependent, _ in life.cluster.store.owned_by(uid) if uid else ():
        life.wake(dependent)


def _exists(life: Life, key: Key, owner: Doc) -> bool:
    home = life.cluster.home_of(owner["apiVersion"], owner["kind"])
    if home is None:
        return True
    space = key.namespace if life.cluster.kind_of(home).namespaced else ""
    found = life.cluster.store.get(Key(home, space, owner["name"]))
    return found is not None and found["metadata"]["uid"] == owner["uid"]


def _after_dependents(life: Life, key: Key, doc: Doc) -> None:
    left = [
        item
        for item in life.cluster.store.owned_by(doc["metadata"]["uid"])
        if any(
            one["uid"] == doc["metadata"]["uid"] and one.get("blockOwnerDeletion")
            for one in item[1]["metadata"]["ownerReferences"]
        )
    ]
    for dependent, found in left:
        if not found["metadata"].get("deletionTimestamp"):
            kind = life.cluster.kind_of(dependent.home)
            delete(life.cluster, kind, dependent, deletion({"propagationPolicy": "Foreground"}, {}), How())
    if not life.cluster.store.owned_by(doc["metadata"]["uid"]) or not left:
        _without(life, key, FOREGROUND)


def _leave_dependents(life: Life, key: Key, doc: Doc) -> None:
    uid = doc["metadata"]["uid"]
    for dependent, found in life.cluster.store.owned_by(uid):
        refs = [one for one in found["metadata"]["ownerReferences"] if one["uid"] != uid]
        meta = {name: value for name, value in found["metadata"].items() if name != "ownerReferences"}
        life.cluster.store.put(
            dependent, {**found, "metadata": {**meta, **({"ownerReferences": refs} if refs else {})}}
        )
    _without(life, key, ORPHAN)


def _without(life: Life, key: Key, finalizer: str) -> None:
    doc = life.cluster.store.get(key)
    if doc is None:
        return
    left = [name for name in doc["metadata"].get("finalizers") or [] if name != finalizer]
    meta = {name: value for name, value in doc["metadata"].items() if name != "finalizers"}
    if left or (key.home == "pods" and meta.get("deletionGracePeriodSeconds")):
        life.cluster.store.put(key, {**doc, "metadata": {**meta, **({"finalizers": left} if left else {})}})
    else:
        life.cluster.store.remove(key)
