"""What every driver of something that runs containers shows and does."""

import pytest

from opstwin.domain.plan import Op
from opstwin.domain.resource import Health, Presence
from opstwin.domain.workload import HealthCheck, Resources, RestartPolicy
from opstwin.errors import TargetError
from tests.contract.targets.engines import LACKS, SECRET, SECRET_NAME, Can, Place
from tests.contract.targets.steps import (
    create,
    created,
    order,
    rich_workload,
    same_spec,
    settled,
    until,
    wanted,
    workload,
)

NETWORK = pytest.param("network", marks=pytest.mark.needs(Can.NETWORKS))
IMAGE = pytest.param("image", marks=pytest.mark.needs(Can.IMAGES))
SMALLER = Resources(memory_bytes=48 * 1024 * 1024, cpu_millicores=250)


def test_only_clusters_lack_anything_and_each_lack_has_a_reason() -> None:
    assert {engine for engine, lacks in LACKS.items() if lacks} == {"cluster", "real-cluster"}
    # Simulated nodes answer commands at once: there is nothing that could not be ended.
    assert set(LACKS["real-cluster"]) - set(LACKS["cluster"]) == {Can.ENDS}
    assert all(reason for lacks in LACKS.values() for reason in lacks.values())


async def test_the_identity_of_a_target_stays_the_same(place: Place) -> None:
    first = await place.driver.reader.info()
    assert first.identity
    assert first.version
    assert await place.driver.reader.info() == first


async def test_a_target_that_gives_no_answer_is_never_empty(place: Place) -> None:
    reader = place.unreachable.reader
    with pytest.raises(TargetError):
        await reader.discover()
    with pytest.raises(TargetError):
        await reader.info()


async def test_what_cannot_be_seen_is_unknown_and_not_absent(place: Place) -> None:
    seen = await place.unreachable.reader.observe(place.id("container", "web-1"))
    assert seen.presence is Presence.UNKNOWN
    assert seen.spec is None
    assert seen.error


@pytest.mark.parametrize("kind", ["container", "volume", NETWORK, IMAGE])
async def test_what_is_not_there_is_absent(place: Place, kind: str) -> None:
    seen = await place.driver.reader.observe(place.id(kind, "nothing"))
    assert (seen.presence, seen.spec, seen.managed) == (Presence.ABSENT, None, False)


async def test_the_facts_that_decisions_stand_on_are_there(place: Place) -> None:
    item = await created(place)
    facts = (await place.driver.reader.observe(item.resource)).facts
    assert {"id", "state", "created_at"} <= set(facts)
    assert facts["restart_count"] == 0
    assert (facts["step"], facts["fence"], facts["workload"]) == ("exec.0", 1, "web")
    place.hands.run(place.name("byhand"))
    stranger = (await place.driver.reader.observe(place.id("container", "byhand"))).facts
    assert not {"step", "fence", "workload"} & set(stranger)


@pytest.mark.needs(Can.PROCESS)
async def test_what_is_known_of_a_process_is_there(place: Place) -> None:
    facts = (await place.driver.reader.observe((await created(place)).resource)).facts
    assert {"started_at", "image_id"} <= set(facts)
    assert (facts["exit_code"], facts["oom_killed"]) == (None, False)


async def test_what_was_created_is_observed_as_it_was_desired(place: Place) -> None:
    for item in await create(place, rich_workload(place)):
        seen = await place.driver.reader.observe(item.resource)
        assert seen.presence is Presence.PRESENT
        assert seen.managed
        assert seen.facts["id"]
        assert same_spec(place, item.kind, seen.spec, item.spec)


async def test_a_plain_container_is_observed_as_it_was_desired(place: Place) -> None:
    item = await created(place, command=None)
    seen = await place.driver.reader.observe(item.resource)
    assert same_spec(place, item.kind, seen.spec, item.spec)


async def test_the_writer_answers_with_what_is_there_afterwards(place: Place) -> None:
    [item] = place.driver.renderer.render(workload(place))
    answer = await place.driver.writer.apply(order(item, Op.CREATE, "exec.0"))
    seen = await place.driver.reader.observe(item.resource)
    assert (answer.presence, answer.facts["id"]) == (Presence.PRESENT, seen.facts["id"])
    assert same_spec(place, item.kind, answer.spec, item.spec)
    gone = await place.driver.writer.apply(order(item, Op.DELETE, "exec.1", before=seen.spec))
    assert gone.presence is Presence.ABSENT


