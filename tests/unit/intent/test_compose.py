"""Compose files that are read: what each key becomes."""

import tracemalloc

import pytest

from opstwin.domain.workload import HealthCheck, Mount, Port, Resources, RestartPolicy, Workload
from opstwin.errors import InvalidInput, LimitExceeded
from opstwin.intent.compose import read_compose
from opstwin.intent.document import Workloads, read_document

WEB = "services:\n  web:\n    image: nginx:1.27\n"


def read(text: str, **variables: str) -> dict[str, Workload]:
    return {item.name: item for item in read_compose(text, project="shop", variables=variables)}


def web(more: str, rest: str = "", **variables: str) -> Workload:
    lines = "".join(f"    {line}\n" for line in more.splitlines())
    return read(f"{WEB}{lines}{rest}", **variables)["web"]


def test_a_service_alone_joins_the_projects_network_and_restarts_never() -> None:
    assert read(WEB)["web"] == Workload(
        name="web", image="nginx:1.27", networks=("shop-default",), restart=RestartPolicy.NEVER, project="shop"
    )


def test_a_whole_application() -> None:
    text = """
version: "3.9"
name: ignored-for-the-argument
x-env: &env
  LOG_LEVEL: info
services:
  web:
    image: ${REGISTRY:-registry.example.com}/shop/web:${TAG}
    command: ["serve", "--port", "80"]
    environment:
      <<: *env
      RATE: 1.10
      DEBUG: false
    ports:
      - "8080-8081:80"
      - {target: 443, published: "8443-8444", host_ip: 127.0.0.1, protocol: tcp, mode: ingress}
    depends_on:
      db: {condition: service_healthy, required: true}
    networks: [front, back]
    deploy:
      replicas: 2
      mode: replicated
      resources: {limits: {cpus: "0.5", memory: 256M}}
    x-note: not read
  db:
    image: postgres:16
    restart: always
    expose: ["5432"]
    environment: ["POSTGRES_USER=shop", "POSTGRES_PASSWORD"]
    volumes:
      - data:/var/lib/postgresql/data
      - {type: bind, source: /srv/init, target: /docker-entrypoint-initdb.d, read_only: true}
    healthcheck:
      test: ["CMD", "pg_isready", "-U", "shop"]
      interval: 1m30s
      timeout: 500ms
      retries: 5
      start_period: 10s
    labels: {tier: 1, team: shop}
    networks: {back: }
networks:
  front: {driver: bridge}
  back: {name: backbone}
volumes:
  data: {driver: local}
"""
    found = read(text, TAG="2.4", POSTGRES_PASSWORD="from-the-caller")
    assert found["web"] == Workload(
        name="web",
        image="registry.example.com/shop/web:2.4",
        command=("serve", "--port", "80"),
        env={"LOG_LEVEL": "info", "RATE": "1.10", "DEBUG": "false"},
        ports=(Port(host=8080, container=80), Port(host=8443, container=443, address="127.0.0.1")),
        networks=("shop-front", "backbone"),
        resources=Resources(cpu_millicores=500, memory_bytes=256 * 2**20),
        replicas=2,
        restart=RestartPolicy.NEVER,
        needs=("db",),
        project="shop",
    )
    assert found["db"] == Workload(
        name="db",
        image="postgres:16",
        env={"POSTGRES_USER": "shop", "POSTGRES_PASSWORD": "from-the-caller"},
        ports=(Port(container=5432),),
        volumes=(
            Mount(path="/var/lib/postgresql/data", volume="shop-data"),
            Mount(path="/docker-entrypoint-initdb.d", host_path="/srv/init", read_only=True),
        ),
        networks=("backbone",),
        health=HealthCheck(
            command=("pg_isready", "-U", "shop"), interval_s=90.0, timeout_s=0.5, retries=5, start_period_s=10.0
        ),
        labels={"tier": "1", "team": "shop"},
        restart=RestartPolicy.ALWAYS,
        project="shop",
    )


