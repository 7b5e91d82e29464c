"""Tools about events: what happened on targets and in executions, as pages or as a stream."""

from collections.abc import AsyncIterator
from typing import Annotated, Final

from pydantic import Field

from opstwin.domain.access import Scope
from opstwin.domain.event import Event
from opstwin.domain.execution import FINISHED, Execution
from opstwin.domain.values import to_json
from opstwin.tools.fields import MAX_PAGE, ExecutionName, Number, Paging, ResourceName, TargetName, Word
from opstwin.tools.registry import AnyTool, Caller, Effect, Route, StreamItem, Tool
from opstwin.tools.services import Services
from opstwin.tools.views import Listed
from opstwin.twin.store import Page, Query

_WAIT_S: Final = 10.0
_AT_ONCE: Final = 200
"""Events read for a stream in one go: what is not read yet waits in the store, so a slow client costs nothing."""


class EventsAsk(Paging):
    """Which events. `after` is a sequence number: only later events are given."""

    limit: Annotated[int, Field(ge=1, le=MAX_PAGE)] = 100
    after: Number | None = None
    target: TargetName | None = None
    resource: ResourceName | None = None
    execution_id: ExecutionName | None = None
    type: Word | None = None
    newest_first: bool = False


async def _list(services: Services, _caller: Caller, ask: EventsAsk) -> Listed[Event]:
    after = ask.cursor or (None if ask.after is None else str(ask.after))
    page = await _page(services, ask, after, ask.limit)
    return Listed(items=page.items, next=page.next)


async def _stream(services: Services, _caller: Caller, ask: EventsAsk) -> AsyncIterator[StreamItem]:
    """Events as they happen; after `after`, or from the execution's first, or from now on. Ends with the execution."""
    if ask.execution_id is not None:
        await services.ledger.need(Execution, ask.execution_id, next_step="List them: opstwin get executions")
    return _following(services, ask, await services.ledger.store.wait(0, 0))


async def _following(services: Services, ask: EventsAsk, newest: int) -> AsyncIterator[StreamItem]:
    store = services.ledger.store
    after = _start(ask, newest)
    while True:
        over = await _over(services, ask)
        page = await _page(services, ask, str(after), _AT_ONCE)
        for event in page.items:
            after = event.seq
            yield StreamItem(type=event.type, id=str(event.seq), data=to_json(event))
        if page.next is not None:
            continue
        if over:
            yield StreamItem(type="end", data={})
            return
        newest = await store.wait(newest, _WAIT_S)


def _start(ask: EventsAsk, newest: int) -> int:
    if ask.after is not None:
        return ask.after
    return 0 if ask.execution_id else newest


async def _over(services: Services, ask: EventsAsk) -> bool:
    """Whether nothing more will come: read before the events, so that the last of them is not missed."""
    if ask.execution_id is None:
        return False
    execution = await services.ledger.get(Execution, ask.execution_id)
    return execution is None or execution.state in FINISHED


async def _page(services: Services, ask: EventsAsk, after: str | None, limit: int) -> Page[Event]:
    given = {"target": ask.target, "resource": ask.resource, "execution_id": ask.execution_id, "type": ask.type}
    where: dict[str, str | bool | None] = {key: value for key, value in given.items() if value is not None}
    newest_first = ask.newest_first and limit != _AT_ONCE
    return await services.ledger.store.find(Query(Event, where, after=after, limit=limit, newest_first=newest_first))


TOOLS: tuple[AnyTool, ...] = (
    Tool(
        name="events",
        title="Events",
        purpose="What happened on targets and in executions. As an event stream it goes on as things happen.",
        effect=Effect.READ,
        scope=Scope.READ,
        input=EventsAsk,
        output=Listed[Event],
        quotes="events",
        handler=_list,
        stream=_stream,
        route=Route(method="GET", path="/events"),
    ),
)
