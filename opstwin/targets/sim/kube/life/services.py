"""What follows from pods for services, budgets, quotas and claims: counts and addresses in their status."""

from typing import Any

from opstwin.targets.sim.kube.life.acting import condition, make, owner, put_status, with_conditions
from opstwin.targets.sim.kube.life.engine import Life
from opstwin.targets.sim.kube.life.replica_sets import is_ready
from opstwin.targets.sim.kube.quantities import quantity_text
from opstwin.targets.sim.kube.quota import usage
from opstwin.targets.sim.kube.schema import Doc
from opstwin.targets.sim.kube.selectors import matches
from opstwin.targets.sim.kube.store import Key

_CLAIM_SIZE = "1Gi"


def look_at_service(life: Life, key: Key) -> None:
    """Keep the Endpoints and the EndpointSlice of a service."""
    doc = life.cluster.store.get(key)
    slice_key = Key("endpointslices.discovery.k8s.io", key.namespace, key.name)
    ends_key = Key("endpoints", key.namespace, key.name)
    if doc is None:
        for one in (slice_key, ends_key):
            life.cluster.store.remove(one)
        return
    labels = doc["spec"].get("selector")
    if not labels:
        return
    pods = _pods(life, key, labels)
    _put(life, ends_key, _endpoints(life, doc, pods))
    _put(life, slice_key, _slice(life, doc, pods))


def _pods(life: Life, key: Key, labels: Doc) -> list[Doc]:
    selector = {"matchLabels": labels}
    return [
        pod
        for _, pod in life.cluster.store.all("pods", key.namespace)
        if (pod.get("status") or {}).get("podIP")
        and (pod.get("status") or {}).get("phase") == "Running"
        and matches(selector, pod["metadata"].get("labels") or {})
    ]


def _put(life: Life, key: Key, doc: Doc) -> None:
    live = life.cluster.store.get(key)
    if live is None:
        meta = {"uid": life.cluster.new_uid(), "creationTimestamp": life.cluster.stamp(), **doc["metadata"]}
        life.cluster.store.put(key, {**doc, "metadata": meta})
    elif {name: live.get(name) for name in doc if name != "metadata"} != {n: doc[n] for n in doc if n != "metadata"}:
        life.cluster.store.put(key, {**live, **{name: value for name, value in doc.items() if name != "metadata"}})


def _target(pod: Doc) -> Doc:
    meta = pod["metadata"]
    return {"kind": "Pod", "name": meta["name"], "namespace": meta["namespace"], "uid": meta["uid"]}


def _ports(doc: Doc, pods: list[Doc]) -> list[Doc]:
    return [
        {
            **({"name": port["name"]} if port.get("name") else {}), "port": _number(port, pods),
            "protocol": port.get("protocol", "TCP"),
        }
        for port in doc["spec"].get("ports") or []
    ]  # fmt: skip


def _number(port: Doc, pods: list[Doc]) -> Any:
    target = port.get("targetPort", port["port"])
    if not isinstance(target, str):
        return target
    named = [
        item["containerPort"]
        for pod in pods
        for container in pod["spec"]["containers"]
        for item in container.get("ports") or []
        if item.get("name") == target
    ]
    return named[0] if named else port["port"]


def _endpoints(life: Life, doc: Doc, pods: list[Doc]) -> Doc:
    def addresses(ready: bool) -> list[Doc]:
        return [
            {"ip": pod["status"]["podIP"], "nodeName": pod["spec"].get("nodeName"), "targetRef": _target(pod)}
            for pod in pods
            if is_ready(pod) is ready
        ]

    parts = {
        name: found
        for name, found in (("addresses", addresses(True)), ("notReadyAddresses", addresses(False)))
        if found
    }
    subsets = [{**parts, "ports": _ports(doc, pods)}] if parts else []
    meta = {"name": doc["metadata"]["name"], "namespace": doc["metadata"]["namespace"]}
    return {"kind": "Endpoints", "apiVersion": "v1", "metadata": meta, "subsets": subsets}


