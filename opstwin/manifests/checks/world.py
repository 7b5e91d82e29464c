"""What is there besides one manifest: the others of its set, and what is known to be on the cluster."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from opstwin.domain.values import Json
from opstwin.manifests.checks.pods import Pod, pod_of
from opstwin.manifests.checks.selectors import Selector
from opstwin.manifests.checks.sheets import Object, Sheet, mapping, number, objects, text

Ref: TypeAlias = tuple[str, str, str]
"""Kind, namespace and name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class References:
    """What is on the cluster, as it was last observed: manifests, and kinds that are served but not in the schemas.

    Where this is given, what is neither in the set nor here does not exist, unless nobody could look: `unseen` are
    kinds (`Secret`) that could not be listed, and `namespaces` are those that were looked into (None for all).
    Secrets may have masked values; only their keys are read.
    """

    manifests: Sequence[Mapping[str, Json]] = ()
    served: frozenset[tuple[str, str]] = frozenset()
    """(apiVersion, kind) of custom kinds."""

    unseen: frozenset[str] = frozenset()
    namespaces: frozenset[str] | None = None

    def covers(self, kind: str, namespace: str) -> bool:
        """Whether things of this kind in this namespace would be here if they were there."""
        return kind not in self.unseen and (self.namespaces is None or namespace in self.namespaces)


@dataclass(frozen=True, slots=True)
class Pods:
    """The pods that one manifest makes, as others refer to them."""

    owner: Ref
    labels: Object
    port_names: frozenset[str]
    port_numbers: frozenset[int]
    replicas: int | None
    pod: Pod


@dataclass(frozen=True, slots=True)
class Selection:
    """The pods that a selector means, and the ports that they have together."""

    pods: tuple[Pods, ...]
    port_names: frozenset[str]
    port_numbers: frozenset[int]


@dataclass(slots=True)
class World:
    """Everything that can be referred to. `known` is None when nothing is known of the cluster."""

    known: References | None
    items: dict[Ref, Object] = field(default_factory=dict)
    given: set[Ref] = field(default_factory=set)
    _by_label: dict[tuple[str, str, str], list[Pods]] = field(default_factory=dict)
    _by_namespace: dict[str, list[Pods]] = field(default_factory=dict)
    _selected: dict[tuple[str, Selector], Selection] = field(default_factory=dict)

    def is_complete(self, kind: str, namespace: str) -> bool:
        """Whether something of this kind that is not here does not exist; else nobody knows."""
        return self.known is not None and self.known.covers(kind, namespace)

    def add(self, sheet: Sheet, *, given: bool) -> None:
        """Learn of one manifest; `given` says that it is one of the set. The first of a name stays."""
        ref = (sheet.kind, sheet.namespace, sheet.name)
        if ref in self.items or not sheet.name:
            return
        self.items[ref] = sheet.value
        if given:
            self.given.add(ref)
        if pod := pod_of(sheet):
            self._add_pods(sheet, ref, pod)

    def find(self, kind: str, namespace: str, name: str) -> Object | None:
        """The manifest of that name, None when it is not known."""
        return self.items.get((kind, namespace, name))

    def pods_in(self, namespace: str) -> Sequence[Pods]:
        """All pods of a namespace."""
        return self._by_namespace.get(namespace, ())

    def selected(self, namespace: str, selector: Selector) -> Selection:
        """The pods of a namespace that the selector means."""
        key = (namespace, selector)
        if key not in self._selected:
            pods = tuple(self._matching(namespace, selector))
            names = frozenset().union(*(item.port_names for item in pods))
            numbers: frozenset[int] = frozenset().union(*(item.port_numbers for item in pods))
            self._selected[key] = Selection(pods, names, numbers)
        return self._selected[key]

    def _matching(self, namespace: str, selector: Selector) -> list[Pods]:
        postings = [self._by_label.get((namespace, key, value), []) for key, value in selector.labels]
        candidates = min(postings, key=len) if postings else self.pods_in(namespace)
        return [item for item in candidates if selector.fits(item.labels)]

    def _add_pods(self, sheet: Sheet, ref: Ref, pod: Pod) -> None:
        ports = [port for item in pod.containers for _, port in objects(item.value.get("ports"))]
        numbers = (number(port.get("containerPort")) for port in ports)
        made = Pods(
            owner=ref, labels=pod.labels, pod=pod, replicas=number(mapping(sheet.value, "spec").get("replicas")),
            port_names=frozenset(filter(None, (text(port.get("name")) for port in ports))),
            port_numbers=frozenset(item for item in numbers if item is not None),
        )  # fmt: skip
        self._by_namespace.setdefault(sheet.namespace, []).append(made)
        for key, value in pod.labels.items():
            if isinstance(value, str):
                self._by_label.setdefault((sheet.namespace, key, value), []).append(made)


def world_of(sheets: Iterable[Sheet], known: References | None) -> World:
    """What can be referred to: the set first, then what is on the cluster."""
    found = World(known=known)
    for sheet in sheets:
        found.add(sheet, given=True)
    for manifest in known.manifests if known else ():
        found.add(Sheet(dict(manifest)), given=False)
    return found
