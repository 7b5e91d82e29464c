"""Explaining drift: what differs from desired on one target or on all, since when."""

from dataclasses import replace

from opstwin.control.drivers import Readers
from opstwin.control.ledger import Ledger
from opstwin.domain.drift import Drift, drift_of
from opstwin.domain.event import Event
from opstwin.domain.resource import Desired, Observed
from opstwin.domain.target import Target
from opstwin.twin.store import Query


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


async def _of_target(ledger: Ledger, readers: Readers, target: Target) -> list[Drift]:
    comparable = readers.renderer(target).comparable
    observed = {item.id: item async for item in ledger.each(Observed, {"target": target.id})}
    drifts: list[Drift] = []
    async for record in ledger.each(Desired, {"target": target.id}):
        drift = drift_of(record, observed.get(record.id), comparable)
        if drift is not None:
            drifts.append(await _dated(ledger, record, drift))
    return drifts


async def _dated(ledger: Ledger, record: Desired, drift: Drift) -> Drift:
    """`drift` with the moment it began: the last event of the resource, never before its desired state was set."""
    page = await ledger.store.find(Query(Event, {"resource": record.id}, limit=1, newest_first=True))
    moments = [event.at for event in page.items]
    if drift.since is None or not moments:
        return drift
    return replace(drift, since=max(record.set_at, min(moments[0], drift.since)))
