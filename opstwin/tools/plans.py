"""Tools about plans: asking for a change, reading what would happen, deciding, and applying."""

from dataclasses import replace
from typing import Annotated

from pydantic import Field

from opstwin.control.starting import moved_since
from opstwin.domain.access import Scope
from opstwin.domain.plan import Plan, PlanState
from opstwin.domain.values import Digest
from opstwin.errors import NotApproved
from opstwin.tools.executions import ExecutionView, execution_view
from opstwin.tools.fields import OfPlan, Paging, Reason, TargetName
from opstwin.tools.plan_asking import PlanAsk, language_of, planned
from opstwin.tools.plan_briefs import execution_brief, execution_text, plan_brief, plan_text
from opstwin.tools.plan_views import PlanRow, PlanView, plan_row, plan_view
from opstwin.tools.registry import AnyTool, Caller, Effect, Route, Tool, Toolset
from opstwin.tools.services import Services
from opstwin.tools.views import Listed
from opstwin.tools.waiting import told
from opstwin.twin.store import Query

_LIST = "List plans: opstwin get plans"


class PlansAsk(Paging):
    """Which plans."""

    state: PlanState | None = None
    target: TargetName | None = None
    newest_first: bool = True


class ShowAsk(OfPlan):
    """Which plan, in which language its text is written."""

    language: Annotated[str, Field(pattern=r"^(en|ko)$")] = "en"


class DecideAsk(OfPlan):
    """A decision. Everything that is not exactly `approve` is a reject, which needs a `reason`.

    `digest` binds it to what was looked at.
    """

    decision: Annotated[str, Field(max_length=200)]
    reason: Reason = ""
    digest: Annotated[Digest | None, Field(max_length=80, pattern=r"^sha256:[0-9a-f]{64}$")] = None


class ApplyAsk(OfPlan):
    """Which plan to apply."""


async def _create(services: Services, caller: Caller, ask: PlanAsk) -> PlanView:
    return await plan_view(services, await planned(services, caller, ask), caller, language_of(ask))


async def _list(services: Services, caller: Caller, ask: PlansAsk) -> Listed[PlanRow]:
    where: dict[str, str | bool | None] = {}
    if ask.state:
        where["state"] = ask.state.value
    if ask.target:
        where["target"] = ask.target
    page = await services.ledger.store.find(
        Query(Plan, where, after=ask.cursor, limit=ask.limit, newest_first=ask.newest_first)
    )
    return Listed(items=tuple(plan_row(plan, caller) for plan in page.items), next=page.next)


async def _show(services: Services, caller: Caller, ask: ShowAsk) -> PlanView:
    plan = await services.ledger.need(Plan, ask.id, next_step=_LIST)
    view = await plan_view(services, plan, caller, ask.language)
    waits = plan.state in (PlanState.PENDING, PlanState.APPROVED)
    return replace(view, moved=tuple(await moved_since(services.ledger, plan))) if waits else view


async def _decide(services: Services, caller: Caller, ask: DecideAsk) -> PlanView:
    plan = await services.approver.decide(ask.id, caller.actor, ask.decision, ask.reason, ask.digest)
    return await plan_view(services, plan, caller)


async def _apply(services: Services, caller: Caller, ask: ApplyAsk) -> ExecutionView:
    try:
        execution = await services.applier.start(ask.id, caller.actor)
    except NotApproved as refusal:
        raise await told(services, caller, ask.id, refusal) from None
    return await execution_view(services, execution)


TOOLS: tuple[AnyTool, ...] = (
    Tool(
        name="plan_create",
        title="Plan a change",
        purpose="Draft exactly what would happen for a request in words, a file, drift, or a way back. It only drafts.",
        effect=Effect.PLAN,
        scope=Scope.PLAN,
        outward=True,
        input=PlanAsk,
        output=PlanView,
        handler=_create,
        route=Route(method="POST", path="/plans", status=201, created="/plans/{id}"),
        toolset=Toolset.DEPLOY,
        brief=plan_brief,
        text=plan_text,
    ),
    Tool(
        name="plans_list",
        title="List plans",
        purpose="Plans, the newest first: what waits for a decision, and what became of the others.",
        effect=Effect.READ,
        scope=Scope.READ,
        input=PlansAsk,
        output=Listed[PlanRow],
        handler=_list,
        route=Route(method="GET", path="/plans"),
    ),
    Tool(
        name="plan_show",
        title="Show a plan",
        purpose="One plan with its diff as text, its digest, its decisions, and who may decide.",
        effect=Effect.READ,
        scope=Scope.READ,
        input=ShowAsk,
        output=PlanView,
        handler=_show,
        route=Route(method="GET", path="/plans/{id}"),
        toolset=Toolset.DEPLOY,
        brief=plan_brief,
        text=plan_text,
    ),
    Tool(
        name="plan_decide",
        title="Approve or reject a plan",
        purpose="A person's decision on one plan, bound to its digest. It counts for that plan only, and only once.",
        effect=Effect.PLAN,
        scope=Scope.APPROVE,
        people_only=True,
        input=DecideAsk,
        output=PlanView,
        handler=_decide,
        route=Route(method="POST", path="/plans/{id}:decide"),
    ),
    Tool(
        name="plan_apply",
        title="Apply an approved plan",
        purpose="Start what an approved plan says; the hub verifies it and undoes it when verification fails.",
        effect=Effect.APPLY,
        scope=Scope.APPLY,
        outward=True,
        repeatable=True,
        input=ApplyAsk,
        output=ExecutionView,
        quotes="steps and errors",
        handler=_apply,
        route=Route(method="POST", path="/plans/{id}:apply", status=202, created="/executions/{id}"),
        toolset=Toolset.DEPLOY,
        brief=execution_brief,
        text=execution_text,
    ),
)
