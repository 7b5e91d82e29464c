"""What the detectors of a cluster look at, made of what the twin holds about it."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence, Set
from typing import Final

from opstwin.control.diagnosing_cases import Scenery
from opstwin.domain.cluster_case import ClusterCase, part_of, text_of
from opstwin.domain.cluster_detectors import workload_verdicts
from opstwin.domain.cluster_surroundings import AROUND
from opstwin.domain.diagnosis import Verdict
from opstwin.domain.event import Event
from opstwin.domain.kinds import POD_MAKERS
from opstwin.domain.resource import Observed, Presence
from opstwin.domain.values import ResourceId
from opstwin.manifests.checks.selectors import Selector, plain_selector, selector_of

_MAKERS: Final = POD_MAKERS - {"pod", "replicaset", "cronjob"}
"""Kinds whose pods are told of as one; a ReplicaSet is told of with its Deployment."""

KINDS: Final = frozenset({*_MAKERS, "pod", *AROUND})


def cluster_verdicts(scenery: Scenery) -> list[tuple[ClusterCase, Verdict]]:
    """What is wrong with the resources of a cluster, and around them."""
    found: list[tuple[ClusterCase, Verdict]] = []
    for case in cluster_cases(scenery):
        detector = AROUND.get(case.kind)
        found += [(case, verdict) for verdict in ([detector(case)] if detector else workload_verdicts(case))]
    return found


def cluster_cases(scenery: Scenery) -> list[ClusterCase]:
    """A case for every resource of a cluster that is wanted or there, by id; pods of a workload are in its case."""
    sights = _Sights(scenery)
    wanted = {key for key, item in scenery.desired.items() if item.kind in KINDS and item.spec is not None}
    there = {
        key for key, item in scenery.observed.items()
        if item.kind in KINDS and item.presence is not Presence.ABSENT and key not in sights.made
    }  # fmt: skip
    return [_case(sights, key) for key in sorted(wanted | there)]


class _Sights:
    """What is there of a cluster, as cases need it: pods by their maker, warnings about ReplicaSets by Deployment."""

    def __init__(self, scenery: Scenery) -> None:
        self.scenery = scenery
        self.pods = [*self.of_kinds({"pod"})]
        self.members: dict[ResourceId, list[Observed]] = defaultdict(list)
        self.sets: dict[str, list[Event]] = defaultdict(list)
        for link in scenery.parts:
            pod, maker = scenery.observed.get(link.source), scenery.observed.get(link.destination)
            kept = maker is not None and maker.kind in _MAKERS and maker.presence is not Presence.ABSENT
            if kept and pod is not None and pod.kind == "pod":
                self.members[link.destination].append(pod)
        for resource, events in scenery.events.items():
            _, kind, name = resource.split("/", 2)
            if kind == "replicaset":
                self.sets[name.rpartition("-")[0]] += events
        self.made = frozenset(pod.id for pods in self.members.values() for pod in pods)

    def of_kinds(self, kinds: Set[str]) -> Iterator[Observed]:
        """What is there of some kinds."""
        there = self.scenery.observed.values()
        return (item for item in there if item.kind in kinds and item.presence is Presence.PRESENT)


def _case(sights: _Sights, key: ResourceId) -> ClusterCase:
    scenery = sights.scenery
    observed = scenery.observed.get(key)
    _, kind, full = key.split("/", 2)
    pods = _pods(sights, observed, kind)
    return ClusterCase(
        id=key, target=scenery.target.id, kind=kind, name=full.rpartition("/")[2], now=scenery.now, observed=observed,
        desired=scenery.desired.get(key), pods=pods, near=_near(sights, observed, kind), is_sure=_is_sure(scenery),
        events=_events(sights, key, pods if kind in _MAKERS else ()),
        wanted_inside=_wanted_inside(scenery, full) if kind == "namespace" else 0,
    )  # fmt: skip


def _pods(sights: _Sights, item: Observed | None, kind: str) -> Sequence[Observed]:
    if item is None or item.presence is not Presence.PRESENT:
        return ()
    if kind == "pod":
        return (item,)
    if kind in _MAKERS:
        found = sights.members.get(item.id, [])
        return [pod for pod in found if pod.presence is Presence.PRESENT and text_of(pod, "state") != "leaving"]
    if kind == "node":
        return [pod for pod in sights.pods if text_of(pod, "node") == item.name]
    if kind == "persistentvolumeclaim":
        users = {link.source for link in sights.scenery.links if link.destination == item.id}
        return [pod for pod in sights.pods if pod.id in users]
    return [*_selected(_selector(item), item, sights.pods)]


def _near(sights: _Sights, item: Observed | None, kind: str) -> Sequence[Observed]:
    if item is None or item.presence is not Presence.PRESENT:
        return ()
    if kind == "poddisruptionbudget":
        return [node for node in sights.of_kinds({"node"}) if part_of(node.spec, "spec").get("unschedulable")]
    if kind == "service":
        return [*_selected(_selector(item), item, sights.of_kinds(_MAKERS), "spec", "template")]
    return ()


def _selector(item: Observed) -> Selector | None:
    wanted = part_of(item.spec, "spec", "selector")
    if item.kind == "service":
        return plain_selector(dict(wanted))
    return selector_of(dict(wanted)) if item.kind == "poddisruptionbudget" else None


def _selected(
    selector: Selector | None, item: Observed, those: Iterable[Observed], *path: str
) -> Iterator[Observed]:  # fmt: skip
    """Those of the same namespace whose labels, or those of their template, the selector wants."""
    if selector is None or selector.is_empty:
        return
    namespace = item.name.rpartition("/")[0]
    for other in those:
        labels = part_of(other.spec, *path, "metadata", "labels")
        if other.name.rpartition("/")[0] == namespace and selector.fits(dict(labels)):
            yield other


def _events(sights: _Sights, key: ResourceId, pods: Sequence[Observed]) -> list[Event]:
    """Its own events, those of its pods, and those of the ReplicaSets of a Deployment, oldest first."""
    events = sights.scenery.events
    found = [*events.get(key, ())]
    for pod in pods:
        found += [event for event in events.get(pod.id, ()) if event.type != "resource.health"]
    _, kind, full = key.split("/", 2)
    found += sights.sets.get(full, []) if kind == "deployment" else []
    return sorted(found, key=lambda event: (event.at, event.seq))


def _is_sure(scenery: Scenery) -> bool:
    """Whether every pod can be seen."""
    seen = scenery.observed.values()
    return all(item.presence is not Presence.UNKNOWN for item in seen if item.kind == "pod")


def _wanted_inside(scenery: Scenery, namespace: str) -> int:
    return sum(item.spec is not None and item.name.startswith(f"{namespace}/") for item in scenery.desired.values())
