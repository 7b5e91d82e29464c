"""A real MCP client drives the whole loop on a real Docker Engine: in both eras, over stdio and over HTTP."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import docker
import httpx2
import pytest
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client

from tests.e2e.cli.conftest import Shell

pytestmark = [pytest.mark.docker, pytest.mark.slow]

ERAS = {"2026-07-28": "auto", "2025-11-25": "legacy"}
SCOPES = ("twin:read", "twin:plan", "twin:apply", "twin:exec")


def new_token(shell: Shell) -> str:
    """The token of an agent that acts for the person who started the hub."""
    owner = {"Authorization": f"Bearer {shell.token}"}
    with httpx2.Client(base_url=f"{shell.url}/api/v1", headers=owner) as http:
        http.post("/people/agents", json={"id": "claude", "display_name": "Claude", "scopes": SCOPES})
        return str(http.post("/people/claude/tokens", json={}).json()["token"])


@asynccontextmanager
async def over_http(shell: Shell, era: str) -> AsyncIterator[Client]:
    """The SDK's client at the hub's address, with the token of an agent."""
    async with (
        httpx2.AsyncClient(headers={"Authorization": f"Bearer {new_token(shell)}"}, timeout=90) as http,
        Client(streamable_http_client(f"{shell.url}/mcp", http_client=http), mode=ERAS[era]) as client,
    ):
        yield client


@asynccontextmanager
async def over_stdio(shell: Shell, era: str) -> AsyncIterator[Client]:
    """The SDK's client with `opstwin mcp` as its child, as Claude Desktop starts it."""
    server = StdioServerParameters(
        command=sys.executable, args=["-m", "opstwin.cli", "mcp"], env=shell.environment, cwd=shell.folder
    )
    with (shell.folder / "mcp.log").open("a", encoding="utf-8") as log:
        async with Client(stdio_client(server, errlog=log), mode=ERAS[era]) as client:
            yield client


async def data(client: Client, tool: str, **given: Any) -> dict[str, Any]:
    """The data of a call that must succeed."""
    result = await client.call_tool(tool, given)
    assert not result.is_error, result.content[0].text
    return dict(result.structured_content)


def workload(name: str, image: str, seconds: int) -> str:
    """A workload file."""
    return f"name: {name}\nimage: {image}\ncommand: [/bin/sleep, '{seconds}']\nreplicas: 2\nrestart: always\n"


def running(engine: docker.DockerClient, name: str) -> dict[str, list[str]]:
    """The commands of the running containers by name."""
    found = engine.containers.list(filters={"name": name})
    return {container.name: container.attrs["Config"]["Cmd"] for container in found}


@pytest.mark.req("S1.41", "S1.43")
@pytest.mark.parametrize("era", list(ERAS))
@pytest.mark.parametrize("transport", [over_http, over_stdio])
async def test_the_whole_loop_on_a_real_engine(
    docker_hub: Shell,
    workload_name: str,
    docker_engine: docker.DockerClient,
    docker_image: str,
    transport: Any,
    era: str,
) -> None:
    hub, name = docker_hub, workload_name
    async with transport(hub, era) as client:
        assert client.protocol_version == era
        await data(client, "discover", id="local")
        drafted = await data(client, "plan_create", file=workload(name, docker_image, 3600))
        waiting = await data(client, "plan_apply", id=drafted["id"])
        assert waiting["status"] == "waiting_for_human"
        assert not running(docker_engine, name)
        hub.ok("approve", drafted["id"], "--yes")
        applied = await data(client, "plan_apply", id=drafted["id"], wait_s=50)
        assert applied["state"] == "succeeded", applied
        assert len(running(docker_engine, name)) == 2
        shown = await data(client, "twin_query", workload=name)
        assert shown["counts"]
        upgraded = await data(client, "plan_create", file=workload(name, docker_image, 7200))
        hub.ok("approve", upgraded["id"], "--yes")
        assert (await data(client, "plan_apply", id=upgraded["id"], wait_s=50))["state"] == "succeeded"
        back = await data(client, "rollback_plan", id=name)
        hub.ok("approve", back["id"], "--yes")
        assert (await data(client, "plan_apply", id=back["id"], wait_s=50))["state"] == "succeeded"
        assert {command[-1] for command in running(docker_engine, name).values()} == {"3600"}
        history = await data(client, "history_search", workload=name)
        assert len(history["items"]) == 3
    started = [row for row in hub.json("audit", "list")["items"] if row["action"] == "execution.start"]
    assert {(row["actor"]["kind"], row["actor"]["face"]) for row in started} == {("agent", "mcp")}
    hub.ok("audit", "verify")
