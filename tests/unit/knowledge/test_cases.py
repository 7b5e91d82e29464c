"""What a past deployment says of its health check: the page or the command, so that it can be learned; no secret."""

from dataclasses import replace

import pytest

from opstwin.domain.workload import HealthCheck, Workload
from opstwin.knowledge.cases import Case, summary_of, text_of
from opstwin.knowledge.curated import curated


def case(*command: str) -> Case:
    own = curated()[0]
    health = HealthCheck(command=command) if command else None
    workload = Workload(name="shop", image="shop:1", health=health)
    return replace(own, deployment=replace(own.deployment, workload=workload), learned="")


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (("curl", "-f", "http://localhost:8080/healthz"), "health check GET :8080/healthz."),
        (("sh", "-c", "wget -qO- http://127.0.0.1:9000/-/ready || exit 1"), "health check GET :9000/-/ready."),
        (("curl", "-f", "http://localhost"), "health check GET /."),
        (("curl", "-f", "http://localhost:80/up?token=abcdefgh"), "health check GET :80/up."),
        (("pg_isready", "-U", "postgres"), "health check `pg_isready -U postgres`."),
        (("curl", "http://elsewhere.corp/up"), "health check `curl http://elsewhere.corp/up`."),
        ((), "no health check."),
    ],
)  # fmt: skip
def test_the_page_or_the_command_of_a_check_is_told(command: tuple[str, ...], told: str) -> None:
    assert summary_of(case(*command)).endswith(told)


def test_a_long_command_is_cut() -> None:
    told = summary_of(case("python", "-c", "print('x');" * 40)).partition("health check ")[2]
    assert len(told) < 90
    assert told.endswith("…`.")


@pytest.mark.proves("J1")
@pytest.mark.parametrize(
    "command",
    [
        ("redis-cli", "--password", "canary-Hn52-word", "ping"),
        ("sh", "-c", "mysqladmin --password=canary-Hn52-word ping"),
        ("curl", "-H", "Authorization: Bearer canary-Hn52-word", "http://127.0.0.1:8080/up"),
        ("curl", "http://shop:canary-Hn52-word@db:1/up"),
    ],
)  # fmt: skip
def test_no_secret_of_a_check_is_told_and_nothing_of_it_is_in_the_index(command: tuple[str, ...]) -> None:
    assert "canary" not in summary_of(case(*command))
    assert command[0] not in text_of(case(*command)).split()


def test_every_curated_example_that_is_checked_says_how() -> None:
    checked = [item for item in curated() if item.deployment.workload and item.deployment.workload.health]
    assert checked
    assert all("health check GET" in summary_of(item) or "health check `" in summary_of(item) for item in checked)
