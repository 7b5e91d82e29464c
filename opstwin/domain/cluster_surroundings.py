"""Detectors of what is wrong around the workloads of a cluster: Services, claims, autoscalers, budgets, nodes,
namespaces. Pure.
"""

from collections.abc import Callable, Mapping, Sequence
from math import ceil
from typing import Final

from opstwin.domain.cluster_case import SHOWN, ClusterCase, earliest, moment_of, part_of, plain, shown, text_of, warned
from opstwin.domain.diagnosis import FRESH, Code, Evidence, Severity, Verdict
from opstwin.domain.resource import Health
from opstwin.domain.values import Json

Detector = Callable[[ClusterCase], Verdict]


def service_without_pods(case: ClusterCase) -> Verdict:
    """A Service that leads nowhere: its selector matches nothing, or nothing of what it matches is ready."""
    if case.is_unknown or not case.is_sure:
        return case.doubt(Code.SERVICE_WITHOUT_PODS)
    seen, selector = case.present, part_of(case.spec, "selector")
    if seen is None or not selector or any(pod.health is Health.HEALTHY for pod in case.pods):
        return None
    evidence = [shown("selector", dict(selector), seen)]
    evidence += [shown("pod", f"{pod.name} {text_of(pod, 'state')}", pod) for pod in case.pods[:SHOWN]]
    evidence += [shown("workload", f"{item.name} {text_of(item, 'ready')}", item) for item in case.near[:SHOWN]]
    asleep = bool(case.near) and not case.pods and all(item.health is Health.STOPPED for item in case.near)
    words = "unready" if case.pods else "asleep" if asleep else "starting" if case.near else "selector"
    severity = Severity.NOTICE if asleep else Severity.CRITICAL if case.pods or case.near else Severity.WARNING
    return case.clue(
        Code.SERVICE_WITHOUT_PODS, severity, evidence, words=f"service_{words}", count=str(len(case.pods)),
        since=earliest(moment_of(pod, "created_at") for pod in case.pods),
    )  # fmt: skip


def claim_unbound(case: ClusterCase) -> Verdict:
    """A claim without its volume. One that waits for its first pod is in order."""
    if case.is_unknown:
        return case.doubt(Code.CLAIM_UNBOUND)
    seen = case.present
    if seen is None or case.state not in ("pending", "lost"):
        return None
    made_at, warnings = moment_of(seen, "created_at"), case.events[-SHOWN:]
    old = made_at is not None and case.now - made_at >= FRESH
    if case.state == "pending" and not (case.pods or warnings or old):
        return None
    evidence = [*case.seen("state"), *case.seen("why"), *map(warned, warnings), *_storage(case)]
    evidence += [shown("mounted by", pod.name, pod) for pod in case.pods[:SHOWN]]
    severity = Severity.CRITICAL if case.state == "lost" or case.pods else Severity.WARNING
    unused = severity is Severity.WARNING and not warnings
    return case.clue(
        Code.CLAIM_UNBOUND, Severity.NOTICE if unused else severity, evidence, since=earliest(iter([made_at])),
        words="claim_lost" if case.state == "lost" else "claim_unused" if unused else "claim_pending",
    )  # fmt: skip


def autoscaler(case: ClusterCase) -> Verdict:
    """An autoscaler that cannot decide, or that may go no further."""
    if case.is_unknown:
        return case.doubt(Code.AUTOSCALER_BLIND)
    seen = case.present
    if seen is None or case.is_leaving:
        return None
    blind = [entry for entry in case.conditions if entry.startswith(("ScalingActive=False", "AbleToScale=False"))]
    blind = [entry for entry in blind if not entry.endswith("ScalingDisabled")]
    if case.state == "waiting" or blind:
        evidence = [*(shown("condition", entry, seen) for entry in blind), *case.seen("why")]
        lacks = any("Metric" in entry for entry in blind) or not blind
        words = "autoscaler_blind" if lacks else "autoscaler_lost"
        return case.clue(Code.AUTOSCALER_BLIND, Severity.WARNING, [*evidence, *_last(case)], words=words)
    now, most = case.counts
    wants = [entry for entry in case.conditions if entry.startswith("ScalingLimited=True TooManyReplicas")]
    if not most or now < most or case.spec.get("minReplicas") == most:
        return None
    evidence = [shown("replicas", f"{now}/{most}", seen), *(shown("condition", entry, seen) for entry in wants)]
    severity, words = (Severity.WARNING, "autoscaler_wants_more") if wants else (Severity.NOTICE, "autoscaler_full")
    return case.clue(Code.AUTOSCALER_AT_MAXIMUM, severity, evidence, words=words, most=str(most))