def _slice(life: Life, doc: Doc, pods: list[Doc]) -> Doc:
    meta = {
        "name": doc["metadata"]["name"], "namespace": doc["metadata"]["namespace"], "ownerReferences": [owner(doc)],
        "labels": {"kubernetes.io/service-name": doc["metadata"]["name"]},
    }  # fmt: skip
    ends = [
        {
            "addresses": [pod["status"]["podIP"]], "nodeName": pod["spec"].get("nodeName"), "targetRef": _target(pod),
            "conditions": {"ready": is_ready(pod), "serving": is_ready(pod), "terminating": False},
        }
        for pod in pods
    ]  # fmt: skip
    version = life.cluster.named("EndpointSlice").api_version
    return {
        "kind": "EndpointSlice", "apiVersion": version, "metadata": meta, "addressType": "IPv4", "endpoints": ends,
        "ports": _ports(doc, pods),
    }  # fmt: skip


def look_at_budget(life: Life, key: Key) -> None:
    """Count what a PodDisruptionBudget protects."""
    doc = life.cluster.store.get(key)
    if doc is None:
        return
    spec = doc.get("spec") or {}
    selector = spec.get("selector")
    if life.cluster.minor < 21 and selector == {}:
        selector = None
    pods = [
        pod
        for _, pod in life.cluster.store.all("pods", key.namespace)
        if matches(selector, pod["metadata"].get("labels") or {})
    ]
    healthy = sum(is_ready(pod) for pod in pods)
    desired = _desired(spec, len(pods))
    allowed = max(0, healthy - desired)
    stamp = life.cluster.stamp()
    told = condition("DisruptionAllowed", allowed > 0, stamp, "SufficientPods" if allowed else "InsufficientPods")
    before = doc.get("status") or {}
    put_status(
        life,
        key,
        {
            "observedGeneration": doc["metadata"].get("generation", 1),
            "expectedPods": len(pods),
            "currentHealthy": healthy,
            "desiredHealthy": desired,
            "disruptionsAllowed": allowed,
            "conditions": with_conditions(before, [told]),
        },
    )


def _desired(spec: Doc, total: int) -> int:
    if "maxUnavailable" in spec:
        return max(0, total - _share(spec["maxUnavailable"], total))
    return _share(spec.get("minAvailable", 1), total)


def _share(value: Any, total: int) -> int:
    if isinstance(value, str) and value.endswith("%"):
        return -(-int(value[:-1]) * total // 100)
    return int(value)


def look_at_quota(life: Life, key: Key) -> None:
    """Say what of a quota is used."""
    doc = life.cluster.store.get(key)
    if doc is None:
        return
    hard = (doc.get("spec") or {}).get("hard") or {}
    used = usage(life.cluster, key.namespace, hard)
    put_status(life, key, {"hard": hard, "used": {name: quantity_text(used[name], str(hard[name])) for name in hard}})


def look_at_claim(life: Life, key: Key) -> None:
    """Bind a claim at once to a volume made for it."""
    doc = life.cluster.store.get(key)
    if doc is None or (doc.get("status") or {}).get("phase") == "Bound" or doc["metadata"].get("deletionTimestamp"):
        return
    name = f"pvc-{doc['metadata']['uid']}"
    size = ((doc["spec"].get("resources") or {}).get("requests") or {}).get("storage", _CLAIM_SIZE)
    modes = doc["spec"].get("accessModes") or ["ReadWriteOnce"]
    if life.cluster.get("PersistentVolume", "", name) is None:
        make(life, "PersistentVolume", "", {
            "metadata": {"name": name},
            "spec": {
                "capacity": {"storage": size}, "accessModes": modes, "hostPath": {"path": f"/volumes/{name}"},
                "claimRef": {"namespace": key.namespace, "name": key.name, "uid": doc["metadata"]["uid"]},
            },
        }, "persistent-volume-binder")  # fmt: skip
    live = {**doc, "spec": {**doc["spec"], "volumeName": name}}
    status = {"phase": "Bound", "accessModes": modes, "capacity": {"storage": size}}
    life.cluster.store.put(key, {**live, "status": status})
