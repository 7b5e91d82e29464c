"""What several pods or several workloads have in common: volumes, namespaces, the order of everything."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from opstwin.domain.values import Json
from opstwin.errors import InvalidInput
from opstwin.manifests.forms import Manifest, ordered
from opstwin.manifests.generating.info import ContainerInfo
from opstwin.manifests.generating.options import GenerateOptions
from opstwin.manifests.generating.results import Level, Notes
from opstwin.manifests.generating.storage import Storage

_ORDER: Final = (
    "Namespace", "ServiceAccount", "ConfigMap", "Secret", "PersistentVolumeClaim", "Service", "Deployment",
    "StatefulSet", "Job", "CronJob", "HorizontalPodAutoscaler", "PodDisruptionBudget", "NetworkPolicy", "Ingress",
)  # fmt: skip
_SHAREABLE: Final = ("Namespace", "ServiceAccount", "PersistentVolumeClaim")


def used_by_several(containers: Sequence[ContainerInfo]) -> frozenset[str]:
    """The volumes that more than one of these containers mounts."""
    used = Counter(volume for info in containers for volume in {mount.volume for mount in info.mounts})
    return frozenset(volume for volume, count in used.items() if volume is not None and count > 1)


def by_many(info: ContainerInfo, kind: str, options: GenerateOptions, shared: frozenset[str]) -> frozenset[str]:
    """The volumes that several pods mount at one time."""
    own = frozenset(mount.volume for mount in info.mounts if mount.volume is not None)
    several = kind != "StatefulSet" and (info.replicas > 1 or options.autoscale is not None)
    return own if several else own & shared


def for_many(storage: Storage, kind: str, volumes: frozenset[str], notes: Notes) -> Storage:
    """The storage with claims that many pods can mount at one time, for these volumes."""
    for volume in sorted(volumes):
        code = "volume_apart" if kind == "StatefulSet" else "shared_volume"
        notes.find(code, Level.LOST if kind == "StatefulSet" else Level.DIFFERS, "volumes", volume=volume)
    if kind == "StatefulSet":
        return storage
    many: dict[str, Json] = {"accessModes": ["ReadWriteMany"]}
    return replace(
        storage,
        claims={name: {**claim, **many} if name in volumes else claim for name, claim in storage.claims.items()},
    )


def in_order(manifests: Iterable[Manifest]) -> Iterator[Manifest]:
    """By kind; what several workloads share (a namespace, the claim of a common volume) once."""
    once: dict[tuple[str, str], Manifest] = {}
    for manifest in sorted(manifests, key=lambda item: _ORDER.index(item.kind)):
        key = (manifest.kind, manifest.name)
        once[key] = _shared(once[key], manifest) if key in once else manifest
    yield from once.values()


def _shared(first: Manifest, second: Manifest) -> Manifest:
    """One manifest for both: what only one of them is labelled with goes."""
    if first.kind not in _SHAREABLE:
        raise InvalidInput(
            f"Two workloads need a {first.kind} called {first.name}.",
            field="name",
            next_step="Rename one of the two workloads.",
        )
    labels, others = (_labels(item.document) for item in (first, second))
    metadata = first.document["metadata"]
    assert isinstance(metadata, dict)
    same: dict[str, Json] = {key: value for key, value in labels.items() if others.get(key) == value}
    kept = {key: value for key, value in metadata.items() if key != "annotations"}
    return replace(first, document=ordered({**first.document, "metadata": {**kept, "labels": same}}))


def _labels(document: Mapping[str, Json]) -> dict[str, Json]:
    metadata = document["metadata"]
    labels = metadata.get("labels") if isinstance(metadata, dict) else None
    return labels if isinstance(labels, dict) else {}
