"""Rendering: Workloads become container specs, the same way every time, and only what an engine can do."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opstwin.clock import VirtualClock
from opstwin.domain.plan import Change, Op
from opstwin.domain.values import Json, Spec, TargetId, canonical
from opstwin.domain.workload import Autoscale, HealthCheck, Mount, Port, Resources, RestartPolicy, Workload
from opstwin.errors import InvalidInput, Unclear
from opstwin.targets.ports import Order, Rendered
from opstwin.targets.rendering import ContainerRenderer, resolved_ports
from opstwin.targets.sim.driver import sim_driver
from opstwin.targets.sim.world import World

TARGET = TargetId("local")
RENDERER = ContainerRenderer(TARGET)
IMAGES = ("nginx:1.27", "nginx", "docker.io/library/redis:7", "registry.example.com:5000/team/api:2")
NAMES = st.from_regex(r"[a-z][a-z0-9]{1,8}", fullmatch=True)
TEXT = st.text(st.sampled_from("aZ09 =:;,.$`'\"\\/{}[]-_é한글✓😀"), max_size=12)
KEYS = st.from_regex(r"[A-Z][A-Z_]{0,6}", fullmatch=True)
SECONDS = st.floats(0.01, 100)

ports = st.lists(
    st.builds(
        Port,
        container=st.integers(1, 65535),
        host=st.none() | st.integers(1, 60).map(lambda number: number * 1000),
        protocol=st.sampled_from(["tcp", "udp"]),
        address=st.sampled_from(["0.0.0.0", "127.0.0.1", "::"]),
    ),
    max_size=3,
    unique_by=lambda port: port.host if port.host is not None else f"{port.container}/{port.protocol}",
).map(tuple)
mounts = st.lists(
    st.one_of(
        st.builds(Mount, path=NAMES.map("/{}".format), volume=NAMES, read_only=st.booleans()),
        st.builds(Mount, path=NAMES.map("/{}/".format), host_path=NAMES.map("/srv/{}".format)),
    ),
    max_size=3,
    unique_by=lambda mount: mount.path.strip("/"),
).map(tuple)
checks = st.none() | st.builds(
    HealthCheck,
    command=st.lists(NAMES, min_size=1, max_size=3).map(tuple),
    interval_s=SECONDS,
    timeout_s=SECONDS,
    retries=st.integers(1, 9),
    start_period_s=st.just(0.0) | SECONDS,
)
workloads = st.builds(
    Workload,
    name=NAMES,
    image=st.sampled_from(IMAGES),
    command=st.none() | st.lists(TEXT, max_size=3).map(tuple),
    ports=ports,
    env=st.dictionaries(KEYS, TEXT, max_size=3),
    secret_env=st.dictionaries(KEYS.map("S_{}".format), st.just("env:NAME"), max_size=2),
    volumes=mounts,
    networks=st.lists(NAMES.filter(lambda name: name not in ("bridge", "default", "host", "none")), max_size=2).map(
        tuple
    ),
    resources=st.builds(
        Resources,
        cpu_millicores=st.none() | st.integers(10, 64_000),
        memory_bytes=st.none() | st.integers(6 * 2**20, 2**40),
    ),
    replicas=st.integers(1, 4),
    health=checks,
    labels=st.dictionaries(NAMES, TEXT, max_size=2),
    restart=st.sampled_from(RestartPolicy),
    running=st.booleans(),
)


def containers(workload: Workload) -> list[Rendered]:
    return [item for item in RENDERER.render(workload) if item.kind == "container"]


def only(workload: Workload) -> Rendered:
    [item] = containers(replace(workload, replicas=1))
    return item


def reversed_order(workload: Workload) -> Workload:
    """The same wishes, written down the other way round."""
    return replace(
        workload,
        ports=workload.ports[::-1],
        volumes=workload.volumes[::-1],
        networks=workload.networks[::-1],
        env=dict(reversed(list(workload.env.items()))),
        labels=dict(reversed(list(workload.labels.items()))),
    )


@given(workloads)
@settings(deadline=None, max_examples=60)
def test_one_workload_renders_in_one_way(workload: Workload) -> None:
    once, again = RENDERER.render(workload), RENDERER.render(reversed_order(workload))
    assert [item.resource for item in once] == [item.resource for item in again]
    assert [canonical(item.spec) for item in once] == [canonical(item.spec) for item in again]


@given(workloads)
@settings(deadline=None, max_examples=60)
def test_each_replica_is_a_container_that_needs_the_networks_and_volumes_before_it(workload: Workload) -> None:
    rendered = RENDERER.render(workload)
    made = [item for item in rendered if item.kind == "container"]
    assert [item.name for item in made] == [f"{workload.name}-{n}" for n in range(1, workload.replicas + 1)]
    earlier = [item.resource for item in rendered[: -len(made)]]
    assert all(list(item.needs) == earlier for item in made)
    assert len(set(earlier)) == len(earlier)
    wanted = {("volume", m.volume) for m in workload.volumes if m.volume} | {("network", n) for n in workload.networks}
    assert {(item.kind, item.name) for item in rendered if item.kind != "container"} == wanted


@given(workloads)
@settings(deadline=None, max_examples=60)
def test_replica_n_publishes_the_host_port_plus_n_minus_1(workload: Workload) -> None:
    for number, item in enumerate(containers(workload)):
        published = {(p["container"], p["host"], p["protocol"]) for p in objects(item.spec["ports"])}
        wanted = {
            (port.container, None if port.host is None else port.host + number, port.protocol)
            for port in workload.ports
        }
        assert published == wanted


@given(workloads)
@settings(deadline=None, max_examples=60)
def test_the_full_form_of_a_full_form_is_itself(workload: Workload) -> None:
    for item in RENDERER.render(workload):
        full = RENDERER.comparable(item.kind, item.spec)
        assert RENDERER.comparable(item.kind, full) == full


@given(workloads)
@settings(deadline=None, max_examples=50)
def test_what_is_observed_after_a_create_equals_what_was_desired(workload: Workload) -> None:
    async def observed() -> None:
        world = World(clock=VirtualClock())
        world.image(workload.image)
        driver = sim_driver(TARGET, world, clock=world.clock)
        for index, item in enumerate(RENDERER.render(workload)):
            change = Change(
                resource=item.resource, target=TARGET, kind=item.kind, name=item.name, op=Op.CREATE, after=item.spec
            )
            seen = await driver.writer.apply(Order(change=change, key=f"e.{index}", fence=1, deadline_s=1))
            assert seen.spec is not None
            if item.spec.get("command") not in ([["true"]], [["false"]]):
                assert RENDERER.comparable(item.kind, seen.spec) == RENDERER.comparable(item.kind, item.spec)

    asyncio.run(observed())


@given(workloads, workloads)
@settings(deadline=None, max_examples=60)
def test_a_replace_is_forced_by_exactly_what_an_engine_cannot_change_in_place(one: Workload, two: Workload) -> None:
    before, after = only(one).spec, only(replace(two, name=one.name)).spec
    forced = RENDERER.must_replace("container", before, after)
    assert {path.split(".")[0] for path in forced} == unchangeable(before, after)


@given(workloads, workloads)
@settings(deadline=None, max_examples=60)
def test_limits_restart_policy_and_running_alone_never_force_a_replace(one: Workload, two: Workload) -> None:
    limits = Resources(
        cpu_millicores=two.resources.cpu_millicores or 500, memory_bytes=two.resources.memory_bytes or 2**30
    )
    moved = replace(one, resources=limits, restart=two.restart, running=two.running)
    assert RENDERER.must_replace("container", only(one).spec, only(moved).spec) == ()


def unchangeable(before: Spec, after: Spec) -> set[str]:
    """The fields that differ and that no engine changes on a container, worked out field by field."""
    images = [str(spec["image"]).removeprefix("docker.io/library/") for spec in (before, after)]
    fixed = {"command", "env", "secret_env", "ports", "mounts", "networks", "health", "labels"}
    found = {name for name in fixed if before[name] != after[name]}
    found |= {name for name in ("cpu_millicores", "memory_bytes") if before[name] and after[name] is None}
    return found | ({"image"} if images[0] != images[1] else set())


def objects(value: Json) -> list[dict[str, Json]]:
    assert isinstance(value, list)
    return [item for item in value if isinstance(item, dict)]


def base(**fields: Any) -> Workload:
    return Workload(**{"name": "web", "image": "nginx:1.27", **fields})


def test_the_spec_has_exactly_the_agreed_fields() -> None:
    assert dict(only(base(env={"A": "1"}, ports=(Port(container=80, host=8080),))).spec) == {
        "image": "nginx:1.27", "command": None, "env": {"A": "1"}, "secret_env": {},
        "ports": [{"container": 80, "host": 8080, "protocol": "tcp", "address": "0.0.0.0"}],
        "mounts": [], "networks": [], "cpu_millicores": None, "memory_bytes": None, "health": None, "labels": {},
        "restart": "unless-stopped", "running": True,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"resources": Resources(memory_bytes=6 * 2**20 - 1)}, "resources.memory_bytes"),
        ({"resources": Resources(cpu_millicores=9)}, "resources.cpu_millicores"),
        ({"resources": Resources(cpu_millicores=2**53 - 1)}, "resources.cpu_millicores"),
        ({"ports": (Port(host=8080),)}, "ports.container"),
        ({"ports": (Port(container=80, address="nowhere"),)}, "ports.address"),
        ({"volumes": (Mount(path="/", volume="data"),)}, "volumes.path"),
        ({"volumes": (Mount(path="/d", volume="one"), Mount(path="/d/", volume="two"))}, "volumes.path"),
        ({"volumes": (Mount(path="/d", volume="x"),)}, "volumes.volume"),
        ({"networks": ("host",)}, "networks"),
        ({"health": HealthCheck(command=("true",), start_period_s=0.0005)}, "health.start_period_s"),
    ],
)
def test_what_an_engine_cannot_do_is_refused_with_its_field_and_a_next_step(
    fields: Mapping[str, Any], field: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        RENDERER.render(base(**fields))
    assert refused.value.field == field
    assert refused.value.next_step


def test_the_least_that_an_engine_accepts_is_accepted() -> None:
    least = Resources(memory_bytes=6 * 2**20, cpu_millicores=10)
    assert only(base(resources=least)).spec["memory_bytes"] == 6 * 2**20


def test_lifting_a_limit_forces_a_replace_and_setting_one_does_not() -> None:
    free, held = only(base()).spec, only(base(resources=Resources(memory_bytes=2**26, cpu_millicores=500))).spec
    assert RENDERER.must_replace("container", free, held) == ()
    assert RENDERER.must_replace("container", held, free) == ("cpu_millicores", "memory_bytes")


def test_the_field_that_forces_a_replace_is_named_with_dots() -> None:
    one, two = only(base(env={"A": "1"})).spec, only(base(env={"A": "2"}, image="nginx:1.28")).spec
    assert RENDERER.must_replace("container", one, two) == ("env.A", "image")


def test_a_different_volume_or_network_is_always_another_one() -> None:
    assert RENDERER.must_replace("volume", {"driver": "local"}, {"driver": "nfs"}) == ("driver",)
    assert RENDERER.must_replace("network", {}, {"driver": "bridge", "labels": {}}) == ()


@pytest.mark.parametrize("name", ["nginx", "nginx:latest", "docker.io/nginx", "docker.io/library/nginx:latest"])
def test_one_image_has_one_name_when_compared(name: str) -> None:
    assert RENDERER.comparable("container", {"image": name})["image"] == "nginx:latest"


def test_an_image_of_another_registry_keeps_its_name() -> None:
    name = "registry.example.com:5000/library/nginx"
    assert RENDERER.comparable("container", {"image": name})["image"] == f"{name}:latest"


def test_opstwins_own_labels_and_the_default_network_are_not_compared() -> None:
    seen: Spec = {"image": "a:1", "labels": {"io.opstwin.step": "e.1", "team": "shop"}, "networks": ["bridge", "net"]}
    full = RENDERER.comparable("container", seen)
    assert (full["labels"], full["networks"]) == ({"team": "shop"}, ["net"])


@pytest.mark.parametrize("kind", ["pod", ""])
def test_a_kind_that_engines_do_not_have_is_refused(kind: str) -> None:
    with pytest.raises(InvalidInput, match="Kind"):
        RENDERER.comparable(kind, {})


def test_a_health_check_with_words_for_numbers_is_refused() -> None:
    with pytest.raises(InvalidInput) as refused:
        RENDERER.comparable("container", {"health": {"command": ["true"], "interval_s": "soon"}})
    assert refused.value.field == "health.interval_s"


def test_a_port_leads_to_the_only_one_that_the_image_exposes() -> None:
    workload, notes = resolved_ports(base(ports=(Port(host=8080),)), [80])
    assert workload.ports == (Port(container=80, host=8080),)
    assert notes == ("Port 8080 leads to port 80, the only one that image nginx:1.27 exposes.",)


def test_a_port_leads_to_its_own_number_when_the_image_exposes_none() -> None:
    workload, notes = resolved_ports(base(ports=(Port(host=8080),)), [])
    assert workload.ports == (Port(container=8080, host=8080),)
    assert notes == ("Port 8080 leads to port 8080 inside: image nginx:1.27 exposes no port.",)


def test_what_an_image_exposes_that_is_not_there_is_unknown_and_not_nothing() -> None:
    workload, [note] = resolved_ports(base(ports=(Port(host=8080),)), None)
    assert workload.ports == (Port(container=8080, host=8080),)
    assert "exposes no port" not in note
    assert "what nginx:1.27 exposes is not known before it is there" in note
    assert note.endswith("write both, such as 8080:80.")


def test_a_port_among_several_that_the_image_exposes_is_taken_at_its_word() -> None:
    workload, _ = resolved_ports(base(ports=(Port(host=443),)), [80, 443])
    assert workload.ports == (Port(container=443, host=443),)


def test_which_of_several_exposed_ports_is_meant_is_asked() -> None:
    with pytest.raises(Unclear) as asked:
        resolved_ports(base(ports=(Port(host=8080),)), [443, 80])
    assert asked.value.details["choices"] == ["8080:80", "8080:443"]
    assert asked.value.field == "ports.container"


def test_a_port_with_both_ends_stays_as_it_is_and_needs_no_note() -> None:
    ports = (Port(container=80, host=8080), Port(container=9000))
    assert resolved_ports(base(ports=ports), [443]) == (base(ports=ports), ())


def test_with_replicas_the_note_says_who_gets_which_port() -> None:
    _, notes = resolved_ports(base(ports=(Port(container=80, host=8080),), replicas=2), [80])
    assert notes == ("Replicas share no port, so they publish 8080 to 8081: web-1 on 8080, web-2 on 8081.",)


def test_with_many_replicas_the_note_stays_short() -> None:
    _, [note] = resolved_ports(base(ports=(Port(container=80, host=8080),), replicas=900), [80])
    assert note.endswith("web-1 on 8080, web-2 on 8081, web-3 on 8082, … web-900 on 8979.")


def test_a_container_engine_does_not_scale_by_itself_and_says_what_to_do() -> None:
    with pytest.raises(InvalidInput, match="cannot scale by itself") as refused:
        RENDERER.render(Workload(name="web", image="nginx:1.27", autoscale=Autoscale()))
    assert (refused.value.field, "Kubernetes" in refused.value.next_step) == ("autoscale", True)
