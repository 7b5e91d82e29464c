"""The StatefulSet controller: pods with a number, one after the other, each with its claims."""

from typing import Final

from opstwin.targets.sim.kube.life.acting import drop, make, owned, put_status, tell
from opstwin.targets.sim.kube.life.deployments import template_hash
from opstwin.targets.sim.kube.life.engine import Life
from opstwin.targets.sim.kube.life.replica_sets import available, is_ready, pod_of
from opstwin.targets.sim.kube.schema import Doc
from opstwin.targets.sim.kube.store import Key

NAME: Final = "statefulset-controller"
REVISION: Final = "controller-revision-hash"


def look_at_stateful_set(life: Life, key: Key) -> None:
    """Go one step: make the next pod, or take away the last, or replace the highest that is old."""
    doc = life.cluster.store.get(key)
    if doc is None or doc["metadata"].get("deletionTimestamp"):
        return
    wanted = doc["spec"].get("replicas", 1)
    revision = f"{key.name}-{template_hash(doc['spec']['template'])}"
    pods = {_number(pod_key): (pod_key, pod) for pod_key, pod in owned(life, doc, "pods")}
    in_turn = doc["spec"].get("podManagementPolicy") != "Parallel"
    if _grown(life, doc, pods, wanted, revision, in_turn=in_turn):
        _shrunk(life, doc, pods, wanted, in_turn=in_turn)
        _renewed(life, doc, pods, revision)
    _status(life, key, revision)


def _number(key: Key) -> int:
    return int(key.name.rpartition("-")[2])


def _settled(pod: Doc) -> bool:
    return is_ready(pod) and not pod["metadata"].get("deletionTimestamp")


def _grown(
    life: Life, doc: Doc, pods: dict[int, tuple[Key, Doc]], wanted: int, revision: str, *, in_turn: bool
) -> bool:
    """Make what is missing. Returns whether all are there."""
    for number in range(wanted):
        if number not in pods:
            _make(life, doc, number, revision)
            if in_turn:
                return False
        elif in_turn and not _settled(pods[number][1]):
            return _revision(pods[number][1]) != revision
    return True


def _make(life: Life, doc: Doc, number: int, revision: str) -> None:
    name = f"{doc['metadata']['name']}-{number}"
    namespace = doc["metadata"]["namespace"]
    pod = pod_of(doc, doc["spec"]["template"], name=name)
    extra = {REVISION: revision, "statefulset.kubernetes.io/pod-name": name}
    pod["metadata"]["labels"] = {**pod["metadata"].get("labels", {}), **extra}
    volumes = list(pod["spec"].get("volumes") or [])
    for claim in doc["spec"].get("volumeClaimTemplates") or []:
        claim_name = f"{claim['metadata']['name']}-{name}"
        if life.cluster.get("PersistentVolumeClaim", namespace, claim_name) is None:
            labels = doc["spec"]["selector"].get("matchLabels") or {}
            made = {"metadata": {"name": claim_name, "labels": labels}, "spec": claim["spec"]}
            make(life, "PersistentVolumeClaim", namespace, made, NAME)
        volumes.append({"name": claim["metadata"]["name"], "persistentVolumeClaim": {"claimName": claim_name}})
    pod["spec"] = {**pod["spec"], "hostname": name, "subdomain": doc["spec"].get("serviceName", ""), "volumes": volumes}
    make(life, "Pod", namespace, pod, NAME)
    tell(
        life,
        doc,
        "SuccessfulCreate",
        f"create Pod {name} in StatefulSet {doc['metadata']['name']} successful",
        source=NAME,
    )


def _shrunk(life: Life, doc: Doc, pods: dict[int, tuple[Key, Doc]], wanted: int, *, in_turn: bool) -> None:
    for number in sorted((number for number in pods if number >= wanted), reverse=True):
        drop(life, pods[number][0])
        if in_turn:
            return


def _renewed(life: Life, doc: Doc, pods: dict[int, tuple[Key, Doc]], revision: str) -> None:
    update = doc["spec"]["updateStrategy"]
    first = (
        (update.get("rollingUpdate") or {}).get("partition", 0) if update["type"] == "RollingUpdate" else len(pods) + 1
    )
    for number in sorted(pods, reverse=True):
        key, pod = pods[number]
        if number < first:
            return
        if _revision(pod) != revision:
            drop(life, key)
            return
        if not _settled(pod):
            return


def _revision(pod: Doc) -> str:
    return str((pod["metadata"].get("labels") or {}).get(REVISION, ""))


def _status(life: Life, key: Key, revision: str) -> None:
    doc = life.cluster.store.get(key)
    if doc is None:
        return
    pods = [item for item in owned(life, doc, "pods") if not item[1]["metadata"].get("deletionTimestamp")]
    new = [item for item in pods if _revision(item[1]) == revision]
    before = doc.get("status") or {}
    is_done = len(new) == len(pods) == doc["spec"].get("replicas", 1) and all(is_ready(pod) for _, pod in pods)
    current = revision if is_done else before.get("currentRevision", revision)
    status: Doc = {
        "observedGeneration": doc["metadata"]["generation"], "replicas": len(pods), "currentRevision": current,
        "updateRevision": revision, "collisionCount": 0,
        "availableReplicas": available(life, key, pods, doc["spec"].get("minReadySeconds", 0)),
    }  # fmt: skip
    counts = {
        "readyReplicas": sum(is_ready(pod) for _, pod in pods), "updatedReplicas": len(new),
        "currentReplicas": sum(_revision(pod) == current for _, pod in pods),
    }  # fmt: skip
    put_status(life, key, status | {name: count for name, count in counts.items() if count})
