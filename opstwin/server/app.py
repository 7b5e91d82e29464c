"""The HTTP application of a hub: routes from the registry, the pages, and the layers around them."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from functools import cache
from typing import Final
from urllib.parse import urlsplit

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from opstwin.errors import OpstwinError
from opstwin.logs import logger
from opstwin.server.callers import SignedIn
from opstwin.server.chat.chat import Conversing
from opstwin.server.chat.port import Talks
from opstwin.server.doors import Doors
from opstwin.server.health import Health
from opstwin.server.instruments import Instruments
from opstwin.server.mcp.choosing import PATHS
from opstwin.server.mcp.mount import Mount, Opening, opening
from opstwin.server.metadata import METADATA, Metadata
from opstwin.server.oauth_steps import stepping
from opstwin.server.openapi import document
from opstwin.server.problems import LastResort, json_response
from opstwin.server.recording import Recorded
from opstwin.server.replies import Replies
from opstwin.server.routes import Api
from opstwin.server.site import Site, lost
from opstwin.server.streaming import Streams
from opstwin.settings import Settings
from opstwin.tools.all_tools import REGISTRY
from opstwin.tools.registry import Registry
from opstwin.tools.services import Services

_FORGET_EVERY_S: Final = 3600.0


def create_app(
    services: Services,
    *,
    instruments: Instruments | None = None,
    registry: Registry = REGISTRY,
    streams: Streams | None = None,
    mcp: Opening | None = None,
    talks: Talks | None = None,
) -> FastAPI:
    """The application. Nothing is listened on; whoever serves it decides where.

    `state.streams` are its open streams; they must be closed before a server can stop. `state.mcp` is its MCP server,
    the hub's own unless `mcp` opens another one. `talks` opens the conversations of the chat, where there is one.
    """
    chat = Conversing(services, talks) if talks is not None else None
    if chat is not None:
        services = replace(services, chat=chat)
    measured = instruments or Instruments()
    replies = Replies(services.ledger, services.ledger.ids.new("proc"), shared=services.settings.replicas > 1)
    opened = mcp or opening(services, registry, replies)
    mount = Mount(opened, services.settings.max_body_bytes, stepping(registry, services))
    app = FastAPI(
        title="Opstwin", version=services.version, openapi_url=None, docs_url=None, redoc_url=None,
        redirect_slashes=False, middleware=_layers(services, measured), lifespan=_lifespan(replies, mount, chat),
        exception_handlers={HTTPException: lost}, telemetry={"tracing": False, "metrics": False},
    )  # fmt: skip
    app.state.streams = streams or Streams(measured)
    Api(services, replies, app.state.streams).add_to(app, registry)
    _add_pages(app, Site(services, registry))
    _add_own(app, Health(services, measured), registry)
    metadata = Metadata(services.settings)
    for path in METADATA:
        app.router.routes.append(Route(path, endpoint=metadata.answer, include_in_schema=False))
    # First in the list that each request is matched against: an AI client calls often.
    app.router.routes[:0] = [Route(path, endpoint=mount, include_in_schema=False) for path in PATHS]
    app.state.mcp = mount
    return app


def _layers(services: Services, instruments: Instruments) -> list[Middleware]:
    """Outermost first: measure, catch, turn away, sign in. Nothing reaches a route that has not passed them all."""
    settings = services.settings
    return [
        Middleware(Recorded, clock=services.ledger.clock, instruments=instruments),
        Middleware(LastResort),
        Middleware(Doors, hosts=_hosts(settings), origins=settings.allowed_origins),
        *_cors(settings),
        Middleware(SignedIn, services=services),
    ]


def _hosts(settings: Settings) -> tuple[str, ...]:
    """The names that the hub answers for, besides loopback."""
    return (*settings.allowed_hosts, settings.host, urlsplit(settings.base_url).hostname or "")


def _cors(settings: Settings) -> list[Middleware]:
    """Only for origins that the settings name; a browser then needs a token, cookies are never shared."""
    if not settings.allowed_origins:
        return []
    return [
        Middleware(
            CORSMiddleware, allow_origins=list(settings.allowed_origins), allow_methods=["GET", "POST", "PUT", "PATCH"],
            allow_headers=["Authorization", "Content-Type", "Idempotency-Key", "If-Match", "Last-Event-ID"],
            expose_headers=[
                "ETag", "Location", "X-Request-Id", "Idempotent-Replayed", "Retry-After", "WWW-Authenticate",
            ],
        )
    ]  # fmt: skip


def _add_pages(app: FastAPI, site: Site) -> None:
    pages = (
        ("/", site.home, "GET"), ("/plans/{id}", site.plan, "GET"), ("/plans/{id}", site.decide, "POST"),
        ("/login", site.login, "GET"), ("/logout", site.logout, "POST"),
    )  # fmt: skip
    for path, endpoint, method in pages:
        app.add_api_route(path, endpoint, methods=[method], include_in_schema=False, response_model=None)


def _add_own(app: FastAPI, health: Health, registry: Registry) -> None:
    described = cache(lambda: document(registry, app.version))
    """Half a second's work, so it is done when somebody asks, and once."""

    async def openapi(_request: Request) -> Response:
        return json_response(described(), 200)

    for path, endpoint in (
        ("/health", health.health), ("/ready", health.ready), ("/metrics", health.metrics), ("/openapi.json", openapi),
    ):  # fmt: skip
        app.add_api_route(path, endpoint, methods=["GET"], include_in_schema=False, response_model=None)


Lifespan = Callable[[FastAPI], contextlib.AbstractAsyncContextManager[None]]


def _lifespan(replies: Replies, mount: Mount, chat: Conversing | None) -> Lifespan:
    """While the application runs, answers to repeated calls are forgotten after their time, and MCP is served."""

    @contextlib.asynccontextmanager
    async def running(_app: FastAPI) -> AsyncIterator[None]:
        background = [asyncio.create_task(_forget(replies)), asyncio.create_task(mount.start())]
        try:
            yield
        finally:
            for task in background:
                task.cancel()
            await asyncio.gather(*background, return_exceptions=True)
            await mount.close()
            if chat is not None:
                await chat.close()

    return running


async def _forget(replies: Replies) -> None:
    while True:
        try:
            await replies.forget_old()
        except OpstwinError as error:
            logger().warning("replies_kept", code=error.code, reason=error.message)
        await asyncio.sleep(_FORGET_EVERY_S)
