"""The MCP face is a spoke: it talks to the hub's HTTP API and to nothing else, and neither needs the other to live."""

import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from mcp import MCPError

from tests.e2e.cli.conftest import ROOT, Shell
from tests.e2e.mcp.conftest import bridges, owner, said, talking

LIBRARIES = {"alembic", "docker", "psycopg", "sqlalchemy", "sqlite3", "sqlmodel"}
LAYERS = {"catalog", "control", "domain", "intent", "server", "targets", "tools", "twin", "wiring"}


@pytest.mark.req("S1.36")
def test_cli_and_mcp_have_no_db_import() -> None:
    """By contract on the source, and by what is loaded when the command line and the whole MCP face are."""
    lint = Path(sys.executable).with_name("lint-imports")
    contracts = [word for name in ("thin-cli", "mcp-spoke", "sql-only-in-twin") for word in ("--contract", name)]
    done = subprocess.run([lint, "--no-cache", *contracts], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "3 kept, 0 broken" in done.stdout
    program = "import json, sys, opstwin.cli.main, opstwin.cli.mcp_stdio\nprint(json.dumps(sorted(sys.modules)))"
    loaded = [name.split(".") for name in json.loads(subprocess.check_output([sys.executable, "-c", program]))]
    assert ["opstwin", "cli", "mcp_bridge"] in loaded
    assert not {name[0] for name in loaded} & LIBRARIES
    assert not {name[1] for name in loaded if name[0] == "opstwin" and len(name) > 1} & LAYERS


@pytest.mark.req("S1.45")
async def test_every_connection_of_the_mcp_process_goes_to_the_hub(hub: Shell, tmp_path: Path) -> None:
    """Read off the kernel: each connect() and each opened file of the process and its threads, from start to end."""
    trace = tmp_path / "trace"
    strace = ("strace", "--follow-forks", "--seccomp-bpf", "--trace=connect,openat", f"--output={trace}")
    async with talking(hub, "auto", *strace) as talk:
        await talk.tools()
        plan = await talk.data("plan_create", words="deploy redis:7 as traced")
        assert (await talk.call("plan_apply", id=plan["id"])).is_error
        assert (await talk.data("discover", id="local"))["found"]
    text = trace.read_text(encoding="utf-8", errors="replace")
    reached = re.findall(r"connect\(\d+, {sa_family=AF_INET6?, sin6?_port=htons\((\d+)\).*?\"([0-9a-f.:]+)\"", text)
    host, _, port = hub.url.removeprefix("http://").partition(":")
    assert set(reached) == {(port, host)}
    assert len(reached) == len(re.findall(r"connect\(\d+, {sa_family=AF_INET", text)) >= 4
    assert "mcp_bridge" in text
    for file in ("twin.db", "world.json", "docker.sock"):
        assert file not in text


@pytest.mark.req("S1.45")
async def test_mcp_down_api_up(hub: Shell) -> None:
    """An MCP process that dies takes nothing with it; the next one goes on where it stopped."""
    port = int(hub.url.rsplit(":", maxsplit=1)[1])
    with owner(hub) as http:
        async with talking(hub) as talk:
            plan = await talk.data("plan_create", words="deploy redis:7 as kept")
            [bridge] = bridges()
            assert {item.raddr.port for item in bridge.net_connections() if item.raddr} <= {port}
            bridge.send_signal(signal.SIGKILL)
            bridge.wait(10)
            assert http.get("/hub").json()["name"] == "opstwin"
            assert http.get(f"/plans/{plan['id']}").json()["state"] == "pending"
            assert http.post("/plans", json={"words": "deploy redis:7 as second"}).status_code == 201
    async with talking(hub) as talk:
        assert (await talk.data("plan_show", id=plan["id"]))["digest"] == plan["digest"]


async def test_a_hub_that_is_away_is_said_and_work_goes_on_when_it_is_back(bare_hub: Shell) -> None:
    """Back at another port after a crash, and back with another twin that knows no agent yet.

    An agent that a person shut out stays shut out: it makes no new account for itself.
    """
    data = bare_hub.folder / "data"
    async with talking(bare_hub) as talk:
        assert (await talk.data("who_am_i"))["actor"]["id"] == "mcp-local"
        token = (data / "mcp-token.json").read_text()
        bare_hub.down(signal.SIGKILL)
        away = await talk.call("hub_info")
        assert away.is_error
        assert away.structured_content["error"]["code"] == "hub_unreachable"
        assert "opstwin up" in said(away)
        with pytest.raises(MCPError, match="opstwin up"):
            await talk.tools()
        bare_hub.up()
        assert (await talk.data("who_am_i"))["actor"]["id"] == "mcp-local"
        assert (data / "mcp-token.json").read_text() == token
        bare_hub.down()
        assert "opstwin up" in said(await talk.call("hub_info"))
        for file in data.glob("twin.db*"):
            file.unlink()
        bare_hub.up()
        assert (await talk.data("who_am_i"))["actor"]["id"] == "mcp-local"
        assert (data / "mcp-token.json").read_text() != token
        assert (data / "mcp-token.json").stat().st_mode & 0o777 == 0o600
        with owner(bare_hub) as http:
            assert http.patch("/people/mcp-local", json={"deactivate": True}).status_code == 200
        for _ in range(2):
            assert "shut out" in said(await talk.call("who_am_i"))


@pytest.mark.req("S1.43")
def test_the_tools_of_an_ai_client_can_be_listed(hub: Shell) -> None:
    """As the agent of this machine, which is made once and acts for the person who started the hub."""
    names = {line.split()[0] for line in hub.ok("mcp", "tools").splitlines()[1:]}
    assert {"discover", "twin", "plan_create", "plan_apply"} <= names
    assert not {"plan_decide", "adopt", "token_issue"} & names
    hub.ok("mcp", "tools")
    with owner(hub) as http:
        me = http.get("/me").json()["actor"]["id"]
        [made] = [item for item in http.get("/people").json()["items"] if item["id"] == "mcp-local"]
        assert (made["kind"], made["on_behalf_of"]) == ("agent", me)
        assert made["scopes"] == ["twin:apply", "twin:plan", "twin:read"]
        assert len(http.get("/people/mcp-local/tokens").json()["items"]) == 1


def test_the_configuration_names_the_program_and_no_secret(hub: Shell) -> None:
    printed = hub.run("mcp", "config", OPSTWIN_TOKEN="opt_canary")
    entry = json.loads(printed.stdout)["mcpServers"]["opstwin"]
    assert Path(entry["command"]).is_absolute()
    assert entry["env"]["OPSTWIN_DATA_DIR"] == str(hub.folder / "data")
    assert "canary" not in printed.stdout + printed.stderr
    start = _run([entry["command"], *entry["args"]], entry["env"])
    assert (start.returncode, start.stdout) == (0, ""), start.stderr


def test_without_the_mcp_library_the_message_names_what_to_install(hub: Shell) -> None:
    program = "import sys; sys.modules['mcp'] = None; from opstwin.cli.main import run; sys.exit(run(['mcp']))"
    ended = _run([sys.executable, "-c", program], hub.environment)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "pip install 'opstwin[mcp]'" in ended.stderr


def _run(command: list[str], environment: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    """A program that gets nothing on stdin."""
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, input="", timeout=30, check=False
    )  # fmt: skip
