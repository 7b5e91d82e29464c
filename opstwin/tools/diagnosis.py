"""Tools that say what is wrong and why: deterministic, with evidence and the call worth making next."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from opstwin.control.diagnosing import Diagnostician, Finding, Unchecked, counts_of
from opstwin.control.diagnosing_calls import as_text, call_text, drift_call
from opstwin.control.diagnosing_logs import with_last_lines
from opstwin.control.drift_explaining import DriftExplainer, Story
from opstwin.domain.access import Scope
from opstwin.domain.drift import Drift
from opstwin.domain.values import Json, TargetId
from opstwin.tools.fields import MAX_PAGE, Paging, SubjectName, TargetName, offset_of
from opstwin.tools.registry import AnyTool, Caller, Effect, Route, Tool, Toolset
from opstwin.tools.services import Services
from opstwin.tools.untrusted import fenced
from opstwin.tools.views import Found

LOOKS: Final = 4.0
"""An observation is old after so many looks of the reconciler that did not renew it."""

LEAST_OLD_S: Final = 120.0
"""And never before two minutes: what does not change is written down once a minute."""


_SAID: Final = frozenset({"start_error", "health_output"})
"""Facts that are words of an engine or of a program."""


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


async def _diagnose(services: Services, _caller: Caller, ask: DiagnoseAsk) -> DiagnosisView:
    found = await diagnostician(services).diagnose(ask.target, ask.subject, ask.language)
    first = offset_of(ask.cursor)
    page = found.findings[first : first + ask.limit]
    page = await with_last_lines(services.ledger, services.readers, services.breakers, page)
    counts = {**counts_of(found.findings), "unchecked": _unchecked(found.unchecked)}
    return DiagnosisView(
        summary=found.summary, counts=counts, unchecked=found.unchecked, targets=found.targets, items=page,
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


def _brief_findings(answer: Mapping[str, Any]) -> Mapping[str, Json]:
    brief: dict[str, Json] = {key: answer[key] for key in ("summary", "counts", "next", "hint") if answer.get(key)}
    if answer["unchecked"]:
        brief["unchecked"] = [
            {"code": item["code"], "target": item["target"], "count": item["count"]} for item in answer["unchecked"]
        ]
    brief["items"] = [_brief_finding(item) for item in answer["items"]]
    return brief


def _brief_finding(item: Mapping[str, Any]) -> Json:
    shown: dict[str, Json] = {key: item[key] for key in ("code", "severity", "subject", "since", "why")}
    theirs = [fact for fact in item["evidence"] if _is_theirs(fact)]
    shown["evidence"] = [_brief_fact(fact) for fact in item["evidence"] if fact not in theirs]
    if theirs:
        shown["quoted"] = [_brief_fact(fact) for fact in theirs]
    shown["next"] = [_brief_call(call) for call in item["next_calls"]]
    return shown


def _brief_fact(fact: Mapping[str, Any]) -> Json:
    value = "" if fact["value"] is None else f"={str(fact['value'])[:160]}"
    at = f" at {fact['at'][:19]}" if fact["at"] else ""
    return f"{fact['fact']}{value} ({fact['source']}{at})"


def _is_theirs(fact: Mapping[str, Any]) -> bool:
    """Whether a fact holds words of a program or of an engine."""
    return fact["source"] == "log" or fact["fact"] in _SAID


def _brief_call(call: Mapping[str, Any]) -> Json:
    return {"tool": call["tool"], **call["arguments"]}


def _brief_stories(answer: Mapping[str, Any]) -> Mapping[str, Json]:
    brief: dict[str, Json] = {key: answer[key] for key in ("summary", "counts", "next", "hint") if answer.get(key)}
    brief["items"] = [
        {
            "resource": item["resource"], "kind": item["kind"], "since": item["since"],
            "differs": {
                change["path"]: [_short(change["desired"]), _short(change["observed"])]
                for change in item["differences"][:10]
            },
            "cause": item["cause_text"], "outlook": item["outlook_text"], "next": _brief_call(item["next_call"]),
        }
        for item in answer["items"]
    ]  # fmt: skip
    return brief


def _short(value: Any) -> Json:
    return value if value is None or isinstance(value, bool | int | float) else str(value)[:160]


def _finding_text(brief: Mapping[str, Any]) -> str:
    lines = [str(brief["summary"])]
    for item in brief["items"]:
        since = f" since {item['since'][:19]}" if item["since"] else ""
        lines.append(f"- **{item['severity']}** {item['code']} {item['subject']}{since}: {item['why']}")
        lines += [f"  - {fact}" for fact in item["evidence"][:4]]
        if item.get("quoted"):
            lines.append(fenced("\n".join(item["quoted"]), f"log and output of {item['subject']}"))
        lines += [f"  - next: {_call_text(call)}" for call in item["next"][:1]]
    for item in brief.get("unchecked", ()):
        lines.append(f"- cannot tell {item['code']} of {item['count']} on {item['target']}")
    return "\n".join([*lines, *_tail(brief)])


def _story_text(brief: Mapping[str, Any]) -> str:
    lines = [str(brief["summary"])]
    for item in brief["items"]:
        since = f" since {item['since'][:19]}" if item["since"] else ""
        lines.append(f"- **{item['resource']}** {item['kind']}{since}")
        lines += [f"  - {path}: {desired} → {observed}" for path, (desired, observed) in item["differs"].items()]
        lines += [f"  - {item['cause']}", f"  - {item['outlook']}", f"  - next: {_call_text(item['next'])}"]
    return "\n".join([*lines, *_tail(brief)])


def _call_text(call: Mapping[str, Any]) -> str:
    return as_text(call["tool"], {key: value for key, value in call.items() if key != "tool"})


def _tail(brief: Mapping[str, Any]) -> list[str]:
    more = [f"More: cursor={brief['next']}"] if brief.get("next") else []
    return more + ([f"Next: {brief['hint']}"] if brief.get("hint") else [])


TOOLS: tuple[AnyTool, ...] = (
    Tool(
        name="diagnose",
        title="Diagnose",
        purpose="What is wrong with a target, workload or resource: findings with evidence and the next call.",
        effect=Effect.READ,
        scope=Scope.READ,
        outward=True,
        toolset=Toolset.CORE,
        brief=_brief_findings,
        text=_finding_text,
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
        brief=_brief_stories,
        text=_story_text,
        quotes="labels, names and values found on targets",
        input=ExplainAsk,
        output=Found[Story],
        handler=_explain,
        route=Route(method="GET", path="/drift/explanation"),
    ),
)
