"""A real hub process, and the official SDK's client that starts `opstwin mcp` as an AI client does."""

import secrets
import sys
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import docker
import httpx2
import psutil
import pytest
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CallToolResult, Tool

from tests.e2e.cli.conftest import Shell

API = "/api/v1"


class Talk:
    """One AI client's conversation with `opstwin mcp`. Every answer is checked by the SDK against its schema."""

    def __init__(self, client: Client) -> None:
        self.client = client

    async def tools(self) -> list[Tool]:
        """What is offered, asked anew."""
        return (await self.client.list_tools(cache_mode="refresh")).tools

    async def call(self, name: str, /, **given: Any) -> CallToolResult:
        """The result of a call, whatever it is."""
        result = await self.client.call_tool(name, given)
        assert isinstance(result, CallToolResult)
        return result

    async def data(self, name: str, /, **given: Any) -> dict[str, Any]:
        """The data of a call that must succeed."""
        result = await self.call(name, **given)
        assert not result.is_error, said(result)
        return dict(result.structured_content)


def said(result: CallToolResult) -> str:
    """The text of a result."""
    return "".join(block.text for block in result.content if block.type == "text")


@asynccontextmanager
async def talking(
    shell: Shell, mode: str = "auto", *, before: Sequence[str] = (), options: Sequence[str] = (), **more: str
) -> AsyncIterator[Talk]:
    """A conversation; `before` stands before the command, `options` after it, `more` is set in its environment."""
    command, *arguments = [*before, sys.executable, "-m", "opstwin.cli", "mcp", *options]
    server = StdioServerParameters(command=command, args=arguments, env=shell.environment | more, cwd=shell.folder)
    with (shell.folder / "mcp.log").open("a", encoding="utf-8") as log:
        try:
            async with Client(stdio_client(server, errlog=log), mode=mode, read_timeout_seconds=30) as client:
                yield Talk(client)
        except BaseExceptionGroup as group:
            raise _first(group) from group


@asynccontextmanager
async def talking_over_http(shell: Shell, token: str, mode: str = "auto", path: str = "/mcp") -> AsyncIterator[Talk]:
    """A conversation with the hub itself, without the program beside the client."""
    async with (
        httpx2.AsyncClient(headers={"Authorization": f"Bearer {token}"}, timeout=60) as http,
        Client(streamable_http_client(f"{shell.url}{path}", http_client=http), mode=mode) as client,
    ):
        yield Talk(client)


def new_agent(shell: Shell, name: str, *scopes: str) -> str:
    """The token of a new agent of the person who started the hub."""
    with owner(shell) as http:
        made = http.post("/people/agents", json={"id": name, "display_name": name, "scopes": scopes})
        assert made.status_code == 201, made.text
        return str(http.post(f"/people/{name}/tokens", json={}).json()["token"])


def _first(error: BaseException) -> BaseException:
    """What went wrong, out of the groups that the SDK's tasks wrap around it."""
    return _first(error.exceptions[0]) if isinstance(error, BaseExceptionGroup) else error


def ended(shell: Shell, execution: str) -> dict[str, Any]:
    """An execution once it has ended."""
    deadline = time.monotonic() + 20
    with owner(shell) as http:
        while True:
            found = dict(http.get(f"/executions/{execution}").json())
            if found["state"] in ("succeeded", "rolled_back", "needs_human"):
                return found
            assert time.monotonic() < deadline, found
            time.sleep(0.02)


def shims() -> list[psutil.Process]:
    """The processes of `opstwin mcp` that this test process started."""
    return [child for child in psutil.Process().children(recursive=True) if "mcp" in child.cmdline()[-3:]]


def owner(shell: Shell) -> httpx2.Client:
    """The person who started the hub, over HTTP."""
    return httpx2.Client(base_url=shell.url + API, headers={"Authorization": f"Bearer {shell.token}"})


@pytest.fixture(scope="package")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    """One hub with the simulated target `local`, for all tests that leave it running."""
    made = Shell(tmp_path_factory.mktemp("mcp"))
    made.up()
    try:
        made.add_sim()
        yield made
    finally:
        made.down()


@pytest.fixture
def bare_hub(tmp_path: Path) -> Iterator[Shell]:
    """A hub of a test's own, without targets, to be stopped and started."""
    made = Shell(tmp_path)
    made.up()
    try:
        yield made
    finally:
        made.down()


@pytest.fixture
def docker_hub(tmp_path: Path, docker_engine: docker.DockerClient) -> Iterator[Shell]:
    """A hub on the real engine."""
    made = Shell(tmp_path, more={"OPSTWIN_DETECT_DOCKER": "true", "OPSTWIN_STOP_GRACE_S": "1"})
    made.up()
    try:
        yield made
    finally:
        made.down()


@pytest.fixture
def workload_name(docker_engine: docker.DockerClient) -> Iterator[str]:
    """A workload's name that is nobody else's; whatever carries it is removed afterwards."""
    made = f"mcp-{secrets.token_hex(3)}"
    yield made
    for container in docker_engine.containers.list(all=True, filters={"name": made}):
        container.remove(force=True, v=True)
