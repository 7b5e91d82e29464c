"""A live object as a sighting: its id, its cleaned spec, how it does, and what belongs to it. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from opstwin.domain.kinds import runs
from opstwin.domain.resource import Health, Presence
from opstwin.domain.values import Json, ResourceId, TargetId, resource_id
from opstwin.targets.kubernetes.ailing import ailing_facts
from opstwin.targets.kubernetes.cleaning import cleaned, controller_of
from opstwin.targets.kubernetes.health import Doing, at, conditions_in, doing, oom_kills_of, restarts_of
from opstwin.targets.kubernetes.marks import marks_of
from opstwin.targets.kubernetes.serving import kind_of
from opstwin.targets.ports import Sighting

Object = Mapping[str, Any]

REVISION: Final = "deployment.kubernetes.io/revision"
_HASHES: Final = ("pod-template-hash", "controller-revision-hash")
_MOST_IMAGES: Final = 5
_SHOWN_CONDITIONS: Final = 8


def sighting_of(target: TargetId, kind: str, item: Object, pods: Sequence[Object] = ()) -> Sighting:
    """What is seen of one live object; `pods` are those of a workload that belong to its newest template.

    An object that cannot be read (it has no name, or is no object) is told as unknown, never left out.
    """
    name = full_name(item)
    resource = resource_id(target, kind, name)
    own = (item,) if kind == "pod" else tuple(pods)
    found = doing(kind, item, own)
    return Sighting(
        resource=resource, kind=kind, name=name, presence=Presence.PRESENT, spec=cleaned(kind, item),
        facts=dict(_facts(kind, item, found, own)), health=found.health, managed=marks_of(item).managed,
        links=tuple(_links(target, kind, item)),
    )  # fmt: skip


def unreadable(target: TargetId, kind: str, item: Any, error: Exception) -> Sighting:
    """What is seen of an object that could not be read: that it is there, and no more."""
    name = full_name(item) if isinstance(item, Mapping) else "?"
    return Sighting(
        resource=resource_id(target, kind, name), kind=kind, name=name, presence=Presence.UNKNOWN,
        error=f"it cannot be read: {type(error).__name__}",
    )  # fmt: skip


def full_name(item: Object) -> str:
    """`namespace/name`, or `name` for what stands in no namespace."""
    namespace, name = at(item, "metadata", "namespace"), str(at(item, "metadata", "name") or "?")
    return f"{namespace}/{name}" if namespace else name


def maker_of(pod: Object) -> tuple[str, str] | None:
    """Kind and full name of what makes this pod, as in resource ids; the ReplicaSet between them is left out.

    What a node runs by itself, from a file of its own, is the node's.
    """
    owner = controller_of(pod)
    if owner is None:
        return None
    name = str(owner.get("name") or "")
    kind = kind_of(str(owner.get("apiVersion") or "v1"), str(owner.get("kind") or ""))
    template = template_of(pod)
    if kind == "replicaset" and template and name.endswith(f"-{template}"):
        kind, name = "deployment", name.removesuffix(f"-{template}")
    namespace = at(pod, "metadata", "namespace") if kind != "node" else None
    return kind, f"{namespace}/{name}" if namespace else name


def template_of(item: Object) -> str:
    """Which version of its maker's template a pod or ReplicaSet is of; empty where it does not say."""
    labels = at(item, "metadata", "labels")
    found = labels if isinstance(labels, Mapping) else {}
    return next((str(found[name]) for name in _HASHES if found.get(name)), "")


def newest_template(kind: str, item: Object, replica_sets: Sequence[Object]) -> str | None:
    """The version of the template that is wanted now; None where it cannot be told, and then all pods count."""
    if kind == "statefulset":
        return str(at(item, "status", "updateRevision") or "") or None
    if kind != "deployment":
        return None
    revision, uid = at(item, "metadata", "annotations", REVISION), at(item, "metadata", "uid")
    for candidate in replica_sets:
        owner = controller_of(candidate)
        mine = owner is not None and owner.get("uid") == uid
        if mine and at(candidate, "metadata", "annotations", REVISION) == revision:
            return template_of(candidate) or None
    return None


def _facts(kind: str, item: Object, found: Doing, pods: Sequence[Object]) -> Iterator[tuple[str, Json]]:
    metadata = item.get("metadata") or {}
    yield "id", metadata.get("uid")
    yield "state", found.state
    yield "created_at", metadata.get("creationTimestamp")
    yield from marks_of(item).facts().items()
    for name, value in (("why", found.why), ("ready", found.ready)):
        if value:
            yield name, value
    images = _images(item)
    if images:
        yield "images", images
    if runs(kind) and kind != "cronjob":
        yield "restart_count", restarts_of(pods)
        yield "oom_kills", oom_kills_of(pods)
    conditions = _conditions(item)
    if conditions and (found.health not in (Health.HEALTHY, Health.NONE) or kind == "horizontalpodautoscaler"):
        yield "conditions", conditions
    if kind == "pod":
        yield from _of_pod(item)


def _of_pod(item: Object) -> Iterator[tuple[str, Json]]:
    for name, value in (
        ("node", at(item, "spec", "nodeName")),
        ("address", at(item, "status", "podIP")),
        ("started_at", at(item, "status", "startTime")),
    ):
        if value:
            yield name, value
    yield from ailing_facts(item)


def _images(item: Object) -> list[Json]:
    spec = at(item, "spec", "jobTemplate", "spec") or item.get("spec")
    pod = at(spec, "template", "spec") or spec
    containers = at(pod, "containers")
    images: list[Json] = [str(item["image"]) for item in _list(containers) if at(item, "image")]
    return images[:_MOST_IMAGES]


def _conditions(item: Object) -> list[Json]:
    return [
        f"{entry.get('type')}={entry.get('status')}{' ' + str(entry['reason']) if entry.get('reason') else ''}"
        for entry in conditions_in(item)[:_SHOWN_CONDITIONS]
    ]


def _links(target: TargetId, kind: str, item: Object) -> Iterator[tuple[str, ResourceId]]:
    maker = maker_of(item) if kind == "pod" else None
    if maker is not None:
        yield "part-of", resource_id(target, *maker)
    namespace = at(item, "metadata", "namespace")
    if kind == "horizontalpodautoscaler":
        to = at(item, "spec", "scaleTargetRef") or {}
        yield "part-of", resource_id(target, str(to.get("kind")).lower(), f"{namespace}/{to.get('name')}")
    volumes = at(item, "spec", "volumes") if kind == "pod" else None
    for volume in _list(volumes):
        claim = at(volume, "persistentVolumeClaim", "claimName")
        if claim:
            yield "mounts", resource_id(target, "persistentvolumeclaim", f"{namespace}/{claim}")


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
