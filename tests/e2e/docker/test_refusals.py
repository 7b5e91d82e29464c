"""What a driver refuses, in words that help, and leaves as it was."""

import socket

import pytest

from opstwin.domain.plan import Op
from opstwin.domain.resource import Health, Presence
from opstwin.errors import Rejected
from tests.e2e.docker.spot import Spot, address, driver_at

pytestmark = pytest.mark.docker


@pytest.mark.parametrize("op", [Op.CREATE, Op.REPLACE, Op.UPDATE, Op.DELETE, Op.RESTART])
async def test_a_container_that_opstwin_did_not_make_is_never_touched(spot: Spot, op: Op) -> None:
    spot.run()
    before, same = spot.raw(), (await spot.observe()).spec
    with pytest.raises(Rejected) as refused:
        await spot.driver.writer.apply(spot.order(op, "x.0", after=same))
    assert f"opstwin adopt {spot.id()}" in refused.value.next_step
    after = spot.raw()
    assert (after["Id"], after["State"], after["HostConfig"]) == (before["Id"], before["State"], before["HostConfig"])
    assert spot.names() == [spot.name()]


@pytest.mark.parametrize("kind", ["volume", "network"])
@pytest.mark.parametrize("op", [Op.CREATE, Op.REPLACE, Op.DELETE])
async def test_a_store_that_opstwin_did_not_make_is_never_touched(spot: Spot, kind: str, op: Op) -> None:
    made = getattr(spot.client, f"{kind}s").create(spot.name("store"))
    bare = {"driver": "local" if kind == "volume" else "bridge", "labels": {}}
    with pytest.raises(Rejected, match="did not make"):
        await spot.driver.writer.apply(spot.order(op, "x.0", kind=kind, rest="store", after=bare))
    made.reload()
    assert not made.attrs.get("Labels")


async def test_an_adopted_container_is_changed_only_while_it_is_what_was_adopted(spot: Spot) -> None:
    spot.run()
    adopted = (await spot.observe()).spec
    other = spot.spec(command=["/bin/sleep", "1"])
    with pytest.raises(Rejected):
        await spot.driver.writer.apply(spot.order(Op.DELETE, "x.0", found=other))
    await spot.driver.writer.apply(spot.order(Op.DELETE, "x.0", found=adopted))
    assert (await spot.observe()).presence is Presence.ABSENT


async def test_what_another_plan_made_otherwise_is_not_created_over(spot: Spot) -> None:
    made = await spot.create(key="one.0")
    with pytest.raises(Rejected, match="made by another plan"):
        await spot.create(spot.spec(env={"A": "1"}), key="two.0")
    same = await spot.create(key="three.0")
    assert same.facts["id"] == made.facts["id"]


async def test_a_taken_port_names_the_port_and_the_container_that_has_it(spot: Spot) -> None:
    with socket.socket() as probe:
        probe.bind(("0.0.0.0", 0))
        number = int(probe.getsockname()[1])
    spot.run("holder", ports={"80/tcp": number})
    ports = [{"container": 80, "host": number, "protocol": "tcp", "address": "0.0.0.0"}]
    with pytest.raises(Rejected) as refused:
        await spot.create(spot.spec(ports=ports))
    assert refused.value.message == f"Port {number} is taken by container {spot.name('holder')}."
    assert refused.value.details["field"] == "ports.host"
    assert (await spot.observe()).presence is Presence.ABSENT
    assert (await spot.observe("holder")).health is Health.HEALTHY


async def test_an_unknown_image_says_how_to_bring_it(spot: Spot) -> None:
    with pytest.raises(Rejected) as refused:
        await spot.create(spot.spec(image="opstwin-test/nowhere:9"))
    assert refused.value.message.startswith("Image opstwin-test/nowhere:9 is not there and cannot be pulled: ")
    assert "docker load" in refused.value.next_step
    assert "image.pull:rejected" in spot.calls or "image.pull:ok" in spot.calls


async def test_a_program_that_is_not_in_the_image_is_told_in_the_engines_words(spot: Spot) -> None:
    with pytest.raises(Rejected, match="/bin/nothing"):
        await spot.create(spot.spec(command=["/bin/nothing"]))
    assert spot.names() == []


async def test_memory_below_what_the_engine_accepts_is_told_in_its_words(spot: Spot) -> None:
    with pytest.raises(Rejected, match="memory limit"):
        await spot.create(spot.spec(memory_bytes=4096))
    assert spot.names() == []


async def test_a_replaced_worker_is_refused_by_the_mark_on_the_container_too(spot: Spot) -> None:
    made = await spot.driver.writer.apply(spot.order(Op.CREATE, "exec.0", after=spot.spec(), fence=3))
    elsewhere = driver_at(address())
    with pytest.raises(Rejected, match="replaced"):
        await elsewhere.writer.apply(spot.order(Op.DELETE, "exec.1", found=made.spec, fence=2))
    await elsewhere.writer.close()
    assert (await spot.observe()).presence is Presence.PRESENT


async def test_an_image_cannot_be_changed(spot: Spot) -> None:
    with pytest.raises(Rejected):
        await spot.driver.writer.apply(spot.order(Op.DELETE, "x.0", kind="image", rest="some"))


@pytest.mark.parametrize("kind", ["volume", "network"])
async def test_a_volume_or_network_in_use_is_told_in_the_engines_words(spot: Spot, kind: str) -> None:
    bare = (await spot.create_store(kind, "store")).spec
    mounts = [{"path": "/data", "volume": spot.name("store"), "host_path": None, "read_only": False}]
    used = {"mounts": mounts} if kind == "volume" else {"networks": [spot.name("store")]}
    await spot.create(spot.spec(**used))
    with pytest.raises(Rejected, match=r"in use|active endpoints"):
        await spot.driver.writer.apply(spot.order(Op.DELETE, "x.0", kind=kind, rest="store", found=bare))


async def test_an_update_that_needs_a_replacement_is_refused(spot: Spot) -> None:
    made = await spot.create()
    with pytest.raises(Rejected, match="env"):
        await spot.driver.writer.apply(spot.order(Op.UPDATE, "x.0", after=spot.spec(env={"A": "1"}), found=made.spec))
