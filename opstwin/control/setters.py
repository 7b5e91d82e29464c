"""Who is behind a desired state that was set directly, without a plan: they count as requesters of what follows."""

from collections.abc import Iterable, Mapping
from typing import Final

from opstwin.control.ledger import Ledger
from opstwin.control.wording import worded
from opstwin.domain.access import Actor, ActorKind
from opstwin.domain.audit import AuditRow
from opstwin.domain.diff import diff
from opstwin.domain.plan import Change, Plan, PlanState
from opstwin.domain.resource import Desired
from opstwin.domain.values import ResourceId
from opstwin.twin.store import Query

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


async def brings_a_wish(ledger: Ledger, desired: Mapping[ResourceId, Desired], changes: Iterable[Change]) -> bool:
    """Whether one of the changes, which name their `asked_by`, brings about what an agent set without a plan."""
    for change in changes:
        record = desired.get(change.resource)
        if record is None or not change.asked_by:
            continue
        if not record.is_ours or any(row.actor.kind is not ActorKind.PERSON for row in await _settings(ledger, record)):
            return True
    return False


async def left_out(
    ledger: Ledger, desired: Mapping[ResourceId, Desired], changes: Iterable[Change], language: str
) -> tuple[str, ...]:
    """A note for each resource of which somebody set fields directly that the change to it does not bring about."""
    notes: list[str] = []
    for change in changes:
        record = desired.get(change.resource)
        if record is None or record.plan_id is not None or change.command is not None or change.after is None:
            continue
        rows = await _settings(ledger, record)
        lost = _fields(rows) & {".".join(item.path) for item in diff(record.spec, change.after)}
        if lost:
            people = sorted({name for row in rows for name in _accounts(row.actor)})
            fields, who = ", ".join(sorted(lost)), ", ".join(people)
            notes.append(worded("set_left_out", language, name=record.id, variables=fields, people=who))
    return tuple(notes)


def _fields(rows: Iterable[AuditRow]) -> set[str]:
    """The fields that some settings changed."""
    named = (row.details.get("fields") for row in rows)
    return {str(item) for fields in named if isinstance(fields, list) for item in fields}


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
