"""The tool that says what waits for whom, and what was decided lately."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from opstwin.domain.access import Principal, Scope
from opstwin.domain.approval import Approval, Decision
from opstwin.domain.plan import Plan, PlanState, Risk, summary
from opstwin.domain.values import Digest, Json, PlanId, TargetId
from opstwin.errors import InvalidInput
from opstwin.tools.cells import age, found_text, plain, plural, without_empty
from opstwin.tools.fields import Paging
from opstwin.tools.plan_briefs import approve_command
from opstwin.tools.plan_views import approve_url
from opstwin.tools.registry import AnyTool, Caller, Effect, Route, Tool, Toolset
from opstwin.tools.services import Services
from opstwin.tools.waiting import approvers
from opstwin.twin.store import Query

_RECENT: Final = 5
_LINES: Final = 8


class ApprovalsAsk(Paging):
    """Which page of the plans that wait, the longest waiting first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingView:
    """A plan that waits for people. `given` of `needed` approvals hold; `approvers` are the accounts that may decide.

    `waits_s` is how long it has waited, `expires_in_s` how long it still can. `again` says that it was approved
    and that the approval ran out before it was applied.
    """

    id: PlanId
    target: TargetId
    summary: str
    request: str
    requested_by: str
    risk: Risk
    tainted: bool
    digest: Digest
    since: datetime
    waits_s: int
    expires_in_s: int
    given: int
    needed: int
    again: bool
    approvers: tuple[str, ...]
    approve_url: str
    approve_command: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DecidedView:
    """A decision that somebody took."""

    plan_id: PlanId
    decision: Decision
    by: str
    reason: str
    decided_at: datetime
    ago_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalsView:
    """What waits, the risky and the tainted first as `exceptions`; then the last decisions, the newest first."""

    summary: str
    counts: Mapping[str, Mapping[str, int]]
    exceptions: tuple[WaitingView, ...]
    items: tuple[WaitingView, ...]
    decisions: tuple[DecidedView, ...]
    next: str | None
    hint: str


async def _list(services: Services, caller: Caller, ask: ApprovalsAsk) -> ApprovalsView:
    after = None if ask.cursor is None else await _place(services, ask.cursor)
    waiting = await _waiting(services, caller)
    rest = [item for item in waiting if after is None or (item.since, item.id) > after]
    page = rest[: ask.limit]
    risky = tuple(item for item in page if _is_risky(item))
    return ApprovalsView(
        summary=f"{plural(len(waiting), 'plan')} wait{'s' if len(waiting) == 1 else ''} for a human.",
        counts={
            "risk": dict(Counter(item.risk.value for item in waiting)),
            "target": dict(Counter(item.target for item in waiting)),
        },
        exceptions=risky, items=tuple(item for item in page if not _is_risky(item)),
        decisions=await _decisions(services), next=page[-1].id if len(rest) > len(page) else None,
        hint=_hint([*risky, *page]),
    )  # fmt: skip


async def _place(services: Services, cursor: str) -> tuple[datetime, str]:
    """Where the last plan of the page before stands, also when it was decided on since."""
    plan = await services.ledger.get(Plan, cursor)
    if plan is None:
        raise InvalidInput("The cursor is not one of ours.", field="cursor", next_step="Start without a cursor.")
    return plan.created_at, plan.id


async def _waiting(services: Services, caller: Caller) -> list[WaitingView]:
    now = services.ledger.clock.now()
    plans = await services.approver.waiting()
    again = [plan async for plan in services.ledger.each(Plan, {"state": PlanState.APPROVED.value})]
    principals = await services.people.all()
    found: list[WaitingView] = []
    for plan in [*plans, *(plan for plan in again if now < plan.expires_at)]:
        given = [item for item in await services.ledger.all(Approval, {"plan_id": plan.id}) if _counts(item, now)]
        if len(given) < services.policy[plan.risk].approvals:
            found.append(_view(services, caller, plan, given, principals))
    return sorted(found, key=lambda item: (item.since, item.id))


def _counts(approval: Approval, now: datetime) -> bool:
    return approval.decision is Decision.APPROVE and approval.used_by is None and now < approval.expires_at


