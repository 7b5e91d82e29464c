"""Tools about the hub itself: what it is, who is calling, its components, the twin as a whole, and backups."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from pydantic import Field

from opstwin.control.retrying import BreakerState
from opstwin.domain.access import Actor, ActorKind, Scope
from opstwin.domain.audit import AuditEntry
from opstwin.domain.target import Target
from opstwin.tools.fields import MAX_PAGE, Nothing, Paging
from opstwin.tools.registry import AnyTool, Caller, Effect, Route, Tool, Toolset
from opstwin.tools.resource_views import Filter, ResourceView, counted, resources
from opstwin.tools.services import Services
from opstwin.tools.targets import TargetRow, target_row
from opstwin.tools.views import row
from opstwin.tools.workloads import WorkloadItem, all_workloads

API_VERSION = "v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class HubView:
    """What this hub is. `away` are active targets that do not answer; `docker` is None without a Docker target."""

    name: str
    version: str
    api_version: str
    database: str
    policy: str
    started_at: datetime
    targets: int
    away: tuple[str, ...]
    docker: bool | None
    waiting_plans: int
    loaded: Mapping[str, bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class MeView:
    """Who is calling, and what the credential allows."""

    actor: Actor
    kind: ActorKind
    display_name: str
    scopes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PartView:
    """One component of a catalog entry."""

    name: str
    kind: str
    version: str
    summary: str
    settings: tuple[str, ...]
    requires: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryView:
    """One entry of the catalog: `use` is what a components file says."""

    use: str
    source: str
    parts: tuple[PartView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedView:
    """A plug-in that was not loaded, and why."""

    use: str
    source: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ComponentsView:
    """The parts of this hub that run, and the components that it can plan."""

    reconciler: bool
    provisioner: bool
    loaded: Mapping[str, bool]
    items: tuple[EntryView, ...]
    refused: tuple[RefusedView, ...]


class TwinAsk(Paging):
    """How much of the twin."""

    limit: Annotated[int, Field(ge=1, le=MAX_PAGE)] = MAX_PAGE


@dataclass(frozen=True, slots=True, kw_only=True)
class TwinView:
    """The twin: targets, workloads and resources with both their sides; `next` goes on with the resources."""

    targets: tuple[TargetRow, ...]
    workloads: tuple[WorkloadItem, ...]
    resources: tuple[ResourceView, ...]
    counts: Mapping[str, Mapping[str, int]]
    next: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupView:
    """Where the copy is, on the machine of the hub."""

    path: str
    made_at: datetime


async def _info(services: Services, _caller: Caller, _ask: Nothing) -> HubView:
    targets = [item for item in await services.ledger.all(Target) if item.is_active]
    away = [item for item in targets if services.breakers.state(item.id) is not BreakerState.CLOSED]
    engines = [item for item in targets if item.backend_type == "docker"]
    return HubView(
        name="opstwin", version=services.version, api_version=API_VERSION,
        database=services.settings.url.split(":")[0].split("+")[0], policy=services.settings.policy,
        started_at=services.started_at, targets=len(targets), away=tuple(item.id for item in away),
        docker=all(item not in away for item in engines) if engines else None,
        waiting_plans=len(await services.approver.waiting()),
        loaded=services.loaded,
    )  # fmt: skip


async def _me(_services: Services, caller: Caller, _ask: Nothing) -> MeView:
    scopes = tuple(sorted(scope.value for scope in caller.scopes))
    return MeView(
        actor=caller.actor, kind=caller.principal.kind, display_name=caller.principal.display_name, scopes=scopes
    )


async def _components(services: Services, _caller: Caller, _ask: Nothing) -> ComponentsView:
    catalog = services.component_planner.catalog
    items = [
        EntryView(
            use=entry.use,
            source=entry.source,
            parts=tuple(row(PartView, part.about, requires=part.requires()) for part in entry.parts),
        )
        for _, entry in sorted(catalog.entries.items())
    ]
    refused = [RefusedView(use=item.use, source=item.source, reason=str(item.error)) for item in catalog.refused]
    loaded = {"provisioner": True, **services.loaded}
    return ComponentsView(
        reconciler=loaded.get("reconciler", False), provisioner=loaded["provisioner"], loaded=loaded,
        items=tuple(items), refused=tuple(refused),
    )  # fmt: skip


async def _twin(services: Services, _caller: Caller, ask: TwinAsk) -> TwinView:
    found = await resources(services, Filter())
    rest = [view for view in found if ask.cursor is None or view.id > ask.cursor]
    page = rest[: ask.limit]
    targets = [await target_row(services, item) for item in await services.ledger.all(Target)]
    records = all_workloads(await services.index.now())
    return TwinView(
        targets=tuple(targets), workloads=tuple(records), resources=tuple(page), counts=counted(found),
        next=page[-1].id if len(rest) > len(page) else None,
    )  # fmt: skip


async def _backup(services: Services, caller: Caller, _ask: Nothing) -> BackupView:
    now = services.ledger.clock.now()
    folder = services.settings.data_dir / "backups"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / f"twin-{now:%Y%m%dT%H%M%S}-{services.ledger.ids.new('bak')}.db"
    await services.ledger.store.backup(path)
    path.chmod(0o600)
    entry = AuditEntry(action="backup.create", subject=path.name, actor=caller.actor)
    await services.ledger.commit([], [entry])
    return BackupView(path=str(path), made_at=now)


TOOLS: tuple[AnyTool, ...] = (
    Tool(
        name="hub_info",
        title="About this hub",
        purpose="Version, policy, database, and how many plans wait for a decision.",
        effect=Effect.READ,
        scope=Scope.READ,
        input=Nothing,
        output=HubView,
        handler=_info,
        toolset=Toolset.ADMIN,
        route=Route(method="GET", path="/hub"),
    ),
    Tool(
        name="who_am_i",
        title="Who am I",
        purpose="Who the credential belongs to and what it allows.",
        effect=Effect.READ,
        scope=Scope.READ,
        input=Nothing,
        output=MeView,
        handler=_me,
        route=Route(method="GET", path="/me"),
    ),
    Tool(
        name="twin",
        title="The digital twin",
        purpose="Everything that should be and that was seen, on all targets.",
        effect=Effect.READ,
        scope=Scope.READ,
        input=TwinAsk,
        output=TwinView,
        quotes="settings of resources",
        handler=_twin,
        route=Route(method="GET", path="/twin"),
    ),
    Tool(
        name="components_list",
        title="List components",
        purpose="The parts of the hub that run, and the components that it can plan.",
        effect=Effect.READ,
        scope=Scope.READ,
        input=Nothing,
        output=ComponentsView,
        handler=_components,
        route=Route(method="GET", path="/components"),
    ),
    Tool(
        name="backup_create",
        title="Back up the twin",
        purpose="Write a consistent copy of the twin's database beside it.",
        effect=Effect.ADMIN,
        scope=Scope.ADMIN,
        people_only=True,
        input=Nothing,
        output=BackupView,
        handler=_backup,
        route=Route(method="POST", path="/backup", status=201),
    ),
)
