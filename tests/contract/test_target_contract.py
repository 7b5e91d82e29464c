"""What every driver of a container engine must do, tried on the simulator and on a real Docker Engine."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import pytest

from opstwin.domain.plan import Change, Op
from opstwin.domain.resource import Health, Presence
from opstwin.domain.values import Json, ResourceId, Spec
from opstwin.domain.workload import HealthCheck, Mount, Port, Resources, RestartPolicy, Workload
from opstwin.errors import NotFound, Rejected, TargetError, Timeout, Unreachable
from opstwin.targets.ports import LogLine, Order, Rendered, Sighting, TargetEvent
from tests.contract.engines import SECRET, SECRET_NAME, TARGET, Place, docker_place, sim_place

DEADLINE_S = 30.0
SLEEP = ("/bin/sleep", "3600")


@pytest.fixture(params=["sim", "sim-file", pytest.param("docker", marks=pytest.mark.docker)])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    if request.param == "docker":
        engine, image = request.getfixturevalue("docker_engine"), request.getfixturevalue("docker_image")
        with docker_place(engine, image, f"ot-{secrets.token_hex(3)}") as found:
            yield found
    else:
        yield sim_place(tmp_path / "world.json" if request.param == "sim-file" else None)


@pytest.fixture
async def place(target: Place) -> AsyncIterator[Place]:
    yield target
    await target.driver.writer.close()
    await target.unreachable.writer.close()


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


async def heard(events: AsyncIterator[TargetEvent], resource: ResourceId) -> TargetEvent:
    async with asyncio.timeout(DEADLINE_S):
        async for event in events:
            if event.resource == resource:
                return event
    raise AssertionError("the watch ended")


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


async def test_nothing_is_done_on_a_target_that_cannot_be_reached(place: Place) -> None:
    [item] = place.driver.renderer.render(workload(place))
    with pytest.raises(Unreachable):
        await place.unreachable.writer.apply(order(item, Op.CREATE, "exec.0"))


@pytest.mark.parametrize("kind", ["container", "volume", "network", "image"])
async def test_what_is_not_there_is_absent(place: Place, kind: str) -> None:
    seen = await place.driver.reader.observe(place.id(kind, "nothing"))
    assert (seen.presence, seen.spec, seen.managed) == (Presence.ABSENT, None, False)


async def test_the_facts_that_decisions_stand_on_are_there(place: Place) -> None:
    item = await created(place)
    facts = (await place.driver.reader.observe(item.resource)).facts
    assert {"id", "state", "created_at", "started_at", "image_id"} <= set(facts)
    assert (facts["exit_code"], facts["restart_count"], facts["oom_killed"]) == (None, 0, False)
    assert (facts["step"], facts["fence"], facts["workload"]) == ("exec.0", 1, "web")
    place.hands.run(place.name("byhand"))
    stranger = (await place.driver.reader.observe(place.id("container", "byhand"))).facts
    assert not {"step", "fence", "workload"} & set(stranger)


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
    assert same_spec(place, "container", seen.spec, item.spec)


async def test_the_writer_answers_with_what_is_there_afterwards(place: Place) -> None:
    [item] = place.driver.renderer.render(workload(place))
    answer = await place.driver.writer.apply(order(item, Op.CREATE, "exec.0"))
    seen = await place.driver.reader.observe(item.resource)
    assert (answer.presence, answer.spec, answer.facts["id"]) == (Presence.PRESENT, seen.spec, seen.facts["id"])
    gone = await place.driver.writer.apply(order(item, Op.DELETE, "exec.1", before=seen.spec))
    assert gone.presence is Presence.ABSENT


async def test_a_secret_is_shown_as_its_reference_and_never_as_its_value(place: Place) -> None:
    item = await created(place, secret_env={"DB_PASSWORD": f"env:{SECRET_NAME}"})
    seen = await place.driver.reader.observe(item.resource)
    assert same_spec(place, "container", seen.spec, item.spec)
    assert SECRET not in repr(seen)
    assert SECRET not in repr(await place.driver.reader.discover())


async def test_discovery_shows_what_opstwin_made_and_what_it_did_not(place: Place) -> None:
    made = await create(place, rich_workload(place))
    place.hands.run(place.name("byhand"))
    found = {item.resource: item for item in await place.driver.reader.discover()}
    assert all(found[item.resource].managed for item in made)
    stranger = found[place.id("container", "byhand")]
    assert not stranger.managed
    assert stranger.health is Health.HEALTHY
    for item in made:
        assert same_spec(place, item.kind, found[item.resource].spec, item.spec)


async def test_discovery_and_observation_agree(place: Place) -> None:
    await create(place, rich_workload(place))
    mine = [item for item in await place.driver.reader.discover() if item.name.startswith(place.prefix)]
    assert len(mine) == 3
    for item in mine:
        seen = await place.driver.reader.observe(item.resource)
        assert (seen.kind, seen.name, seen.spec, seen.managed) == (item.kind, item.name, item.spec, item.managed)
        assert seen.facts["id"] == item.facts["id"]


async def test_discovery_lists_images_with_their_tags(place: Place) -> None:
    images = [item for item in await place.driver.reader.discover() if item.kind == "image"]
    [mine] = [item for item in images if item.spec and place.image in str(item.spec["tags"])]
    assert mine.spec is not None
    assert set(mine.spec) == {"tags", "exposed_ports", "digest"}
    assert (await place.driver.reader.observe(mine.resource)).presence is Presence.PRESENT


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


async def test_a_failing_check_makes_it_unhealthy(place: Place) -> None:
    check = HealthCheck(command=("/bin/false",), interval_s=0.2, timeout_s=5, retries=1)
    item = await created(place, health=check)
    await until(place, item.resource, Health.UNHEALTHY)


async def test_a_container_that_ended_is_stopped_and_says_with_what_code(place: Place) -> None:
    item = await created(place, command=("/bin/false",))
    seen = await until(place, item.resource, Health.STOPPED)
    assert seen.facts["exit_code"] == 1
    assert seen.spec is not None
    assert seen.spec["running"] is False


async def test_a_container_can_be_made_without_being_started(place: Place) -> None:
    item = await created(place, running=False)
    seen = await place.driver.reader.observe(item.resource)
    assert seen.health is Health.STOPPED
    assert same_spec(place, "container", seen.spec, item.spec)


async def test_the_same_key_creates_once(place: Place) -> None:
    [item] = place.driver.renderer.render(workload(place))
    await place.driver.writer.apply(order(item, Op.CREATE, "exec.0"))
    life = place.hands.life(item.name)
    again = await place.driver.writer.apply(order(item, Op.CREATE, "exec.0"))
    assert again.presence is Presence.PRESENT
    assert place.hands.life(item.name) == life


@pytest.mark.parametrize("kind", ["volume", "network"])
async def test_the_same_key_creates_a_volume_or_network_once(place: Place, kind: str) -> None:
    await create(place, rich_workload(place))
    rendered = place.driver.renderer.render(rich_workload(place))
    [index] = [at for at, item in enumerate(rendered) if item.kind == kind]
    before = await place.driver.reader.observe(rendered[index].resource)
    after = await place.driver.writer.apply(order(rendered[index], Op.CREATE, f"exec.{index}"))
    assert after.facts["id"] == before.facts["id"]


async def test_a_new_worker_may_repeat_a_step_with_its_higher_fence(place: Place) -> None:
    [item] = place.driver.renderer.render(workload(place))
    await place.driver.writer.apply(order(item, Op.CREATE, "exec.0", fence=2))
    life = place.hands.life(item.name)
    await place.driver.writer.apply(order(item, Op.CREATE, "exec.0", fence=3))
    assert place.hands.life(item.name) == life


@pytest.mark.proves("C3")
async def test_a_worker_that_was_replaced_changes_nothing_more(place: Place) -> None:
    item = await created(place)
    await place.driver.writer.apply(
        order(changed(item, restart="always"), Op.UPDATE, "later.1", fence=5, before=item.spec)
    )
    now = await place.driver.reader.observe(item.resource)
    late = order(changed(item, running=False), Op.UPDATE, "later.2", fence=4, before=now.spec)
    with pytest.raises(Rejected):
        await place.driver.writer.apply(late)
    seen = await place.driver.reader.observe(item.resource)
    assert (seen.health, seen.spec) == (Health.HEALTHY, now.spec)


async def test_a_fresh_execution_starts_with_a_low_fence_again(place: Place) -> None:
    item = await created(place)
    await place.driver.writer.apply(
        order(changed(item, restart="always"), Op.UPDATE, "one.0", fence=9, before=item.spec)
    )
    await place.driver.writer.apply(order(item, Op.DELETE, "two.0", fence=2, before=item.spec))
    assert (await place.driver.reader.observe(item.resource)).presence is Presence.ABSENT


@pytest.mark.req("S1.21")
async def test_limits_and_restart_policy_change_in_place(place: Place) -> None:
    item = await created(place, resources=Resources(memory_bytes=64 * 1024 * 1024, cpu_millicores=500))
    life = place.hands.life(item.name)
    wanted = changed(item, memory_bytes=48 * 1024 * 1024, cpu_millicores=250, restart="on-failure")
    await place.driver.writer.apply(order(wanted, Op.UPDATE, "exec.9", before=item.spec))
    assert place.hands.life(item.name) == life
    assert same_spec(place, "container", (await place.driver.reader.observe(item.resource)).spec, wanted.spec)


async def test_a_container_is_stopped_and_started_in_place(place: Place) -> None:
    item = await created(place)
    stopped = changed(item, running=False)
    seen = await place.driver.writer.apply(order(stopped, Op.UPDATE, "exec.8", before=item.spec))
    assert seen.health is Health.STOPPED
    assert same_spec(place, "container", seen.spec, stopped.spec)
    seen = await place.driver.writer.apply(order(item, Op.UPDATE, "exec.9", before=stopped.spec))
    assert seen.health is Health.HEALTHY
    assert same_spec(place, "container", seen.spec, item.spec)


async def test_an_update_that_is_repeated_changes_nothing_more(place: Place) -> None:
    item = await created(place)
    wanted = changed(item, memory_bytes=48 * 1024 * 1024)
    for _ in range(2):
        await place.driver.writer.apply(order(wanted, Op.UPDATE, "exec.9", before=item.spec))
    life = place.hands.life(item.name)
    await place.driver.writer.apply(order(wanted, Op.UPDATE, "exec.9", before=item.spec))
    assert place.hands.life(item.name) == life


async def test_a_replace_makes_another_container_of_the_same_name(place: Place) -> None:
    item = await created(place)
    life = place.hands.life(item.name)
    wanted = changed(item, env={"COLOUR": "green"})
    await place.driver.writer.apply(order(wanted, Op.REPLACE, "exec.9", before=item.spec))
    replaced = place.hands.life(item.name)
    assert replaced[0] != life[0]
    assert same_spec(place, "container", (await place.driver.reader.observe(item.resource)).spec, wanted.spec)
    await place.driver.writer.apply(order(wanted, Op.REPLACE, "exec.9", before=item.spec))
    assert place.hands.life(item.name) == replaced


async def test_a_replace_for_which_there_is_no_image_leaves_the_old_one_running(place: Place) -> None:
    item = await created(place)
    life = place.hands.life(item.name)
    wanted = changed(item, image="opstwin-test/nothing:1")
    with pytest.raises(Rejected):
        await place.driver.writer.apply(order(wanted, Op.REPLACE, "exec.9", before=item.spec))
    assert place.hands.life(item.name) == life


async def test_a_replace_that_cannot_start_leaves_the_old_one_running(place: Place) -> None:
    item = await created(place)
    port: Json = {"container": 80, "host": place.hands.taken_port(), "protocol": "tcp", "address": "0.0.0.0"}
    with pytest.raises(Rejected):
        await place.driver.writer.apply(order(changed(item, ports=[port]), Op.REPLACE, "exec.9", before=item.spec))
    seen = await place.driver.reader.observe(item.resource)
    assert seen.health is Health.HEALTHY
    assert same_spec(place, "container", seen.spec, item.spec)


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
    assert same_spec(place, "container", (await place.driver.reader.observe(item.resource)).spec, item.spec)


@pytest.mark.parametrize("kind", ["container", "volume", "network"])
async def test_deleting_what_is_absent_is_done_already(place: Place, kind: str) -> None:
    rendered = place.driver.renderer.render(rich_workload(place))
    [item] = [item for item in rendered if item.kind == kind]
    seen = await place.driver.writer.apply(order(item, Op.DELETE, "exec.9", before=item.spec))
    assert seen.presence is Presence.ABSENT


async def test_everything_of_a_workload_can_be_deleted(place: Place) -> None:
    made = await create(place, rich_workload(place))
    for index, item in enumerate(reversed(made)):
        await place.driver.writer.apply(order(item, Op.DELETE, f"down.{index}", before=item.spec))
    for item in made:
        assert (await place.driver.reader.observe(item.resource)).presence is Presence.ABSENT


@pytest.mark.parametrize("kind", ["volume", "network"])
async def test_what_a_container_uses_is_not_deleted(place: Place, kind: str) -> None:
    made = await create(place, rich_workload(place))
    [item] = [item for item in made if item.kind == kind]
    with pytest.raises(Rejected):
        await place.driver.writer.apply(order(item, Op.DELETE, "down.0", before=item.spec))
    assert (await place.driver.reader.observe(item.resource)).presence is Presence.PRESENT


async def test_a_name_that_somebody_else_uses_is_refused_and_theirs_is_left_alone(place: Place) -> None:
    [item] = place.driver.renderer.render(workload(place))
    place.hands.run(item.name)
    life = place.hands.life(item.name)
    with pytest.raises(Rejected) as refused:
        await place.driver.writer.apply(order(item, Op.CREATE, "exec.0"))
    assert item.name in refused.value.message
    assert refused.value.next_step
    assert place.hands.life(item.name) == life


@pytest.mark.parametrize("op", [Op.DELETE, Op.REPLACE, Op.UPDATE, Op.RESTART])
async def test_a_container_that_took_the_name_of_ours_is_left_alone(place: Place, op: Op) -> None:
    item = await created(place, env={"OURS": "1"})
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
    adopted = Rendered(resource=resource, kind="container", name=place.name("byhand"), spec=seen.spec)
    stopped = changed(adopted, running=False)
    after = await place.driver.writer.apply(order(stopped, Op.UPDATE, "exec.0", before=seen.spec))
    assert after.health is Health.STOPPED
    gone = await place.driver.writer.apply(order(adopted, Op.DELETE, "exec.1", before=after.spec))
    assert gone.presence is Presence.ABSENT


async def test_a_port_that_is_taken_is_refused_and_nothing_is_left_behind(place: Place) -> None:
    port = place.hands.taken_port()
    [item] = place.driver.renderer.render(workload(place, ports=(Port(container=80, host=port),)))
    with pytest.raises(Rejected) as refused:
        await place.driver.writer.apply(order(item, Op.CREATE, "exec.0"))
    assert str(port) in refused.value.message
    assert (await place.driver.reader.observe(item.resource)).presence is Presence.ABSENT


async def test_two_containers_cannot_publish_one_port(place: Place) -> None:
    port = place.free_port()
    await created(place, ports=(Port(container=80, host=port),))
    other = workload(place, name=place.name("other"), ports=(Port(container=80, host=port),))
    [item] = place.driver.renderer.render(other)
    with pytest.raises(Rejected) as refused:
        await place.driver.writer.apply(order(item, Op.CREATE, "second.0"))
    assert str(port) in refused.value.message
    assert (await place.driver.reader.observe(item.resource)).presence is Presence.ABSENT


async def test_an_image_that_is_missing_is_refused_by_name(place: Place) -> None:
    [item] = place.driver.renderer.render(workload(place, image="opstwin-test/nothing:1"))
    with pytest.raises(Rejected) as refused:
        await place.driver.writer.apply(order(item, Op.CREATE, "exec.0"))
    assert "opstwin-test/nothing:1" in refused.value.message
    assert (await place.driver.reader.observe(item.resource)).presence is Presence.ABSENT


async def test_a_network_that_is_missing_is_refused_and_nothing_is_left_behind(place: Place) -> None:
    item = place.driver.renderer.render(workload(place, networks=(place.name("nowhere"),)))[-1]
    with pytest.raises(Rejected) as refused:
        await place.driver.writer.apply(order(item, Op.CREATE, "exec.0"))
    assert place.name("nowhere") in refused.value.message
    assert (await place.driver.reader.observe(item.resource)).presence is Presence.ABSENT


async def collected(lines: AsyncIterator[LogLine], count: int) -> list[str]:
    found: list[str] = []
    async with asyncio.timeout(DEADLINE_S):
        async for line in lines:
            found.append(line.text)
            if len(found) == count:
                break
    return found


async def test_logs_give_the_last_lines(place: Place) -> None:
    item = await created(place)
    for text in ("one", "two", "<b>three</b> 삼"):
        place.hands.say(item.name, text)
    async with aclosing(place.driver.reader.logs(item.resource, tail=2, follow=False)) as lines:  # type: ignore[type-var]
        assert await collected(lines, 99) == ["two", "<b>three</b> 삼"]


async def test_following_logs_gives_new_lines_as_they_come(place: Place) -> None:
    item = await created(place)
    place.hands.say(item.name, "early")
    async with aclosing(place.driver.reader.logs(item.resource, tail=1, follow=True)) as lines:  # type: ignore[type-var]
        assert await collected(lines, 1) == ["early"]
        waiting = asyncio.create_task(collected(lines, 1))
        await asyncio.to_thread(place.hands.say, item.name, "late")
        assert await waiting == ["late"]


async def test_usage_is_measured(place: Place) -> None:
    item = await created(place, resources=Resources(memory_bytes=32 * 1024 * 1024))
    reading = await place.driver.reader.usage(item.resource)
    assert 0 < reading.memory_bytes <= 32 * 1024 * 1024
    assert reading.cpu_millicores >= 0
    assert reading.at.tzinfo is not None


async def test_what_is_absent_has_no_logs_no_usage_and_runs_no_command(place: Place) -> None:
    resource = place.id("container", "nothing")
    with pytest.raises(NotFound):
        await collected(place.driver.reader.logs(resource, tail=1, follow=False), 1)
    with pytest.raises(NotFound):
        await place.driver.reader.usage(resource)
    with pytest.raises(NotFound):
        await place.driver.writer.exec(resource, ["/bin/true"], timeout_s=5, limit_bytes=100)


async def test_a_command_runs_inside_and_gives_its_exit_code(place: Place) -> None:
    item = await created(place)
    said = await place.driver.writer.exec(item.resource, ["/bin/echo", "hello"], timeout_s=30, limit_bytes=1000)
    assert (said.exit_code, said.stdout, said.stderr, said.truncated) == (0, "hello\n", "", False)
    failed = await place.driver.writer.exec(item.resource, ["/bin/false"], timeout_s=30, limit_bytes=1000)
    assert failed.exit_code == 1


@pytest.mark.proves("E2")
async def test_a_command_meets_no_shell(place: Place) -> None:
    item = await created(place)
    words = ["/bin/echo", "$(id)", "; exit 3", "`id`", "a\nb"]
    said = await place.driver.writer.exec(item.resource, words, timeout_s=30, limit_bytes=1000)
    assert said.stdout == " ".join(words[1:]) + "\n"


async def test_the_output_of_a_command_is_cut_at_the_limit(place: Place) -> None:
    item = await created(place)
    said = await place.driver.writer.exec(item.resource, ["/bin/echo", "x" * 50], timeout_s=30, limit_bytes=10)
    assert (said.stdout, said.truncated) == ("x" * 10, True)


async def test_a_command_that_takes_too_long_times_out(place: Place) -> None:
    item = await created(place)
    with pytest.raises(Timeout):
        await place.driver.writer.exec(item.resource, ["/bin/sleep", "60"], timeout_s=0.3, limit_bytes=100)


async def test_a_watch_begins_with_a_gap_and_sees_a_removal_behind_opstwins_back(place: Place) -> None:
    item = await created(place)
    async with aclosing(place.driver.reader.watch()) as events:  # type: ignore[type-var]
        first = await anext(events)
        assert first.gap
        place.hands.remove(item.name)
        event = await heard(events, item.resource)
        assert event.at.tzinfo is not None
    assert (await place.driver.reader.observe(item.resource)).presence is Presence.ABSENT


async def test_a_watch_sees_what_opstwin_does_too(place: Place) -> None:
    async with aclosing(place.driver.reader.watch()) as events:  # type: ignore[type-var]
        assert (await anext(events)).gap
        made = await create(place, rich_workload(place))
        for item in made:
            await heard(events, item.resource)
