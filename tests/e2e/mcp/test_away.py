"""A hub that is away, starts, restarts, or is another one: what `opstwin mcp` does about it."""

import asyncio
import json
import os
import pty
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from opstwin.server.serving import listening
from tests.e2e.cli.conftest import Shell
from tests.e2e.mcp.conftest import ended, owner, talking
from tests.e2e.mcp.pipe import piped
from tests.e2e.mcp.test_protocol import REVISIONS

eras = pytest.mark.parametrize("mode", list(REVISIONS))


@pytest.fixture
def nobody(tmp_path: Path) -> Iterator[Shell]:
    """A machine on which no hub runs; one that was started is ended afterwards."""
    made = Shell(tmp_path, more={"OPSTWIN_PORT": "0"})
    (tmp_path / "config.toml").touch()
    try:
        yield made
    finally:
        made.down()
        for process in hubs(made):
            process.terminate()
            process.wait(20)


def hubs(shell: Shell) -> list[psutil.Process]:
    """The hubs of this shell's data directory that nobody's terminal holds."""
    found = []
    for process in psutil.process_iter(["cmdline", "environ"]):
        words, variables = process.info["cmdline"] or [], process.info["environ"] or {}
        if words[-2:] == ["up", "--any-port"] and variables.get("OPSTWIN_DATA_DIR") == str(shell.folder / "data"):
            found.append(process)
    return found


@eras
async def test_without_a_hub_one_is_started_and_goes_on_when_the_client_ends(nobody: Shell, mode: str) -> None:
    async with talking(nobody, mode) as talk:
        assert "plan_create" in {tool.name for tool in await talk.tools()}
    [hub] = hubs(nobody)
    assert hub.is_running()
    assert os.getsid(hub.pid) == hub.pid, "it would end with the client's terminal"
    assert nobody.json("doctor")[0]["ok"]
    log = nobody.folder / "data" / "hub.log"
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    assert "The hub runs at" in log.read_text()
    async with talking(nobody, mode) as talk:
        await talk.tools()
    assert [item.pid for item in hubs(nobody)] == [hub.pid]


async def test_a_hub_is_started_beside_a_stranger_on_its_port(nobody: Shell) -> None:
    with listening("127.0.0.1", 0) as stranger:
        stranger.listen()
        taken = stranger.getsockname()[1]
        async with talking(nobody, OPSTWIN_PORT=str(taken)) as talk:
            assert "plan_create" in {tool.name for tool in await talk.tools()}
    assert not nobody.url.endswith(f":{taken}")


async def test_clients_that_start_together_start_one_hub(nobody: Shell) -> None:
    async def lists() -> str:
        async with piped(nobody.environment) as pipe:
            pipe.ask(1, "tools/list")
            answer = await pipe.read()
            assert answer["result"]["tools"]
            return nobody.url

    assert len(set(await asyncio.gather(*(lists() for _ in range(3))))) == 1
    assert len(hubs(nobody)) == 1
    with owner(nobody) as http:
        assert len(http.get("/people/mcp-local/tokens").json()["items"]) == 1


async def test_a_hub_that_left_its_file_and_died_is_replaced(nobody: Shell) -> None:
    nobody.up()
    assert "discover" in nobody.ok("mcp", "tools")
    nobody.down(signal.SIGKILL)
    assert (nobody.folder / "data" / "hub.json").exists()
    async with talking(nobody) as talk:
        await talk.tools()
    assert len(hubs(nobody)) == 1


async def test_a_hub_that_cannot_start_is_said_with_its_own_words(nobody: Shell) -> None:
    (nobody.folder / "config.toml").write_text("max_body_bytes = -1\n")
    async with piped(nobody.environment) as pipe:
        pipe.ask(1, "tools/list")
        answer = await pipe.read()
    assert answer["id"] == 1
    assert "max_body_bytes" in answer["error"]["message"]
    assert "hub.log" in answer["error"]["message"]


@pytest.mark.parametrize("options", [["--no-start"], ["--url", "http://127.0.0.1:9"]])
async def test_no_hub_is_started_when_that_was_not_wanted(nobody: Shell, options: list[str]) -> None:
    async with piped(nobody.environment | {"OPSTWIN_TOKEN": "opt_x"}, *options) as pipe:
        pipe.ask(1, "tools/list")
        answer = await pipe.read()
    assert "opstwin up" in answer["error"]["message"]
    assert answer["error"]["data"]["error"]["next_step"]
    assert not hubs(nobody)


