"""What Opstwin makes on an engine is seen again exactly as it was asked for."""

import io
import secrets
import socket
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from opstwin.domain.plan import Op
from opstwin.domain.values import Json, Spec
from opstwin.manifests.generating.info import info_of_container
from tests.e2e.docker.spot import Spot

pytestmark = pytest.mark.docker

CHECK: Json = {"command": ["/bin/true"], "interval_s": 0.25, "timeout_s": 1.5, "retries": 4, "start_period_s": 2.0}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("0.0.0.0", 0))
        return int(probe.getsockname()[1])


def port(container: int, host: int | None, protocol: str = "tcp", address: str = "0.0.0.0") -> Json:
    return {"container": container, "host": host, "protocol": protocol, "address": address}


FIELDS: dict[str, dict[str, Json]] = {
    "nothing but an image": {"command": None},
    "command": {"command": ["/bin/sh", "-c", "sleep 3600; echo 'a b'"]},
    "entrypoint": {"entrypoint": ["/bin/sh", "-c"], "command": ["sleep 3600"]},
    "entrypoint alone": {"entrypoint": ["/bin/sleep", "3600"], "command": None},
    "user": {"user": "1000:1000"},
    "working dir": {"working_dir": "/tmp"},
    "env": {"env": {"A": "", "B": "x=y", "C": "two words", "D": "$HOME `id`", "한국": "어"}},
    "labels": {"labels": {"team": "shop", "empty": ""}},
    "ports inside only": {"ports": [port(53, None, "udp"), port(80, None, address="127.0.0.1")]},
    "limits": {"cpu_millicores": 250, "memory_bytes": 32 * 1024 * 1024},
    "health check": {"health": CHECK},
    "host path": {"mounts": [{"path": "/host", "volume": None, "host_path": "/tmp", "read_only": True}]},
    "restart no": {"restart": "no"},
    "restart on-failure": {"restart": "on-failure"},
    "restart always": {"restart": "always"},
    "restart unless-stopped": {"restart": "unless-stopped"},
    "not running": {"running": False},
}


@pytest.mark.req("S5.5")
@pytest.mark.parametrize("fields", FIELDS.values(), ids=FIELDS.keys())
async def test_a_container_is_observed_exactly_as_it_was_desired(spot: Spot, fields: dict[str, Json]) -> None:
    wanted = spot.spec(**fields)
    made = await spot.create(wanted)
    assert made.spec == wanted
    assert (await spot.observe()).spec == wanted
    assert made.managed


MIB = 1024 * 1024
LIMITED: dict[str, Json] = {"memory_bytes": 32 * MIB, "cpu_millicores": 250, "restart": "no"}
CHANGING = {f"container.{word}:ok" for word in ("create", "start", "stop", "restart", "remove", "rename", "update")}


@pytest.mark.req("S1.21")
@pytest.mark.parametrize(
    ("change", "asked"),
    [
        ({}, []), ({"memory_bytes": 48 * MIB}, ["container.update:ok"]),
        ({"restart": "always"}, ["container.update:ok"]), ({"running": False}, ["container.stop:ok"]),
        ({"running": False, "cpu_millicores": 500}, ["container.update:ok", "container.stop:ok"]),
    ],
    ids=["nothing", "memory", "restart policy", "whether it runs", "both"],
)  # fmt: skip
async def test_only_what_differs_is_asked_of_the_engine(spot: Spot, change: dict[str, Json], asked: list[str]) -> None:
    made = await spot.create(spot.spec(**LIMITED))
    first = spot.raw()["Id"]
    spot.calls.clear()
    wanted = spot.spec(**{**LIMITED, **change})
    seen = await spot.driver.writer.apply(spot.order(Op.UPDATE, "second.0", after=wanted, found=made.spec))
    assert [call for call in spot.calls if call in CHANGING] == asked
    assert (seen.spec, spot.raw()["Id"]) == (wanted, first)


