"""What an AI client waits for: from starting `opstwin mcp` to the answer of `tools/list`, with and without a hub."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import psutil

from benchmarks.measuring import compared, figure
from benchmarks.processes import BARE, OPSTWIN, ran, started

STATELESS = {"_meta": {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {},
    "io.modelcontextprotocol/clientInfo": {"name": "bench", "version": "1"},
}}  # fmt: skip
HANDSHAKE = {
    "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "bench", "version": "1"},
}  # fmt: skip

SDK = """
import anyio, mcp_types as types
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server
async def listed(context, params):
    return types.ListToolsResult(tools=[], ttl_ms=0, cache_scope="private")
async def main():
    server = Server("bare", on_list_tools=listed)
    async with stdio_server() as (read, write):
        await server.run(read, write, server.create_initialization_options())
anyio.run(main)
"""
"""The least server that the official Python SDK makes, as the baseline: it offers nothing and asks nobody."""


def all_figures(runs: int = 20) -> dict[str, Any]:
    """Seconds from spawn to the answer, in both eras; the median of `runs` with a warm hub, of 5 without one."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        environment = {key: value for key, value in os.environ.items() if not key.startswith("OPSTWIN_")}
        environment |= {"OPSTWIN_DATA_DIR": str(data), "OPSTWIN_DETECT_DOCKER": "false", "OPSTWIN_LOG_LEVEL": "ERROR",
                        "OPSTWIN_CONFIG": str(Path(folder) / "config.toml"), "OPSTWIN_PORT": "0"}  # fmt: skip
        (Path(folder) / "config.toml").touch()
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        _, process = started(data, environment)
        try:
            found = _warm(shim(), environment, runs)
        finally:
            process.terminate()
            process.wait(20)
        cold = [_cold(shim(), data, environment) for _ in range(5)]
    return found | {"mcp_without_hub": figure(cold, limit="< 2500 ms")}


def _warm(command: Sequence[str], environment: dict[str, str], runs: int) -> dict[str, Any]:
    """Ours in both eras, the SDK's least server and a bare interpreter, one after the other in turn."""
    sdk = [sys.executable, "-c", SDK]
    ways: tuple[Callable[[], float], ...] = (
        lambda: spawned(command, environment), lambda: spawned(command, environment, shakes_hands=True),
        lambda: spawned(sdk, environment), lambda: ran(BARE, environment),
    )  # fmt: skip
    for way in ways:
        way()
    taken = [[way() for way in ways] for _ in range(runs)]
    ours, older, theirs, bare = ([row[place] for row in taken] for place in range(4))
    return {
        "mcp_spawn_to_tools": compared(ours, theirs, baseline="the Python SDK's least server", limit="< 100 ms"),
        "mcp_spawn_to_tools_with_handshake": compared(older, bare, baseline="python -c pass", limit="< 100 ms"),
    }


def spawned(command: Sequence[str], environment: dict[str, str], *, shakes_hands: bool = False) -> float:
    """Seconds from the start of a server on pipes to its answer of `tools/list`."""
    begin = time.perf_counter()
    with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        asking = process.stdin

        def say(method: str, id: int | None = None, params: Any = None) -> None:
            message = {"jsonrpc": "2.0", "method": method, "params": params or {}} | ({} if id is None else {"id": id})
            asking.write(json.dumps(message).encode() + b"\n")
            asking.flush()

        if shakes_hands:
            say("initialize", 0, HANDSHAKE)
            process.stdout.readline()
            say("notifications/initialized")
        say("tools/list", 1, {} if shakes_hands else STATELESS)
        answer = process.stdout.readline()
        taken = time.perf_counter() - begin
        process.stdin.close()
    assert b'"tools"' in answer, answer
    return taken


def _cold(command: Sequence[str], data: Path, environment: dict[str, str]) -> float:
    """The same where the server must start the hub first; that hub is ended again."""
    taken = spawned(command, environment)
    hub = psutil.Process(int(json.loads((data / "hub.json").read_text())["pid"]))
    hub.terminate()
    while hub.is_running() and hub.status() != psutil.STATUS_ZOMBIE:
        time.sleep(0.01)
    return taken


def shim() -> list[str]:
    """What an AI client starts: the installed command, else the module."""
    found = Path(sys.executable).with_name("opstwin")
    return [str(found), "mcp"] if found.is_file() else [*OPSTWIN, "mcp"]
