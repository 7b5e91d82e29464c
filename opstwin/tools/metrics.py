"""Tools about measurements over time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import isfinite
from typing import Annotated, Any, Final

from pydantic import Field

from opstwin.control.subjects import containers_of
from opstwin.domain.access import Scope
from opstwin.domain.series import MAX_POINTS, Aggregate, Metric, Series, SeriesQuery, Statistics
from opstwin.domain.values import Json, ResourceId
from opstwin.errors import InvalidInput
from opstwin.metrics.buckets import single, statistics
from opstwin.metrics.ports import PromSeries
from opstwin.tools.fields import Paging, SubjectName, TargetName, offset_of
from opstwin.tools.registry import AnyTool, Caller, Effect, Route, Tool, Toolset
from opstwin.tools.services import Services

MAX_RANGE_S: Final = 400 * 86_400
"""What the sample store keeps at most; `kept_s` of an answer says what this one does."""

FINE_RANGE_S: Final = 7_200
"""So far back steps may be shorter than a minute: in memory only minutes are kept before that."""

HOURS_RANGE_S: Final = 14 * 86_400
"""Further back only hours are kept."""

TAKEN_NOW: Final = 16
"""Containers that are measured at once when there is no sample of any of them yet."""

_USUAL_POINTS: Final = 60


class MetricsAsk(Paging):
    """Which measurements. `step_s` 0 chooses one that gives about 60 values.

    `promql` is an expression that the Prometheus of the hub's settings answers instead of this hub's own store.
    """

    metric: Metric
    promql: Annotated[str, Field(max_length=4_000)] = ""
    subject: SubjectName | None = None
    target: TargetName | None = None
    range_s: Annotated[int, Field(ge=60, le=MAX_RANGE_S)] = 3600
    step_s: Annotated[int, Field(ge=0, le=MAX_RANGE_S)] = 0
    aggregate: Aggregate = Aggregate.MEAN
    limit: Annotated[int, Field(ge=1, le=100)] = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesView:
    """One container's series: `values` for the steps from `start_at` on, null where nothing was measured.

    Of a PromQL answer `resource` holds the labels, as PromQL writes them.
    """

    resource: str
    gaps: int
    statistics: Statistics | None
    values: tuple[float | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricsView:
    """Series of one metric, those with the highest 95th percentile first; `next` is the cursor of the next ones.

    `counts.series` says how many were `measured` and how many were `never` measured. `read_now` says that there was no
    sample and that one was taken for this answer.
    """

    summary: str
    counts: Mapping[str, Mapping[str, int]]
    metric: Metric
    aggregate: Aggregate
    start_at: datetime
    step_s: int
    read_now: bool
    kept_s: float
    items: tuple[SeriesView, ...]
    next: str | None = None
    hint: str = ""


async def _query(services: Services, _caller: Caller, ask: MetricsAsk) -> MetricsView:
    return await (_answered(services, ask) if ask.promql else _measured(services, ask))


async def _answered(services: Services, ask: MetricsAsk) -> MetricsView:
    """What the Prometheus of the settings says; it tells the value at the end of each step."""
    if services.prom is None:
        raise InvalidInput(
            "No server for PromQL is set.", field="promql", next_step="Set OPSTWIN_PROMETHEUS_URL, or leave it out."
        )
    query = _asked(ask, (), services.ledger.clock.now())
    step = timedelta(seconds=query.step_s)
    end_at = query.start_at + query.steps * step
    found = await services.prom.range(ask.promql, query.start_at + step, end_at, query.step_s)
    views = sorted((_prom_view(query, item) for item in found), key=lambda item: item.resource)
    first = offset_of(ask.cursor)
    return MetricsView(
        summary=f"{len(views)} series from PromQL over {_span(ask.range_s)}.",
        counts={"series": {"measured": len(views), "never": 0}}, metric=ask.metric, aggregate=ask.aggregate,
        start_at=query.start_at, step_s=query.step_s, read_now=False, kept_s=0.0,
        items=tuple(views[first : first + ask.limit]),
        next=str(first + ask.limit) if len(views) > first + ask.limit else None,
    )  # fmt: skip


def _prom_view(query: SeriesQuery, found: PromSeries) -> SeriesView:
    name = found.labels.get("__name__", "")
    labels = ",".join(f'{key}="{value}"' for key, value in sorted(found.labels.items()) if key != "__name__")
    values: list[float | None] = [None] * query.steps
    buckets = []
    for at, value in zip(found.at, found.values, strict=True):
        place = round((at - query.start_at).total_seconds() / query.step_s) - 1
        if isfinite(value) and 0 <= place < query.steps:
            values[place] = round(value, 3)
            buckets.append(single(at.timestamp(), value))
    gaps = sum(value is None for value in values)
    return SeriesView(
        resource=f"{name}{{{labels}}}", gaps=gaps, statistics=statistics(buckets), values=tuple(values)
    )  # fmt: skip


async def _measured(services: Services, ask: MetricsAsk) -> MetricsView:
    resources = await containers_of(services.ledger, ask.subject, ask.target)
    query = _asked(ask, resources, services.ledger.clock.now())
    found = await services.sampler.store.read(query)
    read_now = bool(resources) and all(item.statistics is None for item in found)
    if read_now:
        read_now = await services.sampler.take(resources[:TAKEN_NOW]) > 0
        query = _asked(ask, resources, services.ledger.clock.now())
        found = await services.sampler.store.read(query)
    holding = await services.sampler.store.holding()
    ordered = sorted(found, key=_order)
    first = offset_of(ask.cursor)
    page = ordered[first : first + ask.limit]
    measured = sum(item.statistics is not None for item in found)
    return MetricsView(
        summary=_summary(ask, ordered, measured, read_now=read_now),
        counts={"series": {"measured": measured, "never": len(found) - measured}},
        metric=ask.metric, aggregate=ask.aggregate, start_at=query.start_at, step_s=query.step_s, read_now=read_now,
        kept_s=holding.kept_s, items=tuple(_view(item) for item in page),
        next=str(first + ask.limit) if len(ordered) > first + ask.limit else None, hint=_hint(ask, measured),
    )  # fmt: skip


def _asked(ask: MetricsAsk, resources: Sequence[ResourceId], now: datetime) -> SeriesQuery:
    """The query: steps begin at whole multiples of their length, and the last one holds the present moment."""
    step_s = _step_s(ask)
    steps = -(-ask.range_s // step_s)
    if steps > MAX_POINTS:
        raise InvalidInput(
            f"{steps} values a series are too many; at most {MAX_POINTS} are given.",
            field="step_s",
            next_step=f"Use step_s {-(-ask.range_s // MAX_POINTS)} or more, or leave it out.",
        )
    end_s = (int(now.timestamp()) // step_s + 1) * step_s
    start_at = datetime.fromtimestamp(end_s - steps * step_s, UTC)
    return SeriesQuery(
        metric=ask.metric, resources=tuple(resources), start_at=start_at, step_s=step_s, steps=steps,
        aggregate=ask.aggregate,
    )  # fmt: skip


def _step_s(ask: MetricsAsk) -> int:
    """The length of a step: above a minute whole minutes, never shorter than a minute far back, nor than an hour."""
    wanted = ask.step_s or max(15, ask.range_s // _USUAL_POINTS)
    if wanted <= 60 and ask.range_s <= FINE_RANGE_S:
        return wanted
    whole = 3600 if ask.range_s > HOURS_RANGE_S else 60
    return -(-wanted // whole) * whole


def _order(series: Series) -> tuple[float, str]:
    return (-series.statistics.p95 if series.statistics else 1.0, series.resource)


def _view(series: Series) -> SeriesView:
    rounded = tuple(None if value is None else round(value, 3) for value in series.values)
    return SeriesView(resource=series.resource, gaps=series.gaps, statistics=series.statistics, values=rounded)


def _summary(ask: MetricsAsk, ordered: Sequence[Series], measured: int, *, read_now: bool) -> str:
    over = _span(ask.range_s)
    if not ordered:
        return "Nothing is managed here, so nothing is measured."
    if not measured:
        return f"No {ask.metric.value} sample of the last {over}, and none could be taken now. Unknown is not zero."
    top = ordered[0]
    assert top.statistics is not None
    if read_now:
        return (
            f"There was no {ask.metric.value} sample of the last {over} yet; one was taken now: {top.resource} uses "
            f"{_amount(ask.metric, top.statistics.last)}."
        )
    return (
        f"{ask.metric.value} of {measured} of {len(ordered)} containers over {over}; highest p95: {top.resource} "
        f"{_amount(ask.metric, top.statistics.p95)} (now {_amount(ask.metric, top.statistics.last)})."
    )


def _hint(ask: MetricsAsk, measured: int) -> str:
    if measured:
        return ""
    named = f"subject={ask.subject}" if ask.subject else ""
    return f"diagnose({named}) says whether it runs and whether its target answers."


def _span(seconds: int) -> str:
    length = timedelta(seconds=seconds)
    return f"{seconds // 3600} h" if seconds % 3600 == 0 else f"{length.total_seconds() / 60:.0f} min"


def _amount(metric: Metric, value: float) -> str:
    if metric is Metric.MEMORY_BYTES:
        return f"{value / (1 << 20):.1f} MiB"
    return f"{value:.0f} millicores" if metric is Metric.CPU_MILLICORES else f"{value:.0f}"


def _brief(answer: Mapping[str, Any]) -> Mapping[str, Json]:
    """The numbers of each series, and of the values the newest ones."""
    kept: dict[str, Json] = {
        key: answer[key]
        for key in ("summary", "counts", "metric", "aggregate", "step_s", "next", "hint")
        if answer.get(key) not in (None, "")
    }
    kept["items"] = [_brief_series(item) for item in answer["items"]]
    return kept


def _brief_series(item: Mapping[str, Any]) -> Json:
    numbers = item["statistics"]
    if numbers is None:
        return {"resource": item["resource"], "measured": False}
    shown = {name: round(numbers[name], 1) for name in ("last", "mean", "p95", "max")}
    return {"resource": item["resource"], **shown, "gaps": item["gaps"], "newest": list(item["values"][-8:])}


def _text(brief: Mapping[str, Any]) -> str:
    lines = [str(brief["summary"])]
    for item in brief["items"]:
        if "last" not in item:
            lines.append(f"- {item['resource']}: never measured")
        else:
            amounts = {name: _amount(Metric(brief["metric"]), item[name]) for name in ("last", "mean", "p95", "max")}
            numbers = ", ".join(f"{name} {amount}" for name, amount in amounts.items())
            lines.append(f"- {item['resource']}: {numbers}, {item['gaps']} gap(s)")
    lines += [f"More: cursor={brief['next']}"] if brief.get("next") else []
    lines += [f"Next: {brief['hint']}"] if brief.get("hint") else []
    return "\n".join(lines)


TOOLS: tuple[AnyTool, ...] = (
    Tool(
        name="metrics_query",
        title="Query measurements",
        purpose="Use over time, with mean, p95, peak and gaps; or PromQL.",
        effect=Effect.READ,
        scope=Scope.READ,
        outward=True,
        toolset=Toolset.METRICS,
        brief=_brief,
        text=_text,
        input=MetricsAsk,
        output=MetricsView,
        handler=_query,
        route=Route(method="GET", path="/metrics/query"),
    ),
)
