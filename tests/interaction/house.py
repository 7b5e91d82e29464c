"""A whole hub in process: memory twin, simulated target, virtual clock, and its HTTP application."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx2
from fastapi import FastAPI

from opstwin.catalog.loading import load
from opstwin.clock import VirtualClock
from opstwin.control.component_planning import ComponentPlanner
from opstwin.control.ids import SeededIds
from opstwin.control.ledger import Ledger
from opstwin.domain.access import Actor, ActorKind, Scope
from opstwin.domain.audit import AuditRow
from opstwin.domain.target import Target
from opstwin.errors import InvalidInput
from opstwin.server.app import create_app
from opstwin.server.chat.port import Talk, Talks
from opstwin.server.chat.scripted import ScriptedTalk
from opstwin.server.instruments import Instruments
from opstwin.server.sessions import COOKIE
from opstwin.server.streaming import Streams
from opstwin.settings import Settings
from opstwin.targets.ports import Driver, Previewer, Reader, Renderer, Writer
from opstwin.targets.scripted_prober import ScriptedProber
from opstwin.targets.sim.driver import sim_driver
from opstwin.targets.sim.state import Effect
from opstwin.targets.sim.world import World
from opstwin.tools.all_tools import REGISTRY
from opstwin.tools.registry import Registry
from opstwin.twin.memory import MemoryStore
from opstwin.twin.store import TwinStore
from opstwin.wiring.hub import Hub, assembled
from tests.rig import SimPlaces

HUB = Actor(kind=ActorKind.SCHEDULE, id="hub", face="test")
URL = "http://127.0.0.1:7373"
API = "/api/v1"
ROLES: Mapping[str, frozenset[Scope] | None] = {
    "owner": frozenset(Scope),
    "operator": frozenset({Scope.READ, Scope.PLAN, Scope.APPLY, Scope.APPROVE}),
    "viewer": frozenset({Scope.READ}),
    "planner": None,
}
"""People by role; `planner` is an agent of the owner with every scope that can be given to an agent."""

UNLIMITED: Mapping[str, int] = {
    "rate_per_minute": 0, "rate_changes_per_minute": 0, "rate_open_per_minute": 0, "rate_failed_sign_ins_per_minute": 0,
    "waiting_plans": 0,
}  # fmt: skip
"""On a virtual clock a minute never ends by itself, so only tests of the limits have limits."""


NO_MODELS: Mapping[str, Any] = {"from_environment": False}
"""Whoever runs the tests may have keys of providers, which are not for them."""


@dataclass(frozen=True)
class Worlds(SimPlaces):
    """A world for each simulated target, and the drivers that a test brings; nothing else has a driver here."""

    drivers: dict[str, Driver] = field(default_factory=dict)

    def reader(self, target: Target) -> Reader:
        return self._driver(target).reader

    def renderer(self, target: Target) -> Renderer:
        return self._driver(target).renderer

    def previewer(self, target: Target) -> Previewer | None:
        return self._driver(target).previewer

    def writer(self, target: Target) -> Writer:
        return self._driver(target).writer

    def _driver(self, target: Target) -> Driver:
        if target.id in self.drivers:
            return self.drivers[target.id]
        self._check(target)
        return sim_driver(target, self.worlds[target.id], clock=self.clock)

    def _check(self, target: Target) -> None:
        if target.backend_type != "sim":
            raise InvalidInput(f"No driver for {target.backend_type}.", field="backend_type", next_step="Use sim.")
        self.worlds.setdefault(target.id, World())


async def quiet() -> Talk:
    """Conversations with somebody who has nothing to say."""
    return ScriptedTalk()


@dataclass
class House:
    """One hub and everybody who may call it. `tokens` are by role."""

    folder: Path
    clock: VirtualClock = field(default_factory=VirtualClock)
    store: TwinStore = field(default_factory=MemoryStore)
    world: World = field(default_factory=World)
    settings: Mapping[str, Any] = field(default_factory=dict)
    registry: Registry = REGISTRY
    heartbeat_s: float = 15.0
    seed: int = 1
    talks: Talks = quiet

    def __post_init__(self) -> None:
        self.world.live_by(self.clock)
        for name in ("app:1", "app:2"):
            self.world.image(name, exposed=(80,), start_s=0.5)
        self.world.image("app:bad", exposed=(80,), healthy=False, start_s=0.5)
        self.places = Worlds({"local": self.world}, self.clock)
        given = {**UNLIMITED, "metrics_store": "memory", "models": NO_MODELS, **self.settings}
        chosen = Settings(data_dir=self.folder, hold_s=2.0, verify_timeout_s=30.0, **given)
        ledger = Ledger(self.store, self.clock, SeededIds(self.seed))
        self.hub: Hub = assembled(chosen, ledger, self.places, self.store)  # type: ignore[arg-type]
        self.prober = ScriptedProber()
        planner = ComponentPlanner(ledger, self.prober, self.hub.services.planner, load())
        self.services = replace(self.hub.services, component_planner=planner)
        self.instruments = Instruments()
        streams = Streams(self.instruments, heartbeat_s=self.heartbeat_s)
        self.app: FastAPI = create_app(
            self.services, instruments=self.instruments, registry=self.registry, streams=streams, talks=self.talks
        )
        self.tokens: dict[str, str] = {}

    async def furnish(self) -> "House":
        """People, an agent and one target, discovered."""
        people = self.services.people
        for role, scopes in ROLES.items():
            if scopes is None:
                usable = frozenset(Scope) - {Scope.APPROVE}
                await people.create_agent(role, role.title(), "owner", HUB, scopes=usable)
            else:
                await people.create_person(role, role.title(), HUB, scopes=scopes)
            self.tokens[role] = (await people.issue_token(role, HUB)).secret
        fields = {"id": "local", "display_name": "Local", "backend_type": "sim", "agent_endpoint": "sim://local"}
        await self.services.places.add(fields, HUB)
        await self.services.observer.discover("local")
        return self

    @asynccontextmanager
    async def caller(self, role: str | None = "owner", **headers: str) -> AsyncIterator["Client"]:
        """An HTTP client with the token of a role; None has none."""
        given = {"Authorization": f"Bearer {self.tokens[role]}"} if role else {}
        transport = httpx2.ASGITransport(app=self.app, raise_app_exceptions=False)
        async with httpx2.AsyncClient(transport=transport, base_url=URL, headers=given | headers) as client:
            yield Client(client)

    async def session(self, role: str) -> str:
        """The cookie of a signed-in browser."""
        code = await self.services.people.login_code(role, HUB)
        async with self.caller(None) as client:
            answer = await client.http.get("/login", params={"code": code.secret})
        assert answer.status_code == 200, answer.text
        return f"{COOKIE}={answer.cookies[COOKIE]}"

    async def work(self) -> None:
        """Let the worker drive every open execution to its end."""
        await self.hub.worker.settle()

    async def audit(self) -> list[AuditRow]:
        """The whole audit."""
        return await self.services.ledger.all(AuditRow)

    @property
    def effects(self) -> tuple[Effect, ...]:
        """What was really done to the target."""
        return self.world.effects


@dataclass
class Client:
    """Calls the API the short way."""

    http: httpx2.AsyncClient

    async def get(self, path: str, **params: Any) -> httpx2.Response:
        return await self.http.get(API + path, params=params)

    async def post(self, path: str, body: Mapping[str, Any] | None = None, **headers: str) -> httpx2.Response:
        return await self.http.post(API + path, json=dict(body or {}), headers=_dashed(headers))

    async def put(self, path: str, body: Mapping[str, Any], **headers: str) -> httpx2.Response:
        return await self.http.put(API + path, json=dict(body), headers=_dashed(headers))

    async def planned(self, words: str = "deploy app:1 as web with 2 replicas") -> dict[str, Any]:
        """A plan from words."""
        answer = await self.post("/plans", {"words": words})
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    async def approved(self, words: str = "deploy app:1 as web with 2 replicas") -> dict[str, Any]:
        """A plan from words, approved by the caller."""
        plan = await self.planned(words)
        body = {"decision": "approve", "reason": "looks right", "digest": plan["digest"]}
        answer = await self.post(f"/plans/{plan['id']}:decide", body)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())


def _dashed(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


async def within(seconds: float, work: Any) -> Any:
    """The result of `work`, or a failure when it takes longer in real time."""
    return await asyncio.wait_for(work, seconds)