@pytest.mark.parametrize(
    ("ports", "expected"),
    [
        ('["8080:80"]', [(8080, 80, "tcp", "0.0.0.0")]),
        ("[8080:80]", [(8080, 80, "tcp", "0.0.0.0")]),
        ('["6060:6060/udp"]', [(6060, 6060, "udp", "0.0.0.0")]),
        ('["127.0.0.1:8001:8001"]', [(8001, 8001, "tcp", "127.0.0.1")]),
        ('["[::1]:6001:6001"]', [(6001, 6001, "tcp", "::1")]),
        ('["::1:6000:6000"]', [(6000, 6000, "tcp", "::1")]),
        ('["9090-9091:8080-8081"]', [(9090, 8080, "tcp", "0.0.0.0"), (9091, 8081, "tcp", "0.0.0.0")]),
        ('["127.0.0.1:5000-5001:5000-5001"]', [(5000, 5000, "tcp", "127.0.0.1"), (5001, 5001, "tcp", "127.0.0.1")]),
        ("[{target: 80, published: 8080}]", [(8080, 80, "tcp", "0.0.0.0")]),
        ('[{target: 53, published: "5353", protocol: udp}]', [(5353, 53, "udp", "0.0.0.0")]),
    ],
)
def test_published_ports(ports: str, expected: list[tuple[int, int, str, str]]) -> None:
    found = web(f"ports: {ports}").ports
    assert [(port.host, port.container, port.protocol, port.address) for port in found] == expected


def test_a_range_of_host_ports_gives_each_replica_its_own() -> None:
    assert web('scale: 3\nports: ["8080-8082:80"]').ports == (Port(host=8080, container=80),)


def test_exposed_ports_stay_inside() -> None:
    assert web('expose: [80, "8000-8001", "53/udp"]').ports == (
        Port(container=80),
        Port(container=8000),
        Port(container=8001),
        Port(container=53, protocol="udp"),
    )


@pytest.mark.parametrize(
    ("test", "command"),
    [
        ("curl -f http://localhost || exit 1", ("/bin/sh", "-c", "curl -f http://localhost || exit 1")),
        ('["CMD-SHELL", "a && b"]', ("/bin/sh", "-c", "a && b")),
        ('["CMD", "/check", "a b"]', ("/check", "a b")),
    ],
)
def test_health_checks_with_and_without_a_shell(test: str, command: tuple[str, ...]) -> None:
    check = web(f"healthcheck: {{test: {test}}}").health
    assert check == HealthCheck(command=command, interval_s=30.0, timeout_s=30.0, retries=3)


@pytest.mark.parametrize(
    ("line", "command"),
    [
        ("command: echo 'a b' $$HOME", ("echo", "a b", "$HOME")),
        ('command: ["sh", "-c", "a; b"]', ("sh", "-c", "a; b")),
        ("command:", None),
    ],
)
def test_commands(line: str, command: tuple[str, ...] | None) -> None:
    assert web(line).command == command
    assert web(line.replace("command", "entrypoint")).entrypoint == command


@pytest.mark.parametrize("user", ["1000", '"1000:1000"', "app", "app:staff"])
def test_the_user_and_the_folder_that_a_service_starts_in(user: str) -> None:
    found = web(f"user: {user}\nworking_dir: /srv/app")
    assert (found.user, found.working_dir) == (user.strip('"'), "/srv/app")


FILES = """x-env-files:
  ./web.env: |
    # a comment
    export LOG_LEVEL=info   # how much
    EMPTY=
    SPACES = two words
    QUOTED="a \\"b\\" #c"
    LITERAL='$HOME ${NOT} \\n'
    HASH=a#b
  more.env: "LOG_LEVEL=debug\\nLAST=file"
"""


@pytest.mark.parametrize(
    ("lines", "level"),
    [
        ("env_file: ./web.env", "info"),
        ("env_file: [./web.env]", "info"),
        ("env_file: [more.env, ./web.env]", "info"),
        ("env_file: [./web.env, {path: more.env, required: true}]", "debug"),
        ("env_file: [./web.env, {path: away.env, required: false}]", "info"),
        ("env_file: ./web.env\nenvironment: {LOG_LEVEL: warn}", "warn"),
    ],
)
def test_env_files_come_along_and_the_last_word_counts(lines: str, level: str) -> None:
    env = web(lines, FILES).env
    assert env["LOG_LEVEL"] == level
    assert (env["EMPTY"], env["SPACES"], env["HASH"]) == ("", "two words", "a#b")
    assert (env["QUOTED"], env["LITERAL"]) == ('a "b" #c', "$HOME ${NOT} \\n")


@pytest.mark.parametrize(
    ("lines", "resources"),
    [
        ("mem_limit: 512m", Resources(memory_bytes=512 * 2**20)),
        ("mem_limit: 1gb", Resources(memory_bytes=2**30)),
        ("mem_limit: 1048576", Resources(memory_bytes=2**20)),
        ("cpus: 1.5", Resources(cpu_millicores=1500)),
        ("cpus: 1\ndeploy: {resources: {limits: {cpus: '1.0'}}}", Resources(cpu_millicores=1000)),
        ("deploy: {resources: {limits: {memory: 64k}}}", Resources(memory_bytes=65536)),
    ],
)
def test_limits(lines: str, resources: Resources) -> None:
    assert web(lines).resources == resources


