"""What the process of a hub says of itself: its log line by line, and its metrics."""

import json
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.e2e.cli.conftest import Shell

KUBECONFIG = {
    "apiVersion": "v1", "kind": "Config", "current-context": "c",
    "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1"}}],
    "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
    "users": [{"name": "u", "user": {"token": "x"}}],
}  # fmt: skip


def logged(shell: Shell) -> list[dict[str, Any]]:
    """What a machine reads from the log; what is told to the person who started the hub is no part of it."""
    lines = (shell.folder / "hub.log").read_text().splitlines()
    return [json.loads(line) for line in lines if line.startswith("{")]


@pytest.mark.req("S5.100", "S5.102")
def test_the_log_of_a_hub_is_lines_of_json_with_who_asked(shell: Shell) -> None:
    shell.ok("get")
    asked = [row for row in logged(shell) if row["event"] == "request" and row["path"].startswith("/api/")]
    assert asked
    assert all(row["request_id"] and row["user_id"] and row["status"] for row in asked)


@pytest.mark.req("S5.101")
@pytest.mark.parametrize(("level", "shown"), [("DEBUG", {"debug", "info"}), ("ERROR", set())])
def test_a_hub_logs_from_the_level_on_that_it_was_given(tmp_path: Path, level: str, shown: set[str]) -> None:
    made = Shell(tmp_path, {"OPSTWIN_LOG_LEVEL": level})
    made.up()
    try:
        assert httpx2.get(f"{made.url}/health").status_code == 200
        made.ok("get")
    finally:
        made.down()
    assert {row["level"] for row in logged(made) if row["event"] == "request"} == shown


@pytest.mark.req("S5.104")
def test_a_hub_counts_its_calls_to_engines_and_clusters(shell: Shell) -> None:
    file = shell.folder / shell.file("kubeconfig", json.dumps(KUBECONFIG))
    for name, backend, endpoint in (
        ("far", "docker", "unix:///nowhere/docker.sock"),
        ("prod", "kubernetes", f"kubeconfig://{file}"),
    ):
        shell.ok("targets", "add", name, "--backend", backend, "--endpoint", endpoint)
        assert shell.run("discover", name).returncode
    lines = httpx2.get(f"{shell.url}/metrics", headers={"Authorization": f"Bearer {shell.token}"}).text.splitlines()
    for prefix in ("docker", "k8s"):
        assert [line for line in lines if line.startswith(f"{prefix}_api_calls_total{{")], prefix
