"""Compose files that are refused: nothing that Opstwin does not carry out is passed over."""

import json

import pytest

from opstwin.errors import InvalidInput
from opstwin.intent.compose import read_compose
from opstwin.intent.compose_advice import SERVICE, SERVICE_KEYS

WEB = "services:\n  web:\n    image: nginx:1.27\n"


def refusal(text: str) -> InvalidInput:
    with pytest.raises(InvalidInput) as refused:
        read_compose(text, project="shop")
    return refused.value


@pytest.mark.parametrize("key", sorted(SERVICE))
def test_a_known_key_that_is_not_carried_out_is_refused_with_advice(key: str) -> None:
    error = refusal(f"{WEB}    {key}: x\n")
    assert (error.field, error.details["line"]) == (f"services.web.{key}", 4)
    assert error.next_step == SERVICE[key]


def test_no_key_is_both_read_and_refused() -> None:
    assert not set(SERVICE) & set(SERVICE_KEYS)


SERVICE_LINES = {
    "typing mistake": ("enviroment: {A: b}", "enviroment", "Did you mean environment?"),
    "unknown": ("zzz: 1", "zzz", "Known here"),
    "user": ("user: '-v'", "user", "1000:1000"),
    "folder": ("working_dir: app", "working_dir", "/data"),
    "env file": ("env_file: .env", "env_file", "opstwin plan -f"),
    "env file in a list": ("env_file: [.env]", "env_file[0]", "opstwin plan -f"),
    "env file without path": ("env_file: [{required: true}]", "env_file[0]", "path:"),
    "env file format": ("env_file: [{path: x, format: raw}]", "env_file[0].format", "Remove"),
    "port without host": ('ports: ["3000"]', "ports[0]", "3000:3000"),
    "port number without host": ("ports: [3000]", "ports[0]", "3000:3000"),
    "range without host": ('ports: ["3000-3005"]', "ports[0]", "3000:3000"),
    "address without host port": ('ports: ["127.0.0.1::80"]', "ports[0]", "8080:80"),
    "range to one port": ('ports: ["8000-8005:80"]', "ports[0]", "equally long"),
    "ranges of different lengths": ('ports: ["8000-8002:80-81"]', "ports[0]", "equally long"),
    "range upside down": ('ports: ["8002-8000:80-82"]', "ports[0]", "lower port first"),
    "huge range": ('ports: ["1-65535:1-65535"]', "ports[0]", "lower port first"),
    "port out of range": ('ports: ["70000:80"]', "ports[0]", "65535"),
    "port protocol": ('ports: ["80:80/sctp"]', "ports[0]", "tcp or udp"),
    "port address": ('ports: ["300.1.1.1:80:80"]', "ports[0]", "address"),
    "port word": ('ports: ["http:80"]', "ports[0]", "8080:80"),
    "port mode": ("ports: [{target: 80, published: 80, mode: host}]", "ports[0].mode", "one target"),
    "port name": ("ports: [{target: 80, published: 80, name: web}]", "ports[0].name", "comment"),
    "port without target": ("ports: [{published: 80}]", "ports[0]", "target:"),
    "port not published": ("ports: [{target: 80}]", "ports[0]", "expose:"),
    "one port for two replicas": ('scale: 2\nports: ["8080:80"]', "ports[0]", "8080-8081:80"),
    "relative bind": ("volumes: [./data:/data]", "volumes[0]", "whole path"),
    "home bind": ("volumes: [~/data:/data]", "volumes[0]", "whole path"),
    "anonymous volume": ("volumes: [/data]", "volumes[0]", "data:/data"),
    "undeclared volume": ("volumes: [data:/data]", "volumes[0]", "volumes: data:"),
    "volume mode": ("volumes: [/srv:/data:z]", "volumes[0]", "data:/data:ro"),
    "climbing path": ("volumes: [/srv/../etc:/data]", "volumes[0]", "/data"),
    "tmpfs mount": ("volumes: [{type: tmpfs, source: x, target: /x}]", "volumes[0].type", "volume or bind"),
    "bind by name": ("volumes: [{type: bind, source: x, target: /x}]", "volumes[0].source", "path"),
    "mount options": (
        "volumes: [{type: bind, source: /x, target: /x, bind: {propagation: shared}}]",
        "volumes[0].bind",
        "Remove",
    ),
    "undeclared network": ("networks: [front]", "networks[0]", "networks: front:"),
    "network alias": ("networks: {default: {aliases: [x]}}", "networks.default.aliases", "own name"),
    "network address": ("networks: {default: {ipv4_address: 10.0.0.2}}", "networks.default.ipv4_address", "addresses"),
    "placement": ("deploy: {placement: {constraints: []}}", "deploy.placement", "one target"),
    "deploy restart": ("deploy: {restart_policy: {condition: any}}", "deploy.restart_policy", "restart:"),
    "global mode": ("deploy: {mode: global}", "deploy.mode", "replicas:"),
    "reservations": ("deploy: {resources: {reservations: {cpus: '1'}}}", "deploy.resources.reservations", "requests"),
    "pids": ("deploy: {resources: {limits: {pids: 5}}}", "deploy.resources.limits.pids", "remove it"),
    "replicas 0": ("deploy: {replicas: 0}", "", "1 to 1000"),
    "replicas word": ("deploy: {replicas: many}", "deploy.replicas", "digits"),
    "replicas negative": ("scale: -1", "scale", "digits"),
    "two replica counts": ("scale: 2\ndeploy: {replicas: 3}", "scale", "one of the two"),
    "two memory limits": ("mem_limit: 1g\ndeploy: {resources: {limits: {memory: 2g}}}", "mem_limit", "one of the two"),
    "memory word": ("mem_limit: lots", "mem_limit", "256m"),
    "no memory": ("mem_limit: 0", "mem_limit", "256Mi"),
    "cpu word": ("cpus: few", "cpus", "0.5"),
    "health off": ("healthcheck: {disable: true}", "healthcheck.disable", "switched off"),
    "health none": ('healthcheck: {test: ["NONE"]}', "healthcheck.test", "switched off"),
    "health form": ('healthcheck: {test: ["curl", "x"]}', "healthcheck.test", "CMD"),
    "health without test": ("healthcheck: {interval: 5s}", "healthcheck", "test:"),
    "health interval": ("healthcheck: {test: x, interval: 5}", "healthcheck.interval", "text"),
    "health duration": ("healthcheck: {test: x, interval: soon}", "healthcheck.interval", "1m30s"),
    "health start interval": ("healthcheck: {test: x, start_interval: 5s}", "healthcheck.start_interval", "interval"),
    "restart with a count": ("restart: on-failure:3", "restart", "on-failure"),
    "restart boolean": ("restart: false", "restart", "text"),
    "need of nobody": ("depends_on: [db]", "depends_on[0]", "service"),
    "need of itself": ("depends_on: [web]", "", "circle"),
    "need to complete": (
        "depends_on: {web: {condition: service_completed_successfully}}",
        "depends_on.web.condition",
        "service_healthy",
    ),
    "need not required": ("depends_on: {web: {required: false}}", "depends_on.web.required", "required"),
    "need restarts": ("depends_on: {web: {restart: true}}", "depends_on.web.restart", "restart"),
    "environment null": ("environment: {A: }", "environment.A", "value"),
    "environment list of maps": ("environment: [{A: b}]", "environment[0]", "text"),
    "environment twice": ("environment: [A=1, A=2]", "environment[1]", "one of the two"),
    "environment nested": ("environment: {A: {b: c}}", "environment.A", "one value"),
    "label of ours": ("labels: {io.opstwin.step: x}", "", "prefix"),
    "label twice": ("labels: [a=1, a=2]", "labels", "one of the two"),
    "command number": ("command: 5", "command", "quotes"),
    "command empty": ("command: []", "command", "image's own"),
    "command open quote": ("command: \"a 'b\"", "command", "list"),
    "unset variable": ("environment: ['A=$NOPE']", None, "${NOPE:-value}"),
    "required variable": ("environment: ['A=${NOPE:?say it}']", None, "say it"),
    "open variable": ("environment: ['A=${NOPE']", None, "NOPE"),
    "variable without a name": ("environment: ['A=${}']", None, "${NAME}"),
    "open default": ("environment: ['A=${NOPE:-x']", None, "Close it"),
    "shell expansion": ("environment: ['A=${NOPE/a/b}']", None, "${NAME:-default}"),
    "deep variables": ("environment: ['A=" + "${A:-" * 9 + "}" * 9 + "']", None, "fewer"),
}  # fmt: skip