@pytest.mark.parametrize("lines", ["scale: 3", "deploy: {replicas: 3}", "scale: 3\ndeploy: {replicas: 3}"])
def test_replicas(lines: str) -> None:
    assert web(lines).replicas == 3


@pytest.mark.parametrize(
    ("lines", "labels"),
    [
        ("labels: {a: 1, b: , c: x}", {"a": "1", "b": "", "c": "x"}),
        ('labels: ["a=1", "b", "c=x=y"]', {"a": "1", "b": "", "c": "x=y"}),
    ],
)
def test_labels(lines: str, labels: dict[str, str]) -> None:
    assert web(lines).labels == labels


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("$TAG", "1.27"),
        ("${TAG}", "1.27"),
        ("a-${TAG}-b$TAG", "a-1.27-b1.27"),
        ("$$TAG", "$TAG"),
        ("$${TAG}", "${TAG}"),
        ("cost: 5$", "cost: 5$"),
        ("$1", "$1"),
        ("${UNSET:-x}", "x"),
        ("${UNSET-x}", "x"),
        ("${EMPTY:-x}", "x"),
        ("${EMPTY-x}", ""),
        ("${TAG:-x}", "1.27"),
        ("${TAG:+y}", "y"),
        ("${EMPTY:+y}", ""),
        ("${EMPTY+y}", "y"),
        ("${UNSET+y}", ""),
        ("${UNSET:-${TAG}}", "1.27"),
        ("${UNSET:-${ALSO:-a}${EMPTY}b}", "ab"),
        ("${TAG:-${UNSET}}", "1.27"),
        ("${TAG:?needed}", "1.27"),
        ("${UNSET:-}", ""),
        ("${UNSET:-a:b}", "a:b"),
        ("${UNSET:-$$}", "$"),
    ],
)
def test_variables_by_the_specification(written: str, value: str) -> None:
    assert web(f"environment: ['A={written}']", TAG="1.27", EMPTY="").env == {"A": value}


def test_keys_are_not_interpolated() -> None:
    assert web("labels: {$TAG: x}").labels == {"$TAG": "x"}


def test_a_variable_may_stand_for_a_number() -> None:
    assert web("scale: ${N:-2}\nmem_limit: ${MEM}", MEM="1g").replicas == 2


def test_the_process_environment_is_never_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_TOKEN", "secret")
    with pytest.raises(InvalidInput, match="SHOP_TOKEN is not set"):
        web("environment: ['A=$SHOP_TOKEN']")
    with pytest.raises(InvalidInput, match="no variable of that name"):
        web("environment: [SHOP_TOKEN]")


def test_a_variables_value_cannot_add_structure() -> None:
    assert web("environment: {A: $B}", B="x\nprivileged: true").env == {"A": "x\nprivileged: true"}


def test_values_that_grow_together_without_bound_are_refused() -> None:
    lines = ", ".join(f"A{n}=$B" for n in range(500))
    with pytest.raises(LimitExceeded, match="4 MiB"):
        web(f"environment: [{lines}]", B="x" * 10_000)


def test_one_value_that_grows_without_bound_is_refused_before_it_is_built() -> None:
    text = "environment: ['A=" + "$B" * 100_000 + "']"
    tracemalloc.start()
    with pytest.raises(LimitExceeded, match="4 MiB"):
        web(text, B="x" * 10_000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 50 * 1024 * 1024


def test_the_projects_name_may_stand_in_the_file() -> None:
    (workload,) = read_compose(f"name: store\n{WEB}")
    assert workload.networks == ("store-default",)


def test_the_default_network_may_be_renamed() -> None:
    assert web("", "networks: {default: {name: lan}}").networks == ("lan",)


def test_needs_may_be_a_list() -> None:
    found = read(f"{WEB}    depends_on: [db]\n  db: {{image: 'postgres:16'}}")
    assert found["web"].needs == ("db",)


def test_services_stand_in_the_order_of_the_file() -> None:
    assert list(read("services: {b: {image: 'x:1'}, a: {image: 'y:1'}}")) == ["b", "a"]


SHARED = "services: {web: {image: app:1, scale: 3, ports: ['8080:80', '8443-8445:443']}}"


def test_in_a_cluster_all_replicas_stand_behind_one_port() -> None:
    document = read_document(SHARED, project="shop", for_cluster=True)
    assert isinstance(document, Workloads)
    [web] = document.items
    assert (web.replicas, [(port.host, port.container) for port in web.ports]) == (3, [(8080, 80), (8443, 443)])


def test_on_one_machine_replicas_cannot_share_a_port() -> None:
    with pytest.raises(InvalidInput, match="cannot be shared by 3 replicas"):
        read_document(SHARED, project="shop")
