"""Tools about resources: what is there, what should be, drift, taking over, and healing."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any

from pydantic import Field

from opstwin.control.adopting import adopt
from opstwin.control.desired import PLAN_INSTEAD, set_desired
from opstwin.control.drift import explain
from opstwin.domain.access import Scope
from opstwin.domain.drift import Drift
from opstwin.domain.resource import Desired, Health
from opstwin.domain.target import Target
from opstwin.domain.values import Json, ResourceId
from opstwin.errors import InvalidInput
from opstwin.tools.fields import Number, OfResource, Paging, Reason, TargetName, WorkloadName
from opstwin.tools.registry import AnyTool, Ask, Caller, Effect, Route, Tool
from opstwin.tools.resource_views import (
    Filter,
    ResourceView,
    bare_fields,
    counted,
    resource,
    resources,
    without_secret_words,
)
from opstwin.tools.services import Services
from opstwin.tools.views import Listed


class ResourcesAsk(Paging):
    """Which resources."""

    target: TargetName | None = None
    kind: Annotated[str | None, Field(max_length=120, pattern=r"^[a-z][a-z0-9.-]*$", examples=["container"])] = None
    workload: WorkloadName | None = None
    managed: bool | None = None
    health: Health | None = None


class DesiredAsk(OfResource):
    """What should be. `spec` null says that the resource should go away."""

    if_revision: Annotated[Number, Field(description="The desired revision that was read; 0 where there was none.")]
    spec: dict[str, Json] | None


class DriftAsk(Ask):
    """Which target; all when none is named."""

    target: TargetName | None = None


class AdoptAsk(OfResource):
    """What to take over, and as which workload (by default one named like the container)."""

    name: WorkloadName | None = None
    reason: Reason = ""


async def _list(services: Services, _caller: Caller, ask: ResourcesAsk) -> Listed[ResourceView]:
    wanted = Filter(
        target=ask.target, kind=ask.kind, workload=ask.workload, managed=ask.managed,
        health=ask.health.value if ask.health else None,
    )  # fmt: skip
    found = await resources(services, wanted)
    if ask.cursor is not None and ask.cursor.count("/") < 2:
        raise InvalidInput("The cursor is not one of ours.", field="cursor", next_step="Start without a cursor.")
    rest = [view for view in found if ask.cursor is None or view.id > ask.cursor]
    page = rest[: ask.limit]
    following = page[-1].id if len(rest) > len(page) else None
    return Listed(items=tuple(map(without_secret_words, page)), next=following, counts=counted(found))


async def _get(services: Services, _caller: Caller, ask: OfResource) -> ResourceView:
    return await resource(services, ask.id)


async def _put(services: Services, caller: Caller, ask: DesiredAsk) -> ResourceView:
    await set_desired(
        services.ledger, ask.id, ask.spec, if_revision=ask.if_revision, actor=caller.actor, observer=services.observer
    )  # fmt: skip
    return await resource(services, ask.id)


async def _drift(services: Services, _caller: Caller, ask: DriftAsk) -> Listed[Drift]:
    found = await explain(services.ledger, services.readers, ask.target)
    return Listed(items=tuple(replace(item, fields=bare_fields(item.fields)) for item in found))


async def _adopt(services: Services, caller: Caller, ask: AdoptAsk) -> ResourceView:
    target = await services.ledger.need(Target, ask.id.split("/", 1)[0], next_step="List targets: opstwin targets list")
    renderer = services.readers.renderer(target)
    await adopt(
        services.ledger, ask.id, caller.actor, name=ask.name or "", reason=ask.reason, renderer=renderer
    )  # fmt: skip
    return await resource(services, ask.id)


async def _resume(services: Services, caller: Caller, ask: OfResource) -> ResourceView:
    await services.reconciler.resume_healing(ResourceId(ask.id), caller.actor)
    return await resource(services, ask.id)


async def _tag(services: Services, named: Mapping[str, Any]) -> str:
    record = await services.ledger.get(Desired, str(named["id"]))
    return str(record.revision) if record is not None else "0"


def _revision(view: Any) -> str:
    desired = view.get("desired")
    return str(desired["revision"]) if desired else "0"


TOOLS: tuple[AnyTool, ...] = (
    Tool(
        name="resources_list",
        title="List resources",
        purpose="What is there and what should be, side by side, with their drift.",
        effect=Effect.READ,
        scope=Scope.READ,
        input=ResourcesAsk,
        output=Listed[ResourceView],
        quotes="settings of resources",
        handler=_list,
        route=Route(method="GET", path="/resources"),
    ),
    Tool(
        name="desired_put",
        title="Set what should be",
        purpose="Set the desired state of one resource. The target is not touched: the reconciler plans what follows.",
        effect=Effect.APPLY,
        scope=Scope.APPLY,
        people_only=True,
        instead=PLAN_INSTEAD,
        outward=True,
        input=DesiredAsk,
        output=ResourceView,
        quotes="settings",
        handler=_put,
        route=Route(
            method="PUT",
            path="/resources/{id:path}/desired",
            status=202,
            if_match="if_revision",
            etag=_revision,
            tag=_tag,
        ),
    ),
    Tool(
        name="adopt",
        title="Take over a resource",
        purpose="Make what Opstwin did not make its own, as it is. Nothing on the target changes.",
        effect=Effect.APPLY,
        scope=Scope.APPLY,
        people_only=True,
        input=AdoptAsk,
        output=ResourceView,
        handler=_adopt,
        route=Route(method="POST", path="/resources/{id:path}:adopt"),
    ),
    Tool(
        name="healing_resume",
        title="Resume healing",
        purpose="Let the reconciler heal a resource again after it stopped because something kept changing it back.",
        effect=Effect.APPLY,
        scope=Scope.APPLY,
        people_only=True,
        input=OfResource,
        output=ResourceView,
        handler=_resume,
        route=Route(method="POST", path="/resources/{id:path}:resume"),
    ),
    Tool(
        name="drift",
        title="Explain drift",
        purpose="Where what is differs from what should be, since when, and in which fields.",
        effect=Effect.READ,
        scope=Scope.READ,
        input=DriftAsk,
        output=Listed[Drift],
        quotes="settings of resources",
        handler=_drift,
        route=Route(method="GET", path="/drift"),
    ),
    Tool(
        name="resource_get",
        title="Show a resource",
        purpose="One resource with both its sides, its drift and what it is linked to.",
        effect=Effect.READ,
        scope=Scope.READ,
        input=OfResource,
        output=ResourceView,
        quotes="settings",
        handler=_get,
        route=Route(method="GET", path="/resources/{id:path}", etag=_revision),
    ),
)
