"""Which container of a pod is worst off: why it waits, and how it last ended. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from opstwin.domain.values import Json
from opstwin.targets.kubernetes.health import at

Object = Mapping[str, Any]
_BEGINNING: Final = frozenset({"ContainerCreating", "PodInitializing", ""})
"""Reasons for waiting that say nothing is wrong (k8s.io/kubernetes/pkg/kubelet/kubelet_pods.go)."""


def ailing_facts(pod: Object) -> Iterator[tuple[str, Json]]:
    """Facts `container`, `waiting`, `exit_code`, `ended` (a reason) and `finished_at` of the container that is worst
    off; nothing of a pod whose containers all run and never ended.
    """
    status = _worst(pod)
    if status is None:
        return
    yield "container", str(status.get("name") or "")
    waiting = _waiting(status)
    if waiting not in _BEGINNING:
        yield "waiting", waiting
    ended = _ended(status)
    for name, key in (("exit_code", "exitCode"), ("ended", "reason"), ("finished_at", "finishedAt")):
        if ended.get(key) is not None:
            yield name, ended[key]


def _worst(pod: Object) -> Object | None:
    """The first that waits for a reason, else the first that ended badly."""
    groups = [at(pod, "status", name) for name in ("initContainerStatuses", "containerStatuses")]
    found = [item for group in groups if isinstance(group, list) for item in group if isinstance(item, Mapping)]
    waiting = (item for item in found if _waiting(item) not in _BEGINNING)
    failed = (item for item in found if _ended(item).get("exitCode") not in (None, 0))
    return next(waiting, None) or next(failed, None)


def _waiting(status: Object) -> str:
    return str(at(status, "state", "waiting", "reason") or "")


def _ended(status: Object) -> Object:
    found = at(status, "lastState", "terminated") or at(status, "state", "terminated")
    return found if isinstance(found, Mapping) else {}
