"""Explaining drift: what differs from desired on one target or on all, since when."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from opstwin.control.drivers import Readers
from opstwin.control.ledger import Ledger
from opstwin.domain.drift import Drift, DriftKind, drift_of
from opstwin.domain.event import Event
from opstwin.domain.healing import HealRecord
from opstwin.domain.plan_text import field_lines
from opstwin.domain.resource import Desired, Observed
from opstwin.domain.target import Target
from opstwin.domain.values import ResourceId, TargetId
from opstwin.twin.store import Query

_LAST_EVENTS: Final = 20
_CHANGES: Final = frozenset({"resource.found", "resource.changed", "resource.gone", "resource.unknown"})
_HEALTH: Final = frozenset({"resource.health", "resource.found"})
"""Types of the events that the observer writes when a resource begins to look otherwise."""


async def explain(ledger: Ledger, readers: Readers, target_id: str | None = None) -> tuple[Drift, ...]:
    """Everything that is not as desired, by resource. Reads the twin only; raises `NotFound` for an unknown target."""
    if target_id is None:
        targets = [item async for item in ledger.each(Target) if item.is_active]
    else:
        targets = [await ledger.need(Target, target_id, next_step="List targets: opstwin targets list")]
    found: list[Drift] = []
    for target in targets:
        found += await _of_target(ledger, readers, target)
    return tuple(found)


async def differing(
    ledger: Ledger, readers: Readers, target_id: str, observed: Mapping[ResourceId, Observed] | None = None
) -> tuple[Drift, ...]:
    """As `explain` for one target, without looking up since when it is so, and whether healing is paused.

    `observed` is what a look just brought, so that it need not be read again.
    """
    target = await ledger.need(Target, target_id, next_step="List targets: opstwin targets list")
    return tuple([drift for _, drift in await _on(ledger, readers, target, observed)])


async def _of_target(ledger: Ledger, readers: Readers, target: Target) -> list[Drift]:
    found = await _on(ledger, readers, target)
    drifts = [await _dated(ledger, record, drift) for record, drift in found]
    return await _with_pauses(ledger, target, drifts) if drifts else []


async def _on(
    ledger: Ledger, readers: Readers, target: Target, observed: Mapping[ResourceId, Observed] | None = None
) -> list[tuple[Desired, Drift]]:
    difference = readers.renderer(target).difference
    if observed is None:
        observed = {item.id: item async for item in ledger.each(Observed, {"target": target.id})}
    found: list[tuple[Desired, Drift]] = []
    async for record in ledger.each(Desired, {"target": target.id}):
        drift = drift_of(record, observed.get(record.id), difference)
        if drift is not None:
            found.append((record, replace(drift, lines=field_lines(drift.fields))))
    return found


async def _with_pauses(ledger: Ledger, target: Target, drifts: list[Drift]) -> list[Drift]:
    paused = await paused_on(ledger, target.id)
    return [replace(item, healing_paused=True) if item.resource in paused else item for item in drifts]


async def paused_on(ledger: Ledger, target: TargetId | None = None) -> frozenset[ResourceId]:
    """The resources of a target, or of all, that a fight keeps from being healed for now."""
    where: dict[str, str | bool | None] = {"paused": True} | ({"target": target} if target else {})
    return frozenset(item.id for item in await ledger.all(HealRecord, where))


async def _dated(ledger: Ledger, record: Desired, drift: Drift) -> Drift:
    """`drift` with the moment it began: when the resource was last seen to change, or its desired state was set."""
    page = await ledger.store.find(Query(Event, {"resource": record.id}, limit=_LAST_EVENTS, newest_first=True))
    wanted = _HEALTH if drift.kind is DriftKind.UNHEALTHY else _CHANGES
    seen_at = next((event.at for event in page.items if event.type in wanted), None)
    if drift.since is None or seen_at is None:
        return drift
    return replace(drift, since=max(record.set_at, min(seen_at, drift.since)))
