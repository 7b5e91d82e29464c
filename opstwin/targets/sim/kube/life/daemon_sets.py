"""The DaemonSet controller: one pod on each node."""

from typing import Final

from opstwin.targets.sim.kube.life.acting import drop, make, put_status, tell
from opstwin.targets.sim.kube.life.deployments import template_hash
from opstwin.targets.sim.kube.life.engine import Life
from opstwin.targets.sim.kube.life.replica_sets import active_pods, available, is_ready, pod_of
from opstwin.targets.sim.kube.schema import Doc
from opstwin.targets.sim.kube.store import Key

NAME: Final = "daemonset-controller"
_HASH: Final = "controller-revision-hash"


def look_at_daemon_set(life: Life, key: Key) -> None:
    """Have one pod of the wanted template on each node, renewing one at a time."""
    doc = life.cluster.store.get(key)
    if doc is None or doc["metadata"].get("deletionTimestamp"):
        return
    revision = template_hash(doc["spec"]["template"])
    pods = active_pods(life, doc)
    nodes = _nodes(life, doc)
    have = {pod["spec"].get("nodeName") for _, pod in pods}
    for node in nodes:
        if node not in have:
            _make(life, doc, node, revision)
    for pod_key, pod in pods:
        if pod["spec"].get("nodeName") not in nodes:
            drop(life, pod_key)
    old = [(pod_key, pod) for pod_key, pod in pods if _revision(pod) != revision]
    rolls = doc["spec"]["updateStrategy"]["type"] == "RollingUpdate"
    if (
        old
        and rolls
        and len(pods) == len(nodes)
        and all(is_ready(pod) or _revision(pod) != revision for _, pod in pods)
    ):
        drop(life, old[0][0])
    _status(life, key, revision, len(nodes))


def _nodes(life: Life, doc: Doc) -> list[str]:
    wanted = doc["spec"]["template"]["spec"].get("nodeSelector") or {}
    return [
        key.name
        for key, node in life.cluster.store.all("nodes")
        if all((node["metadata"].get("labels") or {}).get(name) == value for name, value in wanted.items())
    ]


def _make(life: Life, doc: Doc, node: str, revision: str) -> None:
    pod = pod_of(doc, doc["spec"]["template"], generateName=f"{doc['metadata']['name']}-")
    pod["metadata"]["labels"] = {**pod["metadata"].get("labels", {}), _HASH: revision}
    pod["spec"] = {**pod["spec"], "nodeName": node}
    made = make(life, "Pod", doc["metadata"]["namespace"], pod, NAME)
    tell(life, doc, "SuccessfulCreate", f"Created pod: {made['metadata']['name']}", source=NAME)


def _revision(pod: Doc) -> str:
    return str((pod["metadata"].get("labels") or {}).get(_HASH, ""))


def _status(life: Life, key: Key, revision: str, wanted: int) -> None:
    doc = life.cluster.store.get(key)
    if doc is None:
        return
    pods = active_pods(life, doc)
    ready = available(life, key, pods, doc["spec"].get("minReadySeconds", 0))
    status = {
        "currentNumberScheduled": len(pods), "numberMisscheduled": 0, "desiredNumberScheduled": wanted,
        "numberReady": sum(is_ready(pod) for _, pod in pods), "observedGeneration": doc["metadata"]["generation"],
    }  # fmt: skip
    more = {
        "updatedNumberScheduled": sum(_revision(pod) == revision for _, pod in pods), "numberAvailable": ready,
        "numberUnavailable": wanted - ready,
    }  # fmt: skip
    put_status(life, key, status | {name: count for name, count in more.items() if count})
