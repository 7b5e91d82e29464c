"""Tools that look into one resource: what it wrote, and what it uses."""

from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final

from pydantic import Field

from opstwin.domain.access import Scope
from opstwin.domain.deployment import UsageSample
from opstwin.domain.resource import Presence
from opstwin.domain.target import Target
from opstwin.domain.values import ResourceId, to_json
from opstwin.errors import NotFound
from opstwin.logs import redacted_start
from opstwin.targets.ports import LogLine, Reader, UsageReading
from opstwin.tools.fields import OfResource
from opstwin.tools.registry import AnyTool, Caller, Effect, Route, StreamItem, Tool
from opstwin.tools.services import Services
from opstwin.twin.store import Query

MAX_LINES: Final = 10_000
MAX_TEXT: Final = 4 * 1024 * 1024
"""Characters of one answer: beyond it older lines are left out."""

MAX_LINE: Final = 16 * 1024


class LogsAsk(OfResource):
    """How many past lines. With `follow` (as an event stream) new lines come as they are written."""

    tail: Annotated[int, Field(ge=0, le=MAX_LINES)] = 100
    follow: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LogsView:
    """What a resource wrote, oldest first. The texts are data from the world.

    `truncated` says that the oldest of the lines asked for were left out, because all together are too long.
    """

    items: tuple[LogLine, ...]
    truncated: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageView:
    """What a resource uses now, and the newest samples, newest first."""

    at: datetime
    cpu_millicores: float
    memory_bytes: int
    samples: tuple[UsageSample, ...]


async def collected(reader: Reader, ask: LogsAsk) -> LogsView:
    """The last lines, however many the target gives."""
    lines: deque[LogLine] = deque()
    size, truncated = 0, False
    async for line in _lines(reader, ask, follow=False):
        lines.append(line)
        size += len(line.text)
        while size > MAX_TEXT or len(lines) > ask.tail:
            truncated = truncated or size > MAX_TEXT
            size -= len(lines.popleft().text)
    return LogsView(items=tuple(lines), truncated=truncated)


async def _logs(services: Services, _caller: Caller, ask: LogsAsk) -> LogsView:
    return await collected(await _reader(services, ask.id), ask)


async def _follow(services: Services, _caller: Caller, ask: LogsAsk) -> AsyncIterator[StreamItem]:
    reader = await _reader(services, ask.id)
    seen = await reader.observe(ResourceId(ask.id))
    if seen.presence is Presence.ABSENT:
        raise NotFound(f"There is no {ask.id}.", next_step="See what is there: opstwin get")
    return _following(reader, ask)


async def _following(reader: Reader, ask: LogsAsk) -> AsyncIterator[StreamItem]:
    async for line in _lines(reader, ask, follow=ask.follow):
        yield StreamItem(type="log", data=to_json(line))


async def _usage(services: Services, _caller: Caller, ask: OfResource) -> UsageView:
    reader = await _reader(services, ask.id)
    now: UsageReading = await reader.usage(ResourceId(ask.id))
    newest = Query(UsageSample, {"resource": ask.id}, limit=60, newest_first=True)
    page = await services.ledger.store.find(newest)
    return UsageView(at=now.at, cpu_millicores=now.cpu_millicores, memory_bytes=now.memory_bytes, samples=page.items)


async def _reader(services: Services, resource: str) -> Reader:
    target = await services.ledger.need(
        Target, resource.split("/", maxsplit=1)[0], next_step="List targets: opstwin targets list"
    )  # fmt: skip
    return services.readers.reader(target)


async def _lines(reader: Reader, ask: LogsAsk, *, follow: bool) -> AsyncIterator[LogLine]:
    found = reader.logs(ResourceId(ask.id), tail=ask.tail, follow=follow)
    try:
        async for line in found:
            yield LogLine(at=line.at, stream=line.stream, text=redacted_start(line.text, MAX_LINE))
    finally:
        if isinstance(found, AsyncGenerator):
            await found.aclose()


TOOLS: tuple[AnyTool, ...] = (
    Tool(
        name="logs",
        title="Read logs",
        purpose="The last lines that a container wrote; as an event stream also the next ones.",
        effect=Effect.READ,
        scope=Scope.READ,
        outward=True,
        input=LogsAsk,
        output=LogsView,
        quotes="logs",
        handler=_logs,
        stream=_follow,
        route=Route(method="GET", path="/resources/{id:path}/logs"),
    ),
    Tool(
        name="usage",
        title="Read usage",
        purpose="CPU and memory that a container uses now, and its newest samples.",
        effect=Effect.READ,
        scope=Scope.READ,
        outward=True,
        input=OfResource,
        output=UsageView,
        handler=_usage,
        route=Route(method="GET", path="/resources/{id:path}/usage"),
    ),
)