async def test_published_ports_are_observed_as_desired(spot: Spot) -> None:
    low, high = sorted([free_port(), free_port()])
    ports = [port(80, free_port()), port(81, low, address="127.0.0.1"), port(81, high, "udp")]
    wanted = spot.spec(ports=ports)
    assert (await spot.create(wanted)).spec == wanted


async def test_volumes_and_networks_are_observed_as_desired(spot: Spot) -> None:
    for kind, rest in (("volume", "data"), ("network", "neta"), ("network", "netb")):
        await spot.create_store(kind, rest)
    mount: Json = {"path": "/data", "volume": spot.name("data"), "host_path": None, "read_only": False}
    wanted = spot.spec(mounts=[mount], networks=[spot.name("neta"), spot.name("netb")])
    made = await spot.create(wanted)
    assert made.spec == wanted
    addresses = made.facts["ip_addresses"]
    assert isinstance(addresses, dict)
    assert set(addresses) == {spot.name("neta"), spot.name("netb")}
    assert ("mounts", spot.id("volume", "data")) in made.links
    assert ("joins", spot.id("network", "netb")) in made.links


async def test_replicas_of_a_workload_are_found_by_its_name_on_their_network(spot: Spot) -> None:
    await spot.create_store("network", "net")
    await spot.create(spot.spec(networks=[spot.name("net")]))
    assert spot.raw()["NetworkSettings"]["Networks"][spot.name("net")]["Aliases"].count("web") == 1


async def test_a_secret_is_observed_as_its_reference(spot: Spot) -> None:
    wanted = spot.spec(secret_env={"PASSWORD": "env:NOBODY"}, env={"PLAIN": "1"})
    spec = {**wanted, "secret_env": {}}
    assert (await spot.create(spec)).spec == spec


