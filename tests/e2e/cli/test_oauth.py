"""A hub of its own process with an authorization server: from the link of a person to the audit, and what it sends."""

import asyncio
import json
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import docker
import httpx2
import pytest

from opstwin.clock import SystemClock
from tests.e2e.cli.conftest import Shell
from tests.interaction.issuer import CLIENT, ISSUER, SIGNING, SUBJECT, Issuer, key_set
from tests.interaction.mcp_house import ai_client

COMPONENT = """
components:
  network:
    use: hub-and-spoke
    endpoint: {endpoint}
    target: eng
    image: nothing:1
"""


@dataclass
class Wires:
    """Listens where the hub calls, answers or passes on, and keeps every byte that the hub sent."""

    sent: dict[str, bytearray] = field(default_factory=dict)

    @asynccontextmanager
    async def answering(self, name: str, body: str) -> AsyncIterator[str]:
        """An HTTP server with one answer; gives its URL."""

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self._keep(name, await reader.readuntil(b"\r\n\r\n"))
            head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
            writer.write(head.encode() + body.encode())
            writer.close()

        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        async with server:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"

    @asynccontextmanager
    async def between(self, name: str, path: Path, beyond: str) -> AsyncIterator[str]:
        """A socket that passes everything on to another one; gives its address."""

        async def passed(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            there, out = await asyncio.open_unix_connection(beyond)
            await asyncio.gather(self._pump(reader, out, name), self._pump(there, writer, None))

        async with await asyncio.start_unix_server(passed, str(path)):
            yield f"unix://{path}"

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, name: str | None) -> None:
        try:
            while data := await reader.read(65536):
                if name is not None:
                    self._keep(name, data)
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()

    def _keep(self, name: str, data: bytes) -> None:
        self.sent.setdefault(name, bytearray()).extend(data)


@pytest.mark.docker
@pytest.mark.proves("F4")
async def test_what_the_hub_sends_never_holds_the_token_that_it_was_called_with(
    tmp_path: Path, docker_engine: docker.DockerClient
) -> None:
    """To the engine, to a component's endpoint and to the authorization server: seen on the wire."""
    assert docker_engine.ping()
    wires, short = Wires(), tempfile.TemporaryDirectory(prefix="opstwin-wire-")
    identity = json.dumps({"kind": "hub-and-spoke-controller", "id": "network", "version": "1"})
    async with (
        wires.answering("issuer", key_set(SIGNING)) as keys,
        wires.answering("component", identity) as endpoint,
        wires.between("engine", Path(short.name) / "d.sock", "/var/run/docker.sock") as engine,
    ):
        shell = oauth_shell(tmp_path, keys)
        await asyncio.to_thread(shell.up)
        try:
            tokens = await worked(shell, tmp_path, engine, endpoint)
        finally:
            await asyncio.to_thread(shell.down)
    short.cleanup()
    assert set(wires.sent) == {"issuer", "component", "engine"}
    assert b"/containers/" in wires.sent["engine"]
    for name, data in wires.sent.items():
        said = bytes(data).lower()
        for token in tokens:
            assert token.encode().lower() not in said, name
            assert token.split(".")[-1].encode().lower() not in said, name
        assert b"authorization" not in said, name
        assert b"bearer" not in said, name
        assert b"cookie" not in said, name


def oauth_shell(folder: Path, keys: str) -> Shell:
    """A hub that takes tokens of an issuer whose keys are at an address."""
    more = {
        "OPSTWIN_OAUTH_ISSUER": ISSUER, "OPSTWIN_OAUTH_JWKS_URL": f"{keys}/keys", "OPSTWIN_PUBLIC_URL": "https://hub.test",
    }  # fmt: skip
    return Shell(folder, more=more)


async def worked(shell: Shell, folder: Path, engine: str, endpoint: str) -> list[str]:
    """A person, an agent and an AI client use the hub; the tokens that they used."""
    await asyncio.to_thread(shell.ok, "targets", "add", "eng", "--endpoint", engine, "--default")
    owner = (await asyncio.to_thread(shell.json, "people", "list"))["items"][0]["id"]
    link = (await asyncio.to_thread(shell.ok, "people", "link", owner, "--subject", SUBJECT)).strip()
    assert len(link) == 64
    access = Issuer(SystemClock(), folder / "unused").token(aud="https://hub.test/mcp")
    for path in ("/mcp", "/mcp/x/admin"):
        async with ai_client(shell.url, access, "stateless", path) as client:
            assert (await client.list_tools()).tools
    async with ai_client(shell.url, access, "stateless", "/mcp/x/admin") as client:
        tested = await client.call_tool("target_test", {"id": "eng"})
        assert not tested.is_error, tested
    async with ai_client(shell.url, access, "handshake") as client:
        assert client.server_info.name == "opstwin"
    file = shell.file("network.yaml", COMPONENT.format(endpoint=endpoint))
    await asyncio.to_thread(shell.ok, "discover", "eng")
    await asyncio.to_thread(shell.run, "plan", "-f", file)
    agent = (await asyncio.to_thread(shell.ok, "people", "add", "bot", "--agent")).strip()
    await asyncio.to_thread(shell.run, "discover", endpoint, OPSTWIN_TOKEN=agent)
    return [access, shell.token, agent]


async def test_a_link_made_on_the_command_line_lets_a_client_in_and_ends_with_revoke(tmp_path: Path) -> None:
    wires = Wires()
    async with wires.answering("issuer", key_set(SIGNING)) as keys:
        shell = oauth_shell(tmp_path, keys)
        await asyncio.to_thread(shell.up)
        try:
            await asyncio.to_thread(shell.add_sim)
            await linked_and_ended(shell, tmp_path)
        finally:
            await asyncio.to_thread(shell.down)
    assert wires.sent["issuer"].count(b"GET /keys ") == 1


async def linked_and_ended(shell: Shell, folder: Path) -> None:
    token = Issuer(SystemClock(), folder / "unused").token(aud="https://hub.test/mcp")
    owner = (await asyncio.to_thread(shell.json, "people", "list"))["items"][0]["id"]
    missing = await asyncio.to_thread(shell.run, "people", "link", "nobody", "--subject", SUBJECT)
    assert missing.returncode != 0
    link = await asyncio.to_thread(shell.json, "people", "link", owner, "--subject", SUBJECT)
    assert link == {"id": link["id"], "principal_id": owner, "issuer": ISSUER, "subject": SUBJECT}
    async with ai_client(shell.url, token, "stateless") as client:
        made = await client.call_tool("plan_create", {"words": "deploy app:1 as web"})
        assert not made.is_error, made
    rows = (await asyncio.to_thread(shell.json, "audit", "list"))["items"]
    [created] = [row for row in rows if row["action"] == "plan.create"]
    assert created["actor"] == {"kind": "agent", "id": f"oauth:{CLIENT}", "on_behalf_of": owner, "face": "mcp"}
    await asyncio.to_thread(shell.ok, "people", "revoke", link["id"])
    async with httpx2.AsyncClient(headers={"Authorization": f"Bearer {token}"}) as http:
        refused = await http.post(f"{shell.url}/mcp", json={})
    assert refused.status_code == 403
    assert f"opstwin people link NAME --subject {SUBJECT}" in refused.json()["next_step"]
