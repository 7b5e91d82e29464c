"""Labels, and names of what is made beside a workload."""

import re
from collections.abc import Mapping
from typing import Final

from opstwin.manifests.generating.images import known_image, tag
from opstwin.manifests.generating.info import ContainerInfo
from opstwin.manifests.generating.options import GenerateOptions
from opstwin.manifests.generating.results import Level, Notes
from opstwin.manifests.generating.secrecy import is_secret

RECOMMENDED: Final = "app.kubernetes.io/"
MANAGED_BY: Final = "opstwin"

_OURS: Final = frozenset({f"{RECOMMENDED}{word}" for word in ("name", "instance", "managed-by")})
_PART: Final = r"[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?"
_KEY: Final = re.compile(rf"(?:[a-z0-9](?:[a-z0-9.-]{{0,251}}[a-z0-9])?/)?{_PART}", re.ASCII)
_VALUE: Final = re.compile(rf"(?:{_PART})?", re.ASCII)
"""Label keys and values by the Kubernetes API conventions."""


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
