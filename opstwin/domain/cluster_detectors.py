"""Detectors of what is wrong with a workload of a cluster, told once for all its pods. Pure."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Final

from opstwin.domain.cluster_case import (
    SHOWN,
    ClusterCase,
    conditions_of,
    containers_of,
    earliest,
    moment_of,
    number_of,
    part_of,
    plain,
    said,
    shown,
    text_of,
    warned,
)
from opstwin.domain.cluster_creation import pods_refused, unschedulable
from opstwin.domain.diagnosis import FRESH, LOOPING, MEMORY_WINDOW, Clue, Code, Evidence, Severity, Verdict
from opstwin.domain.resource import Health, Observed

Detector = Callable[[ClusterCase], Verdict]

PATIENCE: Final = timedelta(seconds=60)
"""How long a pod may run without becoming ready before its probe is told of, unless the cluster warns of it."""

_NOT_PULLED: Final = frozenset({
    "ImagePullBackOff", "ErrImagePull", "InvalidImageName", "ErrImageNeverPull", "ImageInspectError",
    "RegistryUnavailable",
})  # fmt: skip
_NOT_STARTED: Final = frozenset(
    {"CreateContainerError", "RunContainerError", "PreCreateHookError", "PreStartHookError"}
)
"""Reasons for waiting (k8s.io/kubernetes/pkg/kubelet/images/types.go, .../container/sync_result.go)."""

_NOT_FOUND: Final = ("not found", "couldn't find key", "non-existent config key", "references non-existent")
"""What the kubelet says of a ConfigMap, a Secret or a key that is not there (1.20 to 1.33)."""


def image_pull(case: ClusterCase) -> Verdict:
    """The image of a container cannot be fetched."""
    pods = _waiting(case, _NOT_PULLED)
    if not pods:
        return None
    image = _image(pods[0])
    evidence = [*_about(case, pods), *_warned(case, "Failed", "InspectFailed")]
    return _clue(case, Code.IMAGE_PULL, pods, evidence, image=plain(image) if image else "?")


def not_started(case: ClusterCase) -> Verdict:
    """A container is made and cannot be started."""
    pods = _waiting(case, _NOT_STARTED)
    return _clue(case, Code.NOT_STARTED, pods, [*_about(case, pods), *_warned(case, "Failed")]) if pods else None


def config_missing(case: ClusterCase) -> Verdict:
    """A ConfigMap or Secret that its containers need, or a key of one, is not there."""
    pods = _waiting(case, frozenset({"CreateContainerConfigError"}))
    unmounted = [
        event for event in case.warnings("FailedMount")
        if any(words in said(event, "message") for words in _NOT_FOUND) and _still_begins(case, str(event.resource))
    ]  # fmt: skip
    if not pods and not unmounted:
        return None
    beginning = [pod for pod in case.pods if any(event.resource == pod.id for event in unmounted)]
    evidence = [*_about(case, pods), *map(warned, unmounted[-SHOWN:])]
    return _clue(case, Code.CONFIG_MISSING, pods or beginning, evidence)


def out_of_memory(case: ClusterCase) -> Verdict:
    """The kernel killed a container because it used more memory than its limit."""
    pods = [pod for pod in case.pods if _was_killed(case, pod)]
    if not pods:
        return None
    limit = next((found for found in map(_limit, pods) if found), "")
    evidence = [item for pod in pods[:SHOWN] for item in _ended(case, pod)]
    evidence += [shown("limits.memory", limit, pods[0])] if limit else []
    ill = any(pod.health is not Health.HEALTHY for pod in pods)
    restarts = sum(number_of(pod, "restart_count") for pod in pods)
    return case.clue(
        Code.OUT_OF_MEMORY, case.severity if ill else Severity.WARNING, evidence, count=str(restarts),
        words="pod_out_of_memory" if limit else "pod_out_of_memory_unlimited", limit=plain(limit) if limit else "",
        since=earliest(moment_of(pod, "finished_at") for pod in pods),
    )  # fmt: skip


def crash_loop(case: ClusterCase) -> Verdict:
    """A container ends by itself again and again, and not for want of memory."""
    pods = [pod for pod in case.pods if _loops(case, pod) and not _was_killed(case, pod)]
    if not pods:
        return None
    code = next((str(pod.facts["exit_code"]) for pod in pods if pod.facts.get("exit_code") is not None), "")
    evidence = [item for pod in pods[:SHOWN] for item in (*_ended(case, pod), *case.seen("restart_count", pod))]
    return case.clue(
        Code.CRASH_LOOP, case.severity, [*evidence, *_warned(case, "BackOff", "Unhealthy")], code=code,
        words="crash_loop" if code else "crash_loop_silent", meaning="",
        count=str(sum(number_of(pod, "restart_count") for pod in pods)),
        since=earliest(moment_of(pod, "started_at") for pod in pods),
    )  # fmt: skip


def probe_fails(case: ClusterCase) -> Verdict:
    """A container runs, and a probe of it never passes: no traffic reaches it."""
    pods = [pod for pod in case.pods if _fails_its_probe(case, pod)]
    if not pods:
        return None
    warnings = [event for event in case.warnings("Unhealthy") if event.resource in {pod.id for pod in pods}]
    ready = [item for pod in pods[:SHOWN] for item in case.seen("ready", pod)]
    return _clue(case, Code.PROBE_FAILS, pods, [*ready, *_probe(case), *map(warned, warnings[-SHOWN:])])


def progress_deadline(case: ClusterCase) -> Verdict:
    """A rollout has made no progress for as long as it may."""
    late = [entry for entry in case.conditions if entry.endswith("ProgressDeadlineExceeded")]
    seen = case.present
    if seen is None or not late or seen.health is not Health.UNHEALTHY:
        return None
    ready, wanted = case.counts
    evidence = [shown("condition", late[0], seen), *case.seen("ready"), *case.seen("why")]
    since = case.turned_at.isoformat() if case.turned_at else ""
    return case.clue(
        Code.ROLLOUT_STUCK, case.severity, evidence, ready=str(ready), wanted=str(wanted), since=since
    )  # fmt: skip


def failed(case: ClusterCase) -> Verdict:
    """Anything else for which the cluster says that it does not work: a job that failed, a pod that was evicted."""
    seen = case.present
    if seen is None or seen.health is not Health.UNHEALTHY:
        return None
    evidence = [*case.seen("state"), *case.seen("why"), *_warned(case, *{said(item, "reason") for item in case.events})]
    since = case.turned_at.isoformat() if case.turned_at else ""
    return case.clue(Code.UNHEALTHY, case.severity, evidence, words="not_working", since=since)


DETECTORS: Final[Sequence[Detector]] = (
    image_pull, not_started, config_missing, out_of_memory, crash_loop, probe_fails, unschedulable, pods_refused,
    progress_deadline,
)  # fmt: skip


def workload_verdicts(case: ClusterCase) -> list[Verdict]:
    """What is wrong with a workload or a pod; what nobody can see is one doubt."""
    if case.is_unknown:
        return [case.doubt(Code.UNHEALTHY)]
    if case.present is None or case.is_leaving:
        return []
    found = [verdict for verdict in (detector(case) for detector in DETECTORS) if verdict is not None]
    return [*found] or [failed(case)]


def _waiting(case: ClusterCase, reasons: frozenset[str]) -> list[Observed]:
    return [pod for pod in case.pods if text_of(pod, "waiting") in reasons]


def _clue(case: ClusterCase, code: Code, pods: Sequence[Observed], evidence: Sequence[Evidence], **more: str) -> Clue:
    since = earliest(moment_of(pod, "created_at") for pod in pods)
    return case.clue(code, case.severity, evidence, count=str(len(pods)), since=since, **more)


def _about(case: ClusterCase, pods: Sequence[Observed]) -> list[Evidence]:
    """Which container of each pod waits, and the words of the kubelet."""
    return [item for pod in pods[:SHOWN] for item in (*_named(pod), *case.seen("why", pod))]


def _named(pod: Observed) -> list[Evidence]:
    container, reason = text_of(pod, "container"), text_of(pod, "waiting")
    return [shown("pod", f"{pod.name} {container} {reason}".strip(), pod)]


def _ended(case: ClusterCase, pod: Observed) -> list[Evidence]:
    return [*_named(pod), *case.seen("exit_code", pod), *case.seen("ended", pod)]


def _warned(case: ClusterCase, *reasons: str) -> list[Evidence]:
    return [*map(warned, case.warnings(*reasons)[-SHOWN:])]


def _image(pod: Observed) -> str:
    """The image of the container that waits, else the pod's first."""
    name, containers = text_of(pod, "container"), containers_of(pod.spec)
    fitting = [str(item.get("image")) for item in containers if item.get("name") == name and item.get("image")]
    images = pod.facts.get("images")
    return fitting[0] if fitting else str(images[0]) if isinstance(images, list) and images else ""


