"""Tools about what resources wrote."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final

from pydantic import Field

from opstwin.control.log_patterns import Level, Pattern
from opstwin.control.log_searching import NOT_MASKED, Key, LogHit, LogSearch, LogsFound, Unread, search_logs
from opstwin.control.subjects import containers_of
from opstwin.domain.access import Scope
from opstwin.domain.values import Json
from opstwin.errors import InvalidInput
from opstwin.tools.fields import Paging, SubjectName, TargetName
from opstwin.tools.registry import AnyTool, Caller, Effect, Route, Tool, Toolset
from opstwin.tools.services import Services

MAX_TAIL: Final = 100_000
_AGO: Final = re.compile(r"([0-9]{1,6})([smhd])", re.ASCII)
_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_CURSOR: Final = re.compile(r"([0-9]{1,17})\.([0-9]{1,7})\.(\S{1,400})", re.ASCII)


class LogsSearchAsk(Paging):
    """Which lines of which containers: all managed ones of a target or everywhere when no subject is named."""

    subject: SubjectName | None = None
    target: TargetName | None = None
    text: Annotated[str, Field(max_length=200, description="plain words")] = ""
    regex: Annotated[str, Field(max_length=200, description="RE2")] = ""
    level: Level | None = None
    since: Annotated[str, Field(max_length=40, description="15m, 2h or a moment", examples=["15m"])] = ""
    tail: Annotated[int, Field(ge=1, le=MAX_TAIL, description="lines looked at per container")] = 1000
    limit: Annotated[int, Field(ge=1, le=500)] = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class LogsSearchView:
    """The newest lines that fit, oldest first; `next` is the cursor of older ones.

    `counts.lines`: how many were looked at, fit, and sound like errors. `counts.matches`: how many fit, by resource.
    `exceptions` are logs that could not be read. `complete` false says that time or the bound on lines ended it.
    """

    summary: str
    counts: Mapping[str, Mapping[str, int]]
    exceptions: tuple[Unread, ...]
    items: tuple[LogHit, ...]
    complete: bool
    next: str | None = None
    hint: str = ""


async def _search(services: Services, _caller: Caller, ask: LogsSearchAsk) -> LogsSearchView:
    search = LogSearch(
        resources=await containers_of(services.ledger, ask.subject, ask.target),
        pattern=Pattern(text=ask.text, regex=ask.regex, level=ask.level), tail=ask.tail, limit=ask.limit,
        since=_moment(ask.since, services.ledger.clock.now()), before=_before(ask.cursor),
    )  # fmt: skip
    found = await search_logs(services.ledger, services.readers, search)
    matched = sum(found.matched.values())
    return LogsSearchView(
        summary=_summary(found, len(search.resources)),
        counts={
            "lines": {"looked_at": found.looked_at, "matched": matched, "error_like": found.error_like},
            "matches": {str(key): count for key, count in found.matched.items()},
        },
        exceptions=found.unread, items=found.hits, complete=not found.stopped, next=_cursor(found.next),
        hint=_hint(ask, found, len(search.resources)),
    )  # fmt: skip


def _moment(since: str, now: datetime) -> datetime | None:
    if not since:
        return None
    ago = _AGO.fullmatch(since)
    try:
        if ago is not None:
            return now - timedelta(seconds=int(ago[1]) * _UNITS[ago[2]])
        moment = datetime.fromisoformat(since)
    except (ValueError, OverflowError):
        raise InvalidInput(
            "since is neither a time span nor a moment.",
            field="since",
            next_step="Such as 15m or 2026-01-31T08:00:00Z.",
        ) from None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _before(cursor: str | None) -> Key | None:
    if cursor is None:
        return None
    match = _CURSOR.fullmatch(cursor)
    if match is None:
        raise InvalidInput("The cursor is not one of ours.", field="cursor", next_step="Start without a cursor.")
    return int(match[1]), match[3], int(match[2])


def _cursor(key: Key | None) -> str | None:
    return None if key is None else f"{key[0]}.{key[2]}.{key[1]}"


def _summary(found: LogsFound, containers: int) -> str:
    if not containers:
        return "Nothing is managed here, so there is no log to look into."
    matched = sum(found.matched.values())
    text = (
        f"{matched} of {found.looked_at} lines fit, in {len(found.matched)} of {containers} log(s); "
        f"{found.error_like} sound like errors."
    )
    unread = sum(item.code != NOT_MASKED for item in found.unread)
    if unread:
        text += f" {unread} log(s) could not be read."
    if unread < len(found.unread):
        text += " Some secrets may stand there bare."
    if found.stopped:
        text += " Not all was looked at: it was too much for one search."
    return text


def _hint(ask: LogsSearchAsk, found: LogsFound, containers: int) -> str:
    if not containers:
        return "of a container that is not managed: logs_search(subject=…); what there is: twin_query(kind=container)"
    if found.stopped:
        return "less at once: logs_search(subject=…) or logs_search(since=15m)"
    if not found.matched and found.error_like and ask.level is None and (ask.text or ask.regex):
        named = f"subject={ask.subject}, " if ask.subject else ""
        return f"logs_search({named}level=error)"
    return ""


def _brief(answer: Mapping[str, Any]) -> Mapping[str, Json]:
    kept = ("summary", "counts", "exceptions", "next", "hint")
    brief: dict[str, Json] = {key: answer[key] for key in kept if answer.get(key)}
    several = len({item["resource"] for item in answer["items"]}) > 1
    brief["items"] = [_brief_line(item, several=several) for item in answer["items"]]
    return brief


def _brief_line(item: Mapping[str, Any], *, several: bool) -> Json:
    line: dict[str, Json] = {"at": str(item["at"] or "")[:19], "text": item["text"][:400]}
    return {"resource": item["resource"], **line} if several else line


def _text(brief: Mapping[str, Any]) -> str:
    lines = [str(brief["summary"])]
    lines += [_exception(item) for item in brief.get("exceptions", ())]
    for item in brief["items"]:
        place = f" {item['resource'].rpartition('/')[2]}" if "resource" in item else ""
        lines.append(f"{item['at']}{place} {item['text']}")
    lines += [f"More: cursor={brief['next']}"] if brief.get("next") else []
    lines += [f"Next: {brief['hint']}"] if brief.get("hint") else []
    return "\n".join(lines)


def _exception(item: Mapping[str, Any]) -> str:
    what = "not all masked" if item["code"] == NOT_MASKED else "not read"
    return f"{what}: {item['resource']} ({item['reason']})"


TOOLS: tuple[AnyTool, ...] = (
    Tool(
        name="logs_search",
        title="Search logs",
        purpose="Search what containers wrote: of one, of a workload's replicas, or of all; newest matches.",
        effect=Effect.READ,
        scope=Scope.READ,
        outward=True,
        toolset=Toolset.CORE,
        brief=_brief,
        text=_text,
        quotes="logs",
        input=LogsSearchAsk,
        output=LogsSearchView,
        handler=_search,
        route=Route(method="GET", path="/logs"),
    ),
)
