"""`python -m benchmarks`: everything, as one JSON on stdout."""

import asyncio
import json
import platform
import sys

from benchmarks import (
    control,
    docker_apply,
    durability,
    kube_discover,
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


async def measured() -> dict[str, object]:
    """All figures."""
    found: dict[str, object] = {"machine": {"python": platform.python_version(), "system": platform.platform()}}
    parts = {
        "control": control.all_figures, "durability": durability.all_figures, "docker": docker_apply.apply_figures,
        "reading": reading.all_figures, "kube": kube_discover.all_figures,
        "prompts": prompts.all_figures,
        "metrics": metrics_store.all_figures, "retrieval": retrieval.all_figures, "models": models.all_figures,
        "planner": planner.all_figures,
    }  # fmt: skip
    for name, part in parts.items():
        print(f"measuring {name} …", file=sys.stderr)
        found |= await part()
    print("measuring processes …", file=sys.stderr)
    found |= await asyncio.to_thread(processes.all_figures)
    print("measuring the start of an AI client's server …", file=sys.stderr)
    found |= await asyncio.to_thread(mcp_spawn.all_figures)
    print("measuring other MCP servers …", file=sys.stderr)
    return found | await asyncio.to_thread(mcp_peers.all_figures)


print(json.dumps(asyncio.run(measured()), indent=2))
