"""A client that hangs up in the middle of a command, on a real hub, a real connection and a real engine."""

import http.client
import json
import secrets
import time
from collections.abc import Callable
from urllib.parse import urlsplit

import docker
import pytest

from tests.e2e.cli.conftest import Shell
from tests.e2e.docker.spot import address

HANGING = "rm /bin/ps && printf '#!/bin/sh\\nsetsid sleep 711 &\\nsleep 712\\n' > /bin/ps && chmod 755 /bin/ps"
"""A `ps` that never ends: only then is there time to hang up on a command that runs at once."""


def until(met: Callable[[], bool], seconds: float) -> None:
    deadline_s = time.monotonic() + seconds
    while not met():
        assert time.monotonic() < deadline_s, "not in time"
        time.sleep(0.02)


@pytest.mark.docker
@pytest.mark.proves("I7")
def test_when_the_connection_is_closed_the_command_is_gone_within_two_seconds(
    shell: Shell, docker_engine: docker.DockerClient, docker_image: str
) -> None:
    name = f"ote-{secrets.token_hex(4)}"
    container = docker_engine.containers.run(docker_image, ["/bin/sleep", "3600"], name=name, detach=True)
    try:
        assert container.exec_run(["/bin/sh", "-c", HANGING]).exit_code == 0
        shell.ok("targets", "add", "engine", "--backend", "docker", "--endpoint", address())
        shell.ok("discover", "engine")

        def running() -> set[str]:
            return {row[-1] for row in container.top()["Processes"] if not row[-1].startswith("[")}

        connection = http.client.HTTPConnection(urlsplit(shell.url).netloc, timeout=20)
        body = json.dumps({"resource": f"engine/container/{name}", "argv": ["ps"], "timeout_s": 60})
        headers = {"Authorization": f"Bearer {shell.token}", "Content-Type": "application/json"}
        connection.request("POST", "/api/v1/exec", body, headers)
        until(lambda: {"sleep 711", "sleep 712"} <= running(), 20)
        connection.close()
        until(lambda: running() == {"/bin/sleep 3600"}, 2)

        def told() -> list[str]:
            return [item["reason"] for item in shell.json("audit", "list")["items"] if item["action"] == "exec.failed"]

        until(lambda: told() == ["cancelled, outcome unknown"], 20)
    finally:
        container.remove(force=True)
