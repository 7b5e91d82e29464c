"""How an object does, by what its status says, and why in words for people. Pure.

Rollouts are judged as `kubectl rollout status` does (k8s.io/kubectl/pkg/polymorphichelpers/rollout_status.go): what was
asked for has been seen, and as many as wanted are up to date and available.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from opstwin.domain.resource import Health

_STUCK: Final = frozenset({
    "CrashLoopBackOff", "ImagePullBackOff", "ErrImagePull", "InvalidImageName", "CreateContainerConfigError",
    "CreateContainerError", "RunContainerError", "ErrImageNeverPull",
})  # fmt: skip
"""Reasons for waiting that do not pass by themselves (k8s.io/kubernetes/pkg/kubelet/events and images)."""

STUCK: Final = "stuck"
"""The state of a rollout that makes no progress."""

_NOTED: Final = "autoscaling.alpha.kubernetes.io/conditions"
"""k8s.io/kubernetes/pkg/apis/autoscaling/annotations.go."""

Object = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Doing:
    """How it does. `state` is one word, `why` a sentence that is empty while all is well, `ready` such as `2/3`."""

    health: Health
    state: str
    why: str = ""
    ready: str = ""


def doing(kind: str, item: Object, pods: Sequence[Object] = ()) -> Doing:
    """How an object does. `pods` are those of a workload: a rollout that waits is stuck when one of them is."""
    if at(item, "metadata", "deletionTimestamp"):
        return Doing(Health.STARTING, "leaving", "it is being deleted")
    judge = _KINDS.get(kind)
    if judge is None:
        return Doing(Health.NONE, "present")
    found = judge(item)
    if found.health is Health.STARTING and (stuck := next(filter(None, map(stuck_pod, pods)), "")):
        return Doing(Health.UNHEALTHY, found.state, stuck, found.ready)
    return found


def stuck_pod(pod: Object) -> str:
    """Why a pod will not come up by itself, empty while it may."""
    for status in _statuses(pod):
        waiting = at(status, "state", "waiting")
        reason = str(waiting.get("reason") or "") if isinstance(waiting, dict) else ""
        if reason in _STUCK:
            return _told(status, reason, str(waiting.get("message") or ""))
    for condition in conditions_in(pod):
        if condition.get("type") == "PodScheduled" and condition.get("reason") == "Unschedulable":
            return f"no node takes it: {str(condition.get('message'))[:300]}"
    return ""


def restarts_of(pods: Sequence[Object]) -> int:
    """How often the containers of these pods began again."""
    return sum(_whole(status.get("restartCount")) for pod in pods for status in _statuses(pod))


def oom_kills_of(pods: Sequence[Object]) -> int:
    """How many of their containers last ended for want of memory."""
    return sum(_ended(status).get("reason") == "OOMKilled" for pod in pods for status in _statuses(pod))


def at(item: Any, *path: str) -> Any:
    """What stands at a path, None where there is nothing."""
    for step in path:
        item = item.get(step) if isinstance(item, Mapping) else None
    return item


def _deployment(item: Object) -> Doing:
    wanted, status = _whole(at(item, "spec", "replicas"), 1), _status(item)
    names = ("updatedReplicas", "availableReplicas", "replicas")
    updated, available, total = (_whole(status.get(name)) for name in names)
    ready = f"{available}/{wanted}"
    late = next((found for found in conditions_in(item) if found.get("reason") == "ProgressDeadlineExceeded"), None)
    failed = next((found for found in conditions_in(item) if found.get("type") == "ReplicaFailure"), None)
    if not _seen(item):
        return Doing(Health.STARTING, "rolling out", "the cluster has not looked at it yet", ready)
    if late is not None and late.get("type") == "Progressing":
        return Doing(Health.UNHEALTHY, STUCK, str(late.get("message") or "it makes no progress")[:300], ready)
    if failed is not None and failed.get("status") == "True":
        return Doing(Health.UNHEALTHY, STUCK, str(failed.get("message") or "")[:300], ready)
    if wanted == 0 and total == 0:
        return Doing(Health.STOPPED, "scaled to 0", "", ready)
    if updated < wanted or total > updated or available < updated:
        return Doing(Health.STARTING, "rolling out", f"{available} of {wanted} are ready", ready)
    return Doing(Health.HEALTHY, "running", "", ready)


def _statefulset(item: Object) -> Doing:
    wanted, status = _whole(at(item, "spec", "replicas"), 1), _status(item)
    up = _whole(status.get("readyReplicas"))
    ready = f"{up}/{wanted}"
    current = status.get("updateRevision") in (None, status.get("currentRevision"))
    rolling = at(item, "spec", "updateStrategy", "type") != "OnDelete" and not current
    if not _seen(item) or up < wanted or rolling:
        return Doing(Health.STARTING, "rolling out", f"{up} of {wanted} are ready", ready)
    return Doing(Health.HEALTHY if wanted else Health.STOPPED, "running" if wanted else "scaled to 0", "", ready)


def _daemonset(item: Object) -> Doing:
    status = _status(item)
    wanted, updated, available = (
        _whole(status.get(key)) for key in ("desiredNumberScheduled", "updatedNumberScheduled", "numberAvailable")
    )
    ready = f"{available}/{wanted}"
    if not _seen(item) or updated < wanted or available < wanted:
        return Doing(Health.STARTING, "rolling out", f"{available} of {wanted} are ready", ready)
    return Doing(Health.HEALTHY, "running", "", ready)


def _job(item: Object) -> Doing:
    for condition in conditions_in(item):
        if condition.get("status") == "True" and condition.get("type") == "Failed":
            return Doing(Health.UNHEALTHY, "failed", str(condition.get("message") or condition.get("reason"))[:300])
        if condition.get("status") == "True" and condition.get("type") == "Complete":
            return Doing(Health.HEALTHY, "complete")
    if at(item, "spec", "suspend"):
        return Doing(Health.STOPPED, "suspended")
    return Doing(Health.STARTING, "running", "it has not ended yet")


def _pod(item: Object) -> Doing:
    statuses = _statuses(item)
    ready = f"{sum(bool(status.get('ready')) for status in statuses)}/{len(at(item, 'spec', 'containers') or [])}"
    phase = str(at(item, "status", "phase") or "Unknown")
    if phase == "Succeeded":
        return Doing(Health.STOPPED, "succeeded", "", ready)
    if phase == "Failed":
        why = str(at(item, "status", "message") or at(item, "status", "reason") or _last(statuses))[:300]
        return Doing(Health.UNHEALTHY, "failed", why, ready)
    if phase == "Unknown":
        return Doing(Health.UNKNOWN, "unknown", "its node does not answer", ready)
    stuck = stuck_pod(item)
    if stuck:
        return Doing(Health.UNHEALTHY, _waiting(statuses) or phase.lower(), stuck, ready)
    if any(found.get("type") == "Ready" and found.get("status") == "True" for found in conditions_in(item)):
        return Doing(Health.HEALTHY, "running", "", ready)
    return Doing(Health.STARTING, phase.lower(), f"{ready} containers are ready", ready)


def _claim(item: Object) -> Doing:
    phase = str(at(item, "status", "phase") or "Pending")
    if phase == "Lost":
        return Doing(Health.UNHEALTHY, "lost", "the volume behind it is gone")
    # A claim may wait for its first pod (volumeBindingMode WaitForFirstConsumer), so waiting is no illness.
    return Doing(Health.NONE, phase.lower())


def _namespace(item: Object) -> Doing:
    phase = str(at(item, "status", "phase") or "Active")
    return Doing(Health.NONE, phase.lower())


def _node(item: Object) -> Doing:
    bad = [found for found in conditions_in(item) if found.get("type") != "Ready" and found.get("status") == "True"]
    ready = next((found for found in conditions_in(item) if found.get("type") == "Ready"), {})
    if ready.get("status") != "True":
        unknown = ready.get("status") == "Unknown"
        return Doing(Health.UNKNOWN if unknown else Health.UNHEALTHY, "not ready", str(ready.get("message"))[:300])
    if bad:
        return Doing(Health.UNHEALTHY, "under pressure", ", ".join(str(found.get("type")) for found in bad))
    return Doing(Health.HEALTHY, "cordoned" if at(item, "spec", "unschedulable") else "ready")


def _scaler(item: Object) -> Doing:
    broken = [
        found for found in conditions_in(item) if found.get("type") in ("AbleToScale", "ScalingActive")
        and found.get("status") == "False" and found.get("reason") != "ScalingDisabled"
    ]  # fmt: skip
    ready = f"{_whole(_status(item).get('currentReplicas'))}/{_whole(at(item, 'spec', 'maxReplicas'))}"
    why = str(broken[0].get("message") or "")[:300] if broken else ""
    # Without metrics it keeps what is there, so it is no reason to undo a rollout.
    return Doing(Health.NONE, "waiting" if broken else "active", why, ready)


_KINDS: Final[Mapping[str, Callable[[Object], Doing]]] = {
    "daemonset": _daemonset, "deployment": _deployment, "horizontalpodautoscaler": _scaler, "job": _job,
    "namespace": _namespace, "node": _node, "persistentvolumeclaim": _claim, "pod": _pod, "replicaset": _deployment,
    "statefulset": _statefulset,
}  # fmt: skip


def _seen(item: Object) -> bool:
    """Whether the controller has looked at what was last asked for."""
    return _whole(at(item, "status", "observedGeneration")) >= _whole(at(item, "metadata", "generation"))


def _told(status: Object, reason: str, message: str) -> str:
    ended = _ended(status)
    how = f"; it ended with code {ended.get('exitCode')}" if "exitCode" in ended else ""
    how += " (OOMKilled: it took more memory than it may)" if ended.get("reason") == "OOMKilled" else ""
    return f"container {status.get('name')}: {reason}{': ' + message[:300] if message else ''}{how}"


def _waiting(statuses: Sequence[Object]) -> str:
    reasons = [str(at(status, "state", "waiting", "reason") or "") for status in statuses]
    return next((reason for reason in reasons if reason), "")


def _last(statuses: Sequence[Object]) -> str:
    return next((f"it ended with code {at(item, 'state', 'terminated', 'exitCode')}" for item in statuses), "")


def _ended(status: Object) -> Object:
    found = at(status, "lastState", "terminated") or at(status, "state", "terminated")
    return found if isinstance(found, Mapping) else {}


def _statuses(pod: Object) -> list[Object]:
    found = [*(at(pod, "status", "initContainerStatuses") or []), *(at(pod, "status", "containerStatuses") or [])]
    return [item for item in found if isinstance(item, Mapping)]


def conditions_in(item: Object) -> list[Object]:
    """The conditions of an object; those of an autoscaler in autoscaling/v1 stand in an annotation."""
    found = at(item, "status", "conditions")
    noted = at(item, "metadata", "annotations", _NOTED)
    if found is None and isinstance(noted, str):
        with suppress(ValueError, RecursionError):
            found = json.loads(noted)
    return [entry for entry in found if isinstance(entry, Mapping)] if isinstance(found, list) else []


def _status(item: Object) -> Object:
    found = item.get("status")
    return found if isinstance(found, Mapping) else {}


def _whole(value: Any, default: int = 0) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else default
