"""Asking the twin what runs: counts and what needs attention first, so that little has to be read."""

import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from opstwin.control.twin_index import Twin
from opstwin.domain.access import Scope
from opstwin.domain.values import Json
from opstwin.errors import InvalidInput, NotFound
from opstwin.tools.cells import few, found_text, plural, without_empty
from opstwin.tools.fields import MAX_PAGE, TargetName, WorkloadName
from opstwin.tools.registry import AnyTool, Ask, Caller, Effect, Route, Tool, Toolset
from opstwin.tools.services import Services
from opstwin.tools.twin_rows import (
    WORKLOAD,
    Rows,
    TwinRow,
    Wanted,
    counts_of,
    line,
    place_of,
    row_of,
    rows_wanted,
    stale_after,
)
from opstwin.tools.views import Found

FEW: Final = 10
"""Rows of an answer for which no limit was asked."""

FEW_CHARACTERS: Final = 640
"""Characters of those rows: the answer stays below 400 tokens of 4 characters, also where names are long."""

_CURSOR: Final = re.compile(r"([0-9]):(.{1,400})", re.ASCII)
_GROUPS: Final = 5


class QueryAsk(Ask):
    """Which resources. `drift` is any, none or its kind; `attention` keeps to what is wrong, or to what is not."""

    target: TargetName | None = None
    kind: Annotated[
        str | None, Field(max_length=120, pattern=r"^[a-z][a-z0-9.-]*$", description="container, …, or workload")
    ] = None
    workload: WorkloadName | None = None
    text: Annotated[str | None, Field(min_length=1, max_length=200, description="in name or image; * is any")] = None
    health: Literal["healthy", "starting", "unhealthy", "stopped", "unknown", "none"] | None = None
    drift: Literal["any", "none", "missing", "changed", "extra", "stopped", "unhealthy", "unknown"] | None = None
    managed: bool | None = None
    stale: bool | None = None
    attention: bool | None = None
    limit: Annotated[int | None, Field(ge=1, le=MAX_PAGE)] = None
    cursor: Annotated[str | None, Field(max_length=500, pattern=r"^[\x20-\x7e]+$")] = None


async def _query(services: Services, _caller: Caller, ask: QueryAsk) -> Found[TwinRow]:
    after = _after(ask.cursor)
    twin = await services.index.now()
    if ask.target is not None:
        check_target(twin, ask.target)
    now = services.ledger.clock.now()
    found = rows_wanted(twin, _wanted(ask), now, stale_after(services.settings))
    limit = ask.limit or FEW
    behind = found.page(after, limit + 1)
    rows = [row_of(pair, now) for pair in behind[:limit]]
    page = rows if ask.limit else _fitting(rows)
    following = "{}:{}".format(*place_of(behind[len(page) - 1])) if len(behind) > len(page) else None
    return Found(
        summary=_summary(twin, found, ask), counts=counts_of(found),
        exceptions=tuple(row for row in page if row.ails), items=tuple(row for row in page if not row.ails),
        next=following, hint=_hint(page, ask, following),
    )  # fmt: skip


def check_target(twin: Twin, name: str) -> None:
    """Raise `NotFound` with the nearest names unless there is a target of this name."""
    names = [item.id for item in twin.targets]
    if name in names:
        return
    near = get_close_matches(name, names, n=3, cutoff=0.5) or names[:5]
    said = f"Did you mean {' or '.join(near)}? " if near else ""
    raise NotFound(
        f"There is no target {name!r}.", next_step=f"{said}All of them: opstwin targets list",
        details={"kind": "target", "id": name, "choices": near},
    )  # fmt: skip


def _wanted(ask: QueryAsk) -> Wanted:
    return Wanted(
        target=ask.target, kind=ask.kind, workload=ask.workload, text=ask.text,
        health=ask.health, drift=ask.drift, managed=ask.managed, stale=ask.stale,
        attention=ask.attention,
    )  # fmt: skip


def _after(cursor: str | None) -> tuple[int, str] | None:
    if cursor is None:
        return None
    match = _CURSOR.fullmatch(cursor)
    if match is None:
        raise InvalidInput("The cursor is not one of ours.", field="cursor", next_step="Start without a cursor.")
    return int(match[1]), match[2]


def _fitting(rows: Sequence[TwinRow]) -> list[TwinRow]:
    """As many rows as a short answer holds, and one at least."""
    kept: list[TwinRow] = []
    left = FEW_CHARACTERS
    for row in rows:
        left -= len(line({**_said(row)})) + 4
        if left < 0 and kept:
            break
        kept.append(row)
    return kept


def _said(row: TwinRow) -> dict[str, Any]:
    names = ("id", "kind", "state", "health", "image", "drift", "restarts", "ails", "seen_s", "managed")
    return {name: getattr(row, name) for name in names}


def _summary(twin: Twin, found: Rows, ask: QueryAsk) -> str:
    word = WORKLOAD if ask.kind == WORKLOAD else "resource"
    places = plural(len({item.target for item in found.all}), "target")
    wrong = len(found.ailing)
    owned = "" if ask.kind == WORKLOAD else _owned(found)
    if not len(found):
        return f"Nothing fits; the twin knows {plural(len(twin.standings), 'resource')}."
    needing = f"{wrong} need{'s' if wrong == 1 else ''} attention" if wrong else "nothing needs attention"
    return f"{plural(len(found), word)} on {places}{owned}: {needing}."


def _owned(found: Rows) -> str:
    number = len({(item.target, item.workload) for item in found.all if item.workload is not None})
    return f" ({plural(number, 'workload')})" if number else ""


def _hint(page: Sequence[TwinRow], ask: QueryAsk, following: str | None) -> str:
    if not page:
        return "Without filters: twin_query()"
    steps = [f"one in full: twin_get(id={page[0].id})"]
    if page[0].ails:
        steps.append(f"why: diagnose(subject={page[0].id})")
    elif following is not None and ask.text is None:
        steps.append("fewer: twin_query(text=…)")
    return "; ".join(steps)


def brief(answer: Mapping[str, Any]) -> Mapping[str, Json]:
    """The answer with each row as one line, and the greatest counts."""
    counts = {name: few(group, _GROUPS) for name, group in answer["counts"].items()}
    if len(counts["target"]) == 1:
        del counts["target"]
    return without_empty(
        {
            "summary": answer["summary"],
            "counts": without_empty(counts),
            "exceptions": [line(row) for row in answer["exceptions"]],
            "items": [line(row) for row in answer["items"]],
            "next": answer["next"],
            "hint": answer["hint"],
        }
    )


TOOLS: tuple[AnyTool, ...] = (
    Tool(
        name="twin_query",
        title="What runs",
        purpose="What is there or should be, as last observed: counts, what is wrong, the rest.",
        effect=Effect.READ,
        scope=Scope.READ,
        input=QueryAsk,
        output=Found[TwinRow],
        handler=_query,
        route=Route(method="GET", path="/twin/query"),
        toolset=Toolset.CORE,
        brief=brief,
        text=found_text,
        quotes="names and images",
    ),
)
