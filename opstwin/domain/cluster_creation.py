"""Detectors of pods that a cluster does not take: no node has room for them, or they may not be made. Pure."""

import re
from collections.abc import Mapping
from typing import Final

from opstwin.domain.cluster_case import (
    SHOWN,
    ClusterCase,
    conditions_of,
    containers_of,
    earliest,
    moment_of,
    part_of,
    plain,
    said,
    shown,
    text_of,
    warned,
)
from opstwin.domain.diagnosis import Code, Evidence, Verdict
from opstwin.domain.event import Event
from opstwin.domain.resource import Health, Observed

_WAYS: Final[Mapping[str, tuple[str, ...]]] = {
    "resources": ("Insufficient", "Too many pods"),
    "taints": ("taint",),
    "claims": ("PersistentVolumeClaim", "persistentvolumeclaim", "volume"),
    "placement": ("affinity", "selector", "topology spread", "node(s) didn't match"),
    "ports": ("free ports",),
    "cordoned": ("unschedulable",),
}
"""What schedulers say (k8s.io/kubernetes/pkg/scheduler/framework/plugins, 1.20 to 1.33), by what is in the way."""

_SHARE: Final = re.compile(r"(?:(\d+) )?(.+)", re.DOTALL)
_QUOTA: Final = re.compile(r"exceeded quota: ([a-z0-9.-]{1,253})")
_WEBHOOK: Final = re.compile(r'failed calling webhook "([^"]{1,253})"')


def unschedulable(case: ClusterCase) -> Verdict:
    """No node takes a pod."""
    pods = [pod for pod in case.pods if _waits_for_a_node(pod)]
    if not pods:
        return None
    warnings = [event for event in case.warnings("FailedScheduling") if event.resource in {pod.id for pod in pods}]
    words = " ".join([*(text_of(pod, "why") for pod in pods), *(said(event, "message") for event in warnings[-1:])])
    evidence = [item for pod in pods[:SHOWN] for item in case.seen("why", pod)]
    evidence += [*_asked(pods[0]), *map(warned, warnings[-SHOWN:])]
    return case.clue(
        Code.UNSCHEDULABLE, case.severity, evidence, words=f"unschedulable_{way_of(words)}", count=str(len(pods)),
        since=earliest(moment_of(pod, "created_at") for pod in pods),
    )  # fmt: skip


def way_of(text: str) -> str:
    """What is in the way of most nodes: a key of the reasons known here, `other` where none of them is named."""
    counts: dict[str, int] = {}
    for share in re.split(r",\s+(?=\d)|[:.]\s+", text):
        match = _SHARE.match(share.strip())
        way = next((name for name, marks in _WAYS.items() if any(mark in share for mark in marks)), "")
        if match is not None and way:
            counts[way] = counts.get(way, 0) + int(match[1] or 1)
    return max(counts, key=lambda name: counts[name]) if counts else "other"


def pods_refused(case: ClusterCase) -> Verdict:
    """Its pods may not be made: a quota is used up, an admission webhook does not answer, or a rule is against it."""
    refused = [entry for entry in case.conditions if entry.startswith("ReplicaFailure=True")]
    warnings = case.warnings("FailedCreate") if _lacks_pods(case) else []
    if case.present is None or not (refused or warnings):
        return None
    words = " ".join([text_of(case.present, "why"), *(said(event, "message") for event in warnings[-SHOWN:])])
    evidence = [shown("condition", entry, case.present) for entry in refused]
    evidence += [*(case.seen("why") if refused else ()), *map(warned, warnings[-SHOWN:])]
    quota, webhook = _QUOTA.search(words), _WEBHOOK.search(words)
    code = Code.WEBHOOK_DOWN if webhook else Code.QUOTA_EXCEEDED if quota else Code.PODS_REFUSED
    named = webhook or quota
    return case.clue(code, case.severity, evidence, by=plain(named[1]) if named else "", since=_since(case, warnings))


def _since(case: ClusterCase, warnings: list[Event]) -> str:
    moments = [*(event.at for event in warnings[:1]), *([case.turned_at] if case.turned_at else [])]
    return earliest(iter(moments))


def _lacks_pods(case: ClusterCase) -> bool:
    """Whether warnings about pods that could not be made still hold: fewer are ready than wanted."""
    ready, wanted = case.counts
    return case.present is not None and case.present.health is not Health.HEALTHY and ready < max(1, wanted)


def _waits_for_a_node(pod: Observed) -> bool:
    return any(entry.startswith("PodScheduled=False") for entry in conditions_of(pod))


def _asked(pod: Observed) -> list[Evidence]:
    """What its containers ask of a node."""
    asked = [dict(part_of(item, "resources", "requests")) for item in containers_of(pod.spec)]
    return [shown("requests", [*filter(None, asked)], pod)] if any(asked) else []
