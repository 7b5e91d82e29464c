"""Workload files in, Workloads out, and back."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opstwin.domain.names import plain_path
from opstwin.domain.workload import Autoscale, HealthCheck, Mount, Port, Resources, RestartPolicy, Workload
from opstwin.errors import InvalidInput
from opstwin.intent.workload_file import read_workloads, workload_form, workload_from, workload_yaml

FULL = """
kind: Workload
name: web
image: registry.example.com/team/web:2.4
command: [serve, --quiet, "two words"]
entrypoint: /bin/start -v
user: 1000
working_dir: /srv
replicas: 2
ports:
  - 8080
  - "8090:80"
  - 127.0.0.1:9000:90/udp
  - {container: 443}
  - {host: 9443, container: 443, protocol: tcp, address: "::1"}
env:
  DEBUG: no
  VERSION: 1.10
  EMPTY: ""
  QUOTED: "007"
secret_env: {PASSWORD: "env:WEB_PASSWORD", KEY: "file:web-key"}
volumes:
  - data:/data
  - /srv/conf:/etc/web:ro
  - {path: /cache, volume: cache}
networks: [front]
resources: {cpu: 0.5, memory: 256Mi}
health: {command: "check --url 'http://localhost/ ok'", interval_s: 2, retries: 5}
labels: {team: shop, tier: 1}
restart: on-failure
running: true
needs: [db]
"""


def one(text: str) -> Workload:
    (workload,) = read_workloads(text)
    return workload


def test_every_field_of_a_workload_is_read() -> None:
    assert one(FULL) == Workload(
        name="web",
        image="registry.example.com/team/web:2.4",
        command=("serve", "--quiet", "two words"),
        entrypoint=("/bin/start", "-v"),
        user="1000",
        working_dir="/srv",
        replicas=2,
        ports=(
            Port(host=8080),
            Port(host=8090, container=80),
            Port(host=9000, container=90, protocol="udp", address="127.0.0.1"),
            Port(container=443),
            Port(host=9443, container=443, address="::1"),
        ),
        env={"DEBUG": "no", "VERSION": "1.10", "EMPTY": "", "QUOTED": "007"},
        secret_env={"PASSWORD": "env:WEB_PASSWORD", "KEY": "file:web-key"},
        volumes=(
            Mount(path="/data", volume="data"),
            Mount(path="/etc/web", host_path="/srv/conf", read_only=True),
            Mount(path="/cache", volume="cache"),
        ),
        networks=("front",),
        resources=Resources(cpu_millicores=500, memory_bytes=256 * 2**20),
        health=HealthCheck(command=("check", "--url", "http://localhost/ ok"), interval_s=2.0, retries=5),
        labels={"team": "shop", "tier": "1"},
        restart=RestartPolicy.ON_FAILURE,
        needs=("db",),
    )


def test_variables_may_be_a_list() -> None:
    assert one("name: a\nimage: b:1\nenv: [A=1, 'B=x=y', C=]").env == {"A": "1", "B": "x=y", "C": ""}


def test_a_command_on_one_line_is_split_without_a_shell() -> None:
    assert one("name: a\nimage: b:1\ncommand: echo '$HOME && ls' ; rm").command == ("echo", "$HOME && ls", ";", "rm")


def test_several_documents_are_several_workloads() -> None:
    found = read_workloads("name: a\nimage: x:1\nneeds: [b]\n---\nname: b\nimage: y:1\n")
    assert [item.name for item in found] == ["a", "b"]


def test_json_from_elsewhere_is_read_in_the_same_form() -> None:
    form = {"name": "a", "image": "b:1", "ports": ["8080:80"], "resources": {"cpu": "250m", "memory": 1048576}}
    workload = workload_from(form)  # type: ignore[arg-type]
    assert workload.ports == (Port(host=8080, container=80),)
    assert workload.resources == Resources(cpu_millicores=250, memory_bytes=1048576)


def test_json_faults_name_the_path_and_no_line() -> None:
    with pytest.raises(InvalidInput) as refused:
        workload_from({"name": "a", "image": "b:1", "health": {"command": ["x"], "retires": 2}})
    assert refused.value.field == "health.retires"
    assert "line" not in refused.value.details
    assert refused.value.next_step == "Did you mean retries?"


BAD = {
    "unknown key": ("replica: 2", "replica", 3, "Did you mean replicas?"),
    "unknown key far from all": ("zzz: 2", "zzz", 3, "Use one of"),
    "unknown nested key": ("ports:\n  - 80\n  - {hosst: 80}", "ports[1].hosst", 5, "Did you mean host?"),
    "unknown health key": ("health:\n  command: [x]\n  test: x", "health.test", 5, "Use one of"),
    "unknown resource key": ("resources:\n  cpus: 1", "resources.cpus", 4, "Did you mean cpu?"),
    "no replicas": ("replicas: 0", "replicas", 3, "stop"),
    "negative replicas": ("replicas: -1", "replicas", 3, "stop"),
    "huge replicas": ("replicas: 1000000000", "replicas", 3, "stop"),
    "replicas as text": ('replicas: "2"', "replicas", 3, "without quotes"),
    "replicas as boolean": ("replicas: true", "replicas", 3, "without quotes"),
    "replicas as fraction": ("replicas: 1.5", "replicas", 3, "without a fraction"),
    "port 0": ("ports: [0]", "ports[0]", 3, "65535"),
    "port too high": ("ports: [80, 65536]", "ports[1]", 3, "65535"),
    "port text": ("ports: [http]", "ports[0]", 3, "8080:80"),
    "port range": ("ports: [8000-8010:80]", "ports[0]", 3, "8080:80"),
    "port protocol": ("ports: [80:80/icmp]", "ports[0]", 3, "tcp or udp"),
    "port address": ("ports: [{host: 80, address: example.com}]", "ports[0].address", 3, "127.0.0.1"),
    "port without number": ("ports:\n  - {protocol: tcp}", "ports[0]", 4, "8080"),
    "ports not a list": ("ports: 80", "ports", 3, "list"),
    "port published twice": ("ports: [80, 80]", "ports", 3, "once"),
    "docker memory": ("resources: {memory: 512m}", "resources.memory", 3, "512Mi"),
    "memory word": ("resources: {memory: lots}", "resources.memory", 3, "256Mi"),
    "memory below a byte": ("resources: {memory: 0.5}", "resources.memory", 3, "256Mi"),
    "no memory": ("resources: {memory: 0}", "resources.memory_bytes", 3, "256Mi"),
    "cpu below a millicore": ("resources: {cpu: 0.0001}", "resources.cpu", 3, "500m"),
    "negative cpu": ("resources: {cpu: -1}", "resources.cpu", 3, "500m"),
    "cpu boolean": ("resources: {cpu: {}}", "resources.cpu", 3, "without quotes"),
    "relative host path": ("volumes: [./data:/data]", "volumes[0]", 3, "absolute"),
    "climbing host path": ("volumes: [/srv/../etc:/data]", "volumes[0]", 3, "absolute"),
    "relative mount": ("volumes: [data:data]", "volumes[0]", 3, "/data"),
    "volume name": ("volumes: ['../x:/data']", "volumes[0]", 3, "/data"),
    "volume mode": ("volumes: [data:/data:rwx]", "volumes[0]", 3, "data:/data"),
    "volume without path": ("volumes: [data]", "volumes[0]", 3, "data:/data"),
    "mount without source": ("volumes:\n  - {path: /x}", "volumes[0]", 4, "data:/data"),
    "variable without value": ("env: [DEBUG]", "env", 3, "KEY=VALUE"),
    "variable null": ("env:\n  DEBUG:", "env.DEBUG", 4, "Write text"),
    "variable list twice": ("env: [A=1, A=2]", "env", 3, "Keep one"),
    "variable name": ("env: {'a b': c}", "env", 3, "letters"),
    "variable NUL": ('env: {A: "a\\0b"}', "env", 3, "plain value"),
    "variable and secret": ("env: {A: b}\nsecret_env: {A: 'env:A'}", "env", 3, "Keep one"),
    "secret by value": ("secret_env: {A: hunter2}", "secret_env", 3, "env:NAME"),
    "network name": ("networks: [Front]", "networks", 3, "lower-case"),
    "restart policy": ("restart: sometimes", "restart", 3, "unless-stopped"),
    "empty health command": ("health: {command: []}", "health.command", 3, "command"),
    "missing health command": ("health: {retries: 2}", "health.command", 3, "Add it"),
    "open quote": ("command: \"a 'b\"", "command", 3, "list"),
    "label prefix": ("labels: {io.opstwin.step: x}", "labels", 3, "prefix"),
    "foreign kind": ("kind: Deployment", "kind", 3, "Workload"),
    "running text": ("running: 'yes'", "running", 3, "true or false"),
}  # fmt: skip


@pytest.mark.parametrize(("more", "field", "line", "hint"), BAD.values(), ids=BAD.keys())
def test_a_wrong_value_is_refused_with_its_path_its_line_and_what_to_do(
    more: str, field: str, line: int, hint: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        read_workloads(f"name: web\nimage: nginx:1.27\n{more}\n")
    error = refused.value
    assert (error.field, error.details["line"]) == (field, line)
    assert hint in f"{error.message} {error.next_step}"
    assert error.next_step


@pytest.mark.proves("E4")
@pytest.mark.parametrize("name", ["../x", "a--b", "a\nb", "Web", "web;rm", "$(x)", "wéb", "-web", "а", "x" * 64, ""])
def test_names_that_are_not_safe_everywhere_are_refused(name: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        workload_from({"name": name, "image": "nginx:1.27"})
    assert refused.value.field == "name"


def test_a_secret_given_by_value_is_not_repeated() -> None:
    with pytest.raises(InvalidInput) as refused:
        read_workloads("name: a\nimage: b:1\nsecret_env: {A: hunter2}")
    assert "hunter2" not in f"{refused.value} {refused.value.details}"


@pytest.mark.parametrize("text", ["", "# nothing", "just words", "- name: a", "a: 1\n---\n- b"])
def test_a_file_without_a_workload_says_what_to_write(text: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        read_workloads(text)
    assert refused.value.next_step


def test_two_workloads_of_one_name_are_refused() -> None:
    with pytest.raises(InvalidInput, match=r"twice \(line 4"):
        read_workloads("name: a\nimage: x:1\n---\nname: a\nimage: y:1")


def test_workloads_that_need_each_other_are_refused_by_name() -> None:
    with pytest.raises(InvalidInput) as refused:
        read_workloads("name: a\nimage: x:1\nneeds: [b]\n---\nname: b\nimage: y:1\nneeds: [a]")
    assert set(refused.value.details["cycle"]) == {"a", "b"}  # type: ignore[call-overload]


NAMES = st.from_regex(r"[a-z][a-z0-9]{0,8}(-[a-z0-9]{1,8})?", fullmatch=True)
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)
LINES = st.text(st.characters(categories=["L", "N", "P", "S", "Zs"]), max_size=30)
KEYS = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,12}", fullmatch=True)
PATHS = st.from_regex(r"(/[a-z0-9:._ -]{1,8}){1,3}", fullmatch=True).filter(lambda path: ".." not in path.split("/"))
ADDRESSES = st.ip_addresses().map(str)
NUMBERS = st.integers(1, 65535)
PORTS = st.builds(
    Port, container=NUMBERS, host=st.none() | NUMBERS, protocol=st.sampled_from(["tcp", "udp"]), address=ADDRESSES
) | st.builds(Port, host=NUMBERS)
MOUNTS = st.builds(Mount, path=PATHS, volume=NAMES, read_only=st.booleans()) | st.builds(
    Mount, path=PATHS, host_path=PATHS, read_only=st.booleans()
)
WORKLOADS = st.builds(
    Workload,
    name=NAMES,
    image=st.sampled_from(["nginx:1.27", "registry.example.com:5000/team/api:2.4", "busybox"]),
    command=st.none() | st.lists(TEXTS, max_size=4).map(tuple),
    entrypoint=st.none() | st.lists(TEXTS, max_size=4).map(tuple),
    user=st.sampled_from(["", "0", "1000:1000", "no", "app:staff"]),
    working_dir=st.just("") | PATHS,
    ports=st.lists(PORTS, max_size=3, unique_by=lambda port: (port.host, port.protocol)).map(tuple),
    env=st.dictionaries(KEYS, TEXTS, max_size=4),
    secret_env=st.dictionaries(
        KEYS.map(lambda key: f"S_{key}x_secret"), KEYS.map(lambda key: f"env:{key}"), max_size=2
    ),
    volumes=st.lists(MOUNTS, max_size=3, unique_by=lambda mount: plain_path(mount.path)).map(tuple),
    networks=st.lists(NAMES, max_size=3).map(tuple),
    resources=st.builds(
        Resources, cpu_millicores=st.none() | st.integers(1, 10**6), memory_bytes=st.none() | st.integers(1, 2**50)
    ),
    replicas=st.just(1),
    health=st.none()
    | st.builds(
        HealthCheck,
        command=st.lists(TEXTS, min_size=1, max_size=3).map(tuple),
        interval_s=st.floats(0.001, 3600),
        timeout_s=st.floats(0.001, 3600),
        retries=st.integers(1, 100),
        start_period_s=st.floats(0, 3600),
    ),
    labels=st.dictionaries(LINES.filter(lambda key: not key.startswith("io.opstwin.")), LINES, max_size=3),
    restart=st.sampled_from(RestartPolicy),
    running=st.booleans(),
    needs=st.lists(NAMES.map(lambda name: f"{name}-other"), max_size=2).map(tuple),
    project=st.just("") | NAMES,
    autoscale=st.none()
    | st.builds(
        Autoscale,
        minimum=st.none() | st.integers(1, 5),
        maximum=st.none() | st.integers(5, 1000),
        cpu_percent=st.integers(1, 1000),
        memory_percent=st.none() | st.integers(1, 1000),
    ),
)


@settings(deadline=None)
@given(WORKLOADS)
def test_a_written_workload_reads_back_equal(workload: Workload) -> None:
    assert read_workloads(workload_yaml(workload)) == (workload,)
    assert workload_from(workload_form(workload)) == workload


def test_a_written_workload_is_short() -> None:
    text = workload_yaml(Workload(name="web", image="nginx:1.27", ports=(Port(host=8080, container=80),)))
    assert text == 'name: web\nimage: nginx:1.27\nports:\n- "8080:80"\n'


def test_words_that_older_readers_take_for_booleans_are_written_in_quotes() -> None:
    text = workload_yaml(Workload(name="web", image="nginx:1.27", env={"A": "no", "B": "On", "C": "1.10", "D": "x y"}))
    assert text.endswith('env:\n  A: "no"\n  B: "On"\n  C: "1.10"\n  D: "x y"\n')
