"""What the detectors look at, read from the twin: one target at a time, in few queries. No target is asked."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from opstwin.control.ledger import Ledger
from opstwin.control.port_claims import Held, claims
from opstwin.control.retrying import Breakers
from opstwin.domain.diagnosis import MEMORY_WINDOW, WINDOW, ContainerCase
from opstwin.domain.event import Event
from opstwin.domain.execution import Execution
from opstwin.domain.kinds import POD_MAKERS, RUNS
from opstwin.domain.other_detectors import TargetCase, VolumeCase
from opstwin.domain.resource import Desired, Health, Link, Observed, Presence, WorkloadRecord
from opstwin.domain.target import Target
from opstwin.domain.values import ResourceId, Spec, TargetId, resource_id
from opstwin.targets.specs import full_image_name
from opstwin.twin.store import MAX_PAGE, Query

MAX_PAGES: Final = 5
"""Pages of events of one type and target that are read: 5,000 within the window say enough."""

LAST_EXECUTIONS: Final = 200

_TYPES: Final[Mapping[str, timedelta]] = {
    "container.die": WINDOW, "container.start": WINDOW, "container.stop": WINDOW, "container.restart": WINDOW,
    "container.oom": MEMORY_WINDOW,
}  # fmt: skip
_WARNINGS: Final = (
    "pod", "replicaset", "deployment", "statefulset", "daemonset", "job", "persistentvolumeclaim",
    "horizontalpodautoscaler", "node",
)  # fmt: skip
"""Kinds about which a cluster's warnings are read."""

_HEALTH_EVENTS: Final = 20
_TURNING: Final = RUNS | {"node"}
_MOST_ILL: Final = 200
"""Unhealthy containers, or resources of a cluster, of a target for which it is looked up since when they are."""

