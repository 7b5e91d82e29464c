"""How many: HorizontalPodAutoscaler and PodDisruptionBudget."""

from dataclasses import replace
from typing import Final

from opstwin.domain.values import Json
from opstwin.domain.workload import Autoscale
from opstwin.manifests.generating.info import ContainerInfo
from opstwin.manifests.generating.options import GenerateOptions
from opstwin.manifests.generating.results import Level, Notes
from opstwin.manifests.served import Served

SPREAD: Final = 3
"""Without a maximum, so many times the minimum."""


def scales(
    info: ContainerInfo, options: GenerateOptions, served: Served, kind: str, requests: set[str], notes: Notes
) -> Autoscale | None:
    """What is asked of the autoscaler, with both bounds; None when there is to be none, which is a finding if asked."""
    wanted = options.autoscale
    if wanted is None:
        return None
    reason = _obstacle(wanted, served, kind, requests, runs=info.running)
    if reason:
        notes.find(reason, Level.LOST, "autoscale", kind=kind)
        return None
    least = wanted.minimum if wanted.minimum is not None else info.replicas
    most = wanted.maximum if wanted.maximum is not None else max(least * SPREAD, least + 1)
    return replace(wanted, minimum=least, maximum=max(least, most))


def autoscaler_spec(name: str, kind: str, wanted: Autoscale, asker: str, notes: Notes) -> dict[str, Json]:
    """The spec of the autoscaler, the same in autoscaling/v2 and v2beta2. `asker` is who wants it."""
    metrics: list[Json] = [_metric("cpu", wanted.cpu_percent)]
    if wanted.memory_percent is not None:
        metrics.append(_metric("memory", wanted.memory_percent))
    notes.why("spec.minReplicas", wanted.minimum, "scale_least", asker)
    notes.why("spec.maxReplicas", wanted.maximum, "scale_most", asker)
    notes.why(
        "spec.metrics[0].resource.target.averageUtilization", wanted.cpu_percent, "scale_target", asker,
        percent=wanted.cpu_percent,
    )  # fmt: skip
    return {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": kind, "name": name},
        "minReplicas": wanted.minimum,
        "maxReplicas": wanted.maximum,
        "metrics": metrics,
    }


def budget_spec(selector: dict[str, str], notes: Notes) -> dict[str, Json]:
    """The spec of the disruption budget, the same in policy/v1 and v1beta1."""
    notes.why("spec.maxUnavailable", 1, "budget", "replicas")
    return {"maxUnavailable": 1, "selector": {"matchLabels": {**selector}}}


def _obstacle(wanted: Autoscale, served: Served, kind: str, requests: set[str], *, runs: bool) -> str:
    if kind != "Deployment":
        return "scale_kind"
    if not runs:
        return "scale_stopped"
    if "cpu" not in requests or (wanted.memory_percent is not None and "memory" not in requests):
        return "scale_requests"
    return "" if served.best("HorizontalPodAutoscaler") else "scale_served"


def _metric(resource: str, percent: int) -> dict[str, Json]:
    target: dict[str, Json] = {"type": "Utilization", "averageUtilization": percent}
    return {"type": "Resource", "resource": {"name": resource, "target": target}}
