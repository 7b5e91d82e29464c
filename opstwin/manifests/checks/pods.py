"""The pod in a manifest, whatever kind makes it, and the containers in it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from opstwin.domain.values import Json
from opstwin.manifests.checks.sheets import Object, Sheet, listed, mapping
from opstwin.manifests.nodes import Path

TEMPLATES: Final[dict[str, Path]] = {
    "Pod": (), "PodTemplate": ("template",), "CronJob": ("spec", "jobTemplate", "spec", "template"),
    "Deployment": ("spec", "template"), "StatefulSet": ("spec", "template"), "DaemonSet": ("spec", "template"),
    "ReplicaSet": ("spec", "template"), "ReplicationController": ("spec", "template"), "Job": ("spec", "template"),
}  # fmt: skip
"""Where the pod stands in each kind that makes pods."""

GROUPS: Final = frozenset({"v1", "apps/v1", "batch/v1", "batch/v1beta1", "batch/v2alpha1"})


@dataclass(frozen=True, slots=True)
class Container:
    """One container of a pod. `role` is the field that it stands in."""

    value: Object
    path: Path
    role: str


@dataclass(frozen=True, slots=True)
class Pod:
    """The pod of a manifest: its metadata and spec, and where they stand."""

    metadata: Object
    spec: Object
    path: Path
    containers: tuple[Container, ...]

    @property
    def spec_path(self) -> Path:
        """The path of its spec."""
        return (*self.path, "spec")

    @property
    def labels(self) -> Object:
        """Its labels."""
        return mapping(self.metadata, "labels")


def pod_of(sheet: Sheet) -> Pod | None:
    """The pod that the manifest makes, None when it makes none."""
    path = TEMPLATES.get(sheet.kind)
    if path is None or sheet.api not in GROUPS:
        return None
    holder = mapping(sheet.value, *(str(step) for step in path))
    spec = mapping(holder, "spec")
    return Pod(mapping(holder, "metadata"), spec, path, tuple(_containers(spec, (*path, "spec"))))


def _containers(spec: Object, path: Path) -> Iterator[Container]:
    for role in ("initContainers", "containers", "ephemeralContainers"):
        for place, item in enumerate(listed(spec.get(role))):
            if isinstance(item, dict):
                yield Container(item, (*path, role, place), role)


def at(value: Json, *steps: str) -> Json:
    """What stands below `steps`, None where there is nothing."""
    for step in steps:
        value = value.get(step) if isinstance(value, dict) else None
    return value
