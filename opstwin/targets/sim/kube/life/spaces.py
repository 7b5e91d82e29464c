"""Namespaces and custom kinds: what comes with a new one, and how one goes."""

from opstwin.targets.sim.kube.life.acting import condition, drop, make, put_status, with_conditions
from opstwin.targets.sim.kube.life.engine import Life
from opstwin.targets.sim.kube.schema import Doc
from opstwin.targets.sim.kube.store import Key

_ROOT = "kube-root-ca.crt"


def look_at_namespace(life: Life, key: Key) -> None:
    """Furnish a new namespace; empty one that is to go."""
    doc = life.cluster.store.get(key)
    if doc is None:
        return
    if doc["metadata"].get("deletionTimestamp"):
        _empty(life, key, doc)
        return
    if life.cluster.get("ServiceAccount", key.name, "default") is None:
        make(life, "ServiceAccount", key.name, {"metadata": {"name": "default"}}, "service-account-controller")
    if life.cluster.get("ConfigMap", key.name, _ROOT) is None:
        data = {"ca.crt": "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"}
        make(life, "ConfigMap", key.name, {"metadata": {"name": _ROOT}, "data": data}, "root-ca-cert-publisher")


def _empty(life: Life, key: Key, doc: Doc) -> None:
    inside = life.cluster.store.in_namespace(key.name)
    for item, _ in inside:
        drop(life, item)
    left = life.cluster.store.in_namespace(key.name)
    if not left:
        if not doc["metadata"].get("finalizers"):
            life.cluster.store.remove(key)
        return
    stamp = life.cluster.stamp()
    held = [item.name for item, found in left if found["metadata"].get("finalizers")]
    text = (
        "Some content in the namespace has finalizers remaining: " + ", ".join(held) if held else "All content removed"
    )
    told = [
        condition("NamespaceContentRemaining", True, stamp, "SomeResourcesRemain", f"{len(left)} resources remain"),
        condition(
            "NamespaceFinalizersRemaining",
            bool(held),
            stamp,
            "SomeFinalizersRemain" if held else "ContentHasNoFinalizers",
            text,
        ),
    ]
    before = doc.get("status") or {}
    put_status(life, key, {"phase": "Terminating", "conditions": with_conditions(before, told)})
    life.later(1.0, key)


def look_at_definition(life: Life, key: Key) -> None:
    """Say that a custom kind is served; when one goes, its objects go."""
    doc = life.cluster.store.get(key)
    if doc is None:
        for item, _ in list(life.cluster.store.all(key.name)):
            life.cluster.store.remove(item)
        return
    stamp = life.cluster.stamp()
    names = doc["spec"]["names"]
    told = [
        condition("NamesAccepted", True, stamp, "NoConflicts", "no conflicts found"),
        condition("Established", True, stamp, "InitialNamesAccepted", "the initial names have been accepted"),
    ]  # fmt: skip
    stored = [item["name"] for item in doc["spec"].get("versions") or [] if item.get("storage")]
    before = doc.get("status") or {}
    put_status(life, key, {
        "conditions": with_conditions(before, told), "acceptedNames": names, "storedVersions": stored,
    })  # fmt: skip
