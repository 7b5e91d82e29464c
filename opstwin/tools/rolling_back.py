"""The tool that plans the way back to what was before."""

from typing import Annotated

from pydantic import Field

from opstwin.domain.access import Scope
from opstwin.domain.plan import Plan
from opstwin.errors import NotFound
from opstwin.tools.fields import TargetName
from opstwin.tools.plan_asking import named_back, workload_named
from opstwin.tools.plan_briefs import plan_brief, plan_text
from opstwin.tools.plan_views import PlanView, plan_view
from opstwin.tools.registry import AnyTool, Ask, Caller, Effect, Route, Tool, Toolset
from opstwin.tools.services import Services

_LIST = "See what was done: history_search()"


class BackAsk(Ask):
    """What to bring back to what it was before. `target` is for a workload's bare name."""

    id: Annotated[
        str,
        Field(
            min_length=1, max_length=200, pattern=r"^[a-z0-9][a-z0-9_/-]*$", examples=["web"],
            description="workload, exec_… or plan_…",
        ),
    ]  # fmt: skip
    target: TargetName | None = None


async def _back(services: Services, caller: Caller, ask: BackAsk) -> PlanView:
    subject = ask.id
    if subject.startswith("plan_"):
        subject = await _execution_of(services, subject)
    elif "/" not in subject and not subject.startswith("exec_"):
        subject = await workload_named(services, subject, ask.target)
    taint = await services.taints.judged(caller, named_back(ask.id))
    plan = await services.planner.rollback(subject, caller.actor, taint=taint, plan_id=caller.plan_id)
    return await plan_view(services, plan, caller)


async def _execution_of(services: Services, plan_id: str) -> str:
    plan = await services.ledger.need(Plan, plan_id, next_step=_LIST)
    if plan.execution_id is None:
        raise NotFound(
            f"Plan {plan_id} was never applied, so there is nothing to go back from.", next_step=_LIST,
            details={"plan": plan_id, "state": plan.state.value},
        )  # fmt: skip
    return plan.execution_id


TOOLS: tuple[AnyTool, ...] = (
    Tool(
        name="rollback_plan",
        title="Plan the way back",
        purpose="Draft the plan back to what a workload, or all an execution changed, was before. It only drafts.",
        effect=Effect.PLAN,
        scope=Scope.PLAN,
        outward=True,
        input=BackAsk,
        output=PlanView,
        handler=_back,
        route=Route(method="POST", path="/plans:rollback", status=201, created="/plans/{id}"),
        toolset=Toolset.DEPLOY,
        brief=plan_brief,
        text=plan_text,
    ),
)
