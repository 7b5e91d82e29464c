"""Tools that look into one resource: what it wrote, and what it uses."""

from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final

from pydantic import Field

from opstwin.domain.access import Scope
from opstwin.domain.resource import Presence
from opstwin.domain.series import Metric, SeriesQuery
from opstwin.domain.target import Target
from opstwin.domain.values import ResourceId, to_json
from opstwin.errors import NotFound
from opstwin.logs import redacted_start
from opstwin.targets.ports import LogLine, Reader, UsageReading
from opstwin.tools.fields import OfResource
from opstwin.tools.registry import AnyTool, Caller, Effect, Route, StreamItem, Tool
from opstwin.tools.services import Services

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
class UsageMinute:
    """What a resource used on average in the minute that began at `at`."""

    at: datetime
    cpu_millicores: float
    memory_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageView:
    """What a resource uses now, and the measured minutes of the last hour, newest first."""

    at: datetime
    cpu_millicores: float
    memory_bytes: int
    samples: tuple[UsageMinute, ...]


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
    samples = await _newest(services, ResourceId(ask.id))
    return UsageView(at=now.at, cpu_millicores=now.cpu_millicores, memory_bytes=now.memory_bytes, samples=samples)


async def _newest(services: Services, resource: ResourceId) -> tuple[UsageMinute, ...]:
    """The minutes of the last hour in which the resource was measured, newest first."""
    start_s = int(services.ledger.clock.now().timestamp()) // 60 * 60 - 59 * 60
    start_at = datetime.fromtimestamp(start_s, UTC)
    columns = []
    for metric in (Metric.CPU_MILLICORES, Metric.MEMORY_BYTES):
        query = SeriesQuery(metric=metric, resources=(resource,), start_at=start_at, step_s=60, steps=60)
        columns.append((await services.sampler.store.read(query))[0].values)
    return tuple(
        UsageMinute(at=start_at + timedelta(minutes=place), cpu_millicores=cpu, memory_bytes=round(memory))
        for place, (cpu, memory) in reversed(list(enumerate(zip(*columns, strict=True))))
        if cpu is not None and memory is not None
    )


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
