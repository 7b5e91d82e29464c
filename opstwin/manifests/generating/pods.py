"""The pod of a workload: its one container and what stands around it."""

from opstwin.domain.values import Json
from opstwin.manifests.generating.environment import config_marks, container_settings
from opstwin.manifests.generating.naming import own_annotations
from opstwin.manifests.generating.parts import Parts
from opstwin.manifests.generating.pod_fields import container_fields, pod_context, pod_fields
from opstwin.manifests.generating.ports import container_ports
from opstwin.manifests.generating.probes import probes_of
from opstwin.manifests.generating.resources import resources_of
from opstwin.manifests.generating.results import Notes
from opstwin.manifests.generating.security import container_security, identity_of, pod_security
from opstwin.manifests.generating.traffic import network_labels

ENDING = ("Job", "CronJob")
"""Kinds whose pods are meant to end."""


def pod_template(parts: Parts, notes: Notes) -> dict[str, Json]:
    """A pod template. `notes` are those of its place in the manifest."""
    labels: dict[str, Json] = {**parts.labels, **network_labels(parts.info, parts.options, notes)}
    metadata: dict[str, Json] = {"labels": labels}
    marks, own = config_marks(parts.environment), own_annotations(parts.info, notes)
    if marks:
        notes.why("metadata.annotations", {**marks}, "config_mark", "env")
    if marks or own:
        metadata["annotations"] = {**own, **marks}
    return {"metadata": metadata, "spec": _pod(parts, notes.below("spec"))}


def _pod(parts: Parts, notes: Notes) -> dict[str, Json]:
    identity = identity_of(parts.info, parts.options, parts.known)
    spec: dict[str, Json] = {"automountServiceAccountToken": False, "enableServiceLinks": False}
    notes.why("automountServiceAccountToken", False, "no_token", "default")
    notes.why("enableServiceLinks", False, "no_links", "default")
    if parts.options.service_account is not None:
        spec["serviceAccountName"] = parts.options.service_account
    if parts.kind in ENDING:
        spec["restartPolicy"] = "Never"
        notes.why("restartPolicy", "Never", "restart_never", "restart policy")
    spec |= pod_fields(parts, notes)
    context = pod_security(identity, has_claims=bool(parts.storage.claims), notes=notes)
    spec["securityContext"] = context | pod_context(parts, notes)
    container = _container(parts, notes.below("containers[0]"))
    within = notes.below("containers[0]")
    container["securityContext"] = container_security(parts.info, parts.options, parts.known, identity, within)
    spec["containers"] = [container]
    volumes = [*_claimed(parts), *parts.storage.volumes]
    _tell_memory(volumes, notes)
    return {**spec, "volumes": volumes} if volumes else spec


def _container(parts: Parts, notes: Notes) -> dict[str, Json]:
    container: dict[str, Json] = {"name": parts.name, "image": parts.info.image}
    container.update(container_fields(parts, notes))
    container.update(container_settings(parts.environment, notes))
    ports = container_ports(parts.info, notes)
    if ports:
        container["ports"] = ports
    resources = resources_of(parts.info, parts.options, parts.known, notes)
    if resources:
        container["resources"] = resources
    if parts.kind not in ENDING:
        container.update(probes_of(parts.info, parts.known, parts.options.drafted, notes))
    if parts.storage.mounts:
        container["volumeMounts"] = [*parts.storage.mounts]
    return container


def _tell_memory(volumes: list[Json], notes: Notes) -> None:
    for place, volume in enumerate(volumes):
        folder = volume.get("emptyDir") if isinstance(volume, dict) else None
        if isinstance(folder, dict) and "medium" in folder:
            notes.why(f"volumes[{place}].emptyDir", folder, "in_memory", "request")


def _claimed(parts: Parts) -> list[Json]:
    """The claims as volumes; those of a StatefulSet come from its templates."""
    if parts.kind == "StatefulSet":
        return []
    return [{"name": volume, "persistentVolumeClaim": {"claimName": volume}} for volume in parts.storage.claims]
