"""`python -m benchmarks`: everything, as one JSON on stdout."""

import asyncio
import json
import platform
import subprocess
import sys
from typing import Any

from benchmarks import (
    control,
    docker_apply,
    durability,
    lint,
    mcp_calls,
    mcp_peers,
    mcp_spawn,
    metrics_store,
    models,
    planner,
    processes,
    prompts,
    reading,
    retrieval,
)


def alone(module: str) -> dict[str, Any]:
    """Figures of a part in a process of its own, for those that tell of memory."""
    ran = subprocess.run([sys.executable, "-m", module], check=True, stdout=subprocess.PIPE, text=True)
    return dict(json.loads(ran.stdout))


async def measured() -> dict[str, object]:
    """All figures."""
    found: dict[str, object] = {"machine": {"python": platform.python_version(), "system": platform.platform()}}
    parts = {
        "control": control.all_figures, "durability": durability.all_figures, "docker": docker_apply.apply_figures,
        "reading": reading.all_figures, "prompts": prompts.all_figures,
        "metrics": metrics_store.all_figures, "retrieval": retrieval.all_figures, "models": models.all_figures,
        "planner": planner.all_figures,
    }  # fmt: skip
    for name, part in parts.items():
        print(f"measuring {name} …", file=sys.stderr)
        found |= await part()
    blocking = {
        "large clusters": lambda: alone("benchmarks.kube_discover"), "the checks of manifests": lint.all_figures,
        "processes": processes.all_figures, "the start of an AI client's server": mcp_spawn.all_figures,
        "calls of AI clients": mcp_calls.all_figures, "other MCP servers": mcp_peers.all_figures,
    }  # fmt: skip
    for name, figures in blocking.items():
        print(f"measuring {name} …", file=sys.stderr)
        found |= await asyncio.to_thread(figures)
    return found


print(json.dumps(asyncio.run(measured()), indent=2))
