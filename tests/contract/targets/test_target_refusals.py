"""What every driver of something that runs containers refuses, and what it then leaves alone."""

from dataclasses import replace

import pytest

from opstwin.domain.plan import Op
from opstwin.domain.resource import Health, Presence
from opstwin.domain.values import Json
from opstwin.domain.workload import Port, Resources
from opstwin.errors import Rejected, Unreachable
from opstwin.targets.ports import Rendered
from tests.contract.targets.engines import Can, Place
from tests.contract.targets.steps import (
    changed,
    create,
    created,
    order,
    owned_by_others,
    rich_workload,
    same_spec,
    settled,
    wanted,
    workload,
)

SMALLER = Resources(memory_bytes=48 * 1024 * 1024, cpu_millicores=250)


async def test_nothing_is_done_on_a_target_that_cannot_be_reached(place: Place) -> None:
    [item] = place.driver.renderer.render(workload(place))
    with pytest.raises(Unreachable):
        await place.unreachable.writer.apply(order(item, Op.CREATE, "exec.0"))


@pytest.mark.req("S1.G4")
@pytest.mark.proves("C3")
async def test_a_worker_that_was_replaced_changes_nothing_more(place: Place) -> None:
    item = await created(place)
    await place.driver.writer.apply(
        order(wanted(place, resources=SMALLER), Op.UPDATE, "later.1", fence=5, before=item.spec)
    )
    now = await settled(place, item, Health.HEALTHY)
    stopped = wanted(place, resources=SMALLER, running=False)
    late = order(stopped, Op.UPDATE, "later.2", fence=4, before=now.spec)
    with pytest.raises(Rejected, match="worker that was replaced"):
        await place.driver.writer.apply(late)
    seen = await place.driver.reader.observe(item.resource)
    assert (seen.health, seen.spec) == (Health.HEALTHY, now.spec)


async def test_a_fresh_execution_starts_with_a_low_fence_again(place: Place) -> None:
    item = await created(place)
    await place.driver.writer.apply(
        order(wanted(place, resources=SMALLER), Op.UPDATE, "one.0", fence=9, before=item.spec)
    )
    await place.driver.writer.apply(order(item, Op.DELETE, "two.0", fence=2, before=item.spec))
    assert (await place.driver.reader.observe(item.resource)).presence is Presence.ABSENT


@pytest.mark.needs(Can.REFUSES_EARLY)
async def test_a_replace_for_which_there_is_no_image_leaves_the_old_one_running(place: Place) -> None:
    item = await created(place)
    life = place.hands.life(item.name)
    other = changed(item, image="opstwin-test/nothing:1")
    with pytest.raises(Rejected):
        await place.driver.writer.apply(order(other, Op.REPLACE, "exec.9", before=item.spec))
    assert place.hands.life(item.name) == life


@pytest.mark.needs(Can.HOST)
async def test_a_replace_that_cannot_start_leaves_the_old_one_running(place: Place) -> None:
    item = await created(place)
    port: Json = {"container": 80, "host": place.hands.taken_port(), "protocol": "tcp", "address": "0.0.0.0"}
    with pytest.raises(Rejected):
        await place.driver.writer.apply(order(changed(item, ports=[port]), Op.REPLACE, "exec.9", before=item.spec))
    seen = await place.driver.reader.observe(item.resource)
    assert seen.health is Health.HEALTHY
    assert same_spec(place, "container", seen.spec, item.spec)


@pytest.mark.needs(Can.REFUSES_EARLY)
@pytest.mark.parametrize("kind", ["volume", "network"])
async def test_what_a_container_uses_is_not_deleted(place: Place, kind: str) -> None:
    made = await create(place, rich_workload(place))
    [item] = [item for item in made if item.kind == kind]
    with pytest.raises(Rejected):
        await place.driver.writer.apply(order(item, Op.DELETE, "down.0", before=item.spec))
    assert (await place.driver.reader.observe(item.resource)).presence is Presence.PRESENT


