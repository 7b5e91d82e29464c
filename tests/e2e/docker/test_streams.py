"""Events, logs, usage and commands of real containers."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager

import pytest

from opstwin.domain.plan import Op
from opstwin.domain.resource import Health
from opstwin.errors import Rejected
from opstwin.targets.ports import LogLine, TargetEvent
from tests.e2e.docker.spot import DEADLINE_S, Spot

pytestmark = pytest.mark.docker

MIB = 1024 * 1024


class Ear:
    """Hears what a watch tells of one spot."""

    def __init__(self, spot: Spot, events: AsyncIterator[TargetEvent]) -> None:
        self._spot, self._events = spot, events

    async def until(self, *types: str, rest: str = "web-1", kind: str = "container") -> list[TargetEvent]:
        """All events of one resource up to the first of each of `types`."""
        heard: list[TargetEvent] = []
        async with asyncio.timeout(DEADLINE_S):
            while not set(types) <= {event.type for event in heard}:
                event = await anext(self._events)
                heard += [event] if event.resource == self._spot.id(kind, rest) else []
        return heard


@asynccontextmanager
async def watching(spot: Spot) -> AsyncIterator[Ear]:
    async with aclosing(spot.driver.reader.watch()) as events:  # type: ignore[type-var]
        first = await anext(events)
        assert first.gap
        assert first.resource is None
        yield Ear(spot, events)


async def collected(lines: AsyncIterator[LogLine], enough: Callable[[list[LogLine]], bool]) -> list[LogLine]:
    found: list[LogLine] = []
    async with asyncio.timeout(DEADLINE_S):
        async for line in lines:
            found.append(line)
            if enough(found):
                break
    return found


def forever(_: list[LogLine]) -> bool:
    return False


async def test_a_removal_behind_opstwins_back_is_heard(spot: Spot) -> None:
    await spot.create()
    async with watching(spot) as ear:
        spot.client.containers.get(spot.name()).remove(force=True)
        heard = await ear.until("container.die", "container.destroy")
    assert not any(event.gap for event in heard)
    [died] = [event for event in heard if event.type == "container.die"]
    assert died.details["exitCode"] == "137"


@pytest.mark.req("S5.71")
async def test_a_container_that_runs_out_of_memory_says_so(spot: Spot) -> None:
    async with watching(spot) as ear:
        # Not at once and not the first process: an engine may miss the news of a container that is gone with it.
        takes = "sleep 1; (tail /dev/zero); code=$?; sleep 2; exit $code"
        hungry = spot.spec(command=["/bin/sh", "-c", takes], memory_bytes=16 * MIB)
        await spot.create(hungry)
        heard = await ear.until("container.oom", "container.die")
    assert [event.type for event in heard].count("container.oom") >= 1
    seen = await spot.until_health(Health.STOPPED)
    assert seen.facts["oom_killed"] is True
    assert seen.facts["exit_code"] == 137


async def test_a_watch_tells_health_and_leaves_out_the_noise_of_its_checks(spot: Spot) -> None:
    async with watching(spot) as ear:
        check = {"command": ["/bin/true"], "interval_s": 0.2, "timeout_s": 5.0, "retries": 3, "start_period_s": 0.0}
        await spot.create(spot.spec(health=check))
        heard = await ear.until("container.health_status")
        await spot.driver.writer.exec(spot.id(), ["/bin/true"], timeout_s=20, limit_bytes=10)
        spot.client.containers.get(spot.name()).pause()
        heard += await ear.until("container.pause")
    assert heard[-2].details["status"] == "healthy"
    types = [event.type for event in heard]
    assert types == ["container.create", "container.start", "container.health_status", "container.pause"]
    assert (await spot.observe()).health is Health.UNHEALTHY


async def test_a_rename_is_worth_a_look_at_both_names(spot: Spot) -> None:
    await spot.create()
    async with watching(spot) as ear:
        spot.client.containers.get(spot.name()).rename(spot.name("other"))
        await ear.until("container.rename", rest="other")
        await ear.until("container.rename")


async def test_a_container_taken_off_its_network_is_heard(spot: Spot) -> None:
    await spot.create_store("network", "net")
    wanted = spot.spec(networks=[spot.name("net")])
    await spot.create(wanted)
    async with watching(spot) as ear:
        spot.client.networks.get(spot.name("net")).disconnect(spot.name())
        await ear.until("container.network_disconnect")
    seen = await spot.observe()
    assert seen.spec == {**wanted, "networks": []}


async def test_volumes_networks_and_images_are_watched_too(spot: Spot) -> None:
    async with watching(spot) as ear:
        spot.client.volumes.create(spot.name("data")).remove()
        await ear.until("volume.create", "volume.destroy", rest="data", kind="volume")
        spot.client.networks.create(spot.name("net")).remove()
        await ear.until("network.create", "network.destroy", rest="net", kind="network")
        spot.client.images.get(spot.image).tag(spot.name("img"), "1")
        spot.client.images.remove(f"{spot.name('img')}:1")
        await ear.until("image.tag", rest="img:1", kind="image")


async def test_the_halves_of_a_replacement_are_not_heard_of(spot: Spot) -> None:
    made = await spot.create()
    async with watching(spot) as ear:
        after = spot.spec(env={"A": "1"})
        await spot.driver.writer.apply(spot.order(Op.REPLACE, "x.0", after=after, found=made.spec))
        await spot.driver.writer.apply(spot.order(Op.RESTART, "x.1", after=after, found=after))
        heard = await ear.until("container.restart")
    assert all(event.resource == spot.id() for event in heard)
    assert {"container.die", "container.rename", "container.start"} <= {event.type for event in heard}


@pytest.mark.req("S5.15", "S5.34")
async def test_logs_are_followed_with_their_streams_and_moments(spot: Spot) -> None:
    # It goes on only once somebody reads: what follows cannot have been there when the stream was opened.
    script = "echo one; echo two >&2; until [ -e /go ]; do sleep 0.05; done; while :; do echo tick; sleep 0.1; done"
    await spot.create(spot.spec(command=["/bin/sh", "-c", script]))
    async with aclosing(spot.driver.reader.logs(spot.id(), tail=1000, follow=True)) as lines:  # type: ignore[type-var]
        found = await collected(lines, lambda found: len(found) == 2)
        spot.client.containers.get(spot.name()).exec_run(["/bin/touch", "/go"])
        found += await collected(lines, lambda found: len(found) == 3)
    streams = {line.text: line.stream for line in found}
    assert streams == {"one": "stdout", "two": "stderr", "tick": "stdout"}
    moments = [line.at for line in found if line.at is not None and line.stream == "stdout"]
    assert len(moments) == len(found) - 1
    assert moments == sorted(moments)


async def test_following_ends_with_the_container(spot: Spot) -> None:
    await spot.create(spot.spec(command=["/bin/sh", "-c", "echo last; printf unfinished"]))
    async with aclosing(spot.driver.reader.logs(spot.id(), tail=10, follow=True)) as lines:  # type: ignore[type-var]
        assert [line.text for line in await collected(lines, forever)] == ["last", "unfinished"]


async def test_lines_of_a_terminal_and_very_long_lines_are_whole(spot: Spot) -> None:
    spot.run("tty", tty=True, command=["/bin/sh", "-c", "echo one; echo two >&2"])
    await spot.until_health(Health.STOPPED, "tty")
    found = await collected(spot.driver.reader.logs(spot.id(rest="tty"), tail=10, follow=False), forever)
    assert [(line.text, line.stream) for line in found] == [("one", "stdout"), ("two", "stdout")]
    script = "head -c 40000 /dev/zero | tr '\\0' x; echo; echo short"
    await spot.create(spot.spec(command=["/bin/sh", "-c", script]))
    await spot.until_health(Health.STOPPED)
    found = await collected(spot.driver.reader.logs(spot.id(), tail=10, follow=False), forever)
    assert [len(line.text) for line in found] == [40000, 5]
    assert all(line.at is not None for line in found)


@pytest.mark.req("S5.34")
async def test_usage_tells_a_busy_container_from_an_idle_one(spot: Spot) -> None:
    await spot.create(rest="idle")
    await spot.create(spot.spec(command=["/bin/sh", "-c", "while true; do :; done"], memory_bytes=32 * MIB))
    reader = spot.driver.reader
    idle, busy = await reader.usage(spot.id(rest="idle")), await reader.usage(spot.id())
    assert busy.cpu_millicores > idle.cpu_millicores
    assert 0 < busy.memory_bytes < 32 * MIB
    spot.client.containers.get(spot.name()).stop(timeout=0)
    stopped = await reader.usage(spot.id())
    assert (stopped.cpu_millicores, stopped.memory_bytes) == (0.0, 0)


async def test_a_second_look_at_usage_needs_no_waiting(spot: Spot) -> None:
    await spot.create()
    await spot.driver.reader.usage(spot.id())
    assert spot.calls.count("container.stats:ok") == 2
    await asyncio.sleep(0.2)
    await spot.driver.reader.usage(spot.id())
    assert spot.calls.count("container.stats:ok") == 3


async def test_a_command_gives_both_streams_and_its_code(spot: Spot) -> None:
    await spot.create()
    argv = ["/bin/sh", "-c", "echo out; echo err >&2; exit 7"]
    said = await spot.driver.writer.exec(spot.id(), argv, timeout_s=20, limit_bytes=1000)
    assert (said.exit_code, said.stdout, said.stderr, said.truncated) == (7, "out\n", "err\n", False)


async def test_much_output_is_cut_and_a_flood_is_ended(spot: Spot) -> None:
    await spot.create()
    much = ["/bin/sh", "-c", "head -c 3000000 /dev/zero"]
    said = await spot.driver.writer.exec(spot.id(), much, timeout_s=20, limit_bytes=1000)
    assert (said.exit_code, len(said.stdout), said.truncated) == (0, 1000, True)
    endless = await spot.driver.writer.exec(spot.id(), ["/bin/yes"], timeout_s=20, limit_bytes=1000)
    assert (endless.exit_code, len(endless.stdout), endless.stopped) == (137, 1000, "output")


async def test_a_stopped_container_runs_no_command(spot: Spot) -> None:
    await spot.create(spot.spec(running=False))
    with pytest.raises(Rejected, match="not running"):
        await spot.driver.writer.exec(spot.id(), ["/bin/true"], timeout_s=5, limit_bytes=10)


async def test_limits_move_together_in_place(spot: Spot) -> None:
    made = await spot.create(spot.spec(memory_bytes=64 * MIB, cpu_millicores=500))
    for memory, cpu in ((32 * MIB, 250), (128 * MIB, 750)):
        after = spot.spec(memory_bytes=memory, cpu_millicores=cpu, restart="always")
        seen = await spot.driver.writer.apply(spot.order(Op.UPDATE, f"x.{cpu}", after=after, found=made.spec))
        assert seen.spec == after
        assert seen.facts["id"] == made.facts["id"]
        host = spot.raw()["HostConfig"]
        assert host["MemorySwap"] in (host["Memory"], -1)


async def test_the_limits_of_a_container_made_with_quotas_move_in_place_too(spot: Spot) -> None:
    spot.run(cpu_period=100_000, cpu_quota=50_000)
    adopted = (await spot.observe()).spec
    assert adopted is not None
    assert adopted["cpu_millicores"] == 500
    after = {**adopted, "cpu_millicores": 250}
    seen = await spot.driver.writer.apply(spot.order(Op.UPDATE, "x.0", after=after, found=adopted))
    assert seen.spec == after
