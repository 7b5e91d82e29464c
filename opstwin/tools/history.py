"""Tools about the past: finished deployments and their outcome."""

from typing import Annotated

from pydantic import Field

from opstwin.domain.access import Scope
from opstwin.domain.deployment import Deployment
from opstwin.tools.fields import Paging, TargetName, WorkloadName
from opstwin.tools.registry import AnyTool, Caller, Effect, Route, Tool
from opstwin.tools.services import Services
from opstwin.tools.views import Listed


class HistoryAsk(Paging):
    """Which deployments."""

    service: Annotated[WorkloadName | None, Field(description="A workload's name.")] = None
    target: TargetName | None = None
    success: bool | None = None


async def _list(services: Services, _caller: Caller, ask: HistoryAsk) -> Listed[Deployment]:
    page = await services.history.deployments(
        workload=ask.service, target=ask.target, success=ask.success, after=ask.cursor, limit=ask.limit
    )
    return Listed(items=page.items, next=page.next)


TOOLS: tuple[AnyTool, ...] = (
    Tool(
        name="history",
        title="Deployment history",
        purpose="Finished deployments, the newest first: what ran, with which limits, how it ended, what it used.",
        effect=Effect.READ,
        scope=Scope.READ,
        input=HistoryAsk,
        output=Listed[Deployment],
        handler=_list,
        route=Route(method="GET", path="/deployments"),
    ),
)
