"""One hub: its services, and the loops that run beside its faces."""

import asyncio
import os
import random
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from importlib.metadata import version
from typing import Any, Final
from urllib.parse import urlsplit

from opstwin.agent.models.gateway import Gateway
from opstwin.catalog.loading import load
from opstwin.clock import Clock, SystemClock
from opstwin.control.applying import Applier, ApplySettings
from opstwin.control.approving import Approver
from opstwin.control.auditing import Auditing
from opstwin.control.commanding import Commander
from opstwin.control.component_planning import ComponentPlanner
from opstwin.control.flooding import Flood
from opstwin.control.generating import RULES, Generating
from opstwin.control.history import History
from opstwin.control.ids import Ids, RandomIds
from opstwin.control.known_hosts import KnownHosts
from opstwin.control.ledger import Ledger
from opstwin.control.observing import Observer
from opstwin.control.peaks import Peaks
from opstwin.control.people import People
from opstwin.control.pinning_images import Pinning
from opstwin.control.places import Places
from opstwin.control.planning import Planner
from opstwin.control.reconciling import Reconciler
from opstwin.control.recovering import Recovery
from opstwin.control.retrying import Backoff, Breakers, Retry
from opstwin.control.sampling import Sampler
from opstwin.control.starting import Gate
from opstwin.control.tainting import Taints
from opstwin.control.twin_index import TwinIndex
from opstwin.control.verifying import Patience
from opstwin.control.working import Worker
from opstwin.domain.access import Actor, ActorKind
from opstwin.domain.approval import SOLO, TWO_PERSON
from opstwin.domain.target import Target
from opstwin.domain.values import TargetId
from opstwin.errors import StoreError
from opstwin.logs import logger
from opstwin.settings import Settings
from opstwin.targets.probing import HttpProber
from opstwin.targets.reaching import Reach
from opstwin.tools.rates import Rates
from opstwin.tools.services import Services
from opstwin.tools.veiling import Veil
from opstwin.twin.opening import open_store
from opstwin.twin.store import TwinStore
from opstwin.wiring.agent import Talking
from opstwin.wiring.clusters import check_clusters
from opstwin.wiring.drafting import drafts_of, model_of
from opstwin.wiring.drivers import DriverPool, OnCall, hub_secrets, own_places
from opstwin.wiring.imaging import registries_of
from opstwin.wiring.measuring import prom_query_of, samples_of
from opstwin.wiring.remembering import memory_of
from opstwin.wiring.ruling import rules_of
from opstwin.wiring.starts import Starts

STARTER: Final = Actor(kind=ActorKind.SCHEDULE, id="hub", face="start")
"""Who adds the local engine and the first person at the first start."""

_WATCH_AGAIN_S: Final = 5.0
"""How long a follower that ended rests before it is started again."""


@dataclass(frozen=True, slots=True)
class Hub:
    """The services and the loops of one hub process. `model` is None where no language model is set up.

    `talks` opens the agent's conversations.
    """

    services: Services
    worker: Worker
    store: TwinStore
    pool: DriverPool
    sole: bool = True
    model: Gateway | None = None
    talks: Talking = field(init=False)
    _followers: dict[str, asyncio.Task[None]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "talks", Talking(self.services, self.model))

    async def run(self) -> None:
        """Run all loops until cancelled; after a crash loop they begin later, while the faces answer already."""
        settings = self.services.settings
        await self.worker.recover(sole=self.sole)
        loops: list[Coroutine[Any, Any, None]] = [
            self.worker.run(),
            self.services.reconciler.run(settings.reconcile_interval_s),
            self.services.history.run(),
            self.services.sampler.run(settings.metrics_interval_s),
            self._follow_all(),
        ]
        async with asyncio.TaskGroup() as group:
            for loop in loops:
                group.create_task(loop)

    async def _follow_all(self) -> None:
        """Watch every active target, and begin with new ones as they are added."""
        try:
            while True:
                try:
                    active = await self.services.ledger.all(Target, {"is_active": True})
                    self._follow_these({target.id for target in active})
                except StoreError as away:
                    logger().warning("targets_wait", code=away.code, reason=away.message)
                await self.services.ledger.clock.sleep(_WATCH_AGAIN_S)
        finally:
            for task in self._followers.values():
                task.cancel()

    def _follow_these(self, wanted: set[TargetId]) -> None:
        for key in [key for key, task in self._followers.items() if task.done() or key not in wanted]:
            self._left(key, self._followers.pop(key))
        for key in wanted - set(self._followers):
            self._followers[key] = asyncio.create_task(self._follow(key))

    async def _follow(self, target_id: str) -> None:
        await self.services.observer.follow(target_id)

    def _left(self, target_id: str, task: asyncio.Task[None]) -> None:
        """Say why a follower ended; it is started again while its target is active."""
        if not task.done():
            task.cancel()
        elif not task.cancelled() and (error := task.exception()) is not None:
            logger().warning("follow_failed", target=target_id, reason=str(error))


def no_calls(_backend: str, _operation: str, _outcome: str) -> None:
    """For a hub whose calls nobody counts."""


