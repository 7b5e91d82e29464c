"""Steps that the tests of the contract take: workloads made, orders written, health waited for."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from opstwin.domain.kinds import runs
from opstwin.domain.plan import Change, Op
from opstwin.domain.pod_settings import NO_POD_SETTINGS, PodSettings
from opstwin.domain.resource import Health
from opstwin.domain.values import Json, ResourceId, Spec
from opstwin.domain.workload import HealthCheck, Mount, Port, Resources, RestartPolicy, Workload
from opstwin.errors import NotFound
from opstwin.targets.ports import Order, Rendered, Sighting, UsageReading
from tests.contract.targets.engines import TARGET, Can, Place

DEADLINE_S = 30.0
MEASURED_S = 60.0
SLEEP = ("/bin/sleep", "3600")


def workload(place: Place, **fields: object) -> Workload:
    restart = RestartPolicy.NEVER if place.can(Can.PROCESS) else RestartPolicy.UNLESS_STOPPED
    # A program that is the first of its container passes over the wish to end, so a cluster would wait for 30 seconds.
    pod = PodSettings(stop_grace_s=0) if place.namespace else NO_POD_SETTINGS
    base = Workload(name=place.name("web"), image=place.image, command=SLEEP, restart=restart, pod=pod)
    return replace(base, **fields)  # type: ignore[arg-type]


def rich_workload(place: Place) -> Workload:
    port = Port(container=80, host=place.free_port() if place.can(Can.HOST) else None)
    host = (Mount(path="/host", host_path="/tmp", read_only=True),) if place.can(Can.HOST) else ()
    return workload(
        place,
        ports=(port, Port(container=53, protocol="udp")),
        env={"GREETING": "hello world", "EMPTY": ""},
        volumes=(Mount(path="/data", volume=place.name("data")), *host),
        networks=(place.name("net"),) if place.can(Can.NETWORKS) else (),
        resources=Resources(cpu_millicores=250, memory_bytes=32 * 1024 * 1024),
        health=HealthCheck(command=("/bin/true",), interval_s=0.5, timeout_s=5, retries=2),
        labels={"team": "shop"},
        restart=RestartPolicy.UNLESS_STOPPED,
    )


def order(
    item: Rendered, op: Op, key: str, *, before: Spec | None = None, fence: int = 1, takes: tuple[str, ...] = ()
) -> Order:
    change = Change(
        resource=item.resource, target=TARGET, kind=item.kind, name=item.name, op=op, workload="web", before=before,
        after=None if op is Op.DELETE else item.spec, takes=takes,
    )  # fmt: skip
    return Order(change=change, key=key, fence=fence, deadline_s=60.0, found=before)


async def create(place: Place, made: Workload, execution: str = "exec") -> Sequence[Rendered]:
    """Everything of a workload, made in order."""
    rendered = place.driver.renderer.render(made)
    for index, item in enumerate(rendered):
        await place.driver.writer.apply(order(item, Op.CREATE, f"{execution}.{index}"))
    return rendered


async def created(place: Place, **fields: object) -> Rendered:
    """What runs of a workload that was made, with everything that belongs to it."""
    return main(await create(place, workload(place, **fields)))


async def running(place: Place, **fields: object) -> Rendered:
    """What runs of a workload that was made, once it runs: on a cluster that takes some time."""
    item = await created(place, **fields)
    if place.namespace:
        await until(place, item.resource, Health.HEALTHY)
    return item


def wanted(place: Place, **fields: object) -> Rendered:
    """What runs of a workload that was not made."""
    return main(place.driver.renderer.render(workload(place, **fields)))


def main(made: Sequence[Rendered]) -> Rendered:
    return [item for item in made if runs(item.kind)][-1]


def changed(item: Rendered, **fields: Json) -> Rendered:
    """A container that is wanted otherwise."""
    return replace(item, spec={**item.spec, **fields})


def same_spec(place: Place, kind: str, found: Spec | None, wanted: Spec | None) -> bool:
    """Whether there is what is wanted; a cluster fills in what nobody asked for."""
    assert found is not None
    assert wanted is not None
    renderer = place.driver.renderer
    assert renderer.difference(kind, wanted, found) == ()
    if not place.namespace:
        assert renderer.comparable(kind, found) == renderer.comparable(kind, wanted)
    return True


async def settled(place: Place, item: Rendered, health: Health) -> Sighting:
    """What is there, which is so at once on an engine; a cluster takes its time."""
    if place.namespace:
        return await until(place, item.resource, health)
    seen = await place.driver.reader.observe(item.resource)
    assert seen.health is health
    return seen


async def owned_by_others(place: Place, item: Rendered, before: Spec) -> tuple[str, ...]:
    """What an update would take from others, as a plan names it; nothing where fields have no owners."""
    if place.driver.previewer is None:
        return ()
    [said] = await place.driver.previewer.preview([order(item, Op.UPDATE, "preview.0", before=before).change])
    return tuple(f"{owner} {field}" for owner, field in said.conflicts)


async def measured(place: Place, resource: ResourceId) -> UsageReading:
    """What it uses, once its target has measured it."""
    async with asyncio.timeout(MEASURED_S):
        while True:
            with suppress(NotFound):
                return await place.driver.reader.usage(resource)
            await place.clock.sleep(place.wait_s)


async def until(place: Place, resource: ResourceId, health: Health) -> Sighting:
    async with asyncio.timeout(DEADLINE_S):
        while True:
            seen = await place.driver.reader.observe(resource)
            if seen.health is health:
                return seen
            await place.clock.sleep(place.wait_s)
