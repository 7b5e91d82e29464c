"""The tool that looks into the past: which deployments there were, and how they ended."""

import base64
import binascii
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from opstwin.domain.access import Scope
from opstwin.domain.deployment import Deployment
from opstwin.domain.values import ExecutionId, Json, PlanId, TargetId
from opstwin.errors import InvalidInput
from opstwin.tools.cells import few, found_text, plain, plural, without_empty
from opstwin.tools.fields import MAX_PAGE, TargetName, WorkloadName
from opstwin.tools.history import seen_by
from opstwin.tools.registry import AnyTool, Ask, Caller, Effect, Route, Tool, Toolset
from opstwin.tools.services import Services
from opstwin.tools.sizing import with_sizing
from opstwin.tools.views import Found
from opstwin.twin.store import Query

DEEP: Final = 2000
"""Deployments that one call looks at; a search that needs more goes on from its cursor."""

_USUAL: Final = 10


class SearchAsk(Ask):
    """Which deployments, the newest first. `outcome` failed is everything but succeeded; `text` is in a name or id."""

    workload: WorkloadName | None = None
    target: TargetName | None = None
    outcome: Literal["succeeded", "failed", "rolled_back", "needs_human"] | None = None
    image: Annotated[str | None, Field(min_length=1, max_length=200, description="part of name:tag")] = None
    text: Annotated[str | None, Field(min_length=1, max_length=200)] = None
    limit: Annotated[int, Field(ge=1, le=MAX_PAGE)] = _USUAL
    cursor: Annotated[str | None, Field(max_length=500, pattern=r"^[\x20-\x7e]+$")] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PastView:
    """A deployment: what ran from then on, what ran before, and how it ended. Use is a 7-day mean, where known."""

    id: str
    workload: str
    target: TargetId
    image: str
    previous: str
    replicas: int
    outcome: str
    success: bool
    deployed_at: datetime
    by_agent: bool
    cpu_millicores: float | None
    memory_bytes: float | None
    oom_events: int
    plan_id: PlanId
    execution_id: ExecutionId


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """What one call has looked at: what fits, with the cursor of the page that it stands on."""

    fitting: Sequence[tuple[str, Deployment]]
    looked_at: int
    next: str | None


async def _search(services: Services, caller: Caller, ask: SearchAsk) -> Found[PastView]:
    seen = await _look(services, caller, ask)
    page = [item for _, item in seen.fitting[: ask.limit]]
    rest = len(seen.fitting) > len(page)
    following = _cursor(*_last(seen.fitting[: ask.limit])) if rest else seen.next and _cursor(seen.next, "")
    views = [_view(item) for item in page]
    failed = [item for _, item in seen.fitting if not item.success]
    return Found(
        summary=await with_sizing(services, caller, _summary(seen, len(failed)), (ask.workload, ask.target)),
        counts={
            "outcome": dict(Counter(item.outcome for _, item in seen.fitting)),
            "workload": dict(Counter(item.service_name for _, item in seen.fitting)),
        },
        exceptions=tuple(view for view in views if not view.success),
        items=tuple(view for view in views if view.success), next=following, hint=_hint(ask, views),
    )  # fmt: skip


async def _look(services: Services, caller: Caller, ask: SearchAsk) -> _Seen:
    """Go through the deployments, newest first, until enough were looked at."""
    after, passed = _place(ask.cursor)
    looked_at, fitting = 0, list[tuple[str, Deployment]]()
    while True:
        page = await services.ledger.store.find(
            Query(Deployment, _where(ask), after=after or None, limit=MAX_PAGE, newest_first=True)
        )
        looked_at += len(page.items)
        items = list(page.items)
        if passed and any(item.id == passed for item in items):
            items = items[[item.id for item in items].index(passed) + 1 :]
        own = await seen_by(services, caller, items)
        fitting += [(after, item) for item in own if _fits(item, ask)]
        if page.next is None or looked_at >= DEEP:
            return _Seen(fitting=fitting, looked_at=looked_at, next=page.next)
        after = page.next


def _where(ask: SearchAsk) -> dict[str, str | bool | None]:
    where: dict[str, str | bool | None] = {}
    if ask.workload:
        where["service_name"] = ask.workload
    if ask.target:
        where["target_cluster"] = ask.target
    if ask.outcome:
        where["success"] = ask.outcome == "succeeded"
    return where


