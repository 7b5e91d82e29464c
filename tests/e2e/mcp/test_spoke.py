"""The MCP face is a spoke: it talks to the hub and to nothing else, and neither needs the other to live."""

import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.cli.conftest import ROOT, Shell
from tests.e2e.mcp.conftest import owner, shims, talking
from tests.e2e.mcp.pipe import piped

LAYERS = {"catalog", "control", "domain", "intent", "server", "targets", "tools", "twin", "wiring"}


@pytest.mark.req("S1.36")
def test_cli_and_mcp_have_no_db_import() -> None:
    """By contract on the source, and by what is loaded when the command line and the whole MCP face are."""
    lint = Path(sys.executable).with_name("lint-imports")
    contracts = [word for name in ("thin-cli", "mcp-spoke", "sql-only-in-twin") for word in ("--contract", name)]
    done = subprocess.run([lint, "--no-cache", *contracts], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "3 kept, 0 broken" in done.stdout
    loaded = modules_after("opstwin.cli.main", "opstwin.cli.mcp_shim", "opstwin.cli.mcp_listing")
    assert "opstwin.cli.mcp_relay" in loaded
    libraries = {"alembic", "docker", "psycopg", "sqlalchemy", "sqlite3", "sqlmodel"}
    assert not {name.split(".")[0] for name in loaded} & libraries
    assert not {name.split(".")[1] for name in loaded if name.startswith("opstwin.")} & LAYERS


def test_the_program_beside_the_client_loads_the_standard_library_alone() -> None:
    """So that it starts quickly, and runs where only Python is."""
    loaded = modules_after("opstwin.cli.entry", "opstwin.cli.mcp_options", "opstwin.cli.mcp_shim")
    extra = {name.split(".")[0] for name in loaded} - sys.stdlib_module_names - {"opstwin", "__main__"}
    assert not extra
    heavy = {"asyncio", "concurrent", "dataclasses", "inspect", "logging", "subprocess", "tomllib"}
    assert not heavy & loaded, "import these where they are used"


def modules_after(*imported: str) -> set[str]:
    """The modules that are loaded once these are imported, in a Python without site-packages' own start-up."""
    program = f"import sys; sys.path.insert(0, {str(ROOT)!r}); import {', '.join(imported)}, json\n"
    site = [] if "opstwin.cli.main" in imported else ["-S"]
    found = subprocess.check_output([sys.executable, *site, "-c", program + "print(json.dumps(sorted(sys.modules)))"])
    return set(json.loads(found))


@pytest.mark.req("S1.45")
async def test_every_connection_of_the_mcp_process_goes_to_the_hub(hub: Shell, tmp_path: Path) -> None:
    """Read off the kernel: each connect() and each opened file of the process and its threads, from start to end."""
    trace = tmp_path / "trace"
    strace = ("strace", "--follow-forks", "--seccomp-bpf", "--trace=connect,openat", f"--output={trace}")
    async with talking(hub, before=strace) as talk:
        await talk.tools()
        plan = await talk.data("plan_create", words="deploy redis:7 as traced")
        await talk.data("plan_apply", id=plan["id"])
        await talk.data("discover", id="local")
    text = trace.read_text(encoding="utf-8", errors="replace")
    reached = re.findall(r"connect\(\d+, {sa_family=AF_INET6?, sin6?_port=htons\((\d+)\).*?\"([0-9a-f.:]+)\"", text)
    host, _, port = hub.url.removeprefix("http://").partition(":")
    assert set(reached) == {(port, host)}
    assert len(reached) == len(re.findall(r"connect\(", text)), "a socket of another kind was connected"
    assert "mcp_relay" in text
    for file in ("twin.db", "world.json", "docker.sock"):
        assert file not in text


@pytest.mark.req("S1.45")
async def test_mcp_down_api_up(hub: Shell) -> None:
    """An MCP process that dies takes nothing with it; the next one goes on where it stopped."""
    port = int(hub.url.rsplit(":", maxsplit=1)[1])
    with owner(hub) as http:
        async with piped(hub.environment) as pipe:
            pipe.call(1, "plan_create", words="deploy redis:7 as kept")
            plan = (await pipe.read())["result"]["structuredContent"]
            [shim] = shims()
            assert {item.raddr.port for item in shim.net_connections() if item.raddr} <= {port}
            assert not [item for item in shim.net_connections() if item.status == "LISTEN"]
            shim.send_signal(signal.SIGKILL)
            shim.wait(10)
            assert http.get("/hub").json()["name"] == "opstwin"
            assert http.get(f"/plans/{plan['id']}").json()["state"] == "pending"
            assert http.post("/plans", json={"words": "deploy redis:7 as second"}).status_code == 201
    async with talking(hub) as talk:
        assert (await talk.data("plan_show", id=plan["id"]))["digest"] == plan["digest"]
