"""Tools that say what is wrong and why: deterministic, with evidence and the call worth making next."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Final, Literal

from pydantic import Field

from opstwin.control.diagnosing import Diagnostician
from opstwin.control.diagnosing_calls import call_text, drift_call
from opstwin.control.diagnosing_findings import Finding, Unchecked, counts_of
from opstwin.control.diagnosing_logs import with_last_lines
from opstwin.control.drift_explaining import DriftExplainer, Story
from opstwin.domain.access import Scope
from opstwin.domain.drift import Drift
from opstwin.domain.values import TargetId
from opstwin.tools.diagnosis_briefs import brief_findings, brief_stories, findings_text, stories_text
from opstwin.tools.fields import MAX_PAGE, Paging, SubjectName, TargetName, offset_of
from opstwin.tools.registry import AnyTool, Caller, Effect, Route, Tool, Toolset
from opstwin.tools.services import Services
from opstwin.tools.sizing import with_sizing
from opstwin.tools.views import Found

LOOKS: Final = 4.0
"""An observation is old after so many looks of the reconciler that did not renew it."""

LEAST_OLD_S: Final = 120.0
"""And never before two minutes: what does not change is written down once a minute."""


class DiagnoseAsk(Paging):
    """Where to look: everywhere, on one target, or at one workload, container, resource or plan."""

    target: TargetName | None = None
    subject: SubjectName | None = None
    language: Literal["en", "ko"] = "en"
    limit: Annotated[int, Field(ge=1, le=MAX_PAGE)] = 20


class ExplainAsk(Paging):
    """Whose drift: everybody's, a target's, or that of one resource or workload."""

    target: TargetName | None = None
    resource: SubjectName | None = None
    limit: Annotated[int, Field(ge=1, le=MAX_PAGE)] = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class DiagnosisView:
    """Findings, the most severe first. `counts` are over all of them.

    `unchecked` says what nobody can see now, so that no finding there means nothing.
    """

    summary: str
    counts: Mapping[str, Mapping[str, int]]
    unchecked: tuple[Unchecked, ...]
    targets: tuple[TargetId, ...]
    items: tuple[Finding, ...]
    next: str | None = None
    hint: str = ""


def diagnostician(services: Services) -> Diagnostician:
    """The diagnosis of this hub."""
    old_s = max(LEAST_OLD_S, 60.0 + LOOKS * services.settings.reconcile_interval_s)
    return Diagnostician(services.ledger, services.readers, services.breakers, old_s)


async def _diagnose(services: Services, caller: Caller, ask: DiagnoseAsk) -> DiagnosisView:
    found = await diagnostician(services).diagnose(ask.target, ask.subject, ask.language)
    first = offset_of(ask.cursor)
    page = found.findings[first : first + ask.limit]
    page = await with_last_lines(services.ledger, services.readers, services.breakers, page)
    counts = {**counts_of(found.findings), "unchecked": _unchecked(found.unchecked)}
    summary = await with_sizing(services, caller, found.summary, (ask.subject, ask.target), ask.language)
    return DiagnosisView(
        summary=summary, counts=counts, unchecked=found.unchecked, targets=found.targets, items=page,
        next=_following(first, ask.limit, len(found.findings)), hint=found.hint,
    )  # fmt: skip


async def _explain(services: Services, _caller: Caller, ask: ExplainAsk) -> Found[Story]:
    explainer = DriftExplainer(services.ledger, services.readers, services.breakers)
    drifts = await explainer.drifts(ask.target, ask.resource)
    first = offset_of(ask.cursor)
    stories = await explainer.stories(drifts[first : first + ask.limit])
    return Found(
        summary=_drift_summary(drifts),
        counts={
            "kind": dict(Counter(item.kind.value for item in drifts)),
            "target": dict(Counter(str(item.target) for item in drifts)),
        },
        exceptions=(), items=stories, next=_following(first, ask.limit, len(drifts)), hint=_drift_hint(drifts, stories),
    )  # fmt: skip


def _unchecked(items: Sequence[Unchecked]) -> Mapping[str, int]:
    counts: Counter[str] = Counter()
    for item in items:
        counts[item.code.value] += item.count
    return dict(counts)


def _following(first: int, limit: int, total: int) -> str | None:
    return str(first + limit) if total > first + limit else None


def _drift_summary(drifts: Sequence[Drift]) -> str:
    if not drifts:
        return "Nothing differs from what should be, as far as the twin can tell."
    kinds = Counter(item.kind.value for item in drifts)
    return f"{len(drifts)} resource(s) differ: {', '.join(f'{count} {kind}' for kind, count in kinds.items())}."


def _drift_hint(drifts: Sequence[Drift], stories: Sequence[Story]) -> str:
    targets = {item.target for item in drifts}
    if len(drifts) > 1 and len(targets) == 1:
        return call_text(drift_call(targets.pop()))
    return call_text(stories[0].next_call) if stories else ""


TOOLS: tuple[AnyTool, ...] = (
    Tool(
        name="diagnose",
        title="Diagnose",
        purpose="What is wrong with a target, workload or resource: findings with evidence and the next call.",
        effect=Effect.READ,
        scope=Scope.READ,
        outward=True,
        toolset=Toolset.CORE,
        brief=brief_findings,
        text=findings_text,
        quotes="logs, errors and output of programs",
        input=DiagnoseAsk,
        output=DiagnosisView,
        handler=_diagnose,
        route=Route(method="GET", path="/diagnosis"),
    ),
    Tool(
        name="drift_explain",
        title="Explain drift",
        purpose="What differs from what should be, since when, what changed it, and what happens next.",
        effect=Effect.READ,
        scope=Scope.READ,
        toolset=Toolset.CORE,
        brief=brief_stories,
        text=stories_text,
        quotes="labels, names and values found on targets",
        input=ExplainAsk,
        output=Found[Story],
        handler=_explain,
        route=Route(method="GET", path="/drift/explanation"),
    ),
)
