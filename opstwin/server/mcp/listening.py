"""Telling clients what changed: the twin's events as updates of the addresses that they watch."""

import asyncio
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import mcp_types as types
from mcp.server.context import ServerRequestContext
from mcp.server.session import ServerSession
from mcp.server.subscriptions import ListenHandler, ResourceUpdated, ServerEvent
from mcp.shared.exceptions import MCPError

from opstwin.control.ledger import Ledger
from opstwin.domain.event import Event
from opstwin.errors import OpstwinError
from opstwin.logs import logger
from opstwin.server.mcp.resources import OVERVIEW, TEMPLATES
from opstwin.twin.store import Query

Context = ServerRequestContext[Any, Any]
Listener = Callable[[ServerEvent], None]

SESSION_HEADER: Final = "mcp-session-id"
MAX_SESSIONS: Final = 1000
MAX_ADDRESSES: Final = 200
MAX_ADDRESS: Final = 500
"""Characters; a resource's id has at most 400."""

MAX_STREAMS: Final = 32
"""Of one account at the same time."""

BUFFERED: Final = 256
"""Updates that wait for a client that reads slowly; then its stream ends, and it asks anew."""

_OURS: Final = ("twin://", "plan://", "execution://")
_AT_ONCE: Final = 200
_WAIT_S: Final = 10.0
_AGAIN_S: Final = 1.0


class TwinBus:
    """Follows the twin's events while anybody listens, and hands each on as updates of addresses.

    Events of other replicas come too, as all read one twin. Nothing is kept for who listens later.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._listeners: dict[object, Listener] = {}
        self._following: asyncio.Task[None] | None = None

    async def publish(self, event: ServerEvent) -> None:
        """Hand one event to everybody who listens."""
        for listener in list(self._listeners.values()):
            listener(event)

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Listen; the answer ends it."""
        token = object()
        self._listeners[token] = listener
        if self._following is None:
            self._following = asyncio.create_task(self._follow())

        def unsubscribe() -> None:
            self._listeners.pop(token, None)
            if not self._listeners:
                self.close()

        return unsubscribe

    def close(self) -> None:
        """Stop following."""
        if self._following is not None:
            self._following.cancel()
            self._following = None

    async def _follow(self) -> None:
        store = self._ledger.store
        newest = after = await store.wait(0, 0)
        while True:
            try:
                page = await store.find(Query(Event, {}, after=str(after), limit=_AT_ONCE))
                for event in page.items:
                    after = event.seq
                    for uri in addresses_of(event):
                        await self.publish(ResourceUpdated(uri=uri))
                if page.next is None:
                    newest = await store.wait(newest, _WAIT_S)
            except OpstwinError as error:
                logger().warning("listen_waits", code=error.code, reason=error.message)
                await asyncio.sleep(_AGAIN_S)


def check_address(uri: str) -> None:
    """Raise `MCPError` for an address that nothing of ours can have."""
    if len(uri) > MAX_ADDRESS or not uri.startswith(_OURS):
        forms = ", ".join(template.uri_template for template in TEMPLATES)
        raise MCPError(types.INVALID_PARAMS, f"That is no address of this server. Addresses are: {OVERVIEW}, {forms}.")


class Listening:
    """`subscriptions/listen` with bounds: so many streams for each account, so many addresses for each stream."""

    def __init__(self, bus: TwinBus) -> None:
        self._handler = ListenHandler(bus, max_buffered_events=BUFFERED)
        self._open: Counter[str] = Counter()

    async def __call__(
        self, context: Context, params: types.SubscriptionsListenRequestParams
    ) -> types.SubscriptionsListenResult:
        """Serve one stream. Raises `MCPError` for too many, or for an address that is none of ours."""
        addresses = [str(uri) for uri in params.notifications.resource_subscriptions or ()]
        if len(addresses) > MAX_ADDRESSES:
            raise MCPError(types.INVALID_PARAMS, f"A stream watches at most {MAX_ADDRESSES} addresses.")
        for uri in addresses:
            check_address(uri)
        account = _account_of(context)
        if self._open[account] >= MAX_STREAMS:
            raise MCPError(types.INVALID_REQUEST, f"This account has {MAX_STREAMS} streams open. Close one first.")
        self._open[account] += 1
        try:
            return await self._handler(context, params)
        finally:
            self._open[account] -= 1
            if not self._open[account]:
                del self._open[account]

    def close(self) -> None:
        """End every stream."""
        self._handler.close()


def addresses_of(event: Event) -> Iterator[str]:
    """The addresses whose content an event changed."""
    yield OVERVIEW
    if event.resource:
        yield f"twin://{event.resource}"
    if event.plan_id:
        yield f"plan://{event.plan_id}"
    if event.execution_id:
        yield f"execution://{event.execution_id}/log"


@dataclass(slots=True)
class _Watch:
    session: ServerSession
    addresses: set[str] = field(default_factory=set)


class Subscriptions:
    """`resources/subscribe` of the handshake era: updates go to the session's own stream."""

    def __init__(self, bus: TwinBus) -> None:
        self._bus = bus
        self._watches: OrderedDict[str, _Watch] = OrderedDict()
        self._sending: set[asyncio.Task[None]] = set()
        self._unsubscribe: Callable[[], None] | None = None

    async def subscribe(self, context: Context, params: types.SubscribeRequestParams) -> types.EmptyResult:
        """Tell this session when the address changes."""
        check_address(str(params.uri))
        watch = self._watches.setdefault(_session_of(context), _Watch(context.session))
        if len(watch.addresses) >= MAX_ADDRESSES:
            raise MCPError(types.INVALID_REQUEST, f"A session watches at most {MAX_ADDRESSES} addresses.")
        watch.addresses.add(str(params.uri))
        self._watches.move_to_end(_session_of(context))
        while len(self._watches) > MAX_SESSIONS:
            self._watches.popitem(last=False)
        if self._unsubscribe is None:
            self._unsubscribe = self._bus.subscribe(self._deliver)
        return types.EmptyResult()

    async def unsubscribe(self, context: Context, params: types.UnsubscribeRequestParams) -> types.EmptyResult:
        """No longer tell this session of the address."""
        watch = self._watches.get(_session_of(context))
        if watch is not None:
            watch.addresses.discard(str(params.uri))
            if not watch.addresses:
                self.forget(_session_of(context))
        return types.EmptyResult()

    def forget(self, session: str) -> None:
        """A session has ended."""
        self._watches.pop(session, None)
        if not self._watches and self._unsubscribe is not None:
            self._unsubscribe()
            self._unsubscribe = None

    def _deliver(self, event: ServerEvent) -> None:
        if not isinstance(event, ResourceUpdated):
            return
        for watch in self._watches.values():
            if event.uri in watch.addresses:
                task = asyncio.create_task(watch.session.send_resource_updated(event.uri))
                self._sending.add(task)
                task.add_done_callback(self._sending.discard)


def _session_of(context: Context) -> str:
    assert context.request is not None, "the server is mounted on HTTP only"
    return str(context.request.headers.get(SESSION_HEADER, ""))


def _account_of(context: Context) -> str:
    assert context.request is not None, "the server is mounted on HTTP only"
    return str(context.request.state.caller.principal.id)
