"""The manifest that runs the pods: Deployment, StatefulSet, Job or CronJob."""

from collections.abc import Callable, Mapping
from typing import Final

from opstwin.domain.values import Json
from opstwin.manifests.generating.naming import beside
from opstwin.manifests.generating.parts import Parts
from opstwin.manifests.generating.pods import pod_template
from opstwin.manifests.generating.results import Level, Notes

_SUSPENDS_SINCE: Final = (1, 22)
"""Kubernetes 1.22 made `suspend` of Jobs a field that is on by default."""


def controller(parts: Parts, notes: Notes) -> dict[str, Json]:
    """The document. Raises `InvalidInput` when the cluster serves no version of its kind."""
    return parts.document(parts.kind, parts.name, {"spec": _SPECS[parts.kind](parts, notes)})


def _deployment(parts: Parts, notes: Notes) -> dict[str, Json]:
    spec: dict[str, Json] = {**_replicas(parts, notes), "selector": {"matchLabels": {**parts.selector}}}
    notes.why("spec.selector.matchLabels", {**parts.selector}, "selector", "default")
    if parts.storage.is_kept_by_one:
        spec["strategy"] = {"type": "Recreate"}
        notes.why("spec.strategy.type", "Recreate", "recreate", "volumes")
    return {**spec, "template": pod_template(parts, notes.below("spec.template"))}


def _stateful(parts: Parts, notes: Notes) -> dict[str, Json]:
    headless = beside(parts.name, "headless")
    spec: dict[str, Json] = {**_replicas(parts, notes), "selector": {"matchLabels": {**parts.selector}}}
    spec["serviceName"] = headless
    notes.why("spec.serviceName", headless, "headless", "default")
    spec["template"] = pod_template(parts, notes.below("spec.template"))
    claims: list[Json] = []
    for number, (volume, claim) in enumerate(parts.storage.claims.items()):
        claims.append({"metadata": {"name": volume, "labels": {**parts.selector}}, "spec": {**claim}})
        size = claim["resources"]
        notes.why(f"spec.volumeClaimTemplates[{number}].spec.resources", size, "claim", "volumes", volume=volume)
    if parts.info.replicas > 1:
        notes.find("own_data", Level.DIFFERS, "replicas")
    return {**spec, "volumeClaimTemplates": claims} if claims else spec


def _job(parts: Parts, notes: Notes) -> dict[str, Json]:
    spec: dict[str, Json] = {"backoffLimit": 0}
    notes.why("spec.backoffLimit", 0, "no_retry", "restart policy")
    if parts.info.replicas > 1:
        spec.update(completions=parts.info.replicas, parallelism=parts.info.replicas)
    if not parts.info.running:
        if parts.served.release >= _SUSPENDS_SINCE:
            spec["suspend"] = True
            notes.why("spec.suspend", True, "stopped", "request")
        else:
            notes.find("job_stopped", Level.LOST, "running")
    return {**spec, "template": pod_template(parts, notes.below("spec.template"))}


def _cron_job(parts: Parts, notes: Notes) -> dict[str, Json]:
    spec: dict[str, Json] = {"schedule": parts.options.schedule, "concurrencyPolicy": "Forbid"}
    notes.why("spec.concurrencyPolicy", "Forbid", "no_overlap", "default")
    if not parts.info.running:
        spec["suspend"] = True
        notes.why("spec.suspend", True, "stopped", "request")
    template = pod_template(parts, notes.below("spec.jobTemplate.spec.template"))
    job: dict[str, Json] = {"backoffLimit": 0, "template": template}
    return {**spec, "jobTemplate": {"metadata": {"labels": {**parts.labels}}, "spec": job}}


def _replicas(parts: Parts, notes: Notes) -> dict[str, Json]:
    if parts.autoscale is not None:
        notes.why("spec", None, "replicas_scaled", parts.options.asker("autoscale"))
        return {}
    count = parts.info.replicas if parts.info.running else 0
    asker = parts.options.asker("replicas")
    if not parts.info.running:
        notes.why("spec.replicas", count, "stopped", "request")
    else:
        notes.why("spec.replicas", count, "replicas_draft" if asker == "draft" else "replicas", asker)
    return {"replicas": count}


_SPECS: Final[Mapping[str, Callable[[Parts, Notes], dict[str, Json]]]] = {
    "Deployment": _deployment, "StatefulSet": _stateful, "Job": _job, "CronJob": _cron_job,
}  # fmt: skip
