"""Tools about targets: which there are, adding and changing them, testing, discovering, and what may be healed."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, TypeAlias

from pydantic import Field

from opstwin.control.existence import EndpointSeen
from opstwin.control.modes import Setting, mandates, set_mode
from opstwin.control.observing import Discovery
from opstwin.control.places import PlaceReport
from opstwin.domain.access import Scope
from opstwin.domain.healing import Mandate
from opstwin.domain.resource import Observed, Presence
from opstwin.domain.target import Mode, Target
from opstwin.domain.values import Json, TargetId
from opstwin.errors import InvalidInput
from opstwin.logs import masked
from opstwin.manifests.nodes import plain
from opstwin.manifests.yaml_loading import load_documents
from opstwin.tools.cells import found_text
from opstwin.tools.discovery_brief import discovery_brief
from opstwin.tools.fields import MAX_FILE, OfTarget, Paging, Reason, ResourceName
from opstwin.tools.registry import AnyTool, Ask, Caller, Effect, Route, Tool, Toolset
from opstwin.tools.services import Services
from opstwin.tools.views import Listed, row
from opstwin.twin.store import Query

Text: TypeAlias = Annotated[str, Field(max_length=4096)]
_LIST = "List them: opstwin targets list"


class AddAsk(Ask):
    """A new target. The first active one becomes the default unless `is_default` says otherwise."""

    id: Text
    display_name: Text
    backend_type: Text
    agent_endpoint: Text
    connection_type: Text = "direct"
    auth_method: Text = "none"
    is_default: bool | None = None
    is_active: bool = True
    mode: Text = "propose"
    settings: Annotated[dict[str, Text], Field(max_length=64, default_factory=dict)]


class UpdateAsk(OfTarget):
    """What to set anew. `if_version` refuses the change when somebody else was quicker."""

    display_name: Text | None = None
    backend_type: Text | None = None
    agent_endpoint: Text | None = None
    connection_type: Text | None = None
    auth_method: Text | None = None
    is_default: bool | None = None
    is_active: bool | None = None
    settings: Annotated[dict[str, Text] | None, Field(max_length=64)] = None
    if_version: Annotated[int | None, Field(ge=0, lt=2**53)] = None


class ImportAsk(Ask):
    """Targets as a configuration names them: `clusters` and `docker`, or the text of a YAML file that holds them."""

    clusters: Annotated[list[dict[str, Json]] | None, Field(max_length=1000)] = None
    docker: dict[str, Json] | None = None
    file: Annotated[str | None, Field(min_length=1, max_length=MAX_FILE)] = None


class ModeAsk(OfTarget):
    """What the reconciler may do. `heal` needs a reason, an end and the scope `plan:approve`; `resource` narrows it."""

    mode: Mode
    resource: ResourceName | None = None
    reason: Reason = ""
    expires_in_s: Annotated[float | None, Field(gt=0, le=30 * 86400)] = None


class EndpointAsk(Ask):
    """An address to look at."""

    endpoint: Annotated[str, Field(min_length=1, max_length=2048, examples=["http://10.0.0.5:8080"])]


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetRow:
    """A target, where its circuit breaker stands, when it was last looked at, and what is there by kind.

    Values of settings whose name says that they are secret are masked.
    """

    id: TargetId
    display_name: str
    backend_type: str
    agent_endpoint: str
    connection_type: str
    auth_method: str
    is_default: bool
    is_active: bool
    mode: Mode
    identity: str
    settings: Mapping[str, str]
    created_at: datetime
    version: int
    breaker: str
    observed_at: datetime | None
    counts: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedView:
    """The targets that were read, and what to know about them."""

    targets: tuple[TargetRow, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModeView:
    """The mode of a target or a resource now, and the permissions to heal that stand behind it."""

    id: str
    mode: Mode | None
    mandates: tuple[Mandate, ...]


async def target_row(services: Services, target: Target) -> TargetRow:
    """A target with what is known about it now."""
    seen = await services.ledger.all(Observed, {"target": target.id})
    counts = Counter(item.kind for item in seen if item.presence is Presence.PRESENT)
    return row(
        TargetRow,
        target,
        settings={name: masked(name, value) for name, value in target.settings.items()},
        breaker=services.breakers.state(target.id).value,
        observed_at=max((item.observed_at for item in seen), default=None),
        counts=dict(sorted(counts.items())),
    )


async def _list(services: Services, _caller: Caller, ask: Paging) -> Listed[TargetRow]:
    page = await services.ledger.store.find(Query(Target, {}, after=ask.cursor, limit=ask.limit))
    return Listed(items=tuple([await target_row(services, item) for item in page.items]), next=page.next)


async def _get(services: Services, _caller: Caller, ask: OfTarget) -> TargetRow:
    return await target_row(services, await services.places.get(ask.id))


async def _add(services: Services, caller: Caller, ask: AddAsk) -> TargetRow:
    return await target_row(services, await services.places.add(ask.model_dump(exclude_none=True), caller.actor))


async def _update(services: Services, caller: Caller, ask: UpdateAsk) -> TargetRow:
    fields = ask.model_dump(exclude_none=True, exclude={"id", "if_version"})
    changed = await services.places.update(ask.id, fields, caller.actor, if_version=ask.if_version)
    return await target_row(services, changed)


async def _import(services: Services, caller: Caller, ask: ImportAsk) -> ImportedView:
    named: dict[str, Json] = {}
    if ask.clusters is not None:
        named["clusters"] = list(ask.clusters)
    if ask.docker is not None:
        named["docker"] = ask.docker
    if bool(named) == (ask.file is not None):
        raise InvalidInput("Give either file, or clusters and docker.", field="file", next_step="Leave one out.")
    imported = await services.places.import_clusters(named or _config(ask.file or ""), caller.actor)
    rows = [await target_row(services, target) for target in imported.targets]
    return ImportedView(targets=tuple(rows), notes=imported.notes)


def _config(text: str) -> dict[str, Json]:
    documents = load_documents(text)
    config = plain(documents[0]) if len(documents) == 1 else None
    if not isinstance(config, dict):
        raise InvalidInput(
            "The file does not hold one mapping.", field="file", next_step="Write clusters: and a list below it."
        )
    return config


async def _test(services: Services, _caller: Caller, ask: OfTarget) -> PlaceReport:
    return await services.places.test(ask.id)


async def _accept(services: Services, caller: Caller, ask: OfTarget) -> TargetRow:
    return await target_row(services, await services.places.accept_identity(ask.id, caller.actor))


async def _mode(services: Services, caller: Caller, ask: ModeAsk) -> ModeView:
    if ask.resource is not None and not ask.resource.startswith(f"{ask.id}/"):
        raise InvalidInput(
            f"{ask.resource} is not on {ask.id}.", field="resource", next_step="Name a resource of this target."
        )
    now = services.ledger.clock.now()
    expires_at = None if ask.expires_in_s is None else now + timedelta(seconds=ask.expires_in_s)
    setting = Setting(mode=ask.mode, reason=ask.reason, expires_at=expires_at)
    changed = await set_mode(services.ledger, ask.resource or ask.id, setting, caller.actor)
    standing = await mandates(services.ledger, changed.id)
    return ModeView(id=changed.id, mode=changed.mode, mandates=tuple(standing))


async def _discover(services: Services, caller: Caller, ask: OfTarget) -> Discovery:
    return await services.observer.discover(ask.id, caller.actor)


async def _discover_endpoint(services: Services, caller: Caller, ask: EndpointAsk) -> EndpointSeen:
    return await services.component_planner.discover_endpoint(ask.endpoint, caller.actor, caller.named)


TOOLS: tuple[AnyTool, ...] = (
    Tool(
        name="targets_list",
        title="List targets",
        purpose="The places that run things, and whether they answer.",
        effect=Effect.READ,
        scope=Scope.READ,
        input=Paging,
        output=Listed[TargetRow],
        handler=_list,
        toolset=Toolset.ADMIN,
        route=Route(method="GET", path="/targets"),
    ),
    Tool(
        name="target_get",
        title="Show a target",
        purpose="One target, whether it answers, and what is there.",
        effect=Effect.READ,
        scope=Scope.READ,
        input=OfTarget,
        output=TargetRow,
        handler=_get,
        route=Route(method="GET", path="/targets/{id}"),
    ),
    Tool(
        name="target_add",
        title="Add a target",
        purpose="Make a Docker Engine or another place known to the hub. Nothing on it changes.",
        effect=Effect.ADMIN,
        scope=Scope.ADMIN,
        people_only=True,
        input=AddAsk,
        output=TargetRow,
        handler=_add,
        route=Route(method="POST", path="/targets", status=201, created="/targets/{id}"),
    ),
    Tool(
        name="targets_import",
        title="Add targets from a configuration",
        purpose="Add or change all targets that a configuration names; all or none.",
        effect=Effect.ADMIN,
        scope=Scope.ADMIN,
        people_only=True,
        input=ImportAsk,
        output=ImportedView,
        handler=_import,
        route=Route(method="POST", path="/targets:import"),
    ),
    Tool(
        name="target_update",
        title="Change a target",
        purpose="Change a target's address, name or default, or switch it on or off. Nothing on it changes.",
        effect=Effect.ADMIN,
        scope=Scope.ADMIN,
        people_only=True,
        input=UpdateAsk,
        output=TargetRow,
        handler=_update,
        route=Route(method="PATCH", path="/targets/{id}"),
    ),
    Tool(
        name="target_accept",
        title="Accept another machine",
        purpose="Take the machine that answers now at a target's address for that target from here on.",
        effect=Effect.ADMIN,
        scope=Scope.ADMIN,
        people_only=True,
        outward=True,
        input=OfTarget,
        output=TargetRow,
        handler=_accept,
        route=Route(method="POST", path="/targets/{id}:accept"),
    ),
    Tool(
        name="target_test",
        title="Test a target",
        purpose="Ask a target who it is, how fast it answers and what it holds.",
        effect=Effect.READ,
        scope=Scope.READ,
        outward=True,
        input=OfTarget,
        output=PlaceReport,
        quotes="an answer",
        handler=_test,
        toolset=Toolset.ADMIN,
        route=Route(method="POST", path="/targets/{id}:test"),
    ),
    Tool(
        name="target_mode",
        title="Say what may be healed",
        purpose="Let the reconciler only observe, propose plans, or heal what was approved before, until a given time.",
        effect=Effect.APPLY,
        scope=Scope.APPLY,
        people_only=True,
        input=ModeAsk,
        output=ModeView,
        handler=_mode,
        route=Route(method="POST", path="/targets/{id}:mode"),
    ),
    Tool(
        name="discover",
        title="Discover a target",
        purpose="Look at everything on a target and record what is there. Nothing on it changes.",
        effect=Effect.READ,
        scope=Scope.READ,
        outward=True,
        input=OfTarget,
        output=Discovery,
        quotes="names of resources",
        handler=_discover,
        route=Route(method="POST", path="/targets/{id}:discover"),
        toolset=Toolset.CORE,
        brief=discovery_brief,
        text=found_text,
    ),
    Tool(
        name="discover_endpoint",
        title="Does something answer there?",
        purpose="Whether something exists at an address: yes, no, or nobody can tell.",
        effect=Effect.READ,
        scope=Scope.READ,
        outward=True,
        input=EndpointAsk,
        output=EndpointSeen,
        quotes="an answer",
        handler=_discover_endpoint,
        route=Route(method="POST", path="/discover"),
    ),
)
