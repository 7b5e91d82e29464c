"""Whole processes: the command line, and the hub's start and size."""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.measuring import compared, figure

OPSTWIN = [sys.executable, "-m", "opstwin.cli"]
BARE = [sys.executable, "-c", "pass"]

LOOKS = 3
"""Seconds in which a process at rest takes less than `AT_REST_S` of a core."""

AT_REST_S = 0.1
MOST_LOOKS = 120


def ran(command: list[str], environment: dict[str, str]) -> float:
    """Seconds that one process takes."""
    begin = time.perf_counter()
    subprocess.run(command, env=environment, check=True, capture_output=True)
    return time.perf_counter() - begin


def environment_of(data: Path, docker: bool) -> dict[str, str]:
    """What a hub on this data directory is given; with `docker` it finds the local engine as its target."""
    given = {key: value for key, value in os.environ.items() if not key.startswith("OPSTWIN_")}
    given.pop("PYTHONDONTWRITEBYTECODE", None)
    found = {"OPSTWIN_DETECT_DOCKER": str(docker).lower(), "OPSTWIN_LOG_LEVEL": "ERROR"}
    return given | {"OPSTWIN_DATA_DIR": str(data)} | found


def all_figures(runs: int = 9) -> dict[str, Any]:
    """The command line beside a bare interpreter, and the hub's start and resident memory."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        environment = environment_of(data, docker=False)
        ran([*OPSTWIN, "--help"], environment)
        bare = [ran(BARE, environment) for _ in range(runs)]
        helps = [ran([*OPSTWIN, "--help"], environment) for _ in range(runs)]
        ready_s, process = started(data, environment)
        again_s = []
        try:
            ran([*OPSTWIN, "get"], environment)
            gets = [ran([*OPSTWIN, "get"], environment) for _ in range(runs)]
        finally:
            stopped(process)
        for _ in range(3):
            seconds, process = started(data, environment)
            stopped(process)
            again_s.append(seconds)
    return {
        "help": compared(helps, bare, baseline="python -c pass", limit="< 250 ms"),
        "get": compared(gets, bare, baseline="python -c pass", limit="< 500 ms"),
        "hub_ready": figure(again_s, first_ms=round(ready_s * 1000), limit="< 2000 ms"),
        "hub_idle_rss_mib": {"limit": "< 150 MiB", **sizes()},
    }


def sizes(starts: int = 3) -> dict[str, list[float]]:
    """Resident memory of idle hubs in MiB, with the local Docker Engine as target and without any: the first start,
    which makes the database, and those after it.

    With an engine that does not answer, the first figures are of a hub without a target too.
    """
    found = {}
    for name, docker in (("with_docker", True), ("without_target", False)):
        with tempfile.TemporaryDirectory() as folder:
            data = Path(folder) / "data"
            environment = environment_of(data, docker)
            found[name] = [size_of_one(data, environment) for _ in range(starts)]
    return found


def size_of_one(data: Path, environment: dict[str, str]) -> float:
    """Start a hub, leave it alone until it rests, and stop it; its resident memory at rest, in MiB."""
    _, process = started(data, environment)
    try:
        return resident_mib(process.pid)
    finally:
        stopped(process)


def stopped(process: "subprocess.Popen[bytes]") -> None:
    """End a hub as its service would."""
    process.terminate()
    process.wait(20)


def started(data: Path, environment: dict[str, str]) -> tuple[float, "subprocess.Popen[bytes]"]:
    """A hub that answers, and how long it took."""
    import httpx2

    (data / "hub.json").unlink(missing_ok=True)
    begin = time.perf_counter()
    process = subprocess.Popen([*OPSTWIN, "up", "--port", "0"], env=environment, stderr=subprocess.DEVNULL)
    while time.perf_counter() - begin < 30:
        try:
            url = json.loads((data / "hub.json").read_text())["url"]
            httpx2.get(f"{url}/ready").raise_for_status()
        except (OSError, ValueError, httpx2.HTTPError):
            time.sleep(0.01)
            continue
        return time.perf_counter() - begin, process
    process.kill()
    raise RuntimeError("the hub did not start")


def resident_mib(pid: int) -> float:
    """Resident memory of a process and its children, once they have been at rest for a while."""
    import psutil

    family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    spent = [-1.0]
    # A hub loads its MCP server and looks at its targets after it answers; how long that takes is the machine's affair.
    while len(spent) < MOST_LOOKS and not (len(spent) > LOOKS and spent[-1] - spent[-1 - LOOKS] < AT_REST_S):
        time.sleep(1)
        spent.append(sum(sum(item.cpu_times()[:2]) for item in family))
    return round(sum(item.memory_info().rss for item in family) / 2**20, 1)


if __name__ == "__main__":
    print(json.dumps(all_figures(), indent=2))