async def test_a_secret_is_shown_as_its_reference_and_never_as_its_value(place: Place) -> None:
    item = await created(place, secret_env={"DB_PASSWORD": f"env:{SECRET_NAME}"})
    seen = await place.driver.reader.observe(item.resource)
    assert same_spec(place, item.kind, seen.spec, item.spec)
    assert SECRET not in repr(seen)
    assert SECRET not in repr(await place.driver.reader.discover())


async def test_discovery_shows_what_opstwin_made_and_what_it_did_not(place: Place) -> None:
    made = await create(place, rich_workload(place))
    place.hands.run(place.name("byhand"))
    found = {item.resource: item for item in await place.driver.reader.discover()}
    assert all(found[item.resource].managed for item in made)
    assert not found[place.id("container", "byhand")].managed
    await until(place, place.id("container", "byhand"), Health.HEALTHY)
    for item in made:
        assert same_spec(place, item.kind, found[item.resource].spec, item.spec)


async def test_discovery_and_observation_agree(place: Place) -> None:
    made = await create(place, rich_workload(place))
    kinds = {item.kind for item in made}
    found = await place.driver.reader.discover()
    mine = [item for item in found if place.owns(item.name) and item.kind in kinds]
    assert {item.resource for item in mine} == {item.resource for item in made}
    for item in mine:
        seen = await place.driver.reader.observe(item.resource)
        assert (seen.kind, seen.name, seen.spec, seen.managed) == (item.kind, item.name, item.spec, item.managed)
        assert seen.facts["id"] == item.facts["id"]


@pytest.mark.needs(Can.IMAGES)
async def test_discovery_lists_images_with_their_tags(place: Place) -> None:
    images = [item for item in await place.driver.reader.discover() if item.kind == "image"]
    [mine] = [item for item in images if item.spec and place.image in str(item.spec["tags"])]
    assert mine.spec is not None
    assert set(mine.spec) == {"tags", "exposed_ports", "digest"}
    assert (await place.driver.reader.observe(mine.resource)).presence is Presence.PRESENT


@pytest.mark.needs(Can.PROCESS)
async def test_a_container_is_linked_with_what_it_uses(place: Place) -> None:
    item = (await create(place, rich_workload(place)))[-1]
    links = (await place.driver.reader.observe(item.resource)).links
    assert ("mounts", place.id("volume", "data")) in links
    assert ("joins", place.id("network", "net")) in links
    assert [relation for relation, _ in links].count("runs") == 1


async def test_a_container_without_a_check_is_healthy_while_it_runs(place: Place) -> None:
    item = await created(place)
    seen = await until(place, item.resource, Health.HEALTHY)
    assert seen.facts["state"] == "running"


async def test_a_passing_check_makes_it_healthy(place: Place) -> None:
    check = HealthCheck(command=("/bin/true",), interval_s=0.3, timeout_s=5)
    item = await created(place, health=check)
    assert (await place.driver.reader.observe(item.resource)).health in (Health.STARTING, Health.HEALTHY)
    await until(place, item.resource, Health.HEALTHY)


@pytest.mark.needs(Can.CHECKS)
async def test_a_failing_check_makes_it_unhealthy(place: Place) -> None:
    check = HealthCheck(command=("/bin/false",), interval_s=0.2, timeout_s=5, retries=1)
    item = await created(place, health=check)
    await until(place, item.resource, Health.UNHEALTHY)


@pytest.mark.needs(Can.PROCESS)
async def test_a_container_that_ended_is_stopped_and_says_with_what_code(place: Place) -> None:
    item = await created(place, command=("/bin/false",))
    seen = await until(place, item.resource, Health.STOPPED)
    assert seen.facts["exit_code"] == 1
    assert seen.spec is not None
    assert seen.spec["running"] is False


async def test_a_container_can_be_made_without_being_started(place: Place) -> None:
    item = await created(place, running=False)
    seen = await settled(place, item, Health.STOPPED)
    assert same_spec(place, item.kind, seen.spec, item.spec)


async def test_the_same_key_creates_once(place: Place) -> None:
    [item] = place.driver.renderer.render(workload(place))
    await place.driver.writer.apply(order(item, Op.CREATE, "exec.0"))
    life = place.hands.life(item.name)
    again = await place.driver.writer.apply(order(item, Op.CREATE, "exec.0"))
    assert again.presence is Presence.PRESENT
    assert place.hands.life(item.name) == life


@pytest.mark.parametrize("kind", ["volume", NETWORK])
async def test_the_same_key_creates_a_volume_or_network_once(place: Place, kind: str) -> None:
    await create(place, rich_workload(place))
    rendered = place.driver.renderer.render(rich_workload(place))
    [index] = [at for at, item in enumerate(rendered) if item.kind == place.kind(kind)]
    before = await place.driver.reader.observe(rendered[index].resource)
    after = await place.driver.writer.apply(order(rendered[index], Op.CREATE, f"exec.{index}"))
    assert after.facts["id"] == before.facts["id"]


