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


def ran(command: list[str], environment: dict[str, str]) -> float:
    """Seconds that one process takes."""
    begin = time.perf_counter()
    subprocess.run(command, env=environment, check=True, capture_output=True)
    return time.perf_counter() - begin


def all_figures(runs: int = 9) -> dict[str, Any]:
    """The command line beside a bare interpreter, and the hub's start and resident memory."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        environment = {key: value for key, value in os.environ.items() if not key.startswith("OPSTWIN_")}
        environment |= {"OPSTWIN_DATA_DIR": str(data), "OPSTWIN_DETECT_DOCKER": "false", "OPSTWIN_LOG_LEVEL": "ERROR"}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        ran([*OPSTWIN, "--help"], environment)
        bare = [ran(BARE, environment) for _ in range(runs)]
        helps = [ran([*OPSTWIN, "--help"], environment) for _ in range(runs)]
        ready_s, process = started(data, environment)
        again_s = []
        try:
            ran([*OPSTWIN, "get"], environment)
            gets = [ran([*OPSTWIN, "get"], environment) for _ in range(runs)]
            rss = resident_mib(process.pid)
        finally:
            process.terminate()
            process.wait(20)
        for _ in range(3):
            seconds, process = started(data, environment)
            process.terminate()
            process.wait(20)
            again_s.append(seconds)
    return {
        "help": compared(helps, bare, baseline="python -c pass", limit="< 250 ms"),
        "get": compared(gets, bare, baseline="python -c pass", limit="< 500 ms"),
        "hub_ready": figure(again_s, first_ms=round(ready_s * 1000), limit="< 2000 ms"),
        "hub_idle_rss_mib": {"value": rss, "limit": "< 150 MiB"},
    }


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
    """Resident memory of a process and its children, after a while of rest."""
    import psutil

    time.sleep(3)
    family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    return round(sum(item.memory_info().rss for item in family) / 2**20, 1)
