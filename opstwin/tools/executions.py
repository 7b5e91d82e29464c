"""Tools about executions: what was started, each of its steps, and asking one to stop."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from pydantic import Field

from opstwin.domain.access import Actor, Scope
from opstwin.domain.execution import Execution, ExecutionState, Phase, Step
from opstwin.domain.plan import Plan
from opstwin.domain.values import ApprovalId, Digest, ExecutionId, Json, PlanId, TargetId
from opstwin.tools.fields import OfExecution, Paging, PlanName, TargetName
from opstwin.tools.plan_briefs import execution_brief, execution_text
from opstwin.tools.registry import AnyTool, Caller, Effect, Route, Tool, Toolset
from opstwin.tools.services import Services
from opstwin.tools.views import Listed, row
from opstwin.twin.store import MAX_PAGE, Query


class ExecutionsAsk(Paging):
    """Which executions."""

    plan_id: PlanName | None = None
    target: TargetName | None = None
    state: ExecutionState | None = None
    newest_first: Annotated[bool, Field(description="The newest on the first page.")] = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionRow:
    """One attempt to apply a plan. `fence` grows each time another worker takes it over."""

    id: ExecutionId
    plan_id: PlanId
    digest: Digest
    approval_ids: tuple[ApprovalId, ...]
    target: TargetId
    state: ExecutionState
    started_by: Actor
    fence: int
    cancel_requested_by: str | None
    started_at: datetime
    finished_at: datetime | None
    error: Mapping[str, Json] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedExecution(ExecutionRow):
    """An execution in a list; `request` is what its plan was asked for with."""

    request: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionView(ExecutionRow):
    """An execution with its journal: what was done, in order, then what was undone."""

    steps: tuple[Step, ...]


async def execution_view(services: Services, execution: Execution) -> ExecutionView:
    """The execution with its steps, the forward ones first."""
    steps = await services.ledger.all(Step, {"execution_id": execution.id})
    ordered = sorted(steps, key=lambda step: (step.phase is Phase.BACK, step.index))
    return row(ExecutionView, execution, steps=tuple(ordered))


async def _list(services: Services, _caller: Caller, ask: ExecutionsAsk) -> Listed[ListedExecution]:
    where: dict[str, str | bool | None] = {}
    if ask.plan_id:
        where["plan_id"] = ask.plan_id
    if ask.target:
        where["target"] = ask.target
    if ask.state:
        where["state"] = ask.state.value
    page = await services.ledger.store.find(
        Query(Execution, where, after=ask.cursor, limit=ask.limit, newest_first=ask.newest_first)
    )
    plans = await services.ledger.store.find(
        Query(Plan, ids=tuple({item.plan_id for item in page.items}), limit=MAX_PAGE)
    )
    asked = {plan.id: plan.request for plan in plans.items}
    rows = tuple(row(ListedExecution, item, request=asked.get(item.plan_id, "")) for item in page.items)
    return Listed(items=rows, next=page.next)


async def _get(services: Services, _caller: Caller, ask: OfExecution) -> ExecutionView:
    return await execution_view(services, await _need(services, ask.id))


async def _cancel(services: Services, caller: Caller, ask: OfExecution) -> ExecutionView:
    return await execution_view(services, await services.applier.cancel(ask.id, caller.actor))


async def _need(services: Services, id: str) -> Execution:
    return await services.ledger.need(Execution, id, next_step="List them: opstwin get executions")


TOOLS: tuple[AnyTool, ...] = (
    Tool(
        name="executions_list",
        title="List executions",
        purpose="Every attempt to apply a plan, the newest first, and how it ended.",
        effect=Effect.READ,
        scope=Scope.READ,
        input=ExecutionsAsk,
        output=Listed[ListedExecution],
        handler=_list,
        route=Route(method="GET", path="/executions"),
    ),
    Tool(
        name="execution_get",
        title="Show an execution",
        purpose="One execution with its steps: what was done, what was undone, and what went wrong.",
        effect=Effect.READ,
        scope=Scope.READ,
        input=OfExecution,
        output=ExecutionView,
        quotes="steps and errors",
        handler=_get,
        route=Route(method="GET", path="/executions/{id}"),
        toolset=Toolset.DEPLOY,
        brief=execution_brief,
        text=execution_text,
    ),
    Tool(
        name="execution_cancel",
        title="Stop an execution",
        purpose="Ask a running execution to stop before its next step and undo what it did.",
        effect=Effect.APPLY,
        scope=Scope.APPLY,
        outward=True,
        repeatable=True,
        input=OfExecution,
        output=ExecutionView,
        quotes="steps and errors",
        handler=_cancel,
        route=Route(method="POST", path="/executions/{id}:cancel"),
        toolset=Toolset.DEPLOY,
        brief=execution_brief,
        text=execution_text,
    ),
)
