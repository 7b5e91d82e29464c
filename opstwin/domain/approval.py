"""Approvals: a human's decision on one digest, and the policy that says whose and how many are needed.

Nothing here has a default that lets a plan through: `authorise` returns the approvals to use up, or raises.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import ClassVar, Final

from opstwin.domain.access import Actor, ActorKind, Principal
from opstwin.domain.plan import Plan, PlanState, Risk, plan_digest, setters
from opstwin.domain.values import ApprovalId, Digest, ExecutionId, PlanId
from opstwin.errors import Forbidden, InvalidInput, NotApproved, StalePlan


class Decision(StrEnum):
    """Anything that is not `approve` is a reject."""

    APPROVE = "approve"
    REJECT = "reject"


def decision_from(text: object) -> Decision:
    """`approve` only for exactly that word; every other value is a reject."""
    return Decision.APPROVE if text == "approve" else Decision.REJECT


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """One decision of one authenticated human on one digest; an approve is used once, by one execution.

    `mandate_id` is set when the decision stands on a mandate that the human gave before (healing).
    """

    INDEXED: ClassVar[tuple[str, ...]] = ("plan_id", "decision", "decided_by_id")
    ORDER: ClassVar[str] = "position"

    id: ApprovalId
    plan_id: PlanId
    digest: Digest
    decision: Decision
    decided_by: Actor
    decided_by_id: str
    reason: str = ""
    decided_at: datetime
    expires_at: datetime
    mandate_id: str | None = None
    used_by: ExecutionId | None = None
    version: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What one level of risk needs: how many people, whether the requester counts, and for how long it holds."""

    approvals: int
    self_approval: bool
    expires_s: float

    def __post_init__(self) -> None:
        if self.approvals < 1 or not self.expires_s > 0:
            raise InvalidInput(
                "A rule needs at least one approval, and a time for which it holds.",
                field="policy",
                next_step="Use approvals = 1 or more and expires_s above 0.",
            )


Policy = Mapping[Risk, Rule]

TWO_PERSON: Final[Policy] = {
    Risk.NONE: Rule(approvals=1, self_approval=True, expires_s=3600),
    Risk.LOW: Rule(approvals=1, self_approval=True, expires_s=3600),
    Risk.HIGH: Rule(approvals=1, self_approval=False, expires_s=1800),
    Risk.DESTRUCTIVE: Rule(approvals=1, self_approval=False, expires_s=900),
}
"""The default: high risk needs somebody other than the requester."""