async def test_a_name_that_somebody_else_uses_is_refused_and_theirs_is_left_alone(place: Place) -> None:
    item = wanted(place)
    place.hands.run(item.name)
    life = place.hands.life(item.name)
    with pytest.raises(Rejected) as refused:
        await place.driver.writer.apply(order(item, Op.CREATE, "exec.0"))
    assert item.name in refused.value.message
    assert refused.value.next_step
    assert place.hands.life(item.name) == life


@pytest.mark.parametrize("op", [Op.DELETE, Op.REPLACE, Op.UPDATE, Op.RESTART])
async def test_a_container_that_took_the_name_of_ours_is_left_alone(place: Place, op: Op) -> None:
    item = await created(place, command=("/bin/sleep", "1800"))
    place.hands.remove(item.name)
    place.hands.run(item.name)
    life = place.hands.life(item.name)
    with pytest.raises(Rejected):
        await place.driver.writer.apply(order(item, op, "exec.9", before=item.spec))
    assert place.hands.life(item.name) == life


async def test_an_adopted_container_can_be_changed(place: Place) -> None:
    place.hands.run(place.name("byhand"))
    resource = place.id("container", "byhand")
    seen = await place.driver.reader.observe(resource)
    assert seen.spec is not None
    kind = place.kind("container")
    kept = place.driver.renderer.checked(kind, seen.name, seen.spec)
    adopted = Rendered(resource=resource, kind=kind, name=seen.name, spec=kept)
    stopped = replace(adopted, spec=place.stopped(kept))
    takes = await owned_by_others(place, stopped, seen.spec)
    await place.driver.writer.apply(order(stopped, Op.UPDATE, "exec.0", before=seen.spec, takes=takes))
    after = await settled(place, adopted, Health.STOPPED)
    gone = await place.driver.writer.apply(order(adopted, Op.DELETE, "exec.1", before=after.spec))
    assert gone.presence is Presence.ABSENT


@pytest.mark.needs(Can.HOST)
async def test_a_port_that_is_taken_is_refused_and_nothing_is_left_behind(place: Place) -> None:
    port = place.hands.taken_port()
    [item] = place.driver.renderer.render(workload(place, ports=(Port(container=80, host=port),)))
    with pytest.raises(Rejected) as refused:
        await place.driver.writer.apply(order(item, Op.CREATE, "exec.0"))
    assert str(port) in refused.value.message
    assert (await place.driver.reader.observe(item.resource)).presence is Presence.ABSENT


@pytest.mark.needs(Can.HOST)
async def test_two_containers_cannot_publish_one_port(place: Place) -> None:
    port = place.free_port()
    await created(place, ports=(Port(container=80, host=port),))
    other = workload(place, name=place.name("other"), ports=(Port(container=80, host=port),))
    [item] = place.driver.renderer.render(other)
    with pytest.raises(Rejected) as refused:
        await place.driver.writer.apply(order(item, Op.CREATE, "second.0"))
    assert str(port) in refused.value.message
    assert (await place.driver.reader.observe(item.resource)).presence is Presence.ABSENT


@pytest.mark.needs(Can.REFUSES_EARLY)
async def test_an_image_that_is_missing_is_refused_by_name(place: Place) -> None:
    [item] = place.driver.renderer.render(workload(place, image="opstwin-test/nothing:1"))
    with pytest.raises(Rejected) as refused:
        await place.driver.writer.apply(order(item, Op.CREATE, "exec.0"))
    assert "opstwin-test/nothing:1" in refused.value.message
    assert (await place.driver.reader.observe(item.resource)).presence is Presence.ABSENT


@pytest.mark.needs(Can.NETWORKS)
async def test_a_network_that_is_missing_is_refused_and_nothing_is_left_behind(place: Place) -> None:
    item = place.driver.renderer.render(workload(place, networks=(place.name("nowhere"),)))[-1]
    with pytest.raises(Rejected) as refused:
        await place.driver.writer.apply(order(item, Op.CREATE, "exec.0"))
    assert place.name("nowhere") in refused.value.message
    assert (await place.driver.reader.observe(item.resource)).presence is Presence.ABSENT