_AFTERWARDS: Final = timedelta(seconds=5)
"""Events of a step may be told a little after the execution has ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenery:
    """What the twin holds about one target, as far as the detectors need it.

    `links` say who mounts what, `parts` what belongs to what.
    """

    target: Target
    now: datetime
    desired: Mapping[ResourceId, Desired]
    observed: Mapping[ResourceId, Observed]
    links: Sequence[Link]
    parts: Sequence[Link]
    records: Mapping[str, WorkloadRecord]
    events: Mapping[ResourceId, Sequence[Event]]
    ours: Sequence[tuple[datetime, datetime]]


async def scenery_of(ledger: Ledger, target: Target) -> Scenery:
    """Everything about one target."""
    where: dict[str, str | bool | None] = {"target": target.id}
    observed = {item.id: item async for item in ledger.each(Observed, where)}
    mounts, parts = ledger.each(Link, {"relation": "mounts"}), ledger.each(Link, {"relation": "part-of"})
    return Scenery(
        target=target, now=ledger.clock.now(), observed=observed,
        desired={item.id: item async for item in ledger.each(Desired, where)},
        links=[item async for item in mounts if item.source in observed],
        parts=[item async for item in parts if item.source in observed],
        records={item.name: item async for item in ledger.each(WorkloadRecord, where)},
        events=await _events(ledger, target.id, observed), ours=await _ours(ledger, target.id),
    )  # fmt: skip


def container_cases(scenery: Scenery) -> list[ContainerCase]:
    """A case for every container that is wanted or there, by id."""
    held = Held([(key, _running(item)) for key, item in scenery.observed.items() if item.kind == "container"])
    wanted = {key for key, item in scenery.desired.items() if item.kind == "container" and item.spec is not None}
    there = {
        key for key, item in scenery.observed.items()
        if item.kind == "container" and item.presence is not Presence.ABSENT
    }  # fmt: skip
    return [_container_case(scenery, held, key) for key in sorted(wanted | there)]


def volume_cases(scenery: Scenery) -> list[VolumeCase]:
    """A case for every volume that is there, by id."""
    users: dict[ResourceId, set[ResourceId]] = defaultdict(set)
    for link in scenery.links:
        source = scenery.observed.get(link.source)
        if source is not None and source.presence is not Presence.ABSENT:
            users[link.destination].add(link.source)
    for key, item in scenery.desired.items():
        for name in _volumes_of(item.spec):
            users[resource_id(scenery.target.id, "volume", name)].add(key)
    containers = [item for item in scenery.observed.values() if item.kind == "container"]
    is_sure = all(item.presence is not Presence.UNKNOWN for item in containers)
    volumes = [item for key, item in sorted(scenery.observed.items()) if item.kind == "volume"]
    return [_volume_case(scenery, item, sorted(users[item.id]), is_sure=is_sure) for item in volumes]


async def target_case(ledger: Ledger, breakers: Breakers, scenery: Scenery, old_s: float) -> TargetCase:
    """The case of the target itself; what was looked at more than `old_s` seconds ago is old."""
    target, now = scenery.target.id, scenery.now
    lost = await _newest(ledger, target, "target.unreachable")
    back = await _newest(ledger, target, "target.reachable")
    is_lost = lost is not None and (back is None or back.seq < lost.seq)
    wanted = [key for key, item in scenery.desired.items() if item.spec is not None]
    seen = [scenery.observed[key] for key in wanted if key in scenery.observed]
    unknown = [item for item in scenery.observed.values() if item.presence is Presence.UNKNOWN]
    return TargetCase(
        id=target, now=now, breaker=breakers.state(target).value, unknown=len(unknown), known=len(scenery.observed),
        lost_at=lost.at if is_lost and lost is not None else None, lost_event=lost.seq if lost is not None else 0,
        old=[item for item in seen if (now - item.observed_at).total_seconds() > old_s],
        unseen=[key for key in wanted if key not in scenery.observed],
    )  # fmt: skip


def _container_case(scenery: Scenery, held: Held, key: ResourceId) -> ContainerCase:
    desired, observed = scenery.desired.get(key), scenery.observed.get(key)
    image = str((desired.spec or {}).get("image") or "") if desired is not None else ""
    return ContainerCase(
        id=key, target=scenery.target.id, name=key.split("/", 2)[2], now=scenery.now, desired=desired,
        observed=observed, events=scenery.events.get(key, ()), ours=scenery.ours,
        image=image if "@" not in image else "", image_presence=_image_presence(scenery, image),
        runs_another=_runs_another(observed, image),
        holders=_holders(held, desired, observed),
    )  # fmt: skip


def _runs_another(observed: Observed | None, image: str) -> bool:
    """Whether what is there was made of an image of another name. One that is known by its id alone says nothing."""
    seen = str((observed.spec or {}).get("image") or "") if observed is not None else ""
    named = bool(seen) and not seen.startswith("sha256:") and "@" not in seen
    return named and full_image_name(seen) != full_image_name(image)


def _image_presence(scenery: Scenery, image: str) -> Presence | None:
    """Whether an image is on the target. A target on which nothing was ever seen has not said so."""
    if not image:
        return None
    found = scenery.observed.get(resource_id(scenery.target.id, "image", full_image_name(image)))
    if found is None:
        found = scenery.observed.get(resource_id(scenery.target.id, "image", image))
    if found is not None:
        return found.presence
    looked = any(item.presence is not Presence.UNKNOWN for item in scenery.observed.values())
    return Presence.ABSENT if looked else None


def _holders(held: Held, desired: Desired | None, observed: Observed | None) -> list[tuple[str, ResourceId]]:
    """Who holds the ports that a wanted container, which does not run, needs."""
    if desired is None or desired.spec is None or _running(observed) is not None:
        return []
    return [
        (f"{claim.port}/{claim.protocol}", holder)
        for claim in claims(desired.spec)
        for holder in held.holders(claim)
        if holder != desired.id
    ]


def _running(observed: Observed | None) -> Spec | None:
    """The spec of what runs, so that it holds its ports; None of anything else."""
    if observed is None or observed.presence is not Presence.PRESENT or observed.health is Health.STOPPED:
        return None
    return observed.spec


def _volume_case(scenery: Scenery, seen: Observed, users: Sequence[ResourceId], *, is_sure: bool) -> VolumeCase:
    desired = scenery.desired.get(seen.id)
    owner = desired.workload if desired is not None else None
    record = scenery.records.get(owner) if owner else None
    return VolumeCase(
        observed=seen, users=users, is_sure=is_sure, desired=desired,
        kept_for=owner or "" if record is None or record.workload is None else "",
    )  # fmt: skip


def _volumes_of(spec: Spec | None) -> list[str]:
    mounts = (spec or {}).get("mounts")
    named = [item.get("volume") for item in mounts if isinstance(item, dict)] if isinstance(mounts, list) else []
    return [str(name) for name in named if name]


async def _events(
    ledger: Ledger, target: TargetId, observed: Mapping[ResourceId, Observed]
) -> Mapping[ResourceId, Sequence[Event]]:
    """The events of each resource that detectors look at, oldest first."""
    found: dict[ResourceId, list[Event]] = defaultdict(list)
    clustered = any(item.kind in POD_MAKERS for item in observed.values())
    warnings = {f"{kind}.warning": WINDOW for kind in _WARNINGS} if clustered else {}
    for type, window in {**_TYPES, **warnings}.items():
        since = ledger.clock.now() - window
        for event in await _since(ledger, {"type": type, "target": str(target)}, since):
            if event.resource is not None:
                found[event.resource].append(event)
    ill = [
        key for key, item in observed.items()
        if item.kind in _TURNING and item.health in (Health.UNHEALTHY, Health.UNKNOWN)
        and item.presence is Presence.PRESENT
    ]  # fmt: skip
    for key in ill[:_MOST_ILL]:
        query = Query(Event, {"resource": key, "type": "resource.health"}, limit=_HEALTH_EVENTS, newest_first=True)
        found[key] += (await ledger.store.find(query)).items
    return {key: sorted(events, key=lambda event: (event.at, event.seq)) for key, events in found.items()}


async def _since(ledger: Ledger, where: Mapping[str, str | bool | None], since: datetime) -> list[Event]:
    found: list[Event] = []
    after: str | None = None
    for _ in range(MAX_PAGES):
        page = await ledger.store.find(Query(Event, where, after=after, limit=MAX_PAGE, newest_first=True))
        found += [event for event in page.items if event.at >= since]
        if page.next is None or all(event.at < since for event in page.items):
            break
        after = page.next
    return found


async def _ours(ledger: Ledger, target: TargetId) -> list[tuple[datetime, datetime]]:
    """The spans in which executions worked on the target lately."""
    query = Query(Execution, {"target": target}, limit=LAST_EXECUTIONS, newest_first=True)
    page = await ledger.store.find(query)
    now = ledger.clock.now()
    spans = [(item.started_at, (item.finished_at or now) + _AFTERWARDS) for item in page.items]
    return [(begin, end) for begin, end in spans if now - end <= WINDOW]


async def _newest(ledger: Ledger, target: TargetId, type: str) -> Event | None:
    page = await ledger.store.find(Query(Event, {"type": type, "target": target}, limit=1, newest_first=True))
    return page.items[0] if page.items else None
