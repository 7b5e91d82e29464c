"""Tools about workloads: what somebody wrote, and how its resources do. An application of manifests is one too."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter

from opstwin.control.twin_index import Twin
from opstwin.domain.access import Actor, Scope
from opstwin.domain.kinds import runs
from opstwin.domain.resource import WorkloadRecord
from opstwin.domain.standing import Standing
from opstwin.domain.values import PlanId, ResourceId, TargetId, resource_id
from opstwin.domain.workload import Workload
from opstwin.errors import NotFound
from opstwin.tools.fields import Paging, TargetName, WorkloadName
from opstwin.tools.registry import AnyTool, Ask, Caller, Effect, Route, Tool
from opstwin.tools.resource_views import Filter, ResourceView, resources
from opstwin.tools.services import Services
from opstwin.tools.views import Listed, row
from opstwin.twin.querying import cursor_of, place_of


class WorkloadsAsk(Paging):
    """Which workloads."""

    target: TargetName | None = None


class WorkloadAsk(Ask):
    """One workload on one target."""

    target: TargetName
    name: WorkloadName


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkloadRow:
    """A workload as it should be; null when it was taken down, and where manifests say what should be."""

    id: ResourceId
    target: TargetId
    name: str
    workload: Workload | None
    revision: int
    set_by: Actor
    plan_id: PlanId | None
    set_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkloadItem(WorkloadRow):
    """A workload in a list, and the images that it runs. One that was given `from_manifests` has no other form.

    Its `revision` is the highest of its resources'; who set it, when and by which plan is that of the newest.
    """

    images: tuple[str, ...]
    from_manifests: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkloadView(WorkloadRow):
    """A workload with its resources, and how many of them are in which health."""

    resources: tuple[ResourceView, ...]
    health: dict[str, int]


def all_workloads(twin: Twin) -> list[WorkloadItem]:
    """Every workload that somebody wrote or gave as manifests, by id."""
    return sorted((*_written(twin), *_of_manifests(twin)), key=attrgetter("id"))


async def _list(services: Services, _caller: Caller, ask: WorkloadsAsk) -> Listed[WorkloadItem]:
    after = "" if ask.cursor is None else str(place_of(WorkloadRecord, ask.cursor))
    twin = await services.index.now()
    items = [item for item in all_workloads(twin) if ask.target in (None, item.target) and item.id > after]
    page = tuple(items[: ask.limit])
    return Listed(items=page, next=cursor_of(WorkloadRecord, page[-1].id) if len(items) > len(page) else None)


async def _get(services: Services, _caller: Caller, ask: WorkloadAsk) -> WorkloadView:
    id = resource_id(TargetId(ask.target), "workload", ask.name)
    twin = await services.index.now()
    there: tuple[WorkloadRecord | WorkloadItem, ...] = (*twin.workloads, *_of_manifests(twin))
    record = next((item for item in there if item.id == id), None)
    if record is None:
        raise NotFound(f"There is no workload {id}.", next_step="List them: opstwin get workloads", details={"id": id})
    found = await resources(services, Filter(target=ask.target, workload=ask.name))
    health = Counter(view.observed.health.value if view.observed else "unknown" for view in found)
    return row(WorkloadView, record, resources=tuple(found), health=dict(health))


def _written(twin: Twin) -> Iterator[WorkloadItem]:
    for record in twin.workloads:
        images = (record.workload.image,) if record.workload else ()
        yield row(WorkloadItem, record, images=images, from_manifests=False)


def _of_manifests(twin: Twin) -> Iterator[WorkloadItem]:
    """What is wanted in the name of a workload that nobody wrote as one."""
    parts: dict[tuple[TargetId, str], list[Standing]] = defaultdict(list)
    for item in twin.standings:
        if item.managed and item.workload:
            parts[item.target, item.workload].append(item)
    for record in twin.workloads:
        parts.pop((record.target, record.name), None)
    for (target, name), found in parts.items():
        wanted = [item.desired for item in found if item.desired is not None]
        newest = max(wanted, key=attrgetter("set_at"))
        images = {item.image: None for item in found if runs(item.kind) and item.image}
        yield WorkloadItem(
            id=resource_id(target, "workload", name), target=target, name=name, workload=None,
            revision=max(item.revision for item in wanted), set_by=newest.set_by, plan_id=newest.plan_id,
            set_at=newest.set_at, images=tuple(images), from_manifests=True,
        )  # fmt: skip


TOOLS: tuple[AnyTool, ...] = (
    Tool(
        name="workloads_list",
        title="List workloads",
        purpose="What was asked to run, on which target, at which revision.",
        effect=Effect.READ,
        scope=Scope.READ,
        input=WorkloadsAsk,
        output=Listed[WorkloadItem],
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