def node_ails(case: ClusterCase) -> Verdict:
    """A node that does not answer, or that runs out of something."""
    if case.is_unknown:
        return case.doubt(Code.NODE_NOT_READY)
    seen = case.present
    if seen is None or case.state not in ("not ready", "under pressure"):
        return None
    bad = [entry for entry in case.conditions if _is_bad(entry)]
    evidence = [*(shown("condition", entry, seen) for entry in bad), *case.seen("why"), *_last(case)]
    since = case.turned_at.isoformat() if case.turned_at else ""
    if case.state == "not ready":
        return case.clue(
            Code.NODE_NOT_READY, Severity.CRITICAL, evidence, since=since, count=str(len(case.pods)),
            words="node_silent" if seen.health is Health.UNKNOWN else "node_not_ready",
        )  # fmt: skip
    what = ", ".join(plain(entry.partition("=")[0]) for entry in bad)
    return case.clue(Code.NODE_UNDER_PRESSURE, Severity.WARNING, evidence, since=since, what=what)


def namespace_leaving(case: ClusterCase) -> Verdict:
    """A namespace that is being deleted: nothing new can be made in it, and all that is in it goes."""
    if case.is_unknown:
        return case.doubt(Code.NAMESPACE_LEAVING)
    seen = case.present
    if seen is None or case.state not in ("leaving", "terminating"):
        return None
    stuck = [
        entry for entry in case.conditions
        if "=True" in entry and entry.startswith(("NamespaceContentRemaining", "NamespaceFinalizersRemaining",
                                                  "NamespaceDeletion"))
    ]  # fmt: skip
    evidence = [*case.seen("state"), *(shown("condition", entry, seen) for entry in stuck)]
    evidence += [shown("wanted resources", case.wanted_inside, seen)] if case.wanted_inside else []
    severity = Severity.CRITICAL if case.wanted_inside else Severity.WARNING if stuck else Severity.NOTICE
    return case.clue(
        Code.NAMESPACE_LEAVING, severity, evidence, count=str(case.wanted_inside),
        words="namespace_wanted" if case.wanted_inside else "namespace_stuck" if stuck else "namespace_leaving",
    )  # fmt: skip


def eviction_blocked(case: ClusterCase) -> Verdict:
    """A budget that lets no pod go: a drained node, and whatever else evicts pods, waits for ever."""
    if case.is_unknown or not case.is_sure:
        return case.doubt(Code.EVICTION_BLOCKED)
    seen, wanted = case.present, _must_stay(case)
    if seen is None or not case.pods or wanted is None:
        return None
    healthy = sum(pod.health is Health.HEALTHY for pod in case.pods)
    closed = {item.name for item in case.near}
    waiting = [pod for pod in case.pods if text_of(pod, "node") in closed]
    never = wanted >= len(case.pods)
    if healthy > wanted or not (never or waiting):
        return None
    rule = {key: case.spec[key] for key in ("minAvailable", "maxUnavailable") if key in case.spec}
    evidence = [shown("budget", rule, seen), shown("healthy pods", f"{healthy}/{len(case.pods)}", seen)]
    evidence += [shown("waits on a closed node", f"{pod.name} {text_of(pod, 'node')}", pod) for pod in waiting[:SHOWN]]
    return case.clue(
        Code.EVICTION_BLOCKED, Severity.WARNING if waiting else Severity.NOTICE, evidence, count=str(len(case.pods)),
        words="eviction_waits" if waiting else "eviction_blocked", wanted=str(wanted), healthy=str(healthy),
    )  # fmt: skip


AROUND: Final[Mapping[str, Detector]] = {
    "service": service_without_pods, "persistentvolumeclaim": claim_unbound, "horizontalpodautoscaler": autoscaler,
    "node": node_ails, "namespace": namespace_leaving, "poddisruptionbudget": eviction_blocked,
}  # fmt: skip
"""Detectors by the kind that they are for."""


def _must_stay(case: ClusterCase) -> int | None:
    """How many of its pods a budget wants healthy at all times; parts are rounded up, as the cluster does."""
    least, most = case.spec.get("minAvailable"), case.spec.get("maxUnavailable")
    if least is not None:
        return _share(least, len(case.pods))
    away = _share(most, len(case.pods))
    return None if away is None else max(0, len(case.pods) - away)


def _share(value: Json, whole: int) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    text = value.removesuffix("%") if isinstance(value, str) else ""
    return ceil(whole * int(text) / 100) if text.isdecimal() else None


def _is_bad(condition: str) -> bool:
    kind, _, rest = condition.partition("=")
    return not rest.startswith("True") if kind == "Ready" else rest.startswith("True")


def _last(case: ClusterCase) -> Sequence[Evidence]:
    return [warned(event) for event in case.events if event.type.endswith(".warning")][-SHOWN:]


def _storage(case: ClusterCase) -> list[Evidence]:
    """What is asked of which storage class."""
    seen, name = case.present, case.spec.get("storageClassName")
    assert seen is not None
    asked = part_of(case.spec, "resources", "requests").get("storage")
    return [shown("asks for", f"{asked} of {name or 'the default class'}", seen)] if asked else []
