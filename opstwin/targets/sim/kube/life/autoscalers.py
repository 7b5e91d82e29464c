"""The HorizontalPodAutoscaler controller, for usage of cpu and memory against requests."""

import math
from decimal import Decimal
from typing import Final

from opstwin.targets.sim.kube.life.acting import change, condition, put_status, tell, with_conditions
from opstwin.targets.sim.kube.life.engine import Life
from opstwin.targets.sim.kube.life.replica_sets import is_ready
from opstwin.targets.sim.kube.quantities import amount
from opstwin.targets.sim.kube.schema import Doc
from opstwin.targets.sim.kube.selectors import matches
from opstwin.targets.sim.kube.store import Key

NAME: Final = "horizontal-pod-autoscaler"
EVERY_S: Final = 15.0
TOLERANCE: Final = 0.1


def look_at_autoscaler(life: Life, key: Key) -> None:
    """Scale the target when usage is more than a tenth off the wanted one. Looks again every 15 seconds."""
    doc = life.cluster.store.get(key)
    if doc is None:
        life.looks.pop(key, None)
        return
    now = life.cluster.now().timestamp()
    if now < life.looks.get(key, 0.0):
        return
    life.looks[key] = now + EVERY_S
    life.later(EVERY_S, key)
    ref = doc["spec"]["scaleTargetRef"]
    home = life.cluster.home_of(ref.get("apiVersion", "apps/v1"), ref["kind"])
    target_key = Key(home or "", key.namespace, ref["name"])
    target = life.cluster.store.get(target_key)
    if target is None:
        _status(life, key, doc, 0, 0, None)
        return
    have = int(target["spec"].get("replicas", 1))
    percent = _usage_percent(life, key, target)
    wanted = _wanted(doc["spec"], have, percent)
    if wanted != have:
        change(life, target_key, {**target, "spec": {**target["spec"], "replicas": wanted}}, NAME)
        tell(life, doc, "SuccessfulRescale", f"New size: {wanted}; reason: cpu resource utilization", source=NAME)
    _status(life, key, doc, have, wanted, percent)


def _goal(spec: Doc) -> int:
    if spec.get("targetCPUUtilizationPercentage"):
        return int(spec["targetCPUUtilizationPercentage"])
    for metric in spec.get("metrics") or []:
        target = (metric.get("resource") or {}).get("target") or {}
        if target.get("averageUtilization"):
            return int(target["averageUtilization"])
    return 80


def _wanted(spec: Doc, have: int, percent: float | None) -> int:
    low, high = int(spec.get("minReplicas") or 1), int(spec["maxReplicas"])
    wanted = have
    if percent is not None and abs(percent / _goal(spec) - 1) > TOLERANCE:
        wanted = math.ceil(have * percent / _goal(spec))
    return max(low, min(high, wanted)) if have else 0


def _usage_percent(life: Life, key: Key, target: Doc) -> float | None:
    """Usage of cpu in percent of what is requested; None when nothing is requested or nothing runs."""
    used, asked = 0.0, Decimal(0)
    for _, pod in life.cluster.store.all("pods", key.namespace):
        if not matches(target["spec"].get("selector"), pod["metadata"].get("labels") or {}) or not is_ready(pod):
            continue
        for container in pod["spec"]["containers"]:
            used += life.usage_of(pod, container["name"])[0]
            asked += amount(((container.get("resources") or {}).get("requests") or {}).get("cpu", 0)) * 1000
    return used * 100 / float(asked) if asked else None


def _status(life: Life, key: Key, doc: Doc, have: int, wanted: int, percent: float | None) -> None:
    stamp = life.cluster.stamp()
    before = doc.get("status") or {}
    able = condition("AbleToScale", True, stamp, "ReadyForNewScale", "recommended size matches current size")
    known = percent is not None
    active = condition(
        "ScalingActive", known, stamp, "ValidMetricFound" if known else "FailedGetResourceMetric",
        "the HPA was able to successfully calculate a replica count" if known else "missing request for cpu",
    )  # fmt: skip
    status: Doc = {
        "currentReplicas": have, "desiredReplicas": wanted, "conditions": with_conditions(before, [able, active]),
    }  # fmt: skip
    if percent is not None:
        current = {"averageUtilization": int(percent)}
        status["currentMetrics"] = [{"type": "Resource", "resource": {"name": "cpu", "current": current}}]
    put_status(life, key, status)
