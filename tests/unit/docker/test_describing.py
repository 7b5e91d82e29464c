"""A container's description as a spec, where a real engine does not show the case."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opstwin.domain.values import Json, Spec, canonical
from opstwin.targets.docker.composing import container_body, limits_body
from opstwin.targets.docker.defaults import UNKNOWN_IMAGE, ImageDefaults, defaults_of
from opstwin.targets.docker.describing import Seen, container_spec, image_health
from opstwin.targets.docker.marks import SPEC, marks_of
from opstwin.targets.spec_reading import masked_values
from opstwin.targets.specs import BARE_CONTAINER

BUSY = ImageDefaults(
    command=("serve",), env={"FROM": "image", "PATH": "/bin"}, labels={"vendor": "them"},
    exposed_ports=frozenset({"80/tcp"}), entrypoint=("/start",), user="app", working_dir="/srv",
    health={"Test": ["CMD", "true"], "StartPeriod": 3_000_000_000},
)  # fmt: skip


def described(body: dict[str, Any], image: ImageDefaults) -> dict[str, Any]:
    """What an engine says of a container that was made with `body`: the image's part is filled in."""
    config = {key: value for key, value in body.items() if key not in ("HostConfig", "NetworkingConfig")}
    env = {**image.env, **dict(item.split("=", 1) for item in body["Env"])}
    config["Env"] = [f"{key}={value}" for key, value in env.items()]
    config["Entrypoint"] = body.get("Entrypoint") or list(image.entrypoint)
    config["Cmd"] = body.get("Cmd") or ([] if body.get("Entrypoint") else list(image.command))
    config["User"] = body.get("User") or image.user
    config["WorkingDir"] = body.get("WorkingDir") or image.working_dir
    config["Labels"] = {**image.labels, **body["Labels"]}
    config["ExposedPorts"] = {**{key: {} for key in image.exposed_ports}, **body["ExposedPorts"]}
    asked = body.get("Healthcheck") or {}
    merged = {key: asked.get(key) or image.health.get(key) for key in {**asked, **image.health}}
    config["Healthcheck"] = {key: value for key, value in merged.items() if value}
    networks = (body.get("NetworkingConfig") or {}).get("EndpointsConfig") or {"bridge": {}}
    return {
        "Id": "1", "Name": "/web-1", "Config": config, "HostConfig": body["HostConfig"],
        "NetworkSettings": {"Networks": networks}, "State": {"Running": True},
    }  # fmt: skip


def seen_again(spec: Spec, image: ImageDefaults = BUSY, *, told: ImageDefaults | None = None) -> Spec:
    """`spec`, made and described; `told` is what is known of the image afterwards."""
    env = {key: str(value) for key, value in dict(spec["env"]).items()}  # type: ignore[call-overload]
    labels = {**dict(spec["labels"]), SPEC: canonical(spec)}  # type: ignore[call-overload]
    found = described(container_body(spec, env, labels, None), image)
    return container_spec(Seen(found, told or image, marks_of(found["Config"]["Labels"])))


def spec_with(**fields: Json) -> Spec:
    return {**BARE_CONTAINER, "image": "x:1", **fields}


words = st.text(st.characters(codec="ascii", categories=("L", "N")), min_size=1, max_size=4)
checks = st.fixed_dictionaries(
    {
        "command": st.lists(words, min_size=1, max_size=2),
        "interval_s": st.sampled_from([0.001, 0.25, 3.3, 3600.0]),
        "timeout_s": st.sampled_from([0.5, 30.0]),
        "retries": st.integers(1, 100),
        "start_period_s": st.sampled_from([0.0, 1.5, 3.0]),
    }
)
specs = st.fixed_dictionaries(
    {
        "command": st.none() | st.lists(words, min_size=1) | st.just(["serve"]),
        "env": st.dictionaries(
            words | st.sampled_from(["FROM", "PATH"]), st.sampled_from(["", "image", "/bin", "x=y"])
        ),
        "labels": st.dictionaries(words | st.just("vendor"), st.sampled_from(["", "them", "us"])),
        "ports": st.sampled_from(
            [
                [],
                [{"container": 80, "host": None, "protocol": "tcp", "address": "127.0.0.1"}],
                [{"container": 80, "host": 8080, "protocol": "tcp", "address": "0.0.0.0"}],
                [{"container": 81, "host": None, "protocol": "udp", "address": "0.0.0.0"}],
            ]
        ),
        "cpu_millicores": st.none() | st.integers(10, 100_000),
        "memory_bytes": st.none() | st.integers(6 * 1024 * 1024, 2**50),
        "health": st.none() | checks,
        "networks": st.sampled_from([[], ["net"]]),
        "restart": st.sampled_from(["no", "always", "on-failure", "unless-stopped"]),
    },
    optional={
        "entrypoint": st.lists(words, min_size=1) | st.just(["/start"]),
        "user": st.sampled_from(["app", "1000:1000"]),
        "working_dir": st.sampled_from(["/srv", "/data"]),
    },
)


@given(specs)
def test_what_was_asked_for_is_seen_whatever_the_image_brings(fields: dict[str, Json]) -> None:
    wanted = spec_with(**fields)
    assert seen_again(wanted) == wanted


@given(specs)
def test_what_was_asked_for_is_seen_when_the_image_is_gone(fields: dict[str, Json]) -> None:
    wanted = spec_with(**fields)
    assert seen_again(wanted, told=UNKNOWN_IMAGE) == wanted


