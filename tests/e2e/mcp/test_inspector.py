"""The official inspector's command line drives the whole loop on a real Docker Engine, over HTTP and over stdio."""

import json
import os
import subprocess
import sys
from typing import Any

import docker
import pytest

from tests.conformance.suite import HERE, is_required, node
from tests.e2e.cli.conftest import Shell
from tests.e2e.mcp.test_loop_on_docker import new_token, running, workload

pytestmark = [pytest.mark.docker, pytest.mark.slow]

INSPECTOR = HERE / "node_modules" / "@modelcontextprotocol" / "inspector"
PINNED = json.loads((HERE / "package.json").read_text(encoding="utf-8"))["dependencies"]


def missing() -> str:
    """Why the inspector cannot run; empty when it can."""
    try:
        installed = json.loads((INSPECTOR / "package.json").read_text(encoding="utf-8"))["version"]
    except OSError:
        installed = "none"
    wanted = PINNED["@modelcontextprotocol/inspector"]
    if installed == wanted and node():
        return ""
    return f"The inspector did not run: it needs Node 22 and version {wanted} (found: {installed}). make conformance"


class Inspector:
    """Calls tools through the inspector, each call a process of its own as its command line works."""

    def __init__(self, shell: Shell, transport: str) -> None:
        self._shell = shell
        if transport == "http":
            self._target = [f"{shell.url}/mcp", "--transport", "http"]
            self._more = ["--header", f"Authorization: Bearer {new_token(shell)}"]
        else:
            given = {name: value for name, value in shell.environment.items() if name.startswith("OPSTWIN_")}
            self._target = [sys.executable, "-m", "opstwin.cli", "mcp", "--transport", "stdio"]
            self._more = [word for name, value in given.items() for word in ("-e", f"{name}={value}")]

    def ask(self, method: str, *words: str) -> Any:
        """The result of one request."""
        program = INSPECTOR / "clients" / "launcher" / "build" / "index.js"
        command = [str(node()), str(program), "--cli", *self._target, "--method", method, "--format", "json"]
        ended = subprocess.run(
            [*command, *words, *self._more], capture_output=True, text=True, timeout=110, check=False,
            env={**os.environ, "HOME": str(self._shell.folder)}, cwd=self._shell.folder,
        )  # fmt: skip
        assert ended.returncode == 0, f"{ended.stdout}\n{ended.stderr}"
        return json.loads(ended.stdout)["result"]

    def call(self, tool: str, **given: Any) -> dict[str, Any]:
        """The data of a tool call that must succeed."""
        pairs = [
            f"{name}={json.dumps(value) if not isinstance(value, str) else value}" for name, value in given.items()
        ]
        arguments = ["--tool-arg", *pairs] if pairs else []
        result = self.ask("tools/call", "--tool-name", tool, *arguments)
        assert not result.get("isError"), result
        return dict(result["structuredContent"])


@pytest.mark.req("S1.41")
@pytest.mark.timeout(300)
@pytest.mark.parametrize("transport", ["http", "stdio"])
def test_the_official_inspector_goes_the_whole_loop(
    docker_hub: Shell, workload_name: str, docker_engine: docker.DockerClient, docker_image: str, transport: str
) -> None:
    hub, name = docker_hub, workload_name
    if missing() and not is_required():
        pytest.skip(missing())
    assert not missing()
    inspector = Inspector(hub, transport)
    names = [tool["name"] for tool in inspector.ask("tools/list")["tools"]]
    assert {"discover", "plan_create", "plan_apply", "exec_run"} <= set(names)
    inspector.call("discover", id="local")
    plan = inspector.call("plan_create", file=workload(name, docker_image, 3600))["id"]
    assert inspector.call("plan_apply", id=plan)["status"] == "waiting_for_human"
    assert not running(docker_engine, name)
    hub.ok("approve", plan, "--yes")
    assert inspector.call("plan_apply", id=plan, wait_s=50)["state"] == "succeeded"
    assert len(running(docker_engine, name)) == 2
    assert inspector.call("twin_query", workload=name)["counts"]
    more = inspector.call("plan_create", words=f"scale {name} to 3")["id"]
    hub.ok("approve", more, "--yes")
    assert inspector.call("plan_apply", id=more, wait_s=50)["state"] == "succeeded"
    assert len(running(docker_engine, name)) == 3
