"""Who is behind a desired state that was set directly, without a plan: they count as requesters of what follows."""

from datetime import datetime
from typing import Final

from opstwin.control.ledger import Ledger
from opstwin.domain.access import Actor
from opstwin.domain.audit import AuditRow
from opstwin.domain.plan import Change, Plan, PlanState
from opstwin.domain.resource import Desired
from opstwin.domain.taint import Taint, TaintMatch, taint_of
from opstwin.domain.values import Json, ResourceId, to_json
from opstwin.twin.store import Query

TAINT: Final = "taint"
"""Where the audit of a setting says what of it stands in text of others."""

_SET: Final = "desired.set"
_LOOK_BACK: Final = 100
"""Plans and settings that are read. Further back, who set something goes on counting: it only asks for more people."""


async def asked_by(ledger: Ledger, desired: Desired | None, change: Change) -> tuple[str, ...]:
    """The accounts that set what `change` brings about, and whom they acted for; none where a plan brought it.

    What several people set one after another is the work of all of them until it was applied.
    """
    if desired is None or desired.plan_id is not None or desired.spec != change.after:
        return ()
    return await setters_of(ledger, desired)


async def setters_of(ledger: Ledger, desired: Desired) -> tuple[str, ...]:
    """Everybody whose setting is in a desired state that no plan brought, and whom they acted for."""
    names = _accounts(desired.set_by)
    for row in await _settings(ledger, desired):
        names |= _accounts(row.actor)
    return tuple(sorted(names))


async def taint_of_setting(ledger: Ledger, desired: Desired | None, change: Change) -> Taint | None:
    """What AI clients took from text of others into what `change` brings about; None where a plan brought it."""
    if desired is None or desired.plan_id is not None or desired.spec != change.after:
        return None
    return taint_of([match for row in await _settings(ledger, desired) for match in _matches(row)])


def told(taint: Taint) -> list[Json]:
    """A taint as it is kept in the audit of a setting."""
    return [to_json(match) for match in taint.matches]


async def _settings(ledger: Ledger, desired: Desired) -> list[AuditRow]:
    """The settings that no applied plan has brought about yet, the newest first."""
    found: list[AuditRow] = []
    page = await ledger.store.find(
        Query(AuditRow, {"action": _SET, "subject": desired.id}, limit=_LOOK_BACK, newest_first=True)
    )
    revision, applied = desired.revision, -1
    for row in (item for item in page.items if item.outcome == "ok"):
        if row.details.get("revision") != revision:
            break
        if revision != desired.revision and applied < 0:
            applied = await _applied(ledger, desired)
        if revision <= applied:
            break
        found.append(row)
        revision -= 1
    return found


def _matches(row: AuditRow) -> list[TaintMatch]:
    kept = row.details.get(TAINT)
    return [
        TaintMatch(text=str(item["text"]), source=str(item["source"]), at=datetime.fromisoformat(str(item["at"])))
        for item in (kept if isinstance(kept, list) else ())
        if isinstance(item, dict)
    ]


async def _applied(ledger: Ledger, desired: Desired) -> int:
    """The last desired revision that an applied plan brought about on the target, 0 when none is known."""
    where = {"target": str(desired.target), "state": PlanState.APPLIED.value}
    page = await ledger.store.find(Query(Plan, where, limit=_LOOK_BACK, newest_first=True))
    return next((_revision(plan, desired.id) for plan in page.items if _touches(plan, desired.id)), 0)


def _touches(plan: Plan, resource: ResourceId) -> bool:
    return any(change.resource == resource for change in plan.changes)


def _revision(plan: Plan, resource: ResourceId) -> int:
    return next((base.desired_revision for base in plan.base if base.resource == resource), 0)


def _accounts(actor: Actor) -> set[str]:
    return {actor.id, actor.on_behalf_of or actor.id}
