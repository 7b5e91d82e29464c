"""Decisions on plans: one commit that holds the approval, the plan's new state and the audit entry, or nothing."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from opstwin.control.ledger import Ledger
from opstwin.control.persons import check_person
from opstwin.control.setters import setters_of
from opstwin.domain.access import Actor, ActorKind, Principal, Scope
from opstwin.domain.approval import (
    Approval,
    Decision,
    People,
    Policy,
    check_decider,
    decision_from,
    expiry,
    people_of,
)
from opstwin.domain.audit import AuditEntry
from opstwin.domain.event import Event
from opstwin.domain.healing import Mandate
from opstwin.domain.kinds import CONTAINER
from opstwin.domain.plan import Origin, Plan, PlanState, Risk, plan_digest
from opstwin.domain.resource import Desired
from opstwin.domain.values import ApprovalId, PlanId, ResourceId
from opstwin.errors import Conflict, Forbidden, RequestError, StalePlan
from opstwin.twin.store import Put, Require, Write

_TRIES: Final = 5
"""How often a decision is tried again when somebody else's decision on the same plan is written at the same moment."""

_HEALING: Final = (Origin.DRIFT, Origin.DESIRED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A decision before it is stored."""

    actor: Actor
    decision: Decision
    reason: str
    mandate: Mandate | None = None


class Approver:
    """Takes and stores decisions. Nothing but a call with a person's own authenticated identity counts."""

    def __init__(self, ledger: Ledger, policy: Policy) -> None:
        self._ledger = ledger
        self._policy = policy

    async def decide(self, plan_id: str, actor: Actor, word: object, reason: str, digest: str | None = None) -> Plan:
        """The plan after the decision; every `word` that is not exactly `approve` is a reject.

        `digest`, where given, must be the plan's. Raises `NotFound`, `Forbidden` (not a person, or not this one),
        `StalePlan` (expired, or another digest) or `Conflict` (says who decided). Refused attempts are audited.
        """
        verdict = Verdict(actor=actor, decision=decision_from(word), reason=reason[:2000])
        return await self._settled(plan_id, verdict, digest)

    async def approve_by_mandate(self, plan: Plan, mandate: Mandate) -> Plan:
        """Approve a plan against drift in the name of the person who gave a mandate to heal.

        Raises `Forbidden` when the mandate does not cover it: not low risk, expired, revoked, not against drift, or
        back to a desired state that neither a person set nor an approved plan brought.
        """
        verdict = Verdict(
            actor=mandate.given_by, decision=Decision.APPROVE, reason=f"mandate: {mandate.reason}", mandate=mandate
        )
        return await self._settled(plan.id, verdict, plan.digest)

    async def coverable(self, plan: Plan, mandate: Mandate) -> frozenset[ResourceId]:
        """What a mandate lets be healed of a plan against drift, each with all that it needs."""
        found: set[ResourceId] = set()
        applied: dict[PlanId, bool] = {}
        by_id = {change.resource: change for change in plan.changes}
        records = await self._ledger.some(Desired, by_id)
        for change in plan.changes:
            needed = [by_id[item] for item in change.needs if item in by_id]
            # Replicas of one workload only take turns; everything else that is needed must come back as well.
            others = [item for item in needed if item.kind != CONTAINER or item.workload != change.workload]
            record = records.get(change.resource)
            covered = change.risk.rank <= Risk.LOW.rank and mandate.resource in (None, change.resource)
            backed = record is not None and record.spec == change.after
            if covered and backed and found.issuperset(item.resource for item in others):
                backed = record is not None and await decided_by_human(self._ledger, record, applied)
                found |= {change.resource} if backed else set()
        return frozenset(found)

    async def waiting(self) -> list[Plan]:
        """The plans that wait for a decision, oldest first."""
        now = self._ledger.clock.now()
        pending = await self._ledger.all(Plan, {"state": PlanState.PENDING.value})
        return [plan for plan in pending if now < plan.expires_at]

    async def _settled(self, plan_id: str, verdict: Verdict, digest: str | None) -> Plan:
        for attempt in range(_TRIES):
            plan = await self._ledger.need(Plan, plan_id, next_step="List plans: opstwin get plans")
            try:
                held = await self._checked(plan, verdict, digest)
            except RequestError as refusal:
                await self._audit_refusal(plan, verdict, refusal)
                raise
            try:
                return await self._stored(plan, verdict, held)
            except Conflict:
                if attempt == _TRIES - 1:
                    raise
        raise AssertionError("unreachable")

    async def _checked(self, plan: Plan, verdict: Verdict, digest: str | None) -> list[Write]:
        """What must still hold when the decision is written. Raises the reason why it may not be taken."""
        principals = await self._ledger.all(Principal)
        people = people_of(principals)
        check_person(verdict.actor, principals, "decide on a plan")
        given = await self._ledger.all(Approval, {"plan_id": plan.id})
        counting = self._counting(given)
        takes_back = plan.state is PlanState.APPROVED and verdict.decision is Decision.REJECT
        enough = len(counting) >= self._policy[plan.risk].approvals
        if not takes_back and (plan.state is not PlanState.APPROVED or enough):
            _check_open(plan, given)
        self._check_fresh(plan, digest)
        check_decider(plan, verdict.actor, self._policy[plan.risk], people, verdict.decision)
        if not takes_back:
            _check_first(plan, verdict.actor, counting, people)
        return [] if verdict.mandate is None else await self._check_mandate(plan, verdict.mandate)

    def _counting(self, given: Sequence[Approval]) -> list[Approval]:
        """The approvals that hold now; when too few do, an approved plan may be decided on once more."""
        now = self._ledger.clock.now()
        return [item for item in given if item.decided_at <= now < item.expires_at]

    def _check_fresh(self, plan: Plan, digest: str | None) -> None:
        if self._ledger.clock.now() >= plan.expires_at:
            raise StalePlan(f"Plan {plan.id} is too old to decide on.", next_step="Plan again: opstwin plan …")
        if plan_digest(plan) != plan.digest:
            raise StalePlan("The plan's content no longer matches its digest.", next_step="Plan again: opstwin plan …")
        if digest is not None and digest != plan.digest:
            raise StalePlan(
                f"The digest given is not that of plan {plan.id}.",
                next_step=f"Look at the plan as it is: opstwin show {plan.id}",
                details={"plan": plan.id, "digest": plan.digest},
            )

    async def _check_mandate(self, plan: Plan, mandate: Mandate) -> list[Write]:
        current = await self._ledger.need(Mandate, mandate.id)
        if not current.covers(plan, self._ledger.clock.now()) or plan.origin not in _HEALING or plan.workloads:
            raise _not_covered(plan, "it is revoked, expired, or the plan is not healing at low risk")
        if not await may_approve(self._ledger, current.given_by):
            raise _not_covered(plan, f"{current.given_by.id}, who gave it, may not approve")
        applied: dict[PlanId, bool] = {}
        records = await self._ledger.some(Desired, [change.resource for change in plan.changes])
        for change in plan.changes:
            record = records.get(change.resource)
            if record is None or record.spec != change.after:
                raise _not_covered(plan, f"{change.resource} is not brought back to what is desired")
            if not await decided_by_human(self._ledger, record, applied):
                raise _not_covered(plan, f"the desired state of {change.resource} was never approved by a person")
        return [Require(Mandate, current.id, current.version)]

    async def _stored(self, plan: Plan, verdict: Verdict, held: list[Write]) -> Plan:
        given = await self._ledger.all(Approval, {"plan_id": plan.id, "decision": Decision.APPROVE.value})
        rule = self._policy[plan.risk]
        now = self._ledger.clock.now()
        ends_at = expiry(rule, now) if verdict.mandate is None else min(expiry(rule, now), verdict.mandate.expires_at)
        approval = Approval(
            id=ApprovalId(self._ledger.ids.new("appr")), plan_id=plan.id, digest=plan.digest,
            decision=verdict.decision, decided_by=verdict.actor, decided_by_id=verdict.actor.id, reason=verdict.reason,
            decided_at=now, expires_at=ends_at, mandate_id=verdict.mandate.id if verdict.mandate else None,
        )  # fmt: skip
        decided = replace(plan, state=_state(verdict.decision, enough=len(self._counting(given)) + 1 >= rule.approvals))
        event = Event(
            at=now, type=f"plan.{decided.state.value}", target=plan.target, plan_id=plan.id,
            message=f"{verdict.decision.value} by {verdict.actor.id}",
        )  # fmt: skip
        await self._ledger.commit([*held, Put(approval), Put(decided)], [_entry(plan, verdict, approval)], [event])
        return replace(decided, version=plan.version + 1)

    async def _audit_refusal(self, plan: Plan, verdict: Verdict, refusal: RequestError) -> None:
        entry = replace(
            _entry(plan, verdict, None),
            outcome="refused",
            details={"code": refusal.code, "message": refusal.message[:500]},
        )
        await self._ledger.commit([], [entry])


async def may_approve(ledger: Ledger, actor: Actor) -> bool:
    """Whether the actor is a person with an active account that holds `plan:approve` now."""
    return actor.kind is ActorKind.PERSON and await _may_approve(ledger, actor.id)


async def _may_approve(ledger: Ledger, name: str) -> bool:
    account = await ledger.get(Principal, name)
    if account is None or not account.is_active:
        return False
    return account.kind is ActorKind.PERSON and Scope.APPROVE in account.scopes


async def decided_by_human(ledger: Ledger, record: Desired, applied: dict[PlanId, bool]) -> bool:
    """Whether an applied plan brought this desired state, or only people set it who may approve plans now.

    What several set one after another is the work of all: it is not one's who may approve because they set the rest.
    `applied` keeps what was learnt of plans: one large plan may have brought all that is asked about.
    """
    if record.plan_id is None:
        may = [await _may_approve(ledger, name) for name in await setters_of(ledger, record)]
        return record.set_by.kind is ActorKind.PERSON and all(may)
    if record.plan_id not in applied:
        plan = await ledger.get(Plan, record.plan_id)
        applied[record.plan_id] = plan is not None and plan.state is PlanState.APPLIED
    return applied[record.plan_id]


async def mandate_holds(ledger: Ledger, approval: Approval, plan: Plan, now: datetime) -> bool:
    """Whether the mandate that an approval stands on still covers the plan; True for one without a mandate.

    False once the mandate is taken back or over, or who gave it may no longer approve.
    """
    if approval.mandate_id is None:
        return True
    mandate = await ledger.get(Mandate, approval.mandate_id)
    return mandate is not None and mandate.covers(plan, now) and await may_approve(ledger, mandate.given_by)


def _entry(plan: Plan, verdict: Verdict, approval: Approval | None) -> AuditEntry:
    return AuditEntry(
        action=f"plan.{verdict.decision.value}", subject=plan.id, actor=verdict.actor, plan_id=plan.id,
        digest=plan.digest, approval_id=approval.id if approval else None, reason=verdict.reason,
        details={"risk": plan.risk.value, **({"mandate": verdict.mandate.id} if verdict.mandate else {})},
    )  # fmt: skip


def _state(decision: Decision, *, enough: bool) -> PlanState:
    if decision is Decision.REJECT:
        return PlanState.REJECTED
    return PlanState.APPROVED if enough else PlanState.PENDING


def _check_open(plan: Plan, given: Sequence[Approval]) -> None:
    if plan.state is PlanState.PENDING:
        return
    last = given[-1] if given else None
    who = f" by {last.decided_by_id} ({last.decision.value})" if last else ""
    raise Conflict(
        f"Plan {plan.id} is {plan.state.value} already{who}.",
        next_step=f"See it: opstwin show {plan.id}",
        details={"plan": plan.id, "state": plan.state.value, "decided_by": last.decided_by_id if last else None},
    )


def _check_first(plan: Plan, actor: Actor, given: Sequence[Approval], people: People) -> None:
    if any(people.human(item.decided_by_id) == people.human(actor.id) for item in given):
        raise Conflict(
            f"You decided on plan {plan.id} already; it still needs somebody else.",
            next_step=f"Ask another person to run: opstwin approve {plan.id}",
            details={"plan": plan.id},
        )


def _not_covered(plan: Plan, why: str) -> Forbidden:
    return Forbidden(
        f"The mandate does not cover plan {plan.id}: {why}.",
        next_step=f"A person decides: opstwin approve {plan.id}",
        details={"plan": plan.id},
    )