@eras
@pytest.mark.proves("B1")
async def test_a_hub_restarted_in_the_middle_of_a_call_answers_it_and_does_it_once(bare_hub: Shell, mode: str) -> None:
    """Killed while the client waits for the end of an execution; back at another port, with the same twin."""
    bare_hub.add_sim()
    async with talking(bare_hub, mode, options=["--no-start"]) as talk:
        plan = (await talk.data("plan_create", words="deploy redis:7 as kept with 3 replicas"))["id"]
        bare_hub.ok("approve", plan)
        call = asyncio.create_task(talk.data("plan_apply", id=plan, wait_s=20))
        with owner(bare_hub) as http:
            while not http.get("/executions").json()["items"]:
                await asyncio.sleep(0.01)
        bare_hub.down(signal.SIGKILL)
        bare_hub.up()
        execution = (await call)["id"]
        assert ended(bare_hub, execution)["state"] == "succeeded"
        assert (await talk.data("execution_get", id=execution))["state"] == "succeeded"
    with owner(bare_hub) as http:
        assert [item["id"] for item in http.get("/executions").json()["items"]] == [execution]
    made = [str(effect) for effect in bare_hub.world.effects if "create" in str(effect)]
    assert len(made) == len(set(made)) == 3


async def test_an_agent_is_made_anew_for_another_twin_and_one_that_was_shut_out_stays_out(bare_hub: Shell) -> None:
    kept = bare_hub.folder / "data" / "mcp-token.json"
    async with talking(bare_hub, options=["--no-start"]) as talk:
        await talk.tools()
        token = kept.read_text()
        assert stat.S_IMODE(kept.stat().st_mode) == 0o600
        bare_hub.down()
        with pytest.raises(Exception, match="opstwin up"):
            await talk.tools()
        for file in (bare_hub.folder / "data").glob("twin.db*"):
            file.unlink()
        bare_hub.up()
        await talk.tools()
        assert kept.read_text() != token
        with owner(bare_hub) as http:
            assert http.patch("/people/mcp-local", json={"deactivate": True}).status_code == 200
        for _ in range(2):
            with pytest.raises(Exception, match="shut out"):
                await talk.tools()


async def test_an_agent_with_fewer_rights_is_left_as_it_is(bare_hub: Shell) -> None:
    with owner(bare_hub) as http:
        agent = {"id": "mcp-local", "display_name": "mine", "scopes": ["twin:read"]}
        assert http.post("/people/agents", json=agent).status_code == 201
    async with talking(bare_hub) as talk:
        assert "plan_apply" not in {tool.name for tool in await talk.tools()}
    with owner(bare_hub) as http:
        [found] = [item for item in http.get("/people").json()["items"] if item["id"] == "mcp-local"]
    assert (found["scopes"], found["display_name"]) == (["twin:read"], "mine")


def test_the_block_for_a_client_names_the_program_and_no_secret_and_works(bare_hub: Shell) -> None:
    printed = bare_hub.run("mcp", "install", "claude-desktop", "--print", OPSTWIN_TOKEN="opt_canary")
    entry = json.loads(printed.stdout)["mcpServers"]["opstwin"]
    assert Path(entry["command"]).is_absolute()
    assert entry["env"]["OPSTWIN_DATA_DIR"] == str(bare_hub.folder / "data")
    assert "canary" not in printed.stdout + printed.stderr
    asyncio.run(_lists_with(entry))


async def _lists_with(entry: dict[str, object]) -> None:
    """Started as a client does it: these words, and next to nothing in the environment."""
    from mcp import Client, StdioServerParameters
    from mcp.client.stdio import stdio_client

    async with Client(stdio_client(StdioServerParameters(**entry))) as client:
        assert (await client.list_tools()).tools


def test_somebody_who_starts_it_at_a_terminal_is_told_what_it_waits_for(nobody: Shell) -> None:
    theirs, ours = pty.openpty()
    started = [sys.executable, "-m", "opstwin.cli", "mcp", "--no-start"]
    with subprocess.Popen(started, env=nobody.environment, stdin=ours, stderr=subprocess.PIPE) as process:
        os.close(ours)
        assert "opstwin mcp install" in process.stderr.readline().decode()
        os.write(theirs, b"\x04")
        assert process.wait(20) == 0
    os.close(theirs)
