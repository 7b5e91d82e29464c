"""Tools about the past: finished deployments and their outcome."""

from collections.abc import Sequence
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


async def _list(services: Services, caller: Caller, ask: HistoryAsk) -> Listed[Deployment]:
    """A page of what the caller may see; pages that hold nothing of it are passed over."""
    after = ask.cursor
    while True:
        page = await services.history.deployments(
            workload=ask.service, target=ask.target, success=ask.success, after=after, limit=ask.limit
        )
        items = await seen_by(services, caller, page.items)
        if items or page.next is None:
            return Listed(items=items, next=page.next)
        after = page.next


async def seen_by(services: Services, caller: Caller, found: Sequence[Deployment]) -> tuple[Deployment, ...]:
    """What of the past the caller may see: what the organisation of the person behind it deployed."""
    memory = services.memory
    if memory is None:
        return tuple(found)
    return await memory.seen_by(memory.tenant_of(caller.actor.human), found)


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
