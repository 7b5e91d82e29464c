"""What an engine says of a container's end, start and health check, as facts."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from opstwin.domain.values import Json, TargetId
from opstwin.targets.docker.defaults import UNKNOWN_IMAGE
from opstwin.targets.docker.describing import Seen
from opstwin.targets.docker.marks import SPEC, marks_of
from opstwin.targets.docker.masking import secrets_of
from opstwin.targets.docker.sightings import MAX_SAID, container_sighting

STARTED = "2026-01-05T09:00:00.123456789Z"


def facts(*env: str, labels: Mapping[str, str] | None = None, **state: Any) -> dict[str, Json]:
    found = {"Id": "abc", "Name": "/web-1", "State": {"StartedAt": STARTED, **state}, "RestartCount": 4}
    found["Config"] = {"Env": [*env], "Labels": labels or {}}
    seen = Seen(found, UNKNOWN_IMAGE, marks_of(labels))
    return dict(container_sighting(TargetId("here"), seen).facts)


def unhealthy(*outputs: str) -> dict[str, Any]:
    return {"Running": True, "Health": {"Status": "unhealthy", "Log": [{"Output": text} for text in outputs]}}


@pytest.mark.parametrize(
    ("state", "code"),
    [
        ({"Running": False, "ExitCode": 3}, 3),
        ({"Running": True, "Restarting": True, "ExitCode": 3}, 3),
        ({"Running": True, "ExitCode": 0}, None),
        ({"Running": False, "ExitCode": 0, "StartedAt": "0001-01-01T00:00:00Z"}, None),
    ],
    ids=["ended", "restarting", "runs", "never started"],
)
def test_an_exit_code_is_told_of_what_ended_also_while_the_engine_waits_to_restart_it(
    state: dict[str, Any], code: int | None
) -> None:
    assert facts(**state)["exit_code"] == code


def test_the_error_of_a_start_is_a_fact_without_its_secrets_and_cut() -> None:
    said = "Bind for 0.0.0.0:80 failed: port is already allocated http://u:hunter2@proxy " + "x" * 1000
    error = str(facts(Error=said)["start_error"])
    assert error.startswith("Bind for 0.0.0.0:80 failed")
    assert "hunter2" not in error
    assert len(error) <= MAX_SAID
    assert "start_error" not in facts(Error="")


def test_the_last_output_of_a_failing_check_is_a_fact_and_that_of_a_passing_one_is_not() -> None:
    assert facts(**unhealthy("first", "no route\n"))["health_output"] == "no route"
    passing: dict[str, Any] = {"Running": True, "Health": {"Status": "healthy", "Log": [{"Output": "fine"}]}}
    assert "health_output" not in facts(**passing)
    assert "health_output" not in facts(**unhealthy())


def test_the_output_of_a_check_is_told_without_the_containers_own_secrets() -> None:
    told = facts("DB_PASSWORD=c4n4ry-own-Hn52", **unhealthy("psql: c4n4ry-own-Hn52 was refused"))
    assert told["health_output"] == "psql: *** was refused"


def asking(*keys: str) -> dict[str, str]:
    """The labels of a container that Opstwin made with these variables as secrets."""
    return {SPEC: json.dumps({"secret_env": dict.fromkeys(keys, "file:rot")})}


@pytest.mark.proves("J1")
@pytest.mark.parametrize("name", ["R", "APP_DSN", "SHOPPW", "TOKEN_TTL", "DB_PASSWORD"])
@pytest.mark.parametrize("value", ["c4n4ry-own-Hn52", "hunter2", "postgres://db/shop?k=c4n4ry", "postgres"])
def test_what_a_container_was_made_with_as_a_secret_is_masked_whatever_its_name(name: str, value: str) -> None:
    told = facts(f"{name}={value}", labels=asking(name), **unhealthy(f"check: {value} was refused"))
    assert told["health_output"] == "check: *** was refused"


@pytest.mark.parametrize("labels", [{}, {SPEC: "no json"}, {SPEC: '{"secret_env": ["MODE"]}'}, asking("OTHER")])
def test_other_variables_of_a_container_stay_readable(labels: dict[str, str]) -> None:
    found = {"Name": "/web-1", "Config": {"Env": ["MODE=calm-mode-7"], "Labels": labels}}
    assert secrets_of(found).over("began in calm-mode-7") == "began in calm-mode-7"
