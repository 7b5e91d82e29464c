"""Two live processes take up one decided conversation at once: one execution."""

import json
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_two_processes_that_go_on_at_once_come_to_one_execution(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.reliability.planner_race", str(tmp_path)], capture_output=True, text=True,
        timeout=110, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert found == {"heard": ["applied", "applied"], "executions": ["succeeded"], "effects": ["0", "1"]}