def _fits(item: Deployment, ask: SearchAsk) -> bool:
    if ask.outcome in ("rolled_back", "needs_human") and item.outcome != ask.outcome:
        return False
    if ask.image is not None and ask.image.casefold() not in _image(item).casefold():
        return False
    if ask.text is None:
        return True
    said = (item.service_name, item.target_cluster, _image(item), item.outcome, item.plan_id, item.execution_id)
    return any(ask.text.casefold() in word.casefold() for word in said)


def _image(item: Deployment) -> str:
    return f"{item.image_name}:{item.image_tag}" if item.image_tag else item.image_name


def _view(item: Deployment) -> PastView:
    return PastView(
        id=item.id, workload=item.service_name, target=item.target_cluster, image=plain(_image(item)),
        previous=plain(item.previous.image) if item.previous else "", replicas=item.replicas, outcome=item.outcome,
        success=item.success, deployed_at=item.deployed_at, by_agent=item.ai_generated,
        cpu_millicores=item.actual_cpu_millicores, memory_bytes=item.actual_memory_bytes, oom_events=item.oom_events,
        plan_id=item.plan_id, execution_id=item.execution_id,
    )  # fmt: skip


def _summary(seen: _Seen, failed: int) -> str:
    scope = f" among the newest {seen.looked_at}" if seen.next is not None else ""
    number = len(seen.fitting)
    return f"{plural(number, 'deployment')}{scope}: {number - failed} succeeded, {failed} did not."


def _hint(ask: SearchAsk, views: Sequence[PastView]) -> str:
    if not views:
        narrowed = any((ask.workload, ask.target, ask.outcome, ask.image, ask.text, ask.cursor))
        return "nothing fits; all of them: history_search()" if narrowed else "what runs all the same: twin_query()"
    first = views[0]
    # A workload that was only ever made has no earlier version to go back to; what made it can be undone.
    back = first.workload if first.previous else first.execution_id
    way = f"; go back: rollback_plan(id={back})" if first.success else ""
    return f"one in full: execution_get(id={first.execution_id}){way}"


def _last(fitting: Sequence[tuple[str, Deployment]]) -> tuple[str, str]:
    after, item = fitting[-1]
    return after, item.id


def _cursor(after: str, id: str) -> str:
    return base64.urlsafe_b64encode(f"{after}|{id}".encode()).decode().rstrip("=")


def _place(cursor: str | None) -> tuple[str, str]:
    """The store's cursor, and the last deployment that was given behind it."""
    if cursor is None:
        return "", ""
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        text = ""
    if "|" not in text:
        raise InvalidInput("The cursor is not one of ours.", field="cursor", next_step="Start without a cursor.")
    after, _, id = text.partition("|")
    return after, id


def history_brief(answer: Mapping[str, Any]) -> Mapping[str, Json]:
    """One line for each deployment."""
    return without_empty(
        {
            "summary": answer["summary"],
            "counts": without_empty({name: few(group) for name, group in answer["counts"].items()}),
            "exceptions": [_line(item) for item in answer["exceptions"]],
            "items": [_line(item) for item in answer["items"]],
            "next": answer["next"],
            "hint": answer["hint"],
        }
    )


def _line(item: Mapping[str, Any]) -> str:
    at = item["deployed_at"][:16].replace("T", " ")
    before = f" (was {item['previous']})" if item["previous"] and item["previous"] != item["image"] else ""
    what = f"{item['image']} ×{item['replicas']}{before}" if item["image"] else "taken down"
    kills = f" oom:{item['oom_events']}" if item["oom_events"] else ""
    place = f"{item['target']}/{item['workload']}"
    return plain(f"{at} {place} {what} {item['outcome']}{kills} {item['execution_id']}", 400)


TOOLS: tuple[AnyTool, ...] = (
    Tool(
        name="history_search",
        title="Past deployments",
        purpose="Past deployments, the newest first: what ran, what ran before, how it ended.",
        effect=Effect.READ,
        scope=Scope.READ,
        input=SearchAsk,
        output=Found[PastView],
        handler=_search,
        route=Route(method="GET", path="/deployments/search"),
        toolset=Toolset.CORE,
        brief=history_brief,
        text=found_text,
    ),
)
