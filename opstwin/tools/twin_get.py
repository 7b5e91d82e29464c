"""The tool that shows one thing of the twin: what it is, how it does, what differs, and what happened."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final

from pydantic import Field

from opstwin.control.twin_index import Twin
from opstwin.domain.access import Scope
from opstwin.domain.event import Event
from opstwin.domain.execution import Execution
from opstwin.domain.plan import Plan
from opstwin.domain.plan_text import field_line
from opstwin.domain.resource import Desired, WorkloadRecord
from opstwin.domain.standing import Standing, standing_of_workload
from opstwin.domain.target import Target
from opstwin.domain.values import Json, to_json
from opstwin.tools.cells import age, bullets, cell, plain, without_empty
from opstwin.tools.executions import ExecutionView, execution_view
from opstwin.tools.history import seen_by
from opstwin.tools.plan_briefs import execution_brief, execution_text, plan_brief, plan_text
from opstwin.tools.plan_views import PlanView, plan_view
from opstwin.tools.registry import AnyTool, Ask, Caller, Effect, Route, Tool, Toolset
from opstwin.tools.resource_views import ResourceView, resource
from opstwin.tools.services import Services
from opstwin.tools.targets import TargetRow, target_row
from opstwin.tools.things import Named, Sort, found
from opstwin.tools.twin_rows import line, row_of, stale_after
from opstwin.tools.views import row
from opstwin.tools.workloads import WorkloadRow
from opstwin.twin.store import Query

_EVENTS: Final = 5
_DEPLOYMENTS: Final = 3
_SHOWN: Final = 12
"""Differences and resources in a brief answer."""

_LINKS: Final = 5
"""Links in it: a workload of a cluster has one for each of its pods, with long names."""

_SAID: Final[Mapping[str, Sequence[str]]] = {
    "container": (
        "image", "entrypoint", "command", "user", "working_dir", "ports", "networks", "mounts", "cpu_millicores",
        "memory_bytes", "restart",
    ),
}  # fmt: skip
"""What of a spec is told in short. Variables and labels are left to the detailed answer."""


class GetAsk(Ask):
    """Which thing: `target/kind/name`, `target/workload/name`, a bare name, plan_… or exec_…"""

    id: Annotated[
        str,
        Field(
            min_length=1, max_length=400, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:@/-]*$",
            examples=["local/container/web-1"], description="target/kind/name, a name, plan_… or exec_…",
        ),
    ]  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class ThingView:
    """One thing. `settings` is what it is made with, `differences` go from desired to observed, `changes` are what
    happened lately, the newest first. `record` is all that is kept of it.
    """

    id: str
    sort: Sort
    summary: str
    settings: Mapping[str, Json]
    differences: tuple[str, ...]
    parts: tuple[str, ...]
    links: tuple[str, ...]
    changes: tuple[str, ...]
    record: ResourceView | WorkloadRow | TargetRow | PlanView | ExecutionView
    hint: str


async def _get(services: Services, caller: Caller, ask: GetAsk) -> ThingView:
    twin = await services.index.now()
    named = await found(twin, ask.id)
    if named.sort is Sort.RESOURCE:
        return await _resource(services, twin.by_id[named.id])
    if named.sort is Sort.WORKLOAD:
        return await _workload(services, caller, twin, named)
    if named.sort is Sort.TARGET:
        return await _target(services, twin, named)
    if named.sort is Sort.PLAN:
        return await _plan(services, caller, named)
    return await _execution(services, named)


async def _resource(services: Services, item: Standing) -> ThingView:
    view = await resource(services, item.id)
    drift = [field_line(field) for field in item.drift.fields] if item.drift else []
    return ThingView(
        id=item.id, sort=Sort.RESOURCE, summary=_line(services, item), settings=_settings(item),
        differences=(*([item.drift.message] if item.drift else []), *drift), parts=(),
        links=tuple(f"{link.source} {link.relation} {link.destination}" for link in view.links or ()),
        changes=(*_set(services, item.desired), *await _events(services, {"resource": item.id})), record=view,
        hint=_next(item),
    )  # fmt: skip


async def _workload(services: Services, caller: Caller, twin: Twin, named: Named) -> ThingView:
    record = next(item for item in twin.workloads if item.id == named.id)
    parts = [item for item in twin.standings if (item.target, item.workload) == (record.target, record.name)]
    whole = next((item for item in twin.wholes if item.id == record.id), None) or standing_of_workload(record, parts)
    past = await services.history.deployments(workload=record.name, target=record.target, limit=_DEPLOYMENTS)
    own = await seen_by(services, caller, past.items)
    asked = to_json(record.workload)
    return ThingView(
        id=record.id, sort=Sort.WORKLOAD, summary=_line(services, whole),
        settings=_told(asked if isinstance(asked, dict) else {}, ("image", "replicas", *_SAID["container"], "needs")),
        differences=tuple(item.drift.message for item in parts if item.drift),
        parts=tuple(_line(services, item) for item in parts), links=(),
        changes=(
            *_set(services, record),
            *(f"{item.outcome}: {item.image_name}:{item.image_tag} {item.execution_id}" for item in own),
        ),
        record=row(WorkloadRow, record), hint=_next(whole),
    )  # fmt: skip


async def _target(services: Services, twin: Twin, named: Named) -> ThingView:
    target = await services.ledger.need(Target, named.id)
    view = await target_row(services, target)
    seen = "never seen" if view.observed_at is None else f"seen {_ago(services, view.observed_at)} ago"
    state = "" if target.is_active else ", switched off"
    return ThingView(
        id=f"target/{target.id}", sort=Sort.TARGET,
        summary=f"target {target.id} ({target.backend_type}, {target.mode.value}{state}): {_answers(view)}, {seen}.",
        settings={"display_name": plain(target.display_name), "default": target.is_default, "there": dict(view.counts)},
        differences=tuple(item.drift.message for item in twin.standings if item.target == target.id and item.drift),
        parts=(), links=(), changes=await _events(services, {"target": target.id}), record=view,
        hint=f"what runs there: twin_query(target={target.id}); look anew: discover(id={target.id})",
    )  # fmt: skip


async def _plan(services: Services, caller: Caller, named: Named) -> ThingView:
    plan = await services.ledger.need(Plan, named.id, next_step="Those that wait: approvals_list()")
    view = await plan_view(services, plan, caller)
    asked = f" for {plan.requested_by.id}"
    return ThingView(
        id=plan.id, sort=Sort.PLAN,
        summary=f"{plan.id} on {plan.target}{asked}: {plan.state.value}, risk {plan.risk.value}. {view.summary.text}",
        settings={}, differences=view.lines, parts=(), links=(), changes=(), record=view,
        hint=f"plan_show(id={plan.id})",
    )  # fmt: skip


async def _execution(services: Services, named: Named) -> ThingView:
    execution = await services.ledger.need(Execution, named.id, next_step="What was done: history_search()")
    view = await execution_view(services, execution)
    return ThingView(
        id=execution.id, sort=Sort.EXECUTION, summary=f"{execution.id} on {execution.target}: {execution.state.value}.",
        settings={}, differences=(), parts=(), links=(execution.plan_id,), changes=(), record=view,
        hint=f"execution_get(id={execution.id})",
    )  # fmt: skip


def _line(services: Services, item: Standing) -> str:
    now = services.ledger.clock.now()
    ails = item.ails_at(now, now - stale_after(services.settings))
    told = row_of((item, ails), now)
    names = ("id", "kind", "state", "health", "image", "drift", "restarts", "ails", "seen_s", "managed")
    return line({name: getattr(told, name) for name in names})


def _settings(item: Standing) -> Mapping[str, Json]:
    side = item.observed.spec if item.observed and item.observed.spec else item.desired.spec if item.desired else None
    return _told(side or {}, _SAID.get(item.kind, tuple(key for key in side or {} if key not in ("env", "labels"))))


def _told(spec: Mapping[str, Json], names: Sequence[str]) -> dict[str, Json]:
    return {name: spec[name] for name in dict.fromkeys(names) if spec.get(name) not in (None, [], {}, "")}


def _set(services: Services, record: Desired | WorkloadRecord | None) -> list[str]:
    if record is None:
        return []
    by = f" by plan {record.plan_id}" if record.plan_id else ""
    return [f"{_ago(services, record.set_at)} ago: set to revision {record.revision} by {record.set_by.id}{by}"]


async def _events(services: Services, where: Mapping[str, str | bool | None]) -> tuple[str, ...]:
    page = await services.ledger.store.find(Query(Event, where, limit=_EVENTS, newest_first=True))
    return tuple(plain(f"{_ago(services, item.at)} ago: {item.type} {item.message}", 240) for item in page.items)


def _ago(services: Services, at: Any) -> str:
    return age((services.ledger.clock.now() - at).total_seconds())


def _answers(view: TargetRow) -> str:
    return "it answers" if view.breaker == "closed" else f"it does not answer (breaker {view.breaker})"


def _next(item: Standing) -> str:
    if item.drift is not None:
        back = f"plan_create(drift=true, target={item.target})"
        return f"why: drift_explain(resource={_subject(item)}); back to desired: {back}"
    if item.ails:
        return f"why: diagnose(subject={_subject(item)})"
    if item.workload is None:
        return f"others: twin_query(target={item.target})"
    return f"its past: history_search(workload={item.workload})"


def _subject(item: Standing) -> str:
    """What other tools take for it: a workload goes by its name."""
    return item.name if item.kind == Sort.WORKLOAD else item.id


def thing_brief(thing: Mapping[str, Any]) -> Mapping[str, Json]:
    """What it is, how it does, what differs, and what happened lately."""
    if thing["sort"] == Sort.PLAN:
        return plan_brief(thing["record"])
    if thing["sort"] == Sort.EXECUTION:
        return execution_brief(thing["record"])
    names = ("differences", "parts", "links", "changes")
    lists = {name: _capped(thing[name], _LINKS if name == "links" else _SHOWN) for name in names}
    return without_empty(
        {
            "id": thing["id"],
            "summary": thing["summary"],
            "settings": {name: plain(_written(value), 200) for name, value in thing["settings"].items()},
            **lists,
            "hint": thing["hint"],
        }
    )


def _written(value: Json) -> str:
    if isinstance(value, dict):
        return " ".join(f"{key}={_written(item)}" for key, item in value.items() if item not in (None, "", [], {}))
    if isinstance(value, list):
        return ", ".join(_written(item) for item in value)
    return str(value)


def _capped(lines: Sequence[str], most: int = _SHOWN) -> list[str]:
    rest = len(lines) - most
    return [*(plain(text, 240) for text in lines[:most]), *([f"{rest} more"] if rest > 0 else [])]


def thing_text(brief: Mapping[str, Any]) -> str:
    """A brief thing as Markdown; a plan and an execution as their own tools tell them."""
    if "lines" in brief:
        return plan_text(brief)
    if "steps" in brief:
        return execution_text(brief)
    lines = [cell(brief["summary"], 500)]
    lines += [f"{cell(name)}: {cell(value)}" for name, value in brief.get("settings", {}).items()]
    for name, word in (
        ("differences", "Differs (desired -> observed):"), ("parts", "Resources:"), ("links", "Links:"),
        ("changes", "Lately:"),
    ):  # fmt: skip
        if brief.get(name):
            lines += [word, *bullets(brief[name])]
    return "\n".join([*lines, f"Next: {cell(brief['hint'], 500)}"])


TOOLS: tuple[AnyTool, ...] = (
    Tool(
        name="twin_get",
        title="One thing of the twin",
        purpose="One resource, workload, target, plan or execution: how it does, what differs, what happened.",
        effect=Effect.READ,
        scope=Scope.READ,
        input=GetAsk,
        output=ThingView,
        handler=_get,
        route=Route(method="GET", path="/twin/get/{id:path}"),
        toolset=Toolset.CORE,
        brief=thing_brief,
        text=thing_text,
        quotes="names, images, labels and events",
    ),
)
