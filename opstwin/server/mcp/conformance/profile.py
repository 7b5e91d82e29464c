"""The profile: the fixtures as one server, mounted behind the hub's own doors, sign-in and records."""

import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final

import mcp_types as types
from fastapi import FastAPI
from mcp.server.caching import CacheHint
from mcp.server.lowlevel import Server
from mcp.server.request_state import RequestStateBoundary, RequestStateSecurity
from mcp.server.subscriptions import InMemorySubscriptionBus, ListenHandler
from starlette.types import Receive, Scope, Send

from opstwin.clock import Clock
from opstwin.domain.access import Actor, ActorKind
from opstwin.domain.access import Scope as Right
from opstwin.server.app import create_app
from opstwin.server.mcp.conformance import reading
from opstwin.server.mcp.conformance.contents import failed
from opstwin.server.mcp.conformance.tasks import REQUIRED, RunningTasks, task_fixtures
from opstwin.server.mcp.conformance.tools import Fixture, fixtures
from opstwin.server.mcp.mount import Opening, Running, serving
from opstwin.server.mcp.state_keys import state_keys
from opstwin.server.mcp.tasks import TaskExtension
from opstwin.server.mcp.tasks_wire import Context
from opstwin.tools.services import Services

PATH: Final = "/mcp"
NAME: Final = "opstwin-conformance"
_STARTER: Final = Actor(kind=ActorKind.SCHEDULE, id="hub", face="conformance")
_SHORT: Final = CacheHint(ttl_ms=1000, scope="private")
_CACHED: Final = (
    "tools/list", "prompts/list", "resources/list", "resources/templates/list", "resources/read", "server/discover",
)  # fmt: skip


def conformance_app(services: Services, token: str) -> "Presenting":
    """The hub's application with the fixtures at `/mcp`; calls from this machine without a credential get `token`."""
    return Presenting(create_app(services, mcp=_opening(services)), token)


async def suite_token(services: Services) -> str:
    """A new agent's token with every right that an agent can have, for this one run."""
    people = services.people
    person = await people.create_person("suite-owner", "Owner of the suite", _STARTER, scopes=frozenset(Right))
    usable = frozenset(Right) - {Right.APPROVE}
    agent = await people.create_agent("suite", "Conformance suite", person.id, _STARTER, scopes=usable)
    return (await people.issue_token(agent.id, _STARTER)).secret


class Presenting:
    """Puts a credential on what comes in without one, as the suite cannot send any. All layers below check it."""

    def __init__(self, app: FastAPI, token: str) -> None:
        self.app = app
        self._header = (b"authorization", f"Bearer {token}".encode())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not any(name == b"authorization" for name, _ in scope["headers"]):
            scope = {**scope, "headers": [*scope["headers"], self._header]}
        await self.app(scope, receive, send)


def fixture_server(tools: Mapping[str, Fixture], extension: TaskExtension, keys: Sequence[bytes]) -> "Server[Any]":
    """The fixtures as a server of the protocol's library."""

    async def list_tools(_context: Context, _params: types.PaginatedRequestParams | None) -> types.ListToolsResult:
        return types.ListToolsResult(tools=[_offer(name, tool) for name, tool in tools.items()])

    async def call(context: Context, params: types.CallToolRequestParams) -> Any:
        async def plain(asked: types.CallToolRequestParams) -> Any:
            tool = tools.get(asked.name)
            return failed(f"There is no tool {asked.name!r}.") if tool is None else await tool.handler(context, asked)

        return await extension.intercept_call(context, params, plain)

    server: Server[Any] = Server(
        NAME, version="1", cache_hints=dict.fromkeys(_CACHED, _SHORT), on_list_tools=list_tools, on_call_tool=call,
        on_list_resources=reading.list_resources, on_list_resource_templates=reading.list_templates,
        on_read_resource=reading.read, on_subscribe_resource=reading.done, on_unsubscribe_resource=reading.done,
        on_list_prompts=reading.list_prompts, on_get_prompt=reading.get_prompt, on_completion=reading.complete,
    )  # fmt: skip
    server.add_request_handler("logging/setLevel", types.SetLevelRequestParams, reading.done)
    extension.add_to(server)
    security = RequestStateSecurity(keys=list(keys))
    server.middleware[:] = [RequestStateBoundary(security, default_audience=NAME)]
    return server


def _opening(services: Services) -> Opening:
    @contextlib.asynccontextmanager
    async def opened() -> AsyncIterator[Running]:
        clock: Clock = services.ledger.clock
        bus, tasks = InMemorySubscriptionBus(), RunningTasks(clock)
        extension = TaskExtension(tasks, REQUIRED)
        server = fixture_server({**fixtures(bus), **task_fixtures()}, extension, state_keys(services.settings))
        listening = extension.listening(ListenHandler(bus))
        server.add_request_handler("subscriptions/listen", types.SubscriptionsListenRequestParams, listening)
        try:
            async with serving(server, services.settings.max_body_bytes) as running:
                yield running
        finally:
            await tasks.close()

    return opened


def _offer(name: str, tool: Fixture) -> types.Tool:
    return types.Tool(name=name, description=f"{name} of the conformance suite", input_schema=dict(tool.schema))
