"""Diagnosis of a real engine: containers that really crash, starve, fail their check or lack a port are found."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from opstwin.clock import SystemClock
from opstwin.control.diagnosing import Diagnostician
from opstwin.control.diagnosing_findings import Diagnosis, Finding
from opstwin.control.diagnosing_logs import with_last_lines
from opstwin.control.ids import RandomIds
from opstwin.control.ledger import Ledger
from opstwin.control.log_patterns import Level, Pattern
from opstwin.control.log_searching import LogSearch, search_logs
from opstwin.control.observing import Observer
from opstwin.control.retrying import Breakers
from opstwin.control.sampling import Sampler
from opstwin.domain.access import Actor, ActorKind
from opstwin.domain.audit import AuditEntry
from opstwin.domain.diagnosis import Code
from opstwin.domain.resource import Desired, Observed, Presence
from opstwin.domain.series import Metric, SeriesQuery
from opstwin.domain.target import Target
from opstwin.domain.values import ResourceId, Spec
from opstwin.metrics.memory import MemorySamples
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


@dataclass(frozen=True)
class Followed:
    """A twin that follows the engine."""

    ledger: Ledger
    spot: Spot

    @property
    def places(self) -> Here:
        return Here(self.spot)

    async def diagnosis(self, rest: str) -> Diagnosis:
        breakers = Breakers(self.ledger.clock)
        doctor = Diagnostician(self.ledger, self.places, breakers, old_s=120.0)
        return await doctor.diagnose(subject=self.spot.id(rest=rest))

    async def found(self, rest: str, code: Code) -> Finding:
        """The finding, as soon as it is there."""
        async with asyncio.timeout(DEADLINE_S):
            while True:
                if await self.ledger.get(Observed, self.spot.id(rest=rest)) is not None:
                    for item in (await self.diagnosis(rest)).findings:
                        if item.code is code and item.subject == self.spot.id(rest=rest):
                            return item
                await asyncio.sleep(0.05)

    async def wanted(self, rest: str, spec: Spec) -> None:
        """Say that a container should be so, as a plan would have."""
        wish = Desired(
            id=self.spot.id(rest=rest), target=TARGET, kind="container", name=self.spot.name(rest), workload="web",
            spec=spec, set_by=ANNA, set_at=datetime(2026, 1, 5, tzinfo=UTC),
        )  # fmt: skip
        await self.ledger.commit([Put(wish)], [AuditEntry(action="test.put", subject=wish.id, actor=ANNA)])


@pytest.fixture
async def followed(spot: Spot) -> AsyncIterator[Followed]:
    ledger = Ledger(MemoryStore(), SystemClock(), RandomIds())
    await ledger.commit([Put(target(address()))], [AuditEntry(action="test.put", subject="test", actor=ANNA)])
    async with following(ledger, spot):
        yield Followed(ledger, spot)


@asynccontextmanager
async def following(ledger: Ledger, spot: Spot) -> AsyncIterator[None]:
    spot.run("first")
    task = asyncio.create_task(Observer(ledger, Here(spot)).follow(TARGET))
    try:
        await until(lambda: seen(ledger, spot.id(rest="first")))
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while not await holds():
            await asyncio.sleep(0.01)


async def seen(ledger: Ledger, resource: ResourceId) -> bool:
    found = await ledger.get(Observed, resource)
    return found is not None and found.presence is Presence.PRESENT


async def test_a_container_that_crash_loops_is_found_with_its_exit_code_and_its_last_words(followed: Followed) -> None:
    followed.spot.run(
        "web-1", command=["/bin/sh", "-c", "echo no route to db, password=hunter2 >&2; exit 3"],
        restart_policy={"Name": "always"},
    )  # fmt: skip
    loop = await followed.found("web-1", Code.CRASH_LOOP)
    facts = {item.fact: item for item in loop.evidence}
    assert "exit code 3" in loop.why
    assert facts["restart_count"].at is not None
    places, breakers = followed.places, Breakers(followed.ledger.clock)
    [told] = await with_last_lines(followed.ledger, places, breakers, [loop])
    assert "no route to db, password=***" in {item.value for item in told.evidence if item.source == "log"}


async def test_a_container_that_runs_out_of_memory_is_found_with_its_limit(followed: Followed) -> None:
    # The greedy one is not the first process: an engine may miss the news of a container that is gone with it.
    takes = f"(x=$(head -c {64 * MIB} /dev/zero | tr '\\000' a); echo $x)"
    greedy = ["/bin/sh", "-c", f"{takes}; code=$?; sleep 1; exit $code"]
    followed.spot.run("web-1", command=greedy, mem_limit=16 * MIB)
    found = await followed.found("web-1", Code.OUT_OF_MEMORY)
    assert "16 MiB" in found.why
    assert found.since is not None
    kinds = {item.fact for item in found.evidence}
    assert "memory_bytes" in kinds
    assert kinds & {"oom_killed", "container.oom"}


async def test_a_failing_health_check_is_found_with_what_it_wrote(followed: Followed) -> None:
    check = {"test": ["CMD", "/bin/sh", "-c", "echo cache is cold; exit 1"], "interval": 10**9 // 5, "retries": 1}
    followed.spot.run("web-1", healthcheck=check)
    found = await followed.found("web-1", Code.UNHEALTHY)
    facts = {item.fact: item.value for item in found.evidence}
    assert facts["health_output"] == "cache is cold"
    assert found.next_calls[0].tool == "logs_search"


async def test_a_port_that_is_taken_is_found_by_the_engines_own_words(followed: Followed) -> None:
    followed.spot.run("holder", ports={"80/tcp": None})
    port = int(followed.spot.raw("holder")["NetworkSettings"]["Ports"]["80/tcp"][0]["HostPort"])
    late = followed.spot.client.containers.create(
        followed.spot.image, ["/bin/sleep", "3600"], name=followed.spot.name(), ports={"80/tcp": port}
    )
    with pytest.raises(Exception, match=r"allocated|in use"):
        late.start()
    found = await followed.found("web-1", Code.PORT_CONFLICT)
    assert "port" in found.why
    assert {item.fact for item in found.evidence} == {"start_error"}


async def test_an_image_that_is_not_there_is_found(followed: Followed) -> None:
    await followed.wanted("web-1", followed.spot.spec(image="opstwin-test/nowhere:9"))
    async with asyncio.timeout(DEADLINE_S):
        await Observer(followed.ledger, followed.places).observe([followed.spot.id()])
    found = await followed.found("web-1", Code.IMAGE_MISSING)
    assert "opstwin-test/nowhere:9" in found.why


async def test_a_container_that_does_well_is_not_diagnosed(followed: Followed) -> None:
    diagnosis = await followed.diagnosis("first")
    about = [item for item in diagnosis.findings if item.subject == followed.spot.id(rest="first")]
    assert about == []


async def test_real_logs_are_searched_by_level_and_expression(followed: Followed) -> None:
    script = "for n in 1 2 3; do echo line $n; echo ERROR bad $n >&2; done; sleep 3600"
    followed.spot.run("web-1", command=["/bin/sh", "-c", script])
    wanted = LogSearch(
        resources=[followed.spot.id()], pattern=Pattern(regex=r"bad [23]$", level=Level.ERROR), tail=100, limit=10
    )

    async def all_there() -> bool:
        found = await search_logs(followed.ledger, followed.places, wanted)
        return [hit.text for hit in found.hits] == ["ERROR bad 2", "ERROR bad 3"] and found.looked_at == 6

    await until(all_there)


@pytest.mark.proves("E6")
async def test_a_real_log_of_a_million_lines_is_searched_from_its_end(followed: Followed) -> None:
    followed.spot.run("web-1", command=["/bin/sh", "-c", "seq 1 1000000; echo ERROR the end; exec sleep 3600"])
    wanted = LogSearch(resources=[followed.spot.id()], pattern=Pattern(level=Level.ERROR), tail=5000, limit=10)

    async def written() -> bool:
        found = await search_logs(followed.ledger, followed.places, wanted)
        return [hit.text for hit in found.hits] == ["ERROR the end"] and found.looked_at == 5000

    await until(written)


async def test_what_a_real_container_uses_becomes_a_series(followed: Followed) -> None:
    followed.spot.run("web-1", command=["/bin/sh", "-c", "while :; do :; done"])
    await followed.wanted("web-1", followed.spot.spec())
    await until(lambda: seen(followed.ledger, followed.spot.id()))
    store = MemorySamples()
    sampler = Sampler(followed.ledger, followed.places, Breakers(followed.ledger.clock), store)
    assert await sampler.measured(TARGET) == [followed.spot.id()]
    start = followed.ledger.clock.now()
    assert await sampler.once() == 1
    for metric, least in ((Metric.CPU_MILLICORES, 1.0), (Metric.MEMORY_BYTES, 10_000.0)):
        query = SeriesQuery(metric=metric, resources=(followed.spot.id(),), start_at=start, step_s=60, steps=1)
        [series] = await store.read(query)
        assert series.values[0] is not None
        assert series.values[0] >= least
