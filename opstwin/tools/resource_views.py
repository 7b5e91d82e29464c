"""Resources with both their sides: what should be, what was seen, and how they differ."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from opstwin.domain.diff import FieldChange
from opstwin.domain.drift import Comparable, Drift, DriftKind, drift_of
from opstwin.domain.resource import Desired, Link, Observed, Presence
from opstwin.domain.target import Target
from opstwin.domain.values import ResourceId, TargetId
from opstwin.errors import InvalidInput, NotFound
from opstwin.tools.services import Services

_AGREED = "none"
_GET = "See what is there: opstwin get"


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftView:
    """How a resource differs from what should be; `fields` go from desired to observed."""

    kind: DriftKind
    message: str
    fields: tuple[FieldChange, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceView:
    """One resource. `managed` says that Opstwin wants something of it; what is unmanaged is never touched.

    `links` are given when one resource is asked for.
    """

    id: ResourceId
    target: TargetId
    kind: str
    name: str
    workload: str | None
    managed: bool
    desired: Desired | None
    observed: Observed | None
    drift: DriftView | None
    links: tuple[Link, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which resources are wanted; None takes all."""

    target: str | None = None
    kind: str | None = None
    workload: str | None = None
    managed: bool | None = None
    health: str | None = None


async def resources(services: Services, wanted: Filter) -> list[ResourceView]:
    """The resources that are there or should be, by id. Raises `NotFound` for a target that is not there."""
    if wanted.target is not None:
        await services.ledger.need(Target, wanted.target, next_step="List them: opstwin targets list")
    where: dict[str, str | bool | None] = {"target": wanted.target} if wanted.target else {}
    desired = {item.id: item for item in await services.ledger.all(Desired, where)}
    observed = {item.id: item for item in await services.ledger.all(Observed, where)}
    comparable = await _comparables(services)
    views = (
        _view(desired.get(id), observed.get(id), comparable) for id in sorted({*desired, *observed})
    )  # fmt: skip
    return [view for view in views if view is not None and _fits(view, wanted)]


async def resource(services: Services, id: str) -> ResourceView:
    """One resource with its links, also when it is gone. Raises `NotFound`."""
    desired = await services.ledger.get(Desired, id)
    observed = await services.ledger.get(Observed, id)
    view = _view(desired, observed, await _comparables(services), also_gone=True)
    if view is None:
        raise NotFound(f"There is no resource {id!r}.", next_step=_GET, details={"kind": "resource", "id": id})
    there = [*await services.ledger.all(Link, {"source": id}), *await services.ledger.all(Link, {"destination": id})]
    links = {item.id: item for item in there}
    return replace(view, links=tuple(links[key] for key in sorted(links)))


def counted(views: Iterable[ResourceView]) -> Mapping[str, Mapping[str, int]]:
    """How many there are of each kind, health and drift."""
    kept = list(views)
    sides: Mapping[str, Callable[[ResourceView], str]] = {
        "kind": lambda view: view.kind,
        "health": _health,
        "drift": lambda view: view.drift.kind.value if view.drift else _AGREED,
    }
    return {name: dict(sorted(Counter(map(side, kept)).items())) for name, side in sides.items()}


async def _comparables(services: Services) -> Mapping[TargetId, Comparable]:
    found: dict[TargetId, Comparable] = {}
    for target in await services.ledger.all(Target):
        try:
            found[target.id] = services.readers.renderer(target).comparable
        except InvalidInput:
            # No driver for this kind of target is installed here; its resources are shown without their drift.
            continue
    return found


def _view(
    desired: Desired | None,
    observed: Observed | None,
    comparables: Mapping[TargetId, Comparable],
    *,
    also_gone: bool = False,
) -> ResourceView | None:
    known = desired or observed
    if known is None:
        return None
    wanted = desired is not None and desired.spec is not None
    if not (wanted or also_gone) and (observed is None or observed.presence is Presence.ABSENT):
        return None
    comparable = comparables.get(known.target)
    drift = drift_of(desired, observed, comparable) if desired is not None and comparable is not None else None
    return ResourceView(
        id=known.id, target=known.target, kind=known.kind, name=known.name,
        workload=desired.workload if desired else None, managed=wanted, desired=desired, observed=observed,
        drift=_drift(drift),
    )  # fmt: skip


def _drift(drift: Drift | None) -> DriftView | None:
    return None if drift is None else DriftView(kind=drift.kind, message=drift.message, fields=drift.fields)


def _fits(view: ResourceView, wanted: Filter) -> bool:
    pairs = (
        (wanted.kind, view.kind),
        (wanted.workload, view.workload),
        (wanted.managed, view.managed),
        (wanted.health, _health(view)),
    )
    return all(asked is None or asked == found for asked, found in pairs)


def _health(view: ResourceView) -> str:
    return view.observed.health.value if view.observed else "unknown"
