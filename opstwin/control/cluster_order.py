"""In which order the resources of a cluster are made and taken away: who names whom. Pure."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from opstwin.domain.kinds import CONTAINER, runs
from opstwin.domain.plan import Change, Op
from opstwin.domain.values import Json, ResourceId, Spec

Key = tuple[str, str, str]
"""Kind, namespace (empty for what stands in none) and name."""

_NAMING: Final[Mapping[str, tuple[str, str]]] = {
    "configMapRef": ("configmap", "name"), "configMapKeyRef": ("configmap", "name"),
    "configMap": ("configmap", "name"), "secretRef": ("secret", "name"), "secretKeyRef": ("secret", "name"),
    "secret": ("secret", "secretName"), "persistentVolumeClaim": ("persistentvolumeclaim", "claimName"),
}  # fmt: skip
"""The fields of a pod that name what must be there before it starts, the kind that they name, and where the name is."""


def cluster_edges(changes: Sequence[Change]) -> Mapping[ResourceId, set[ResourceId]]:
    """For each change, those that come before it.

    A namespace and a definition come before what lies in them or is defined by them, and go after it. What a pod reads
    or runs as comes before the pod, and goes after it.
    """
    by_key = {_key(change): change for change in changes if change.kind != CONTAINER}
    edges: dict[ResourceId, set[ResourceId]] = defaultdict(set)
    for change in by_key.values():
        for key in _needed(change):
            other = by_key.get(key)
            if other is None or other is change:
                continue
            first, then = (change, other) if other.op is Op.DELETE else (other, change)
            if (first.op is Op.DELETE) == (then.op is Op.DELETE):
                edges[then.resource].add(first.resource)
    return edges


def _key(change: Change) -> Key:
    namespace, _, name = change.name.rpartition("/")
    return change.kind, namespace, name


def _needed(change: Change) -> Iterator[Key]:
    namespace = change.name.rpartition("/")[0]
    if namespace:
        yield "namespace", "", namespace
    if "." in change.kind:
        yield from _definitions(change)
    if runs(change.kind):
        yield from ((kind, namespace, name) for kind, name in _named(change.after or change.before))


def _definitions(change: Change) -> Iterator[Key]:
    """The definition of a custom kind is named `plural.group`; the usual plurals of the kind are tried."""
    kind, _, group = change.kind.partition(".")
    for plural in (f"{kind}s", f"{kind}es", f"{kind[:-1]}ies"):
        yield "customresourcedefinition", "", f"{plural}.{group}"


def _named(spec: Spec | None) -> Iterator[tuple[str, str]]:
    waiting: list[Json] = [dict(spec or {})]
    while waiting:
        item = waiting.pop()
        if isinstance(item, list):
            waiting += item
        if not isinstance(item, dict):
            continue
        for field, value in item.items():
            if isinstance(value, dict):
                yield from _reference(field, value)
            if field == "serviceAccountName" and isinstance(value, str):
                yield "serviceaccount", value
            if isinstance(value, dict | list):
                waiting.append(value)


def _reference(field: str, value: Mapping[str, Json]) -> Iterator[tuple[str, str]]:
    kind, key = _NAMING.get(field, ("", ""))
    name = value.get(key)
    if kind and isinstance(name, str):
        yield kind, name