@pytest.fixture
def busy_image(spot: Spot, docker_image: str) -> Iterator[str]:
    """An image that brings along everything that an image can."""
    busybox = next(iter(Path("/bin").glob("busybox")))
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        tar.add(busybox, "bin/busybox")
        for applet in ("sleep", "true", "sh", "cat", "touch"):
            link = tarfile.TarInfo(f"bin/{applet}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(link)
    name = f"opstwin-test/busy-{secrets.token_hex(4)}"
    changes = [
        "ENV FROM_IMAGE=yes PATH=/bin", "LABEL vendor=them", "EXPOSE 80 9000/udp", 'CMD ["/bin/sleep", "3600"]',
        "VOLUME /kept", "HEALTHCHECK --interval=7s --start-period=3s CMD true",
    ]  # fmt: skip
    spot.client.api.import_image_from_data(out.getvalue(), repository=name, tag="1", changes=changes)
    yield f"{name}:1"
    spot.clean()
    spot.client.api.remove_image(f"{name}:1", force=True)


async def test_what_an_image_brings_along_is_no_part_of_the_spec(spot: Spot, busy_image: str) -> None:
    wanted = spot.spec(image=busy_image, command=None)
    assert (await spot.create(wanted)).spec == wanted


async def test_what_the_image_brings_and_the_spec_asks_for_too_is_part_of_the_spec(spot: Spot, busy_image: str) -> None:
    check: Json = {"command": ["/bin/true"], "interval_s": 5.0, "timeout_s": 30.0, "retries": 3, "start_period_s": 0.0}
    asked: dict[str, Json] = {
        "command": ["/bin/sleep", "3600"], "env": {"FROM_IMAGE": "yes"}, "labels": {"vendor": "them"},
        "ports": [port(80, None)], "health": check,
    }  # fmt: skip
    wanted = spot.spec(image=busy_image, **asked)
    assert (await spot.create(wanted)).spec == wanted


async def test_data_in_volumes_that_nobody_named_outlives_a_replacement(spot: Spot, busy_image: str) -> None:
    wanted = spot.spec(image=busy_image)
    first = await spot.create(wanted)
    spot.said("/bin/touch", "/kept/proof")
    after = {**wanted, "env": {"NEW": "1"}}
    second = await spot.driver.writer.apply(spot.order(Op.REPLACE, "second.0", after=after, found=wanted))
    assert second.facts["id"] != first.facts["id"]
    assert second.spec == after
    spot.said("/bin/cat", "/kept/proof")


async def test_an_image_shows_its_tags_and_ports(spot: Spot, busy_image: str) -> None:
    images = [item for item in await spot.driver.reader.discover() if item.name == busy_image]
    assert [item.kind for item in images] == ["image"]
    spec: Spec = {"tags": [busy_image], "exposed_ports": ["80/tcp", "9000/udp"], "digest": ""}
    assert images[0].spec == spec
    assert (await spot.driver.reader.observe(images[0].resource)).spec == spec


@pytest.mark.req("S5.38")
async def test_what_the_image_says_of_its_user_ports_and_check_is_told_beside_the_spec(
    spot: Spot, busy_image: str
) -> None:
    facts = (await spot.create(spot.spec(image=busy_image))).facts
    assert (facts["user"], facts["exposed_ports"]) == ("", [80])
    assert facts["image_health"] == {
        "command": ["/bin/sh", "-c", "true"], "interval_s": 7.0, "timeout_s": 30.0, "retries": 3, "start_period_s": 3.0,
    }  # fmt: skip
    own: Json = {"command": ["/bin/true"], "interval_s": 5.0, "timeout_s": 30.0, "retries": 3, "start_period_s": 0.0}
    assert "image_health" not in (await spot.create(spot.spec(image=busy_image, health=own), rest="own-1")).facts
    spot.run("as-1", user="1000:100", ports={"9000/tcp": None})
    found = await spot.observe("as-1")
    assert (found.facts["user"], found.facts["exposed_ports"]) == ("1000:100", [9000])
    assert found.spec is not None
    info = info_of_container(found.name, found.spec, found.facts)
    assert (info.user, info.ports) == ("1000:100", (9000,))


async def test_settings_that_no_spec_can_say_are_named_for_whoever_adopts(spot: Spot) -> None:
    spot.run(read_only=True, tmpfs={"/scratch": ""})
    assert (await spot.observe()).facts["not_in_spec"] == ["read_only", "tmpfs"]


async def test_a_container_made_by_hand_is_described_by_what_was_asked_for(spot: Spot) -> None:
    number = free_port()
    check = {"test": "true", "interval": 2_000_000_000}
    spot.run(
        entrypoint=["/bin/sleep"], command=["1800"], user="1000:100", working_dir="/tmp",
        ports={"80/tcp": number}, environment={"COLOUR": "green"}, mem_limit="64m",
        nano_cpus=500_000_000,
        volumes={"/tmp": {"bind": "/host", "mode": "ro"}}, healthcheck=check, restart_policy={"Name": "always"},
    )  # fmt: skip
    seen = await spot.observe()
    assert not seen.managed
    assert seen.spec == spot.spec(
        entrypoint=["/bin/sleep"], command=["1800"], user="1000:100", working_dir="/tmp",
        ports=[port(80, number)], env={"COLOUR": "green"}, restart="always",
        memory_bytes=64 * 1024 * 1024, cpu_millicores=500,
        mounts=[{"path": "/host", "volume": None, "host_path": "/tmp", "read_only": True}],
        health={
            "command": ["/bin/sh", "-c", "true"], "interval_s": 2.0, "timeout_s": 30.0, "retries": 3,
            "start_period_s": 0.0,
        },
    )  # fmt: skip


async def test_a_name_is_never_taken_for_the_beginning_of_an_id(spot: Spot) -> None:
    made = await spot.create()
    short = str(made.facts["id"])[:12]
    seen = await spot.driver.reader.observe(spot.id().replace(spot.name(), short))  # type: ignore[arg-type]
    assert seen.presence == "absent"
