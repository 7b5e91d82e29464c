"""Steps that the tests of the contract take: workloads made, orders written, health waited for."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from opstwin.domain.plan import Change, Op
from opstwin.domain.resource import Health
from opstwin.domain.values import Json, ResourceId, Spec
from opstwin.domain.workload import HealthCheck, Mount, Port, Resources, RestartPolicy, Workload
from opstwin.targets.ports import Order, Rendered, Sighting
from tests.contract.targets.engines import TARGET, Place

DEADLINE_S = 30.0
SLEEP = ("/bin/sleep", "3600")


def workload(place: Place, **fields: object) -> Workload:
    base = Workload(name=place.name("web"), image=place.image, command=SLEEP, restart=RestartPolicy.NEVER)
    return replace(base, **fields)  # type: ignore[arg-type]


def rich_workload(place: Place) -> Workload:
    return workload(
        place,
        ports=(Port(container=80, host=place.free_port()), Port(container=53, protocol="udp")),
        env={"GREETING": "hello world", "EMPTY": ""},
        volumes=(Mount(path="/data", volume=place.name("data")), Mount(path="/host", host_path="/tmp", read_only=True)),
        networks=(place.name("net"),),
        resources=Resources(cpu_millicores=250, memory_bytes=32 * 1024 * 1024),
        health=HealthCheck(command=("/bin/true",), interval_s=0.5, timeout_s=5, retries=2),
        labels={"team": "shop"},
        restart=RestartPolicy.UNLESS_STOPPED,
    )


def order(item: Rendered, op: Op, key: str, *, before: Spec | None = None, fence: int = 1) -> Order:
    change = Change(
        resource=item.resource, target=TARGET, kind=item.kind, name=item.name, op=op, workload="web", before=before,
        after=None if op is Op.DELETE else item.spec,
    )  # fmt: skip
    return Order(change=change, key=key, fence=fence, deadline_s=60.0, found=before)


async def create(place: Place, made: Workload, execution: str = "exec") -> Sequence[Rendered]:
    """Everything of a workload, made in order; the last is its last container."""
    rendered = place.driver.renderer.render(made)
    for index, item in enumerate(rendered):
        await place.driver.writer.apply(order(item, Op.CREATE, f"{execution}.{index}"))
    return rendered


async def created(place: Place, **fields: object) -> Rendered:
    return (await create(place, workload(place, **fields)))[-1]


def changed(item: Rendered, **fields: Json) -> Rendered:
    return replace(item, spec={**item.spec, **fields})


def same_spec(place: Place, kind: str, one: Spec | None, two: Spec | None) -> bool:
    assert one is not None
    assert two is not None
    comparable = place.driver.renderer.comparable
    assert comparable(kind, one) == comparable(kind, two)
    return True


async def until(place: Place, resource: ResourceId, health: Health) -> Sighting:
    async with asyncio.timeout(DEADLINE_S):
        while True:
            seen = await place.driver.reader.observe(resource)
            if seen.health is health:
                return seen
            await place.clock.sleep(0.1)
