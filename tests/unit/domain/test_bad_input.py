"""Every bad value is refused with a typed error that names its field and the next step."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opstwin.domain.names import checked_env_key, checked_image, checked_name, checked_path, checked_text
from opstwin.domain.pod_settings import PodSettings
from opstwin.domain.target import Target
from opstwin.domain.values import TargetId
from opstwin.domain.workload import (
    HealthCheck,
    Mount,
    Port,
    Resources,
    Workload,
    check_secret_reference,
)
from opstwin.errors import InvalidInput

SHELL = [
    "a;id", "a|id", "a&id", "a&&id", "$(id)", "`id`", "${HOME}", "$HOME", "a>b", "a<b", "a*", "a?", "[a]", "{a,b}",
    "~", "!1", "a'b", 'a"b', "a\\b", "a b", "#a", "a\tb", "%PATH%", "a=b",
]  # fmt: skip
OPTIONS = ["-", "--", "-x", "--x", "--kubeconfig=/x", "-s http://evil", "--privileged", "a--b", "a-", "-a-"]
PATHS = [
    "..",
    "../x",
    "x/..",
    "../../etc/passwd",
    "/etc/passwd",
    "%2e%2e",
    "%2e%2e%2f",
    "a/b",
    "a\\b",
    "C:\\x",
    "file:///x",
]
BREAKS = [
    "a\nb",
    "a\n",
    "\na",
    "a\rb",
    "a\x00",
    "\x00",
    "a\x1b[31m",
    "a\x7f",
    "a\x85b",
    "a\u2028b",
    "a\u2029b",
    "a\x0bb",
]
UNICODE = [
    "аpp", "ａpp", "app\u200b", "app\u202e", "app\ufeff", "a\u0301", "ﬁle", "①", "á", "웹", "app\ud800", "a\xad", "ı",
    "K", "app\u3164", "app\u2060", "a\U000e0041", "\U0001d41apple",
]  # fmt: skip
ODD = ["", " ", "A", "Web", "a.b", "a_b", "a" * 64, "a" * 100_000, ".", "-", "_"]
NAMES = [*SHELL, *OPTIONS, *PATHS, *BREAKS, *UNICODE, *ODD]


def refused(make: Callable[[], object], field: str | None = None) -> InvalidInput:
    with pytest.raises(InvalidInput) as caught:
        make()
    assert caught.value.field, "the field is named"
    assert caught.value.next_step, "the next step is said"
    assert field is None or caught.value.field == field
    assert len(caught.value.message) < 400, "what was sent is not thrown back in full"
    return caught.value


def test_every_name_of_the_corpus_is_refused_wherever_a_name_is_wanted() -> None:
    for bad in NAMES:
        refused(lambda bad=bad: checked_name(bad, "name"), "name")
        refused(lambda bad=bad: Workload(name=bad, image="app:1"), "name")
        refused(lambda bad=bad: Workload(name="web", image="app:1", networks=(bad,)), "networks")
        refused(lambda bad=bad: Workload(name="web", image="app:1", needs=(bad,)), "needs")
        refused(lambda bad=bad: Mount(path="/data", volume=bad), "volumes.volume")
        refused(lambda bad=bad: target(id=bad), "id")


@settings(deadline=None, max_examples=300)
@given(st.text(max_size=70))
def test_a_name_that_passes_is_safe_in_labels_paths_command_lines_and_urls(text: str) -> None:
    try:
        checked_name(text, "name")
    except InvalidInput:
        return
    assert set(text) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert 1 <= len(text) <= 63
    assert text[0] != "-" != text[-1]
    assert "--" not in text


@pytest.mark.parametrize("good", ["a", "web", "shop-api", "0", "a-1-b", "a" * 63])
def test_good_names_pass(good: str) -> None:
    assert checked_name(good, "name") == good


BAD_IMAGES = [
    *SHELL, *BREAKS, *UNICODE[:12], "", " ", "--privileged", "-a", "--x/a", "-a/b", "../a", "./a", "../../etc/passwd",
    "a/../b", "/a", "a/", "a//b", "a:", "a:b:c", "a@sha256:12", "a@md5:" + "0" * 64, "a:" + "t" * 129, ":1", "@",
    "a:-x", "a:.x", "http://a/b", "A/b", "a" * 513, "a...b", "a---b", "host:99999999/a", "a-./b", ".a/b", "a..b/c",
]  # fmt: skip


@pytest.mark.parametrize("bad", BAD_IMAGES, ids=lambda bad: ascii(bad[:20]))
def test_what_is_no_image_reference_is_refused(bad: str) -> None:
    refused(lambda: checked_image(bad), "image")


@pytest.mark.parametrize(
    "good",
    [
        "nginx", "nginx:1.27", "library/nginx", "registry.example.com/team/api:2.4", "localhost:5000/a",
        "a_b/c-d:V1.0_x", "10.0.0.5:5000/a/b/c", "a__b--c", "my-registry.example/a.b",
        "opstwin-test/busybox:1", "a@sha256:" + "0" * 64, "a:1@sha256:" + "f" * 64,
    ],
)  # fmt: skip
def test_image_references_pass(good: str) -> None:
    assert checked_image(good) == good


@pytest.mark.parametrize("bad", ["", "1A", "A B", "A=B", "A\n", "-A", "Ä", "A;B", "$A", "A\x00", "A" * 256], ids=ascii)
def test_what_is_no_variable_name_is_refused(bad: str) -> None:
    refused(lambda: checked_env_key(bad), "env")
    refused(lambda: Workload(name="web", image="app:1", env={bad: "1"}), "env")
    refused(lambda: Workload(name="web", image="app:1", secret_env={bad: "env:A"}), "secret_env")


@pytest.mark.parametrize("bad", [*BREAKS, "app\u200b", "app\u202e", "app\ufeff", "app\ud800", "a\U000e0041", "a\u2060", "a\xad", "a\x9b"], ids=ascii)  # noqa: E501 # fmt: skip
def test_text_with_anything_hidden_is_refused(bad: str) -> None:
    refused(lambda: checked_text(bad, "display_name"), "display_name")
    refused(lambda: checked_path("/data/" + bad, "volumes.path"), "volumes.path")
    refused(lambda: Workload(name="web", image="app:1", labels={bad: "x"}), "labels")
    refused(lambda: Workload(name="web", image="app:1", labels={"x": bad}), "labels")


@pytest.mark.parametrize("good", ["Büro 3", "웹 서버", "日本語", "a → b", "❤️", "naïve", "50 %", "it's"])
def test_plain_text_of_any_language_passes(good: str) -> None:
    assert checked_text(good, "display_name") == good


@pytest.mark.parametrize(
    "bad", ["", "data", "./data", "../data", "/..", "/data/..", "/data/../etc", "/a/..", "~/x", "C:\\x"]
)
def test_a_path_is_absolute_and_never_goes_up(bad: str) -> None:
    refused(lambda: checked_path(bad, "volumes.path"), "volumes.path")
    refused(lambda: Mount(path="/data", host_path=bad), "volumes.host_path")


@pytest.mark.parametrize("replicas", [0, -1, 10**9, 1001, -(10**9)])
def test_a_number_of_replicas_that_cannot_be_is_refused(replicas: int) -> None:
    refused(lambda: Workload(name="web", image="app:1", replicas=replicas), "replicas")


@pytest.mark.parametrize("amount", [0, -1, 2**53, -(2**60), float("nan"), float("inf")])
@pytest.mark.parametrize("name", ["cpu_millicores", "memory_bytes"])
def test_limits_that_cannot_be_are_refused(name: str, amount: int) -> None:
    refused(lambda: Resources(**{name: amount}), f"resources.{name}")


@pytest.mark.parametrize("number", [0, -1, 65536, 10**9])
def test_a_number_that_is_no_port_is_refused(number: int) -> None:
    refused(lambda: Port(container=number), "ports.container")
    refused(lambda: Port(container=80, host=number), "ports.host")


def test_ports_that_run_past_the_end_or_meet_are_refused() -> None:
    high, low = Port(container=80, host=65535), Port(container=80, host=8080)
    refused(lambda: Workload(name="web", image="app:1", ports=(high,), replicas=2), "ports")
    refused(lambda: Workload(name="web", image="app:1", ports=(low, replace(low, host=8081)), replicas=2), "ports")
    refused(Port, "ports")
    refused(lambda: Port(container=80, protocol="icmp"), "ports.protocol")


@pytest.mark.parametrize("value", ["a\x00b", "\ud800", "x" * 32769], ids=["nul", "surrogate", "long"])
def test_a_value_no_process_can_be_given_is_refused(value: str) -> None:
    refused(lambda: Workload(name="web", image="app:1", env={"A": value}), "env")


@pytest.mark.parametrize("command", [("a\x00",), ("\udfff",), ("x" * 8193,), ("a",) * 257], ids=["nul", "surrogate", "long", "many"])  # noqa: E501 # fmt: skip
def test_a_command_no_process_can_be_given_is_refused(command: tuple[str, ...]) -> None:
    refused(lambda: Workload(name="web", image="app:1", command=command), "command")
    refused(lambda: HealthCheck(command=command), "health.command")


def test_what_a_shell_would_run_is_an_ordinary_word_of_a_command() -> None:
    made = Workload(name="web", image="app:1", command=tuple(SHELL), env={"A": "$(id)\nnext"})
    assert made.command == tuple(SHELL)
    assert made.env == {"A": "$(id)\nnext"}


@pytest.mark.parametrize(
    "reference",
    [
        "hunter2", "env:", "file:", "env:1A", "env:A B", "file:../x", "file:a/b", "file:/etc/x", "http:x", "ENV:A",
        ":A", "", "file:" + "a" * 256,
    ],
)  # fmt: skip
def test_a_secret_is_given_by_reference_and_never_repeated(reference: str) -> None:
    error = refused(lambda: check_secret_reference(reference), "secret_env")
    assert "hunter2" not in str(error)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("interval_s", 0), ("interval_s", -1), ("interval_s", float("nan")), ("interval_s", 3601), ("timeout_s", 0),
        ("retries", 0), ("retries", 101), ("start_period_s", -1), ("start_period_s", float("nan")), ("command", ()),
    ],
)  # fmt: skip
def test_a_health_check_that_cannot_be_is_refused(field: str, value: object) -> None:
    refused(lambda: HealthCheck(**{"command": ("/check",), field: value}), f"health.{field}")  # type: ignore[arg-type]


@pytest.mark.parametrize("other", ["/data", "/data/", "//data", "/./data"])
def test_a_path_holds_one_thing_however_it_is_written(other: str) -> None:
    def mounting(volumes: tuple[Mount, ...], **pod: Any) -> Callable[[], object]:
        return lambda: Workload(name="web", image="app:1", volumes=volumes, pod=PodSettings(**pod))

    one = Mount(path="/data", volume="data")
    refused(mounting((one, Mount(path=other, volume="other"))), "volumes.path")
    refused(mounting((one,), memory_folders={other: None}), "pod.memory_folders")
    refused(mounting((), memory_folders={"/data": None, f"{other}/": None}), "pod.memory_folders")
    shared = Mount(path=other.replace("data", "dev/shm"), volume="shm")
    refused(mounting((shared,), shared_memory_bytes=2**20), "pod.memory_folders")
    refused(mounting((), memory_folders={shared.path: None}, shared_memory_bytes=2**20), "pod.memory_folders")


def test_a_mount_is_of_one_thing_and_labels_of_opstwin_are_its_own() -> None:
    refused(lambda: Mount(path="/data"), "volumes")
    refused(lambda: Mount(path="/data", volume="data", host_path="/srv"), "volumes")
    refused(lambda: Workload(name="web", image="app:1", labels={"io.opstwin.workload": "x"}), "labels")
    refused(lambda: Workload(name="web", image="app:1", env={"A": "1"}, secret_env={"A": "env:A"}), "env")


def target(**fields: object) -> Target:
    values: dict[str, object] = {
        "id": TargetId("local"), "display_name": "Local", "backend_type": "docker",
        "agent_endpoint": "unix:///var/run/docker.sock", "created_at": datetime(2026, 1, 5, tzinfo=UTC), **fields,
    }  # fmt: skip
    return Target(**values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("display_name", ""), ("display_name", "  "), ("display_name", "a\nb"), ("display_name", "x" * 129),
        ("backend_type", "foo"), ("backend_type", ""), ("connection_type", "x"), ("auth_method", "basic"),
        ("agent_endpoint", ""), ("agent_endpoint", "docker-agent"), ("agent_endpoint", "ftp://a"),
        ("agent_endpoint", "http://"), ("agent_endpoint", "http://a:99999"), ("agent_endpoint", "http://[::1"),
        ("agent_endpoint", "javascript:alert(1)"), ("agent_endpoint", "http://a\nb"), ("agent_endpoint", "x" * 2049),
    ],
)  # fmt: skip
def test_a_target_that_cannot_be_is_refused(field: str, value: str) -> None:
    refused(lambda: target(**{field: value}), field)
