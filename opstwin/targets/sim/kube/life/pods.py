"""Scheduler and kubelet: a pod gets a node, its containers live, and in the end it goes."""

from datetime import datetime
from decimal import Decimal
from typing import Final

from opstwin.targets.sim.kube.life.acting import condition, put_status, tell, with_conditions
from opstwin.targets.sim.kube.life.containers import begin, step
from opstwin.targets.sim.kube.life.engine import Life
from opstwin.targets.sim.kube.life.images import behaviour
from opstwin.targets.sim.kube.pod_defaults import qos_class
from opstwin.targets.sim.kube.quantities import amount
from opstwin.targets.sim.kube.schema import Doc
from opstwin.targets.sim.kube.store import Key

_HIDDEN: Final = ("until", "exact", "failed", "unready")


def look_at_pod(life: Life, key: Key) -> None:
    """Bring a pod to where it is by now."""
    pod = life.cluster.store.get(key)
    if pod is None:
        life.pods.pop(key, None)
        return
    if pod["metadata"].get("deletionTimestamp"):
        _go(life, key, pod)
    elif not pod["spec"].get("nodeName"):
        _schedule(life, key, pod)
    elif (pod.get("status") or {}).get("phase") not in ("Succeeded", "Failed"):
        _live(life, key, pod)


def _go(life: Life, key: Key, pod: Doc) -> None:
    """A pod that was told to go stops after its image's `stop_s`, at the latest when its grace is over."""
    grace_s = float(pod["metadata"].get("deletionGracePeriodSeconds") or 0)
    if key not in life.leaving:
        stop_s = max((behaviour(life.images, one["image"]).stop_s for one in pod["spec"]["containers"]), default=0.0)
        tell(life, pod, "Killing", f"Stopping container {pod['spec']['containers'][0]['name']}", source="kubelet")
        life.leaving[key] = life.cluster.now().timestamp() + min(stop_s, grace_s)
    left_s = life.leaving[key] - life.cluster.now().timestamp()
    if left_s > 0:
        life.later(left_s, key)
        return
    if pod["metadata"].get("finalizers"):
        meta = {**pod["metadata"], "deletionGracePeriodSeconds": 0}
        if meta != pod["metadata"]:
            life.cluster.store.put(key, {**pod, "metadata": meta})
        return
    life.leaving.pop(key, None)
    life.cluster.store.remove(key)


def _schedule(life: Life, key: Key, pod: Doc) -> None:
    node = _node_for(life, pod)
    if node is None:
        total = sum(1 for _ in life.cluster.store.all("nodes"))
        message = f"0/{total} nodes are available: {total} Insufficient resources or not schedulable."
        status = pod.get("status") or {}
        told = condition("PodScheduled", False, life.cluster.stamp(), "Unschedulable", message)
        if not status.get("conditions"):
            tell(life, pod, "FailedScheduling", message, warning=True, source="default-scheduler")
        put_status(life, key, {**status, "phase": "Pending", "conditions": with_conditions(status, [told])})
        life.later(5.0, key)
        return
    tell(
        life,
        pod,
        "Scheduled",
        f"Successfully assigned {key.namespace}/{key.name} to {node}",
        source="default-scheduler",
    )
    live = life.cluster.store.get(key) or pod
    life.cluster.store.put(key, {**live, "spec": {**live["spec"], "nodeName": node}})


def _node_for(life: Life, pod: Doc) -> str | None:
    wanted = pod["spec"].get("nodeSelector") or {}
    for key, node in life.cluster.store.all("nodes"):
        labels = node["metadata"].get("labels") or {}
        if (node.get("spec") or {}).get("unschedulable") or any(labels.get(k) != v for k, v in wanted.items()):
            continue
        if _ready(node) and _fits(life, key.name, node, pod):
            return key.name
    return None


