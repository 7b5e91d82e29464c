"""A small server of the official SDK that is no hub: what the shim does with each kind of answer shows best on it."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import anyio
import mcp_types as types
import uvicorn
from mcp.server.lowlevel import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.server.subscriptions import InMemorySubscriptionBus, ListenHandler, ToolsListChanged

WITHIN_S = 20.0

_TEXT = {"type": "object", "properties": {"text": {"type": "string"}}}
_PLACED = {
    "type": "object",
    "properties": {"where": {"type": "string", "x-mcp-header": "Where"}, "many": {"type": "integer"}},
}


@dataclass
class Plain:
    """One such server on a port of its own; it can be stopped, and started again there without its sessions.

    `seen` are the requests as they arrived, (headers, message). `refusals` are answers that it gives, each once, before
    anything else; `None` among them breaks the connection off instead.
    """

    port: int = 0
    seen: list[tuple[dict[str, str], Any]] = field(default_factory=list)
    verbs: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    refusals: list[tuple[int, dict[str, str], bytes] | None] = field(default_factory=list)
    held: asyncio.Event = field(default_factory=asyncio.Event)
    released: asyncio.Event = field(default_factory=asyncio.Event)
    given_up: asyncio.Event = field(default_factory=asyncio.Event)
    left: asyncio.Event = field(default_factory=asyncio.Event)
    bus: InMemorySubscriptionBus = field(default_factory=InMemorySubscriptionBus)
    sessions: list[Any] = field(default_factory=list)
    as_json: bool = False
    _server: uvicorn.Server | None = None
    _task: "asyncio.Task[None] | None" = None

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}"

    def calls(self, tool: str) -> list[dict[str, str]]:
        """The headers of every call of a tool, in their order."""
        return [head for head, body in self.seen if body.get("params", {}).get("name") == tool]

    def methods(self) -> list[str]:
        """The methods that arrived, in their order."""
        return [body.get("method", "") for _, body in self.seen]

    async def up(self) -> None:
        """Serve, on the port that it had."""
        manager = StreamableHTTPSessionManager(self._made(), json_response=self.as_json, max_request_body_size=100_000)
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self.port))
        listener.listen(128)
        self.port = listener.getsockname()[1]
        started = asyncio.Event()
        self._server = uvicorn.Server(uvicorn.Config(self._app(manager), log_config=None, lifespan="off"))

        async def serve() -> None:
            async with manager.run():
                started.set()
                await self._server._serve([listener])

        self._task = asyncio.create_task(serve())
        await started.wait()

    async def down(self) -> None:
        """Stop at once: connections break, sessions are forgotten."""
        if self._task is None:
            return
        for connection in list(self._server.server_state.connections):
            connection.transport.abort()
        self._server.should_exit = self._server.force_exit = True
        await asyncio.wait_for(self._task, WITHIN_S)
        self._task = None

    def _app(self, manager: StreamableHTTPSessionManager) -> Any:
        async def app(scope: Any, receive: Any, send: Any) -> None:
            headers = {name.decode(): value.decode("latin-1") for name, value in scope["headers"]}
            if scope["path"] == "/health":
                await _refuse((200, {}, b"{}"), send)
                return
            self.verbs.append((f"{scope['method']} {scope['path']}", headers))
            if scope["method"] == "DELETE":
                self.left.set()
            if scope["method"] == "POST" and self.refusals:
                await _refuse(self.refusals.pop(0), send)
                return
            if scope["method"] == "POST":
                receive = await self._noted(headers, receive)
            await manager.handle_request(scope, receive, send)

        return app

    async def _noted(self, headers: dict[str, str], receive: Any) -> Any:
        messages = []
        while not messages or messages[-1].get("more_body"):
            messages.append(await receive())
            if sum(len(item.get("body", b"")) for item in messages) > 200_000:
                break
        body = b"".join(item.get("body", b"") for item in messages)
        if len(body) <= 200_000:
            self.seen.append((headers, json.loads(body)))

        async def again() -> Any:
            return messages.pop(0) if messages else await receive()

        return again

    def _made(self) -> Server[Any]:
        async def list_tools(_context: Any, _params: Any) -> types.ListToolsResult:
            schemas = {"echo": _TEXT, "hold": _TEXT, "count": _TEXT, "ask": _TEXT, "place": _PLACED}
            return types.ListToolsResult(
                tools=[types.Tool(name=name, input_schema=schema) for name, schema in schemas.items()],
                ttl_ms=0,
                cache_scope="private",
            )

        async def call_tool(context: Any, params: types.CallToolRequestParams) -> types.CallToolResult:
            answer = await getattr(self, f"_{params.name}")(context, params.arguments or {})
            return types.CallToolResult(content=[types.TextContent(type="text", text=answer)])

        async def subscribe(context: Any, _params: Any) -> types.EmptyResult:
            self.sessions.append(context.session)
            return types.EmptyResult()

        return Server(
            "plain", on_list_tools=list_tools, on_call_tool=call_tool, on_subscribe_resource=subscribe,
            on_unsubscribe_resource=subscribe, on_subscriptions_listen=ListenHandler(self.bus),
        )  # fmt: skip

    async def _echo(self, _context: Any, given: dict[str, Any]) -> str:
        return str(given.get("text"))

    async def _place(self, _context: Any, given: dict[str, Any]) -> str:
        return str(given.get("where"))

    async def _hold(self, _context: Any, given: dict[str, Any]) -> str:
        released = self.released
        self.held.set()
        try:
            await released.wait()
        except anyio.get_cancelled_exc_class():
            self.given_up.set()
            raise
        return str(given.get("text"))

    async def _count(self, context: Any, _given: dict[str, Any]) -> str:
        for number in (1, 2, 3):
            await context.session.report_progress(number, 3, f"step {number}")
        return "counted"

    async def _ask(self, context: Any, _given: dict[str, Any]) -> str:
        form = {"type": "object", "properties": {"name": {"type": "string"}}}
        answer = await context.session.elicit_form("Who?", form, context.request_id)
        return f"{answer.action} {answer.content}"

    async def tell(self) -> None:
        """Tell stateless listeners that the tools changed."""
        await self.bus.publish(ToolsListChanged())


async def _refuse(refusal: tuple[int, dict[str, str], bytes] | None, send: Any) -> None:
    if refusal is None:
        begin = {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json"),
                                                                           (b"content-length", b"100")]}  # fmt: skip
        await send(begin)
        await send({"type": "http.response.body", "body": b'{"half', "more_body": False})
        return
    status, headers, body = refusal
    named = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": named})
    await send({"type": "http.response.body", "body": body})


@asynccontextmanager
async def plain_server(*, as_json: bool = False) -> AsyncIterator[Plain]:
    """A server that is up, stopped at the end."""
    made = Plain(as_json=as_json)
    await made.up()
    try:
        yield made
    finally:
        made.released.set()
        await made.down()
