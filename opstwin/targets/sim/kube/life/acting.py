"""What controllers do to the store: make, delete, change the status of objects, and tell of it in events."""

from datetime import timedelta
from typing import Any, Final

from opstwin.targets.sim.kube.cluster import How, control_plane
from opstwin.targets.sim.kube.deleting import delete, deletion
from opstwin.targets.sim.kube.life.engine import Life, Untold
from opstwin.targets.sim.kube.schema import Doc
from opstwin.targets.sim.kube.store import Key
from opstwin.targets.sim.kube.writing import create, rewrite

MANAGER: Final = "kube-controller-manager"
KUBELET: Final = "kubelet"


def make(life: Life, kind: str, namespace: str, doc: Doc, by: str) -> Doc:
    """Create an object. Raises `ApiFailure`."""
    how = How(user=control_plane(by), manager=MANAGER)
    return create(life.cluster, life.cluster.named(kind), namespace, doc, how)


def change(life: Life, key: Key, doc: Doc, by: str) -> Doc:
    """Replace an object. Raises `ApiFailure`."""
    kind = life.cluster.kind_of(key.home)
    live = life.cluster.store.get(key) or doc
    return rewrite(life.cluster, kind, key, live, doc, How(user=control_plane(by), manager=MANAGER))


def drop(life: Life, key: Key, propagation: str = "Background") -> None:
    """Delete an object if it is there and not on its way out already."""
    live = life.cluster.store.get(key)
    if live is not None and not live["metadata"].get("deletionTimestamp"):
        wish = deletion({"propagationPolicy": propagation}, {})
        delete(life.cluster, life.cluster.kind_of(key.home), key, wish, How())


def put_status(life: Life, key: Key, status: Doc) -> None:
    """Keep a new status, if it is new. It goes straight to the store: nothing may refuse it, and nobody owns it."""
    live = life.cluster.store.get(key)
    if live is not None and live.get("status") != status:
        life.cluster.store.put(key, {**live, "status": status})


def owner(doc: Doc) -> Doc:
    """The reference that makes something a controller's own."""
    meta = doc["metadata"]
    return {
        "apiVersion": doc["apiVersion"], "kind": doc["kind"], "name": meta["name"], "uid": meta["uid"],
        "controller": True, "blockOwnerDeletion": True,
    }  # fmt: skip


def owned(life: Life, doc: Doc, home: str) -> list[tuple[Key, Doc]]:
    """What a controller owns of one home, in the order of names."""
    found = [(key, item) for key, item in life.cluster.store.owned_by(doc["metadata"]["uid"]) if key.home == home]
    return sorted(found, key=lambda item: item[0].name)


def condition(kind: str, status: bool, at: str, reason: str = "", message: str = "") -> Doc:
    """One condition."""
    found: Doc = {"type": kind, "status": "True" if status else "False", "lastTransitionTime": at}
    return found | {key: text for key, text in (("reason", reason), ("message", message)) if text}


def with_conditions(before: Doc, new: list[Doc]) -> list[Doc]:
    """`new`, with the moments of the conditions in `before` whose status has not changed."""
    old = {item["type"]: item for item in before.get("conditions") or []}
    return [
        {**item, "lastTransitionTime": old[item["type"]]["lastTransitionTime"]}
        if item["type"] in old and old[item["type"]]["status"] == item["status"]
        else item
        for item in new
    ]


def tell(life: Life, about: Doc, reason: str, message: str, *, warning: bool = False, source: str = "") -> None:
    """Write an event about an object; the same one again counts up. Kubelets may tell late."""
    late_s = life.kubelets_tell_late_s if source == KUBELET else 0.0
    now = life.cluster.now()
    due_at = now + timedelta(seconds=late_s)
    said = Untold(about=about, reason=reason, message=message, warning=warning, happened_at=now, due_at=due_at)
    if not late_s:
        _write(life, said, source or MANAGER)
        return
    key = Key("events", about["metadata"].get("namespace") or "default", "")
    life.untold.setdefault(key, []).append(said)
    life.later(late_s, key)


def look_at_untold(life: Life, key: Key) -> None:
    """Let kubelets tell what they have not told yet of a namespace, in the order in which it happened."""
    waiting, now = life.untold.pop(key, []), life.cluster.now()
    left = [item for item in waiting if item.due_at > now]
    if left:
        life.untold[key] = left
    for item in waiting:
        if item.due_at <= now and life.cluster.get("Namespace", "", key.namespace) is not None:
            _write(life, item, KUBELET)


def _write(life: Life, said: Untold, source: str) -> None:
    meta = said.about["metadata"]
    namespace = meta.get("namespace") or "default"
    same = _same_event(life, namespace, meta["uid"], said.reason, said.message)
    happened = life.cluster.stamp(said.happened_at)
    if same is not None:
        key, found = same
        life.cluster.store.put(key, {**found, "count": found.get("count", 1) + 1, "lastTimestamp": happened})
        return
    name = f"{meta['name']}.{life.cluster.number():016x}"
    host = {"host": said.about["spec"].get("nodeName", "")} if source == KUBELET else {}
    made = {"uid": life.cluster.new_uid(), "creationTimestamp": life.cluster.stamp()}
    doc: dict[str, Any] = {
        "kind": "Event", "apiVersion": "v1", "metadata": {"name": name, "namespace": namespace, **made},
        "involvedObject": _subject(said.about), "reason": said.reason, "message": said.message,
        "type": "Warning" if said.warning else "Normal", "source": {"component": source, **host},
        "firstTimestamp": happened, "lastTimestamp": happened, "count": 1,
        "eventTime": None, "reportingComponent": "", "reportingInstance": "",
    }  # fmt: skip
    key = Key("events", namespace, name)
    life.events.setdefault((namespace, meta["uid"], said.reason, said.message), key)
    life.cluster.store.put(key, doc)


def _subject(about: Doc) -> Doc:
    meta = about["metadata"]
    subject = {
        "kind": about["kind"], "apiVersion": about["apiVersion"], "name": meta["name"], "uid": meta["uid"],
        "resourceVersion": meta.get("resourceVersion", ""),
    }  # fmt: skip
    return {**subject, "namespace": meta["namespace"]} if meta.get("namespace") else subject


def _same_event(life: Life, namespace: str, uid: str, reason: str, message: str) -> tuple[Key, Doc] | None:
    key = life.events.get((namespace, uid, reason, message))
    found = life.cluster.store.get(key) if key else None
    return (key, found) if key and found else None
