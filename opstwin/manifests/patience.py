"""How long a cluster may take to say whether an object does well, and until its probes have spoken. Pure."""

from collections.abc import Iterator
from typing import Final

from opstwin.domain.values import Json, Spec

PROGRESS_S: Final = 600.0
"""The API's default of `progressDeadlineSeconds`: after it a Deployment is said to have failed."""

_LASTING: Final = frozenset({"daemonset", "deployment", "pod", "replicaset", "statefulset"})
"""Kinds whose containers are to run on."""

_PERIOD_S, _TIMEOUT_S, _FAILURES = 10.0, 1.0, 3.0
"""The API's defaults of a probe."""

_RESTARTS_S: Final = 30.0
"""10 s and 20 s pass before a container is started for the third time; then it counts as crashing."""

_LONGEST_S: Final = 3600.0

_LONGEST_HOLD_S: Final = 300.0
_BUSY_S: Final = 30.0
"""What probes, and the end of what they end, may come late on a node that tells late."""

_GRACE_S: Final = 30.0
"""The API's default of `terminationGracePeriodSeconds`: for so long a container that was killed still looks well."""

_SLACK_S: Final = 5.0
"""Kubelets begin to probe a moment after a container began, and tell of it a moment later; seconds on busy nodes."""


def verdict_s(kind: str, spec: Spec) -> float:
    """The seconds until the cluster must have said whether this does well; 0 for what is well once it is there."""
    body = _at(spec, "spec")
    if kind == "deployment":
        return min(_number(body, "progressDeadlineSeconds", PROGRESS_S), _LONGEST_S)
    pod = body if kind == "pod" else _at(_at(body, "template"), "spec")
    if not isinstance(pod, dict) or kind == "cronjob":
        return 0.0
    deadline_s = _number(body, "activeDeadlineSeconds", 0.0) if kind == "job" else 0.0
    return min(max(deadline_s, _turns(kind, body) * _pod_s(pod, body)), _LONGEST_S)


def hold_s(kind: str, spec: Spec) -> float:
    """The seconds until a liveness probe has spoken for the first time; 0 for what has none.

    A container runs and counts as available until then, however dead it is.
    """
    body = _at(spec, "spec")
    pod = body if kind == "pod" else _at(_at(body, "template"), "spec")
    if kind not in _LASTING or not isinstance(pod, dict):
        return 0.0
    first_s = max((_spoken_s(item) for item in _elements(pod, "containers")), default=0.0)
    return min(first_s + _SLACK_S, _LONGEST_HOLD_S) if first_s else 0.0


def untold_s(kind: str, spec: Spec) -> float:
    """The seconds that may go into waiting for nodes that tell late of liveness probes, beside `hold_s`."""
    body = _at(spec, "spec")
    pod = body if kind == "pod" else _at(_at(body, "template"), "spec")
    return told_by_s(pod) if kind in _LASTING else 0.0


def told_by_s(pod: Json) -> float:
    """The seconds for which what was not told of the liveness probes of a pod (its spec) is waited for; 300 at most.

    From then on the status of a container whose probe always fails shows that it ended, whatever events tell.
    """
    ended_s = ended_after_s(pod)
    return min(ended_s + _BUSY_S, _LONGEST_HOLD_S) if ended_s else 0.0


def ended_after_s(pod: Json) -> float:
    """The seconds after which a container whose liveness probe always fails has ended, of a pod (its spec); else 0."""
    killed_s = max((killed_after_s(item) for item in _elements(pod, "containers")), default=0.0)
    grace_s = _number(pod, "terminationGracePeriodSeconds", _GRACE_S)
    return killed_s + grace_s if killed_s else 0.0


def probed_after_s(pod: Json) -> float:
    """The seconds after which each liveness probe of a pod (its spec) has run once; 0 without such a probe."""
    return max((_first_s(item) for item in _elements(pod, "containers")), default=0.0)


def killed_after_s(container: Json) -> float:
    """The seconds after which a container whose liveness probe always fails is killed; 0 for one without a probe."""
    probe_s = _probe_s(_at(container, "livenessProbe"))
    return _probe_s(_at(container, "startupProbe")) + probe_s if probe_s else 0.0


def probed_every_s(container: Json) -> float:
    """The seconds between two looks of its liveness probe, at most; 0 for one without a probe."""
    return _every_s(_at(container, "livenessProbe"))


def _first_s(container: Json) -> float:
    spoken_s = _spoken_s(container)
    return _probe_s(_at(container, "startupProbe")) + spoken_s if spoken_s else 0.0


def _spoken_s(container: Json) -> float:
    probe = _at(container, "livenessProbe")
    return _number(probe, "initialDelaySeconds", 0.0) + _every_s(probe) if isinstance(probe, dict) else 0.0


def _turns(kind: str, body: Json) -> float:
    """How many pods come one after the other."""
    one_by_one = kind == "statefulset" and _at(body, "podManagementPolicy") != "Parallel"
    return max(_number(body, "replicas", 1.0), 1.0) if one_by_one else 1.0


def _pod_s(pod: Json, body: Json) -> float:
    probes_s = max((_container_s(item) for item in _elements(pod, "containers")), default=0.0)
    return probes_s + _number(body, "minReadySeconds", 0.0) + _RESTARTS_S


def _container_s(container: Json) -> float:
    return sum(_probe_s(_at(container, name)) for name in ("startupProbe", "readinessProbe"))


def _probe_s(probe: Json) -> float:
    if not isinstance(probe, dict):
        return 0.0
    return _number(probe, "initialDelaySeconds", 0.0) + _every_s(probe) * _number(probe, "failureThreshold", _FAILURES)


def _every_s(probe: Json) -> float:
    if not isinstance(probe, dict):
        return 0.0
    return max(_number(probe, "periodSeconds", _PERIOD_S), _number(probe, "timeoutSeconds", _TIMEOUT_S))


def _elements(value: Json, field: str) -> Iterator[Json]:
    found = _at(value, field)
    yield from found if isinstance(found, list) else ()


def _at(value: Json | Spec, field: str) -> Json:
    return value.get(field) if isinstance(value, dict) else None


def _number(value: Json, field: str, default: float) -> float:
    found = _at(value, field)
    is_number = isinstance(found, int | float) and not isinstance(found, bool)
    return float(found) if is_number and isinstance(found, int | float) else default
