"""What waits for a human: said in the refusal of a plan that is not approved, and in the list of approvals."""

from collections.abc import Sequence
from typing import Final

from opstwin.domain.access import Actor, ActorKind, Principal, Scope
from opstwin.domain.approval import Approval, Decision, check_decider, people_of
from opstwin.domain.plan import Plan, PlanState, summary
from opstwin.errors import Forbidden, NotApproved
from opstwin.tools.plan_briefs import approve_command
from opstwin.tools.plan_views import approve_url
from opstwin.tools.registry import Caller
from opstwin.tools.services import Services

NAMED: Final = 10
"""Accounts that are named; who they all are says `opstwin people list`."""

WAITING: Final = "waiting_for_human"
REJECTED: Final = "rejected"


async def told(services: Services, caller: Caller, plan_id: str, refusal: NotApproved) -> NotApproved:
    """The refusal with everything that a face needs to lead a human to the decision."""
    plan = await services.ledger.get(Plan, plan_id)
    if plan is None:
        return refusal
    given = await services.ledger.all(Approval, {"plan_id": plan.id})
    said_no = plan.state is PlanState.REJECTED or any(item.decision is not Decision.APPROVE for item in given)
    details: dict[str, object] = {
        **refusal.details,
        "status": REJECTED if said_no else WAITING,
        "plan": plan.id,
        "target": plan.target,
        "summary": str(summary(plan.changes)),
        "risk": plan.risk.value,
        "tainted": plan.tainted,
        "digest": plan.digest,
        "requested_by": plan.requested_by.id,
    }
    if not said_no:
        details |= {
            "approvals_needed": services.policy[plan.risk].approvals,
            "approvers": approvers(plan, await services.people.all(), services)[:NAMED],
            "approve_url": approve_url(plan, caller),
            "approve_command": approve_command(plan.id),
        }
    return NotApproved(
        refusal.message, next_step=refusal.next_step, details=details, retry_after_s=refusal.retry_after_s
    )


async def still_needed(services: Services, plan: Plan) -> list[str]:
    """The accounts that may approve this plan now, without those that did already."""
    given = await services.ledger.all(Approval, {"plan_id": plan.id})
    done = {item.decided_by_id for item in given}
    return [name for name in approvers(plan, await services.people.all(), services) if name not in done]


def approvers(plan: Plan, principals: Sequence[Principal], services: Services) -> list[str]:
    """The accounts that may approve this plan now."""
    people, rule = people_of(principals), services.policy[plan.risk]
    found: list[str] = []
    for item in principals:
        if item.kind is not ActorKind.PERSON or not item.is_active or Scope.APPROVE not in item.scopes:
            continue
        try:
            check_decider(plan, Actor(kind=ActorKind.PERSON, id=item.id), rule, people, Decision.APPROVE)
        except Forbidden:
            continue
        found.append(item.id)
    return sorted(found)
