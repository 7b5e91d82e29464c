"""Tools about workloads: what somebody wrote, and how its resources do."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from opstwin.domain.access import Actor, Scope
from opstwin.domain.resource import WorkloadRecord
from opstwin.domain.values import PlanId, ResourceId, TargetId, resource_id
from opstwin.domain.workload import Workload
from opstwin.tools.fields import Paging, TargetName, WorkloadName
from opstwin.tools.registry import AnyTool, Ask, Caller, Effect, Route, Tool
from opstwin.tools.resource_views import Filter, ResourceView, resources
from opstwin.tools.services import Services
from opstwin.tools.views import Listed, row
from opstwin.twin.store import Query


class WorkloadsAsk(Paging):
    """Which workloads."""

    target: TargetName | None = None


class WorkloadAsk(Ask):
    """One workload on one target."""

    target: TargetName
    name: WorkloadName


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkloadRow:
    """A workload as it should be; null when it was taken down."""

    id: ResourceId
    target: TargetId
    name: str
    workload: Workload | None
    revision: int
    set_by: Actor
    plan_id: PlanId | None
    set_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkloadView(WorkloadRow):
    """A workload with its resources, and how many of them are in which health."""

    resources: tuple[ResourceView, ...]
    health: dict[str, int]


async def _list(services: Services, _caller: Caller, ask: WorkloadsAsk) -> Listed[WorkloadRow]:
    where: dict[str, str | bool | None] = {"target": ask.target} if ask.target else {}
    page = await services.ledger.store.find(Query(WorkloadRecord, where, after=ask.cursor, limit=ask.limit))
    return Listed(items=tuple(row(WorkloadRow, item) for item in page.items), next=page.next)


async def _get(services: Services, _caller: Caller, ask: WorkloadAsk) -> WorkloadView:
    id = resource_id(TargetId(ask.target), "workload", ask.name)
    record = await services.ledger.need(WorkloadRecord, id, next_step="List them: opstwin get workloads")
    found = await resources(services, Filter(target=ask.target, workload=ask.name))
    health = Counter(view.observed.health.value if view.observed else "unknown" for view in found)
    return row(WorkloadView, record, resources=tuple(found), health=dict(health))


TOOLS: tuple[AnyTool, ...] = (
    Tool(
        name="workloads_list",
        title="List workloads",
        purpose="What was asked to run, on which target, at which revision.",
        effect=Effect.READ,
        scope=Scope.READ,
        input=WorkloadsAsk,
        output=Listed[WorkloadRow],
        handler=_list,
        route=Route(method="GET", path="/workloads"),
    ),
    Tool(
        name="workload_get",
        title="Show a workload",
        purpose="One workload with its resources and their health.",
        effect=Effect.READ,
        scope=Scope.READ,
        input=WorkloadAsk,
        output=WorkloadView,
        quotes="settings of resources",
        handler=_get,
        route=Route(method="GET", path="/workloads/{target}/{name}"),
    ),
)