@asynccontextmanager
async def open_hub(
    settings: Settings,
    *,
    clock: Clock | None = None,
    ids: Ids | None = None,
    on_call: OnCall = no_calls,
    store: TwinStore | None = None,
    sole: bool = True,
) -> AsyncIterator[Hub]:
    """A hub on its twin, closed at the end. `sole`: no other process works on this twin, so old leases are dropped.

    Each start is marked in the data directory until it is left without an error; after many such marks the hub takes
    up work only in `run`, and later each time.
    """
    async with AsyncExitStack() as closing:
        used_clock = clock or SystemClock()
        twin = store or await open_store(settings.url)
        closing.push_async_callback(twin.close)
        ledger = Ledger(twin, used_clock, ids or RandomIds())
        pool = DriverPool(
            clock=used_clock, secrets=hub_secrets(os.environ, settings.secrets_folder),
            stop_grace_s=settings.stop_grace_s, on_call=on_call, hidden=own_places(settings, os.environ),
        )  # fmt: skip
        closing.push_async_callback(pool.close)
        starts = Starts(settings.data_dir)
        crashes = await asyncio.to_thread(starts.begin, used_clock.now())
        recovery = Recovery.begun(used_clock, crashes, settings.crash_backoff_s)
        hub = replace(assembled(settings, ledger, pool, twin, recovery), sole=sole)
        closing.push_async_callback(hub.services.sampler.store.close)
        if hub.services.memory is not None:
            closing.push_async_callback(hub.services.memory.close)
        if hub.model is not None:
            closing.push_async_callback(hub.model.close)
        closing.push_async_callback(hub.talks.close)
        if recovery.pause_s:
            logger().warning("hub_pauses", crashes=crashes, pause_s=recovery.pause_s)
        else:
            await hub.worker.look_back(sole=sole)
        yield hub
        await asyncio.to_thread(starts.end)


def assembled(
    settings: Settings, ledger: Ledger, pool: DriverPool, store: TwinStore, recovery: Recovery | None = None
) -> Hub:
    """All services, each given what it needs and no more."""
    recovered = recovery or Recovery(ledger.clock)
    policy = SOLO if settings.policy == "solo" else TWO_PERSON
    breakers = Breakers(ledger.clock)
    backoff = Backoff(ledger.clock, random.Random())  # noqa: S311 - jitter
    observer = Observer(ledger, pool, Retry(breakers, backoff))
    flood = Flood(ledger, settings.waiting_plans)
    reach = Reach(own_port=settings.port, allowed=settings.agent_places)
    registries = registries_of(settings, ledger, reach)
    rules = rules_of(settings)
    pinning = Pinning(ledger.clock, registries, settings.pin_images)
    secrets = hub_secrets(os.environ, settings.secrets_folder)
    samples, memory = samples_of(settings, ledger.clock), memory_of(settings, ledger, rules)
    planner = Planner(
        ledger, pool, policy, timedelta(seconds=settings.plan_expires_s), flood, pinning, rules=rules,
        peaks=Peaks(ledger, samples, memory), secrets=secrets,
    )  # fmt: skip
    approver = Approver(ledger, policy)
    hosts = KnownHosts(ledger, settings.agent_places)
    components = ComponentPlanner(ledger, HttpProber(reach=reach), planner, load(), hosts)
    index = TwinIndex(store, pool)
    veil = Veil(index, secrets, ledger.clock)
    model = model_of(settings, ledger.clock, veil)
    generating = Generating(ledger, pool, samples, rules or RULES, memory)
    applier = Applier(
        ledger=ledger, gate=Gate(ledger, policy), readers=pool, writers=pool, observing=observer, breakers=breakers,
        backoff=backoff, owner=f"{socket.gethostname()}:{os.getpid()}:{ledger.ids.new('hub')}",
        settings=_apply_settings(settings), recheck=components.check_still, veil=veil,
    )  # fmt: skip
    services = Services(
        ledger=ledger, settings=settings, policy=policy, readers=pool, breakers=breakers, observer=observer,
        planner=planner, approver=approver, applier=applier,
        commander=Commander(ledger, planner, applier, settings.exec_timeout_s),
        places=Places(ledger, pool), people=People(ledger),
        component_planner=components,
        reconciler=Reconciler(ledger, observer, planner, approver, applier, breakers),
        auditing=Auditing(ledger, settings.data_dir), history=History(ledger, samples), index=index,
        sampler=Sampler(ledger, pool, breakers, samples), taints=Taints(ledger),
        veil=veil,
        started_at=ledger.clock.now(), version=version("opstwin"),
        rates=Rates(settings, ledger.clock), recovery=recovered,
        loaded={"reconciler": True, "provisioner": True, "worker": True}, prom=prom_query_of(settings),
        registries=registries,
        generating=generating, drafts=drafts_of(settings, generating, veil, model, memory),
        memory=memory, model=model,
    )  # fmt: skip
    return Hub(services=services, worker=Worker(ledger, applier, recovered), store=store, pool=pool, model=model)


def _apply_settings(settings: Settings) -> ApplySettings:
    patience = Patience(hold_s=settings.hold_s, timeout_s=settings.verify_timeout_s)
    return ApplySettings(step_s=settings.step_timeout_s, parallel=settings.parallel, patience=patience)


async def detect_docker(hub: Hub) -> bool:
    """Add the local Docker Engine as the target `local` when it answers and no target stands; whether it was added.

    Targets that the settings name do not count.
    """
    services = hub.services
    named = check_clusters(services.settings)
    standing = [target.id for target in await services.ledger.all(Target) if target.id not in named]
    if not services.settings.detect_docker or standing or "local" in named:
        return False
    endpoint = services.settings.docker_socket
    if not await _answers(endpoint):
        return False
    fields = {"id": "local", "display_name": "This machine", "backend_type": "docker", "agent_endpoint": endpoint}
    await services.places.add(fields, STARTER)
    return True


async def _answers(endpoint: str) -> bool:
    parts = urlsplit(endpoint)
    if parts.scheme not in ("unix", "tcp", "http", "https"):
        return False
    connect: Callable[[], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]
    if parts.scheme == "unix":
        connect = lambda: asyncio.open_unix_connection(parts.path)  # noqa: E731
    else:
        connect = lambda: asyncio.open_connection(parts.hostname, parts.port or 2375)  # noqa: E731
    try:
        async with asyncio.timeout(1.0):
            _, writer = await connect()
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True