def _view(
    services: Services, caller: Caller, plan: Plan, given: list[Approval], principals: Sequence[Principal]
) -> WaitingView:
    now, decided = services.ledger.clock.now(), {item.decided_by_id for item in given}
    may = [name for name in approvers(plan, principals, services) if name not in decided]
    return WaitingView(
        id=plan.id, target=plan.target, summary=str(summary(plan.changes)), request=plain(plan.request, 300),
        requested_by=plan.requested_by.id, risk=plan.risk, tainted=plan.tainted, digest=plan.digest,
        since=plan.created_at, waits_s=int((now - plan.created_at).total_seconds()),
        expires_in_s=int((plan.expires_at - now).total_seconds()), given=len(given),
        needed=services.policy[plan.risk].approvals, again=plan.state is PlanState.APPROVED, approvers=tuple(may),
        approve_url=approve_url(plan, caller), approve_command=approve_command(plan.id),
    )  # fmt: skip


async def _decisions(services: Services) -> tuple[DecidedView, ...]:
    now = services.ledger.clock.now()
    page = await services.ledger.store.find(Query(Approval, limit=_RECENT, newest_first=True))
    return tuple(
        DecidedView(
            plan_id=item.plan_id, decision=item.decision, by=item.decided_by_id, reason=plain(item.reason, 300),
            decided_at=item.decided_at, ago_s=int((now - item.decided_at).total_seconds()),
        )
        for item in page.items
    )  # fmt: skip


def _is_risky(item: WaitingView) -> bool:
    return item.tainted or item.risk.rank >= Risk.HIGH.rank


def _hint(shown: list[WaitingView]) -> str:
    if not shown:
        return "nothing to decide; what runs: twin_query()"
    first = shown[0]
    return f"show a human what it does: plan_show(id={first.id}); they decide with: {first.approve_command}"


def approvals_brief(answer: Mapping[str, Any]) -> Mapping[str, Json]:
    """One line for each plan that waits, and for each decision."""
    shown = [*answer["exceptions"], *answer["items"]][:_LINES]
    risky = len(answer["exceptions"])
    rest = len(answer["exceptions"]) + len(answer["items"]) - len(shown)
    more = [f"{rest} more: limit={_LINES}, then cursor"] if rest else []
    return without_empty(
        {
            "summary": answer["summary"],
            "counts": without_empty(answer["counts"]),
            "exceptions": [_line(item) for item in shown[:risky]],
            "items": [*(_line(item) for item in shown[risky:]), *more],
            "decisions": [_decided(item) for item in answer["decisions"]],
            "next": answer["next"],
            "hint": answer["hint"],
        }
    )


def _line(item: Mapping[str, Any]) -> str:
    who = ", ".join(item["approvers"][:3]) or "nobody who may decide: add a person"
    marks = [item["risk"], *(["TAINTED"] if item["tainted"] else []), *(["approval ran out"] if item["again"] else [])]
    votes = f" {item['given']}/{item['needed']} approvals" if item["needed"] > 1 else ""
    return plain(
        f"{item['id']} {' '.join(marks)} on {item['target']} by {item['requested_by']}, waits {age(item['waits_s'])} "
        f"for {who}{votes}: {item['summary']} {item['approve_url']} or: {item['approve_command']}",
        500,
    )


def _decided(item: Mapping[str, Any]) -> str:
    reason = f": {item['reason']}" if item["reason"] else ""
    return plain(f"{item['plan_id']} {item['decision']} by {item['by']} {age(item['ago_s'])} ago{reason}", 200)


TOOLS: tuple[AnyTool, ...] = (
    Tool(
        name="approvals_list",
        title="What waits for a human",
        purpose="Plans that wait for a decision: whose, for how long, where to decide; and the last decisions.",
        effect=Effect.READ,
        scope=Scope.READ,
        input=ApprovalsAsk,
        output=ApprovalsView,
        handler=_list,
        route=Route(method="GET", path="/approvals"),
        toolset=Toolset.DEPLOY,
        brief=approvals_brief,
        text=found_text,
    ),
)