def _limit(pod: Observed) -> str:
    """The memory limit of the container that ended, as the manifest has it."""
    name = text_of(pod, "container")
    for item in containers_of(pod.spec):
        if name in ("", item.get("name")):
            return str(part_of(item, "resources", "limits").get("memory") or "")
    return ""


def _was_killed(case: ClusterCase, pod: Observed) -> bool:
    finished_at = moment_of(pod, "finished_at")
    lately = finished_at is None or case.now - finished_at <= MEMORY_WINDOW
    return text_of(pod, "ended") == "OOMKilled" and lately


def _loops(case: ClusterCase, pod: Observed) -> bool:
    if text_of(pod, "waiting") == "CrashLoopBackOff":
        return True
    finished_at, often = moment_of(pod, "finished_at"), number_of(pod, "restart_count") >= LOOPING
    return often and finished_at is not None and case.now - finished_at <= FRESH


def _still_begins(case: ClusterCase, pod_id: str) -> bool:
    return any(pod.id == pod_id and pod.health is Health.STARTING for pod in case.pods)


def _fails_its_probe(case: ClusterCase, pod: Observed) -> bool:
    runs = pod.health is Health.STARTING and text_of(pod, "state") == "running"
    if not runs or any(entry.startswith("Ready=True") for entry in conditions_of(pod)):
        return False
    told = any(event.resource == pod.id for event in case.warnings("Unhealthy"))
    started_at = moment_of(pod, "started_at")
    long = started_at is not None and case.now - started_at >= PATIENCE
    return told or (long and bool(_probe(case)))


def _probe(case: ClusterCase) -> list[Evidence]:
    """The probe that decides whether it is ready, as its maker's template has it."""
    seen = case.present
    if seen is None:
        return []
    probes = [part_of(item, name) for item in containers_of(seen.spec) for name in ("startupProbe", "readinessProbe")]
    return [shown("probe", dict(probe), seen) for probe in probes if probe][:1]
