"""Labels, and names of what is made beside a workload."""

import re
from collections.abc import Mapping
from typing import Final

from opstwin.domain.values import Json
from opstwin.errors import InvalidInput
from opstwin.manifests.generating.images import known_image, tag
from opstwin.manifests.generating.info import ContainerInfo
from opstwin.manifests.generating.options import GenerateOptions
from opstwin.manifests.generating.results import Level, Notes
from opstwin.manifests.generating.secrecy import is_secret

RECOMMENDED: Final = "app.kubernetes.io/"
MANAGED_BY: Final = "opstwin"

_LONGEST: Final = {"StatefulSet": 52, "CronJob": 52}
"""A hash of ten characters is put behind these names in a label, or a moment behind them in the name of a Job."""

_OURS: Final = frozenset({f"{RECOMMENDED}{word}" for word in ("name", "instance", "managed-by")})
_PART: Final = r"[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?"
_KEY: Final = re.compile(rf"(?:[a-z0-9](?:[a-z0-9.-]{{0,251}}[a-z0-9])?/)?{_PART}", re.ASCII)
_VALUE: Final = re.compile(rf"(?:{_PART})?", re.ASCII)
"""Label keys and values by the Kubernetes API conventions."""


def check_name(name: str, kind: str, *, listens: bool) -> None:
    """Raises `InvalidInput` for a name that is fine on a container engine and is refused by a cluster."""
    if len(name) > _LONGEST.get(kind, 63):
        raise InvalidInput(
            f"The name of a {kind} has at most {_LONGEST[kind]} characters, because its pods get longer ones.",
            field="name",
            next_step="Use a shorter name.",
        )
    if listens and not name[0].isalpha():
        raise InvalidInput(
            f"{name} gets a Service, whose name must begin with a letter.",
            field="name",
            next_step=f"Use a name such as app-{name[:50]}.",
        )


def selector_of(info: ContainerInfo) -> dict[str, str]:
    """The labels that its pods are found by. They never change, because a selector cannot."""
    return {f"{RECOMMENDED}name": info.name, f"{RECOMMENDED}instance": info.name}


def labels_of(info: ContainerInfo, options: GenerateOptions, notes: Notes) -> tuple[dict[str, str], dict[str, str]]:
    """Labels and annotations of everything that belongs to the workload; what fits neither is a finding."""
    labels: dict[str, str] = {**_made(info, options)}
    annotations: dict[str, str] = {}
    for key, value in sorted(info.labels.items()):
        if key in _OURS:
            notes.find("label_ours", Level.DIFFERS, "labels", key=key)
        elif is_secret(key, value):
            notes.find("label_secret", Level.LOST, "labels", key=key)
        elif not _KEY.fullmatch(key):
            notes.find("label_key", Level.LOST, "labels", key=key[:80])
        elif _VALUE.fullmatch(value):
            labels[key] = value
        else:
            annotations[key] = value
    return labels, annotations


def own_annotations(info: ContainerInfo, notes: Notes) -> dict[str, Json]:
    """The annotations that the pod is given by name; what looks like a secret, or is no such name, is a finding."""
    found: dict[str, Json] = {}
    for key, value in sorted(info.pod.annotations.items()):
        if is_secret(key, value):
            notes.find("label_secret", Level.LOST, "annotations", key=key)
        elif not _KEY.fullmatch(key):
            notes.find("label_key", Level.LOST, "annotations", key=key[:80])
        else:
            found[key] = value
    if found:
        notes.why("metadata.annotations", found, "annotations", "request")
    return found


def _made(info: ContainerInfo, options: GenerateOptions) -> Mapping[str, str]:
    known, version = known_image(info.image), tag(info.image)
    made = {**selector_of(info), f"{RECOMMENDED}managed-by": MANAGED_BY}
    if _VALUE.fullmatch(version) and version:
        made[f"{RECOMMENDED}version"] = version
    if known is not None:
        made[f"{RECOMMENDED}component"] = known.component
    if options.part_of:
        made[f"{RECOMMENDED}part-of"] = options.part_of
    return made


def beside(name: str, suffix: str) -> str:
    """The name of something made beside `name`, cut so that it stays a DNS label."""
    return f"{name[: 62 - len(suffix)].rstrip('-')}-{suffix}"