def by_hand(**parts: Any) -> Spec:
    found = {"Id": "1", "Name": "/x", "Config": {"Image": "x:1"}, "State": {"Running": True}, **parts}
    return container_spec(Seen(found, ImageDefaults(), marks_of(None)))


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"Entrypoint": ["/start"], "Cmd": ["serve"], "User": "app", "WorkingDir": "/srv"}, {}),
        ({"Entrypoint": ["/other"], "Cmd": ["serve"]}, {"entrypoint": ["/other"], "command": ["serve"]}),
        ({"Entrypoint": ["/other"]}, {"entrypoint": ["/other"]}),
        ({"User": "0", "WorkingDir": "/"}, {"user": "0", "working_dir": "/"}),
    ],
)
def test_what_takes_the_place_of_the_images_own_is_told_and_nothing_else(config: Json, said: dict[str, Json]) -> None:
    assert isinstance(config, dict)
    whole = {"Image": "x:1", "Entrypoint": ["/start"], "Cmd": ["serve"], "User": "app", "WorkingDir": "/srv", **config}
    if "Entrypoint" in config:
        whole["Cmd"] = config.get("Cmd")
    found = {"Id": "1", "Name": "/x", "Config": whole, "State": {"Running": True}}
    spec = container_spec(Seen(found, replace(BUSY, env={}, labels={}, health={}), marks_of(None)))
    fields = ("entrypoint", "command", "user", "working_dir")
    assert {key: spec[key] for key in fields if spec.get(key)} == said


def test_a_secret_in_an_entrypoint_is_masked() -> None:
    spec = by_hand(Config={"Image": "x:1", "Entrypoint": ["/start", "https://me:hunter2hunter2@host/"]})
    assert "hunter2" not in canonical(spec)
    assert masked_values(spec).keys() == {"entrypoint"}


def test_ports_that_the_engine_chose_are_what_it_chose() -> None:
    given_ports = {"80/tcp": [{"HostIp": "0.0.0.0", "HostPort": "49153"}, {"HostIp": "::", "HostPort": "49153"}]}
    spec = by_hand(
        HostConfig={"PortBindings": {"80/tcp": [{"HostIp": "", "HostPort": ""}]}},
        NetworkSettings={"Ports": given_ports},
    )
    assert spec["ports"] == [{"container": 80, "host": 49153, "protocol": "tcp", "address": "0.0.0.0"}]


@pytest.mark.parametrize(
    ("text", "mount"),
    [
        ("/srv:/data", {"path": "/data", "volume": None, "host_path": "/srv", "read_only": False}),
        ("/srv:/data:ro,z", {"path": "/data", "volume": None, "host_path": "/srv", "read_only": True}),
        ("data:/data/", {"path": "/data", "volume": "data", "host_path": None, "read_only": False}),
    ],
)
def test_mounts_in_the_old_short_form(text: str, mount: Json) -> None:
    assert by_hand(HostConfig={"Binds": [text]})["mounts"] == [mount]


def test_volumes_that_nobody_named_are_no_part_of_the_spec() -> None:
    mount = {"Type": "volume", "Source": "a" * 64, "Target": "/data"}
    assert by_hand(HostConfig={"Mounts": [mount]})["mounts"] == []


@pytest.mark.parametrize(
    ("host", "millicores"),
    [({"NanoCpus": 250_000_000}, 250), ({"CpuQuota": 25_000}, 250), ({"CpuQuota": 5000, "CpuPeriod": 10_000}, 500),
     ({"CpuQuota": -1}, None), ({}, None)],
)  # fmt: skip
def test_cpu_limits_in_both_forms(host: dict[str, int], millicores: int | None) -> None:
    assert by_hand(HostConfig=host)["cpu_millicores"] == millicores


def test_a_switched_off_check_is_no_check() -> None:
    assert by_hand(Config={"Image": "x:1", "Healthcheck": {"Test": ["NONE"]}})["health"] is None


def test_a_dying_container_still_counts_as_one_that_should_run() -> None:
    assert by_hand(State={"Running": False, "Restarting": True})["running"] is True


def test_a_memory_limit_leaves_no_room_in_swap() -> None:
    body = limits_body(spec_with(memory_bytes=10_000_000, cpu_millicores=500))
    assert (body["Memory"], body["MemorySwap"], body["NanoCpus"]) == (10_000_000, 10_000_000, 500_000_000)
    assert limits_body(spec_with(cpu_millicores=500), by_quota=True)["CpuQuota"] == 50_000
    assert not {"Memory", "NanoCpus"} & limits_body(spec_with()).keys()


def test_the_defaults_of_an_image_without_a_config() -> None:
    assert defaults_of({"Id": "1", "Config": None}) == ImageDefaults()


def test_the_check_of_an_image_is_told_without_its_secrets_and_never_beside_one_that_was_asked_for() -> None:
    check = {"Test": ["CMD", "ask", "--password", "canary", "postgres://u:canary@db"], "StartPeriod": 3_000_000_000}
    found = {"Config": {"Image": "x:1", "Healthcheck": check}, "HostConfig": {}, "State": {}}
    told = image_health(Seen(found, replace(BUSY, health=check), marks_of({})))
    assert isinstance(told, dict)
    assert told["command"] == ["ask", "--password", "***", "postgres://***@db"]
    assert told["start_period_s"] == 3.0
    assert image_health(Seen(found, BUSY, marks_of({}))) is None