@pytest.mark.parametrize(("lines", "field", "hint"), SERVICE_LINES.values(), ids=SERVICE_LINES.keys())
def test_a_service_that_cannot_be_carried_out_is_refused_with_path_line_and_advice(
    lines: str, field: str | None, hint: str
) -> None:
    error = refusal(WEB + "".join(f"    {line}\n" for line in lines.splitlines()))
    expected = {None: ""}.get(field, f"services.web.{field}" if field else None)
    assert error.field == expected or (field == "" and error.field in ("services", "services.web"))
    assert isinstance(error.details["line"], int)
    assert hint in f"{error.message} {error.next_step}"
    assert error.next_step


FILES = {
    "no services": ("name: shop", "services:"),
    "services empty": ("services: {}", "services:"),
    "services null": ("services:", "services:"),
    "services list": ("services: [web]", "key: value"),
    "service null": ("services: {web: }", "image:"),
    "service text": ("services: {web: nginx}", "key: value"),
    "no image": ("services: {web: {command: [x]}}", "image:"),
    "image number": ("services: {web: {image: 5}}", "quotes"),
    "image tricks": ("services: {web: {image: '../x'}}", "image reference"),
    "service name": ("services: {my_web: {image: 'x:1'}}", "dashes"),
    "list": ("- a", "services:"),
    "two documents": (f"{WEB}---\n{WEB}", "one document"),
    "empty": ("", "one document"),
    "top-level secrets": (f"{WEB}secrets: {{a: {{file: ./a}}}}", "secret_env"),
    "top-level configs": (f"{WEB}configs: {{a: {{file: ./a}}}}", "host"),
    "include": (f"include: [other.yaml]\n{WEB}", "Copy"),
    "unknown top-level key": (f"{WEB}service: {{}}", "services"),
    "external network": (f"{WEB}networks: {{a: {{external: true}}}}", "used as it is"),
    "external volume": (f"{WEB}volumes: {{a: {{external: true}}}}", "used as it is"),
    "network driver": (f"{WEB}networks: {{a: {{driver: overlay}}}}", "bridge"),
    "volume driver": (f"{WEB}volumes: {{a: {{driver: nfs}}}}", "local"),
    "volume options": (f"{WEB}volumes: {{a: {{driver_opts: {{o: bind}}}}}}", "remove it"),
    "network addresses": (f"{WEB}networks: {{a: {{ipam: {{}}}}}}", "addresses"),
    "network name": (f"{WEB}networks: {{back_end: }}", "dashes"),
    "circle": (
        "services: {a: {image: 'x:1', depends_on: [b]}, b: {image: 'x:1', depends_on: [a]}}",
        "circle: ",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("text", "hint"), FILES.values(), ids=FILES.keys())
def test_a_file_that_cannot_be_carried_out_is_refused(text: str, hint: str) -> None:
    error = refusal(text)
    assert hint in f"{error.message} {error.next_step}"
    assert error.next_step


def test_a_project_needs_a_usable_name() -> None:
    with pytest.raises(InvalidInput, match="no name"):
        read_compose(WEB)
    with pytest.raises(InvalidInput) as refused:
        read_compose(WEB, project="../x")
    assert refused.value.field == "project"


def test_extension_keys_are_free_everywhere() -> None:
    text = f"x-top: 1\n{WEB}    x-service: 2\n    deploy: {{x-deploy: 3}}\nnetworks: {{a: {{x-net: 4}}}}\n"
    assert read_compose(text, project="shop")[0].name == "web"


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("hunter2", "line 2 of the env file is not NAME=value"),
        ("A B=hunter2", "line 2 of the env file is not NAME=value"),
        ("1A=hunter2", "line 2 of the env file has no usable name"),
        ("A='hunter2", "line 2 of the env file has a quote"),
        ("A=${hunter2}", "line 2 of the env file names another variable"),
        ('A="$hunter2"', "line 2 of the env file names another variable"),
    ],
)
def test_a_line_of_an_env_file_that_cannot_be_read_is_told_by_its_number_and_never_quoted(
    line: str, problem: str
) -> None:
    error = refusal(f"{WEB}    env_file: .env\nx-env-files:\n  .env: {json.dumps(chr(10) + line)}\n")
    assert problem in error.message
    assert (error.field, error.details["line"]) == ("services.web.env_file", 4)
    assert "hunter2" not in error.message + error.next_step


