"""Following a real engine: what happens there is in the twin at once, and out-of-memory kills are counted."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from opstwin.clock import SystemClock
from opstwin.control.ids import RandomIds
from opstwin.control.ledger import Ledger
from opstwin.control.observing import Observer
from opstwin.domain.access import Actor, ActorKind
from opstwin.domain.audit import AuditEntry
from opstwin.domain.deployment import Deployment
from opstwin.domain.event import Event
from opstwin.domain.records import Record
from opstwin.domain.resource import Desired, Observed, Presence
from opstwin.domain.target import Target
from opstwin.domain.values import ExecutionId, PlanId
from opstwin.targets.ports import Previewer, Reader, Renderer
from opstwin.twin.memory import MemoryStore
from opstwin.twin.store import Put
from tests.e2e.docker.spot import DEADLINE_S, TARGET, Spot, address, target

pytestmark = pytest.mark.docker

ANNA = Actor(kind=ActorKind.PERSON, id="anna", face="cli")
MIB = 1024 * 1024


@dataclass(frozen=True)
class Here:
    """The engine of the tests as the only target."""

    spot: Spot

    def reader(self, target: Target) -> Reader:
        return self.spot.driver.reader

    def renderer(self, target: Target) -> Renderer:
        return self.spot.driver.renderer

    def previewer(self, target: Target) -> Previewer | None:
        return self.spot.driver.previewer


@asynccontextmanager
async def followed(spot: Spot, *records: Record) -> AsyncIterator[Ledger]:
    """A twin that follows the engine and has seen the container of the spot."""
    ledger = Ledger(MemoryStore(), SystemClock(), RandomIds())
    entry = AuditEntry(action="test.put", subject="test", actor=ANNA)
    await ledger.commit([Put(target(address())), *map(Put, records)], [entry])
    task = asyncio.create_task(Observer(ledger, Here(spot)).follow(TARGET))
    try:
        await until(lambda: presence(ledger, spot, Presence.PRESENT, "first"))
        yield ledger
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while not await holds():
            await asyncio.sleep(0.01)


async def presence(ledger: Ledger, spot: Spot, wanted: Presence, rest: str) -> bool:
    row = await ledger.get(Observed, spot.id(rest=rest))
    return row is not None and row.presence is wanted


@pytest.mark.req("S5.16")
async def test_what_happens_on_the_engine_is_in_the_feed_and_in_the_twin_within_a_second(spot: Spot) -> None:
    spot.run("first")
    async with followed(spot) as ledger:
        spot.client.containers.get(spot.name("first")).remove(force=True)
        await until(lambda: presence(ledger, spot, Presence.ABSENT, "first"))
        noticed_at = datetime.now(UTC)
        events = await ledger.all(Event, {"resource": spot.id(rest="first")})
    [gone] = [event for event in events if event.type == "container.destroy"]
    assert (noticed_at - gone.at).total_seconds() < 1
    assert "resource.gone" in [event.type for event in events]


@pytest.mark.req("S5.71")
async def test_a_real_out_of_memory_kill_is_counted_into_the_deployment(spot: Spot) -> None:
    now = datetime.now(UTC)
    wanted = Desired(
        id=spot.id(rest="web-1"), target=TARGET, kind="container", name=spot.name(), workload="web", spec=None,
        set_by=ANNA, set_at=now,
    )  # fmt: skip
    deployed = Deployment(
        id="d1", service_name="web", image_name="x", image_tag="1", replicas=1, target_cluster=TARGET, deployed_at=now,
        success=True, outcome="succeeded", plan_id=PlanId("p"), execution_id=ExecutionId("e"), workload=None,
    )  # fmt: skip
    spot.run("first")
    async with followed(spot, wanted, deployed) as ledger:
        # Not the first process: an engine may miss the news of a container that is gone with it.
        takes = f"(x=$(head -c {64 * MIB} /dev/zero | tr '\\000' a); echo $x)"
        greedy = ["/bin/sh", "-c", f"{takes}; code=$?; sleep 1; exit $code"]
        spot.run("web-1", command=greedy, mem_limit=16 * MIB)

        async def counted() -> bool:
            return (await ledger.need(Deployment, "d1")).oom_events >= 1

        await until(counted)
    assert (await ledger.need(Deployment, "d1")).success
