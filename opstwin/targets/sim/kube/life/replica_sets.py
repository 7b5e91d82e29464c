"""The ReplicaSet controller."""

from datetime import datetime

from opstwin.targets.sim.kube.failures import ApiFailure
from opstwin.targets.sim.kube.life.acting import condition, drop, make, owned, owner, put_status, tell
from opstwin.targets.sim.kube.life.engine import Life
from opstwin.targets.sim.kube.schema import Doc
from opstwin.targets.sim.kube.store import Key

NAME = "replicaset-controller"


def look_at_replica_set(life: Life, key: Key) -> None:
    """Have as many pods as wanted."""
    doc = life.cluster.store.get(key)
    if doc is None or doc["metadata"].get("deletionTimestamp"):
        return
    wanted = doc["spec"].get("replicas", 1)
    pods = active_pods(life, doc)
    refused = ""
    if len(pods) < wanted:
        refused = _more(life, key, doc, wanted - len(pods))
    for pod_key, pod in _first_to_go(pods)[: max(0, len(pods) - wanted)]:
        drop(life, pod_key)
        tell(life, doc, "SuccessfulDelete", f"Deleted pod: {pod['metadata']['name']}", source=NAME)
    _status(life, key, refused)


def active_pods(life: Life, doc: Doc) -> list[tuple[Key, Doc]]:
    """The pods of a controller that have not ended and are not on their way out."""
    return [
        (key, pod)
        for key, pod in owned(life, doc, "pods")
        if not pod["metadata"].get("deletionTimestamp")
        and (pod.get("status") or {}).get("phase") not in ("Succeeded", "Failed")
    ]


def pod_of(doc: Doc, template: Doc, **meta: object) -> Doc:
    """A pod as a controller makes it from its template."""
    inner = template.get("metadata") or {}
    parts = {name: inner[name] for name in ("labels", "annotations", "finalizers") if inner.get(name)}
    return {"metadata": {**parts, **meta, "ownerReferences": [owner(doc)]}, "spec": template.get("spec") or {}}


def is_ready(pod: Doc) -> bool:
    """Whether a pod's condition Ready holds."""
    return ready_since(pod) is not None


def ready_since(pod: Doc) -> str | None:
    """Since when a pod is ready; None when it is not."""
    for item in (pod.get("status") or {}).get("conditions") or []:
        if item["type"] == "Ready" and item["status"] == "True":
            return str(item["lastTransitionTime"])
    return None


def available(life: Life, key: Key, pods: list[tuple[Key, Doc]], wait_s: float) -> int:
    """How many pods are ready for `wait_s`; looks at `key` again when the next one is."""
    count = 0
    for _, pod in pods:
        since = ready_since(pod)
        if since is None:
            continue
        left_s = wait_s - (life.cluster.now() - datetime.fromisoformat(since)).total_seconds()
        if wait_s and left_s > 0:
            life.later(left_s, key)
        else:
            count += 1
    return count


def _more(life: Life, key: Key, doc: Doc, count: int) -> str:
    """Make pods. Returns what the server said when it refused one."""
    for _ in range(count):
        pod = pod_of(doc, doc["spec"]["template"], generateName=f"{key.name}-")
        try:
            made = make(life, "Pod", key.namespace, pod, NAME)
        except ApiFailure as failure:
            tell(life, doc, "FailedCreate", f"Error creating: {failure.message}", warning=True, source=NAME)
            life.later(5.0, key)
            return failure.message
        tell(life, doc, "SuccessfulCreate", f"Created pod: {made['metadata']['name']}", source=NAME)
    return ""


def _first_to_go(pods: list[tuple[Key, Doc]]) -> list[tuple[Key, Doc]]:
    return sorted(pods, key=lambda item: (is_ready(item[1]), bool(item[1]["spec"].get("nodeName"))))


def _status(life: Life, key: Key, refused: str) -> None:
    doc = life.cluster.store.get(key)
    if doc is None:
        return
    pods = active_pods(life, doc)
    before = doc.get("status") or {}
    counts = {
        "replicas": len(pods),
        "fullyLabeledReplicas": len(pods),
        "readyReplicas": sum(is_ready(pod) for _, pod in pods),
        "availableReplicas": available(life, key, pods, doc["spec"].get("minReadySeconds", 0)),
    }
    status: Doc = {name: count for name, count in counts.items() if count or name == "replicas"}
    status["observedGeneration"] = doc["metadata"].get("generation", 1)
    if refused:
        # The words of the first refusal stay: each names another pod (replica_set_utils.go, calculateStatus).
        failed = condition("ReplicaFailure", True, life.cluster.stamp(), "FailedCreate", refused)
        status["conditions"] = before.get("conditions") or [failed]
    put_status(life, key, status)