def _ready(node: Doc) -> bool:
    conditions = (node.get("status") or {}).get("conditions") or []
    return any(item["type"] == "Ready" and item["status"] == "True" for item in conditions)


def _fits(life: Life, name: str, node: Doc, pod: Doc) -> bool:
    asks = {what: _asked(pod, what) for what in ("cpu", "memory")}
    if not any(asks.values()):
        return True
    capacity = (node.get("status") or {}).get("allocatable") or {}
    there = [one for _, one in life.cluster.store.all("pods") if one["spec"].get("nodeName") == name and _lives(one)]
    return all(
        sum((_asked(one, what) for one in there), asked) <= amount(capacity.get(what, 0))
        for what, asked in asks.items()
    )


def _lives(pod: Doc) -> bool:
    return (pod.get("status") or {}).get("phase") not in ("Succeeded", "Failed")


def _asked(pod: Doc, what: str) -> Decimal:
    return sum(
        (
            amount(((one.get("resources") or {}).get("requests") or {}).get(what, 0))
            for one in pod["spec"]["containers"]
        ),
        Decimal(0),
    )


def _live(life: Life, key: Key, pod: Doc) -> None:
    now = life.cluster.now()
    known = life.pods.setdefault(key, {})
    policy = pod["spec"].get("restartPolicy", "Always")
    dues: list[float] = []
    for container in pod["spec"]["containers"]:
        before = known.get(container["name"]) or begin(container)
        if before["image"] != container["image"]:
            before = {**begin(container), "restartCount": before["restartCount"] + 1}
        done = step(container, before, behaviour(life.images, container["image"]), policy, now)
        known[container["name"]] = done.status
        for told in done.told:
            tell(life, pod, told.reason, told.message, warning=told.warning, source="kubelet")
        if done.started:
            _first_words(life, key, container)
        if done.due_s is not None:
            dues.append(done.due_s)
    if dues:
        life.later(max(min(dues), 0.001), key)
    _tell_status(life, key, pod, [known[item["name"]] for item in pod["spec"]["containers"]], now)


def _first_words(life: Life, key: Key, container: Doc) -> None:
    for line in behaviour(life.images, container["image"]).log:
        life.say(key, container["name"], line)


def _tell_status(life: Life, key: Key, pod: Doc, states: list[Doc], now: datetime) -> None:
    before = pod.get("status") or {}
    stamp = life.cluster.stamp(now)
    ready = all(item["ready"] for item in states)
    phase = _phase(states)
    not_ready = [item["name"] for item in states if not item["ready"]]
    why = "" if ready else "PodCompleted" if phase == "Succeeded" else "ContainersNotReady"
    text = f"containers with unready status: [{' '.join(not_ready)}]" if why == "ContainersNotReady" else ""
    conditions = [
        condition("Initialized", True, stamp), condition("Ready", ready, stamp, why, text),
        condition("ContainersReady", ready, stamp, why, text), condition("PodScheduled", True, stamp),
    ]  # fmt: skip
    address = before.get("podIP") or life.address()
    put_status(life, key, {
        "phase": phase, "conditions": with_conditions(before, conditions), "hostIP": "10.0.0.1", "podIP": address,
        "podIPs": [{"ip": address}], "startTime": before.get("startTime") or stamp,
        "containerStatuses": [_shown(item) for item in states], "qosClass": qos_class(pod["spec"]),
    })  # fmt: skip


def _phase(states: list[Doc]) -> str:
    if all("terminated" in item["state"] for item in states):
        codes = [item["state"]["terminated"]["exitCode"] for item in states]
        return "Failed" if any(codes) else "Succeeded"
    started = any(
        "running" in item["state"] or item["restartCount"] or "terminated" in item["state"] for item in states
    )
    return "Running" if started else "Pending"


def _shown(status: Doc) -> Doc:
    state = {
        name: {key: value for key, value in inner.items() if key not in _HIDDEN}
        for name, inner in status["state"].items()
    }
    return {**status, "state": state}
