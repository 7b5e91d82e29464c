"""Probes come from the health check, else from the image, else from a port, and never from nothing."""

import pytest

from opstwin.domain.workload import HealthCheck, Port, RestartPolicy, Workload
from opstwin.manifests.generating.results import Level
from tests.unit.manifests.generating.looking import codes, container, finding, made, why

API = "registry.example.com/shop/api:2"


def api(*command: str, **times: float) -> Workload:
    health = HealthCheck(command=command, **times) if command else None  # type: ignore[arg-type]
    return Workload(name="api", image=API, ports=(Port(container=3000),), health=health)


@pytest.mark.parametrize(
    "command",
    [
        ("curl", "-f", "http://localhost:3000/healthz"),
        ("curl", "-fsS", "-o", "/dev/null", "http://127.0.0.1:3000/healthz"),
        ("wget", "-q", "--spider", "http://localhost:3000/healthz"),
        ("/bin/sh", "-c", "curl -f http://localhost:3000/healthz || exit 1"),
        ("sh", "-c", "wget -qO- http://localhost:3000/healthz > /dev/null 2>&1 || exit 1"),
    ],
)
def test_a_check_that_only_asks_over_http_becomes_an_http_probe(command: tuple[str, ...]) -> None:
    ready = container(made(api(*command)))["readinessProbe"]
    assert ready["httpGet"] == {"port": "http", "path": "/healthz"}
    assert "exec" not in ready


@pytest.mark.parametrize(
    "command",
    [
        ("curl", "http://localhost:3000/healthz"),  # without -f it ends well on a 500 too
        ("curl", "-f", "-H", "Host: a", "http://localhost:3000/"),
        ("curl", "-f", "http://localhost:9999/"),  # a port that may be bound to the loopback address
        ("curl", "-f", "http://db:3000/"),
        ("sh", "-c", "curl -f http://localhost:3000/ && test -f /ready"),
        ("sh", "-c", "curl -f http://localhost:$PORT/"),
        ("/app/check",),
        ("nc", "-z", "localhost", "9999"),
    ],
)
def test_any_other_check_is_run_as_it_is(command: tuple[str, ...]) -> None:
    assert container(made(api(*command)))["readinessProbe"]["exec"] == {"command": list(command)}


def test_a_check_of_an_open_port_becomes_a_tcp_probe() -> None:
    ready = container(made(api("nc", "-z", "localhost", "3000")))["readinessProbe"]
    assert ready["tcpSocket"] == {"port": "http"}


def test_a_check_over_https_stays_over_https() -> None:
    ready = container(made(api("curl", "-f", "-k", "https://localhost:3000/up")))["readinessProbe"]
    assert ready["httpGet"] == {"port": "http", "path": "/up", "scheme": "HTTPS"}


def test_readiness_keeps_the_times_of_the_check_and_liveness_waits_twice_as_long() -> None:
    found = container(made(api("/app/check", interval_s=7, timeout_s=2.5, retries=4)))
    assert found["readinessProbe"]["periodSeconds"] == found["livenessProbe"]["periodSeconds"] == 7
    assert found["readinessProbe"]["timeoutSeconds"] == 3
    assert found["readinessProbe"]["failureThreshold"] == 4
    assert found["livenessProbe"]["failureThreshold"] == 8


def test_a_start_period_becomes_a_startup_probe_that_lasts_at_least_as_long() -> None:
    startup = container(made(api("/app/check", start_period_s=60)))["startupProbe"]
    assert startup["periodSeconds"] * startup["failureThreshold"] >= 60
    assert "startupProbe" not in container(made(api("/app/check")))


def test_without_a_check_a_port_decides_on_traffic_only() -> None:
    result = made(api())
    found = container(result)
    assert found["readinessProbe"]["tcpSocket"] == {"port": "http"}
    assert "livenessProbe" not in found
    assert finding(result, "no_liveness").level is Level.ADVICE
    assert why(result, "spec.template.spec.containers[0].readinessProbe") == "ports"


def test_without_a_check_a_known_database_is_asked_its_own_way() -> None:
    result = made(Workload(name="db", image="postgres:16"))
    assert container(result)["livenessProbe"]["exec"]["command"][0] == "pg_isready"


def test_somebody_elses_image_of_the_same_name_is_not_asked_that_way() -> None:
    assert "exec" not in container(made(Workload(name="db", image="acme/postgres:16")))["readinessProbe"]


def test_a_check_with_a_password_is_left_out_with_a_word() -> None:
    result = made(api("mysqladmin", "ping", "-phunter22x"))
    assert "hunter22x" not in repr(result)
    assert finding(result, "health_secret").level is Level.LOST


def test_without_check_and_port_there_is_no_probe_and_that_is_said() -> None:
    result = made(Workload(name="worker", image=API))
    assert not {"readinessProbe", "livenessProbe", "startupProbe"} & set(container(result))
    assert "no_probe" in codes(result)


def test_a_task_that_ends_has_no_probes() -> None:
    task = Workload(name="task", image="postgres:16", command=("psql",), restart=RestartPolicy.NEVER)
    assert not {"readinessProbe", "livenessProbe", "startupProbe"} & set(container(made(task)))
