"""Plans as people and programs see them: the record, its summary, its text, its decisions and who may decide."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from pydantic import Field

from opstwin.control.wording import note_in
from opstwin.domain.access import Actor
from opstwin.domain.approval import Approval
from opstwin.domain.draft_origin import DraftOrigin
from opstwin.domain.plan import Change, Origin, Plan, PlanState, Risk, Summary, summary
from opstwin.domain.plan_text import plan_lines, summary_line
from opstwin.domain.values import Digest, PlanId, TargetId
from opstwin.tools.registry import Caller
from opstwin.tools.services import Services
from opstwin.tools.views import row


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How many resources a plan adds, changes, replaces, removes and restarts, how many commands it runs; in words."""

    add: int
    change: int
    replace: int
    remove: int
    restart: int
    run: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleView:
    """Who must approve: how many people, whether the requester may, and for how long an approval holds."""

    approvals: int
    self_approval: bool
    expires_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRow:
    """A plan in a list. `workloads` are the names of those whose resources it changes."""

    id: PlanId
    target: TargetId
    origin: Origin
    request: str
    requested_by: Actor
    mode: str
    risk: Risk
    state: PlanState
    notes: tuple[str, ...]
    tainted: bool
    digest: Digest
    created_at: datetime
    expires_at: datetime
    execution_id: str | None
    summary: Counts
    workloads: tuple[str, ...]
    approve_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanView(Plan):
    """A plan with everything a decision needs. `lines` are made from the structured changes alone.

    `moved` names what is not any more as it was when the plan was made: a plan with such is stale and cannot run. It is
    told when one plan that waits is asked for.
    """

    summary: Counts
    lines: tuple[str, ...]
    approvals: tuple[Approval, ...]
    rule: RuleView
    approve_url: str
    moved: tuple[str, ...] = ()
    drafts: Annotated[tuple[DraftOrigin, ...], Field(exclude=True)] = ()
    """For the records alone: definitions of tools have no room for it."""


def plan_row(plan: Plan, caller: Caller) -> PlanRow:
    """A plan for a list."""
    named = {item.name for item in plan.workloads} | {item.workload for item in plan.changes if item.workload}
    return row(
        PlanRow, plan, summary=counts_of(plan.changes), workloads=tuple(sorted(named)),
        approve_url=approve_url(plan, caller),
    )  # fmt: skip


async def plan_view(services: Services, plan: Plan, caller: Caller, language: str = "en") -> PlanView:
    """A plan in full, with its text in `language`."""
    approvals = await services.ledger.all(Approval, {"plan_id": plan.id})
    rule = services.policy[plan.risk]
    shown = RuleView(approvals=rule.approvals, self_approval=rule.self_approval, expires_s=rule.expires_s)
    return row(
        PlanView,
        plan,
        summary=counts_of(plan.changes, language),
        notes=tuple(note_in(note, language) for note in plan.notes),
        lines=tuple(plan_lines(plan, language)),
        approvals=tuple(approvals),
        rule=shown,
        approve_url=approve_url(plan, caller),
        moved=(),
    )


def counts_of(changes: tuple[Change, ...], language: str = "en") -> Counts:
    """The summary of a plan's changes."""
    counted: Summary = summary(changes)
    return row(Counts, counted, text=summary_line(counted, language))


def approve_url(plan: Plan, caller: Caller) -> str:
    """Where a person decides on it."""
    return f"{caller.base_url}/plans/{plan.id}"
