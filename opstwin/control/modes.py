"""What the reconciler may do by itself: the mode of a target or a resource, and the mandate behind `heal`."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from opstwin.control.ledger import Ledger
from opstwin.control.persons import require_person
from opstwin.domain.access import Actor, Principal, Scope
from opstwin.domain.audit import AuditEntry
from opstwin.domain.healing import Mandate
from opstwin.domain.resource import Desired
from opstwin.domain.target import Mode, Target
from opstwin.domain.values import ResourceId, TargetId
from opstwin.errors import Forbidden, InvalidInput
from opstwin.twin.store import Put

LONGEST_MANDATE: Final = timedelta(days=30)
"""A standing permission ends by itself; who still wants it says so again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """The mode to set. `heal` needs a `reason` and `expires_at`; `mode` None lets a resource follow its target."""

    mode: Mode | None
    reason: str = ""
    expires_at: datetime | None = None


async def set_mode(ledger: Ledger, subject: str, setting: Setting, actor: Actor) -> Target | Desired:
    """Set the mode of a target or a resource (by id). `heal` gives a mandate; every other mode takes it back.

    Raises `Forbidden` for anybody but a person, and for a person without `plan:approve` who sets `heal` or lets a
    resource follow its target; `NotFound`; and `InvalidInput` for a mandate without reason or end.
    """
    try:
        await require_person(ledger, actor, "say what is healed without asking")
        if setting.mode in (Mode.HEAL, None):
            await _check_approver(ledger, actor)
    except Forbidden as refusal:
        await ledger.commit([], [_entry(subject, setting, actor, refusal)])
        raise
    record = await _subject(ledger, subject)
    changed = _with_mode(record, setting.mode)
    taken_back = [Put(replace(item, revoked_at=ledger.clock.now())) for item in await mandates(ledger, subject)]
    given = [Put(_mandate(ledger, record, setting, actor))] if setting.mode is Mode.HEAL else []
    await ledger.commit([Put(changed), *taken_back, *given], [_entry(subject, setting, actor)])
    return replace(changed, version=changed.version + 1)


async def mandates(ledger: Ledger, subject: str) -> list[Mandate]:
    """The mandates of a target or a resource that were not taken back and have not ended."""
    target, _, rest = subject.partition("/")
    resource = subject if rest else None
    now = ledger.clock.now()
    return [
        item
        async for item in ledger.each(Mandate, {"target": target, "resource": resource})
        if item.revoked_at is None and now < item.expires_at
    ]


async def _check_approver(ledger: Ledger, actor: Actor) -> None:
    """A mandate is an approval given beforehand, so it takes the same scope."""
    account = await ledger.get(Principal, actor.id)
    if account is None or Scope.APPROVE not in account.scopes:
        raise Forbidden(
            f"To let something be healed needs the scope {Scope.APPROVE.value}.",
            next_step="Ask somebody who may approve plans, or use mode propose.",
            details={"actor": actor.id, "scope": Scope.APPROVE.value},
        )


async def _subject(ledger: Ledger, subject: str) -> Target | Desired:
    if "/" in subject:
        return await ledger.need(Desired, subject, next_step="See what is there: opstwin get")
    return await ledger.need(Target, subject, next_step="List targets: opstwin targets list")


def _with_mode(record: Target | Desired, mode: Mode | None) -> Target | Desired:
    if isinstance(record, Desired):
        return replace(record, mode=mode)
    if mode is None:
        raise InvalidInput(
            "A target needs a mode.", field="mode", next_step=f"Use one of: {', '.join(item.value for item in Mode)}."
        )
    return replace(record, mode=mode)


def _mandate(ledger: Ledger, record: Target | Desired, setting: Setting, actor: Actor) -> Mandate:
    now = ledger.clock.now()
    if not setting.reason.strip():
        raise InvalidInput("A mandate to heal needs a reason.", field="reason", next_step="Say why: --reason …")
    if setting.expires_at is None or not now < setting.expires_at <= now + LONGEST_MANDATE:
        raise InvalidInput(
            f"A mandate to heal must end within {LONGEST_MANDATE.days} days.",
            field="expires_at",
            next_step="Give a later moment within 30 days, for example --days 7.",
        )
    target, resource = (record.target, record.id) if isinstance(record, Desired) else (record.id, None)
    return Mandate(
        id=ledger.ids.new("mand"), target=TargetId(target), resource=ResourceId(resource) if resource else None,
        given_by=actor, reason=setting.reason[:2000], given_at=now, expires_at=setting.expires_at,
    )  # fmt: skip


def _entry(subject: str, setting: Setting, actor: Actor, refusal: Forbidden | None = None) -> AuditEntry:
    return AuditEntry(
        action="mode.set", subject=subject[:500], actor=actor, outcome="refused" if refusal else "ok",
        reason=setting.reason[:2000],
        details={
            "mode": setting.mode.value if setting.mode else None,
            "expires_at": setting.expires_at.isoformat() if setting.expires_at else None,
        },
    )  # fmt: skip
