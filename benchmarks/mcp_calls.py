"""Calls over MCP: how many a second, beside the library alone; and many clients that read and plan at once."""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx2

from benchmarks.processes import started

SCOPES = ["twin:read", "twin:plan", "twin:apply"]
AGENTS = 20
READ: tuple[str, dict[str, Any]] = ("twin_query", {})
MANY: list[tuple[str, dict[str, Any]]] = [
    *(("twin_get", {"id": f"local/container/shop-{number}"}) for number in range(1, 21)),
    *(("twin_query", {"text": f"shop-{number}"}) for number in range(1, 21)),
    ("twin_query", {"limit": 20}), ("approvals_list", {}), ("diagnose", {}),
]  # fmt: skip
"""Questions that differ, half of them about one thing in full, which costs several looks into the store."""

PLAN = ("plan_create", {"words": "deploy app:1 as web with 2 replicas"})


def all_figures() -> dict[str, Any]:
    """The hub on a simulated target with 20 containers; all settings as they come but the limit of waiting plans."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        environment = {key: value for key, value in os.environ.items() if not key.startswith("OPSTWIN_")}
        environment |= {"OPSTWIN_DATA_DIR": str(data), "OPSTWIN_DETECT_DOCKER": "false", "OPSTWIN_WAITING_PLANS": "0"}
        _, process = started(data, environment)
        try:
            hub = json.loads((data / "hub.json").read_text())
            tokens = furnished(hub, Path(folder))
            bare = bare_figures()
            ours = load(f"{hub['url']}/mcp", tokens[:1], 8000, 16, READ)
            many = load(f"{hub['url']}/mcp", tokens[:1], 4000, 16, *MANY)
            mixed = load(f"{hub['url']}/mcp", tokens, 6000, 200, *[READ] * 9, PLAN)
        finally:
            process.terminate()
            process.wait(20)
    return {
        "mcp_reads_16_in_flight": {
            **ours, "baseline": bare, "ratio": round(bare["calls_s"] / ours["calls_s"], 2), "limit": ">= 700 calls/s",
        },
        "mcp_reads_of_43_kinds": {key: value for key, value in many.items() if key != "tools"},
        "mcp_200_clients_mixed": {**mixed, "limit": "no failure, no client left behind"},
    }  # fmt: skip


def furnished(hub: dict[str, Any], folder: Path, replicas: int = 20) -> list[str]:
    """A simulated target, and the tokens of agents that act for its owner."""
    with httpx2.Client(base_url=f"{hub['url']}/api/v1", headers={"Authorization": f"Bearer {hub['token']}"}) as http:
        place = {"id": "local", "display_name": "Local", "backend_type": "sim", "is_default": True}
        http.post("/targets", json={**place, "agent_endpoint": f"sim://{folder / 'world.json'}"}).raise_for_status()
        http.post("/targets/local:discover", json={}).raise_for_status()
        file = json.dumps({"name": "shop", "image": "app:1", "replicas": replicas})
        plan = http.post("/plans", json={"file": file}).raise_for_status().json()
        decision = {"decision": "approve", "digest": plan["digest"]}
        http.post(f"/plans/{plan['id']}:decide", json=decision).raise_for_status()
        execution = http.post(f"/plans/{plan['id']}:apply", json={}).raise_for_status().json()
        while http.get(f"/executions/{execution['id']}").json()["state"] in ("applying", "verifying"):
            time.sleep(0.1)
        return [_agent(http, f"load-{number}") for number in range(AGENTS)]


def _agent(http: httpx2.Client, name: str) -> str:
    http.post("/people/agents", json={"id": name, "display_name": name, "scopes": SCOPES}).raise_for_status()
    return str(http.post(f"/people/{name}/tokens", json={}).raise_for_status().json()["token"])


def bare_figures() -> dict[str, Any]:
    """The library alone, under the same load."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen([sys.executable, "-m", "benchmarks.mcp_bare", str(port)], stderr=subprocess.DEVNULL)
    try:
        for _ in range(300):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        return load(f"http://127.0.0.1:{port}/mcp", ["none"], 8000, 16, READ)
    finally:
        process.terminate()
        process.wait(20)


def load(url: str, tokens: list[str], total: int, clients: int, *tools: tuple[str, Any]) -> dict[str, Any]:
    """What the load generator measured, after a first round that warms everything."""
    named = [f"{name}={json.dumps(arguments)}" for name, arguments in tools]
    command = [sys.executable, "-m", "benchmarks.mcp_load", url, ",".join(tokens)]
    subprocess.run([*command, "160", "16", named[0]], check=True, capture_output=True)
    ran = subprocess.run([*command, str(total), str(clients), *named], check=True, capture_output=True, text=True)
    return dict(json.loads(ran.stdout))


if __name__ == "__main__":
    print(json.dumps(all_figures(), indent=2))
