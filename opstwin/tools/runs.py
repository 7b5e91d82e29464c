"""Tools about runs: asking for a deployment, and following it through its nine stages."""

from collections.abc import AsyncIterator, Mapping
from typing import Annotated, Final, TypeAlias

from pydantic import BeforeValidator, Field

from opstwin.control.confiding import confided
from opstwin.control.generating import no_cluster
from opstwin.control.run_stages import stages_of
from opstwin.control.runs import RunAsked, Runs
from opstwin.domain.access import Scope
from opstwin.domain.run import Run, StageState
from opstwin.domain.target import Target
from opstwin.domain.values import Json, to_json
from opstwin.tools.drafting import said_in, words_of
from opstwin.tools.fields import Paging, TargetName
from opstwin.tools.generating import wish_of
from opstwin.tools.registry import AnyTool, Ask, Caller, Effect, Route, StreamItem, Tool
from opstwin.tools.run_views import RunRow, RunView, run_row, run_view
from opstwin.tools.services import Services
from opstwin.tools.views import Listed
from opstwin.tools.wanted import Meant, Wanted, meant
from opstwin.twin.store import Query

_WAIT_S: Final = 10.0


def _full(id: object) -> object:
    """`7` for `run_7`: people count runs."""
    return f"run_{id}" if isinstance(id, str) and id.isascii() and id.isdecimal() else id


RunName: TypeAlias = Annotated[
    str, Field(max_length=24, pattern=r"^(run_)?[1-9][0-9]{0,17}$", examples=["run_7"]), BeforeValidator(_full)
]


class RunAsk(Wanted):
    """A request to deploy: exactly one of `source`, a container, workload or image; `file`, a workload or Compose
    file; and `words`. `target` is a cluster; it may be left out where the words name it, or there is one default.
    """


class RunsAsk(Paging):
    """Which runs."""

    target: TargetName | None = None
    newest_first: bool = True


class OfRun(Ask):
    """One run, by its id or its number."""

    id: RunName


async def _create(services: Services, caller: Caller, ask: RunAsk) -> RunView:
    behind = await meant(services, ask, for_target=True)
    target, source, said = _cluster(services, behind.target), behind.source, behind.said
    options = ask.options.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
    env = said.workload.env if said.workload is not None else {}
    asked = RunAsked(
        target=target, source=source.label, sort=source.sort, options=options, actor=caller.actor,
        wish=wish_of(source, target, ask.options, with_secret=True), language=said.language,
        request=confided(ask.words or f"deploy {source.label} to {target.id}", env),
        words=words_of(ask, said), said=said_in(ask), plan_id=caller.plan_id,
        taint=await services.taints.judged(caller, _texts(ask, options), source.names, _called(ask, behind)),
    )  # fmt: skip
    return await run_view(services, caller, await _runs(services).start(asked))


def _texts(ask: RunAsk, options: Mapping[str, Json]) -> list[str]:
    """All that the request says."""
    said = [ask.source, ask.file, ask.words, ask.project, *ask.variables, *ask.variables.values(), *options.values()]
    return [str(text) for text in said if text]


def _called(ask: RunAsk, behind: Meant) -> list[str]:
    """The names that the request gives to what is to run."""
    parts = [part.info.name for part in behind.source.parts] if ask.file is not None else []
    return [name for name in (behind.said.name, *parts) if name]


def _cluster(services: Services, target: Target | None) -> Target:
    """The target when it is a cluster. Raises `InvalidInput` for one that is none."""
    assert target is not None  # a run is for a target: one was named, or there is one default
    if services.readers.previewer(target) is None:
        raise no_cluster(target)
    return target


def _runs(services: Services) -> Runs:
    return Runs(services.ledger, services.generating, services.planner, services.drafts)


async def _list(services: Services, _caller: Caller, ask: RunsAsk) -> Listed[RunRow]:
    where: dict[str, str | bool | None] = {"target": ask.target} if ask.target else {}
    query = Query(Run, where, after=ask.cursor, limit=ask.limit, newest_first=ask.newest_first)
    page = await services.ledger.store.find(query)
    rows = [run_row(run, await stages_of(services.ledger, run)) for run in page.items]
    return Listed(items=tuple(rows), next=page.next)


async def _get(services: Services, caller: Caller, ask: OfRun) -> RunView:
    return await run_view(services, caller, await _need(services, ask.id))


async def _follow(services: Services, caller: Caller, ask: OfRun) -> AsyncIterator[StreamItem]:
    await _need(services, ask.id)
    return _following(services, caller, ask)


async def _following(services: Services, caller: Caller, ask: OfRun) -> AsyncIterator[StreamItem]:
    """The run each time that it is another, until it is done or failed."""
    store, newest, last = services.ledger.store, 0, None
    while True:
        newest = await store.wait(newest, 0)  # before the run is read, so that no change of it is missed
        view = await _get(services, caller, ask)
        if view != last:
            last = view
            yield StreamItem(type="run", data=to_json(view))
        if view.status in (StageState.DONE, StageState.FAILED):
            yield StreamItem(type="end", data={})
            return
        newest = await store.wait(newest, _WAIT_S)


async def _need(services: Services, id: str) -> Run:
    return await services.ledger.need(Run, id, next_step="List them: opstwin get runs")


TOOLS: tuple[AnyTool, ...] = (
    Tool(
        name="run_create",
        title="Deploy by a run",
        purpose="Draft a deployment from a container, a workload, a file or words, up to a plan that a human reviews.",
        effect=Effect.PLAN,
        scope=Scope.PLAN,
        outward=True,
        input=RunAsk,
        output=RunView,
        quotes="settings of containers",
        handler=_create,
        route=Route(method="POST", path="/runs", status=201, created="/runs/{id}"),
    ),
    Tool(
        name="runs_list",
        title="List runs",
        purpose="Requests to deploy, the newest first, and how far each is.",
        effect=Effect.READ,
        scope=Scope.READ,
        input=RunsAsk,
        output=Listed[RunRow],
        handler=_list,
        route=Route(method="GET", path="/runs"),
    ),
    Tool(
        name="run_get",
        title="Show a run",
        purpose="One request to deploy in its nine stages, from request to record; as an event stream until it ends.",
        effect=Effect.READ,
        scope=Scope.READ,
        input=OfRun,
        output=RunView,
        quotes="settings of containers, steps and errors",
        handler=_get,
        stream=_follow,
        route=Route(method="GET", path="/runs/{id}"),
    ),
)
