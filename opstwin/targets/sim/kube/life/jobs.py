"""The Job controller."""

from typing import Final

from opstwin.targets.sim.kube.life.acting import condition, drop, make, owned, put_status, tell, with_conditions
from opstwin.targets.sim.kube.life.engine import Life
from opstwin.targets.sim.kube.life.replica_sets import is_ready, pod_of
from opstwin.targets.sim.kube.schema import Doc
from opstwin.targets.sim.kube.store import Key

NAME: Final = "job-controller"


def look_at_job(life: Life, key: Key) -> None:
    """Have pods until enough have succeeded or too many have failed."""
    doc = life.cluster.store.get(key)
    if doc is None or doc["metadata"].get("deletionTimestamp") or _is_over(doc):
        return
    pods = owned(life, doc, "pods")
    phases = [(pod.get("status") or {}).get("phase") for _, pod in pods]
    succeeded, failed = phases.count("Succeeded"), phases.count("Failed")
    spec = doc["spec"]
    failed += sum(_restarts(pod) for _, pod in pods) if _restarts_in_place(spec) else 0
    active = [item for item, phase in zip(pods, phases, strict=True) if phase not in ("Succeeded", "Failed")]
    if failed > spec.get("backoffLimit", 6):
        _over(life, key, active, "Failed", "BackoffLimitExceeded", "Job has reached the specified backoff limit")
    elif succeeded >= (spec.get("completions") or 1):
        _over(life, key, active, "Complete", "CompletionsReached", "Reached expected number of succeeded pods")
    elif not spec.get("suspend"):
        wanted = min(spec["parallelism"], (spec.get("completions") or 1) - succeeded)
        for _ in range(max(0, wanted - len(active))):
            made = make(life, "Pod", key.namespace, pod_of(doc, spec["template"], generateName=f"{key.name}-"), NAME)
            tell(life, doc, "SuccessfulCreate", f"Created pod: {made['metadata']['name']}", source=NAME)
    _count(life, key, succeeded, failed)


def _restarts_in_place(spec: Doc) -> bool:
    return bool(spec["template"]["spec"].get("restartPolicy") == "OnFailure")


def _restarts(pod: Doc) -> int:
    return sum(int(item["restartCount"]) for item in (pod.get("status") or {}).get("containerStatuses") or [])


def _is_over(doc: Doc) -> bool:
    conditions = (doc.get("status") or {}).get("conditions") or []
    return any(item["type"] in ("Complete", "Failed") and item["status"] == "True" for item in conditions)


def _over(life: Life, key: Key, active: list[tuple[Key, Doc]], kind: str, reason: str, text: str) -> None:
    doc = life.cluster.store.get(key)
    if doc is None:
        return
    before = doc.get("status") or {}
    stamp = life.cluster.stamp()
    told = {**condition(kind, True, stamp, reason, text), "lastProbeTime": stamp}
    done = {"completionTime": stamp} if kind == "Complete" else {}
    put_status(life, key, {**before, **done, "conditions": with_conditions(before, [told])})
    tell(life, doc, "Completed" if kind == "Complete" else reason, text, warning=kind == "Failed", source=NAME)
    for pod_key, _ in active:
        drop(life, pod_key)


def _count(life: Life, key: Key, succeeded: int, failed: int) -> None:
    doc = life.cluster.store.get(key)
    if doc is None:
        return
    before = doc.get("status") or {}
    live = [
        pod
        for _, pod in owned(life, doc, "pods")
        if (pod.get("status") or {}).get("phase") not in ("Succeeded", "Failed")
        and not pod["metadata"].get("deletionTimestamp")
    ]
    counts = {"active": len(live), "ready": sum(map(is_ready, live)), "succeeded": succeeded, "failed": failed}
    kept = {name: value for name, value in before.items() if name not in counts}
    status = {"startTime": life.cluster.stamp(), **kept, **{name: value for name, value in counts.items() if value}}
    put_status(life, key, status)
