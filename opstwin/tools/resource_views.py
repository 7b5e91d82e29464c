"""Resources with both their sides: what should be, what was seen, and how they differ."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from opstwin.control.drift import paused_on
from opstwin.domain.diff import FieldChange
from opstwin.domain.drift import Drift, DriftKind
from opstwin.domain.plan_text import field_lines
from opstwin.domain.resource import Desired, Link, Observed
from opstwin.domain.secret_text import words_without_secrets
from opstwin.domain.standing import Standing
from opstwin.domain.target import Target
from opstwin.domain.values import Json, ResourceId, TargetId
from opstwin.errors import NotFound
from opstwin.tools.services import Services

S = TypeVar("S", Desired | None, Observed | None)

_COMMANDS = ("command", "args", "entrypoint")
_AGREED = "none"
_GET = "See what is there: opstwin get"


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftView:
    """How a resource differs from what should be; `fields` go from desired to observed, `lines` say them to people.

    `healing_paused` says that something kept changing it back, so that it is not healed for a while.
    """

    kind: DriftKind
    message: str
    fields: tuple[FieldChange, ...]
    lines: tuple[str, ...]
    healing_paused: bool


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
    twin = await services.index.now()
    paused = await paused_on(services.ledger)
    return [resource_view(item, paused) for item in twin.standings if _fits(item, wanted)]


async def resource(services: Services, id: str) -> ResourceView:
    """One resource with its links, also when it is gone. Raises `NotFound`."""
    standing = (await services.index.now()).by_id.get(id)
    if standing is None:
        raise NotFound(f"There is no resource {id!r}.", next_step=_GET, details={"kind": "resource", "id": id})
    there = [*await services.ledger.all(Link, {"source": id}), *await services.ledger.all(Link, {"destination": id})]
    links = {item.id: item for item in there}
    # What does not drift is not healed, and so is never paused.
    paused = frozenset() if standing.drift is None else await paused_on(services.ledger)
    view = resource_view(standing, paused)
    return replace(without_secret_words(view), links=tuple(links[key] for key in sorted(links)))


def without_secret_words(view: ResourceView) -> ResourceView:
    """The view with a mask for each secret that somebody wrote into a command, on both sides and in their drift."""
    drift = view.drift
    if drift is not None:
        fields = bare_fields(drift.fields)
        drift = replace(drift, fields=fields, lines=field_lines(fields))
    return replace(view, desired=_without(view.desired), observed=_without(view.observed), drift=drift)


def bare_fields(fields: Iterable[FieldChange]) -> tuple[FieldChange, ...]:
    """The same fields, without secrets in commands."""
    return tuple(
        replace(item, before=_bare(item.before, item.path[-1]), after=_bare(item.after, item.path[-1]))
        for item in fields
    )


def _without(side: S) -> S:
    if side is None or side.spec is None:
        return side
    return replace(side, spec={key: _bare(value, key) for key, value in side.spec.items()})


def _bare(value: Json, key: str) -> Json:
    """The value of a field, with the words of commands in it as they may be shown."""
    if isinstance(value, dict):
        return {name: _bare(item, name) for name, item in value.items()}
    if not isinstance(value, list):
        return value
    if key in _COMMANDS and all(isinstance(word, str) for word in value):
        return [*words_without_secrets([str(word) for word in value])]
    return [_bare(item, "") for item in value]


def counted(views: Iterable[ResourceView]) -> Mapping[str, Mapping[str, int]]:
    """How many there are of each kind, health and drift."""
    kept = list(views)
    sides: Mapping[str, Callable[[ResourceView], str]] = {
        "kind": lambda view: view.kind,
        "health": _health,
        "drift": lambda view: view.drift.kind.value if view.drift else _AGREED,
    }
    return {name: dict(sorted(Counter(map(side, kept)).items())) for name, side in sides.items()}


def resource_view(standing: Standing, paused: Collection[ResourceId] = ()) -> ResourceView:
    """A resource for an answer, without its links. `paused` are those that are healed no more for now."""
    return ResourceView(
        id=standing.id, target=standing.target, kind=standing.kind, name=standing.name, workload=standing.workload,
        managed=standing.managed, desired=standing.desired, observed=standing.observed,
        drift=_drift(standing.drift, paused=standing.id in paused),
    )  # fmt: skip


def _drift(drift: Drift | None, *, paused: bool) -> DriftView | None:
    if drift is None:
        return None
    return DriftView(
        kind=drift.kind, message=drift.message, fields=drift.fields, lines=field_lines(drift.fields),
        healing_paused=paused,
    )  # fmt: skip


def _fits(view: Standing, wanted: Filter) -> bool:
    pairs = (
        (wanted.target, view.target),
        (wanted.kind, view.kind),
        (wanted.workload, view.workload),
        (wanted.managed, view.managed),
        (wanted.health, view.health),
    )
    return all(asked is None or asked == found for asked, found in pairs)


def _health(view: ResourceView) -> str:
    return view.observed.health.value if view.observed else "unknown"