def test_env_files_are_texts_by_path() -> None:
    assert refusal(f"{WEB}x-env-files: [a]\n").field == "x-env-files"


MANY = """
services:
  web:
    image: nginx:1.27
    container_name: web
    logging: {driver: none}
    deploy: {replicas: 2, placement: {}, resources: {limits: {pids: 5}, reservations: {}}}
  db:
    image: postgres:15
    init: true
    x-note: fine
volumes: {data: {labels: {}}}
secrets: {key: {}}
"""


def test_all_keys_that_are_not_supported_are_told_at_once_each_with_its_line_and_what_to_do() -> None:
    with pytest.raises(InvalidInput) as refused:
        read_compose(MANY, project="shop")
    told = refused.value.details["unsupported"]
    assert {item["field"]: item["line"] for item in told} == {  # type: ignore[union-attr, index, call-overload]
        "secrets": 13, "services.web.container_name": 5, "services.web.logging": 6,
        "services.web.deploy.placement": 7, "services.web.deploy.resources.reservations": 7,
        "services.web.deploy.resources.limits.pids": 7, "services.db.init": 10, "volumes.data.labels": 12,
    }  # fmt: skip
    assert refused.value.message.startswith("8 keys of the Compose file are not supported: ")
    assert "services.db.init (line 10)" in refused.value.message
    assert all(str(item["next_step"]) in refused.value.next_step for item in told)  # type: ignore[union-attr, index, call-overload]


def test_a_file_of_nothing_but_strange_keys_is_told_in_a_bounded_message() -> None:
    text = "services:\n  web:\n    image: a:1\n" + "".join(f"    odd{number}: 1\n" for number in range(500))
    with pytest.raises(InvalidInput) as refused:
        read_compose(text, project="shop")
    assert len(refused.value.details["unsupported"]) == 500  # type: ignore[arg-type]
    assert "and 470 more" in refused.value.message
    assert len(refused.value.message) < 2_000