async def test_a_new_worker_may_repeat_a_step_with_its_higher_fence(place: Place) -> None:
    [item] = place.driver.renderer.render(workload(place))
    await place.driver.writer.apply(order(item, Op.CREATE, "exec.0", fence=2))
    life = place.hands.life(item.name)
    await place.driver.writer.apply(order(item, Op.CREATE, "exec.0", fence=3))
    assert place.hands.life(item.name) == life


@pytest.mark.req("S1.21")
async def test_limits_and_restart_policy_change_in_place(place: Place) -> None:
    item = await created(place, resources=Resources(memory_bytes=64 * 1024 * 1024, cpu_millicores=500))
    life = place.hands.life(item.name)
    other = wanted(place, resources=SMALLER, restart=RestartPolicy.ON_FAILURE)
    assert not place.driver.renderer.must_replace(item.kind, item.spec, other.spec)
    await place.driver.writer.apply(order(other, Op.UPDATE, "exec.9", before=item.spec))
    assert place.hands.life(item.name) == life
    assert same_spec(place, item.kind, (await place.driver.reader.observe(item.resource)).spec, other.spec)


async def test_a_container_is_stopped_and_started_in_place(place: Place) -> None:
    item = await created(place)
    stopped = wanted(place, running=False)
    await place.driver.writer.apply(order(stopped, Op.UPDATE, "exec.8", before=item.spec))
    seen = await settled(place, item, Health.STOPPED)
    assert same_spec(place, item.kind, seen.spec, stopped.spec)
    await place.driver.writer.apply(order(item, Op.UPDATE, "exec.9", before=stopped.spec))
    seen = await settled(place, item, Health.HEALTHY)
    assert same_spec(place, item.kind, seen.spec, item.spec)


async def test_an_update_that_is_repeated_changes_nothing_more(place: Place) -> None:
    item = await created(place)
    other = wanted(place, resources=SMALLER)
    for _ in range(2):
        await place.driver.writer.apply(order(other, Op.UPDATE, "exec.9", before=item.spec))
    life = place.hands.life(item.name)
    await place.driver.writer.apply(order(other, Op.UPDATE, "exec.9", before=item.spec))
    assert place.hands.life(item.name) == life


async def test_a_replace_makes_another_container_of_the_same_name(place: Place) -> None:
    item = await created(place)
    life = place.hands.life(item.name)
    other = wanted(place, command=("/bin/sleep", "7200"))
    await place.driver.writer.apply(order(other, Op.REPLACE, "exec.9", before=item.spec))
    replaced = place.hands.life(item.name)
    assert replaced[0] != life[0]
    assert same_spec(place, item.kind, (await place.driver.reader.observe(item.resource)).spec, other.spec)
    await place.driver.writer.apply(order(other, Op.REPLACE, "exec.9", before=item.spec))
    assert place.hands.life(item.name) == replaced


async def test_a_restart_starts_the_same_container_anew_and_once_for_one_key(place: Place) -> None:
    item = await created(place)
    life = place.hands.life(item.name)
    await place.clock.sleep(0.01)
    await place.driver.writer.apply(order(item, Op.RESTART, "exec.9", before=item.spec))
    after = place.hands.life(item.name)
    assert after[0] == life[0]
    assert after[1] > life[1]
    await place.driver.writer.apply(order(item, Op.RESTART, "exec.9", before=item.spec))
    assert place.hands.life(item.name) == after
    assert same_spec(place, item.kind, (await place.driver.reader.observe(item.resource)).spec, item.spec)


@pytest.mark.parametrize("kind", ["container", "volume", NETWORK])
async def test_deleting_what_is_absent_is_done_already(place: Place, kind: str) -> None:
    rendered = place.driver.renderer.render(rich_workload(place))
    [item] = [item for item in rendered if item.kind == place.kind(kind)]
    seen = await place.driver.writer.apply(order(item, Op.DELETE, "exec.9", before=item.spec))
    assert seen.presence is Presence.ABSENT


async def test_everything_of_a_workload_can_be_deleted(place: Place) -> None:
    made = await create(place, rich_workload(place))
    for index, item in enumerate(reversed(made)):
        await place.driver.writer.apply(order(item, Op.DELETE, f"down.{index}", before=item.spec))
    for item in made:
        assert (await place.driver.reader.observe(item.resource)).presence is Presence.ABSENT