SOLO: Final[Policy] = {
    risk: Rule(approvals=1, self_approval=True, expires_s=rule.expires_s) for risk, rule in TWO_PERSON.items()
}
"""For a hub with one operator, chosen by the setting `policy = "solo"`; the requester may decide on everything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """Who is who: which accounts belong to the same human."""

    humans: Mapping[str, str]

    def human(self, principal_id: str) -> str:
        """The human behind an account; an account that is not known stands for itself."""
        return self.humans.get(principal_id, principal_id)


def people_of(principals: Sequence[Principal]) -> People:
    """The accounts grouped by human: an agent counts as the person it acts for, a second account as the first.

    However long the chain of accounts is, and also where it runs in a circle, all of it is one human.
    """
    humans: dict[str, str] = {}
    for item in principals:
        names = [name for name in (item.id, item.same_person_as, item.on_behalf_of) if name is not None]
        groups = {humans.get(name, name) for name in names}
        first = min(groups)
        humans |= dict.fromkeys((*names, *groups), first)
        if len(groups) > 1:
            humans = {name: first if group in groups else group for name, group in humans.items()}
    return People(humans=humans)


def requesters(plan: Plan) -> frozenset[str]:
    """Every account behind what a plan asks for: who asked, for whom, and who set directly what it brings about."""
    asker = plan.requested_by
    return frozenset({asker.id, asker.on_behalf_of or asker.id, *setters(plan)})


def check_decider(plan: Plan, actor: Actor, rule: Rule, people: People, decision: Decision) -> None:
    """Raise `Forbidden` unless this actor may take this decision on this plan."""
    if actor.kind is not ActorKind.PERSON:
        raise Forbidden(
            "Only a person can decide on a plan.",
            next_step=f"Ask a person to run: opstwin approve {plan.id}",
            details={"plan": plan.id},
        )
    if decision is Decision.APPROVE and not rule.self_approval and _same_human(plan, actor, people):
        raise Forbidden(
            f"This plan is {plan.risk.value} risk, so somebody other than its requester must approve it.",
            next_step=(
                f"Ask another person to run: opstwin approve {plan.id} "
                "(or set policy = solo on a hub with one operator)."
            ),
            details={"plan": plan.id, "risk": plan.risk.value, "requested_by": plan.requested_by.id},
        )


def authorise(
    plan: Plan, approvals: Sequence[Approval], policy: Policy, people: People, now: datetime
) -> tuple[Approval, ...]:
    """The approvals that let `plan` run now; they must be marked used in the same write that starts the execution.

    Raises `StalePlan` when the plan's content does not match its digest or its time is over, and `NotApproved` when a
    human rejected it or too few (other, unexpired, unused) humans approved this very digest.
    """
    if plan_digest(plan) != plan.digest:
        raise StalePlan("The plan's content no longer matches its digest.", next_step="Plan again: opstwin plan …")
    if now >= plan.expires_at:
        raise StalePlan(
            f"Plan {plan.id} is too old.", next_step="Plan again: opstwin plan …", details={"plan": plan.id}
        )
    mine = [item for item in approvals if item.plan_id == plan.id]
    if plan.state is PlanState.REJECTED or any(item.decision is not Decision.APPROVE for item in mine):
        raise NotApproved(
            f"Plan {plan.id} was rejected.",
            next_step="Change the request and plan again.",
            details={"plan": plan.id},
        )
    rule = policy[_highest_risk(plan)]
    valid = [item for item in mine if _counts(item, plan, rule, people, now)]
    deciders = {people.human(item.decided_by_id): item for item in valid}
    if len(deciders) < rule.approvals:
        raise waiting(plan, rule, expired=any(now >= item.expires_at for item in mine))
    return tuple(deciders.values())


def waiting(plan: Plan, rule: Rule, *, expired: bool = False) -> NotApproved:
    """The error that says who must decide, and how."""
    who = "a person" if rule.self_approval else "a person other than the requester"
    lead = "The approval expired; plan" if expired else "Plan"
    return NotApproved(
        f"{lead} {plan.id} is waiting for {who} to decide.",
        next_step=f"Run: opstwin approve {plan.id}",
        details={
            "plan": plan.id,
            "digest": plan.digest,
            "risk": plan.risk.value,
            "approvals_needed": rule.approvals,
        },
    )


def expiry(rule: Rule, now: datetime) -> datetime:
    """When a decision taken now stops counting."""
    return now + timedelta(seconds=rule.expires_s)


def _counts(item: Approval, plan: Plan, rule: Rule, people: People, now: datetime) -> bool:
    return (
        item.digest == plan.digest
        and item.decided_by.kind is ActorKind.PERSON
        and item.decided_by_id == item.decided_by.id
        and item.used_by is None
        and item.decided_at <= now < item.expires_at
        and (rule.self_approval or not _same_human(plan, item.decided_by, people))
    )


def _highest_risk(plan: Plan) -> Risk:
    """The plan's risk, or that of its riskiest change where the plan claims less."""
    return max((plan.risk, *(change.risk for change in plan.changes)), key=lambda risk: risk.rank)


def _same_human(plan: Plan, actor: Actor, people: People) -> bool:
    """Whether one of those behind the request is the actor."""
    return people.human(actor.id) in {people.human(item) for item in requesters(plan)}
