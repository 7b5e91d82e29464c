"""kill -9 between every pair of steps of a conversation; another process takes it up: one plan's worth of effects."""

import json
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.proves("A3")
def test_killed_anywhere_a_conversation_ends_the_same_with_one_effect(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.reliability.planner_runs", str(tmp_path)], capture_output=True, text=True,
        timeout=380, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    runs = json.loads(done.stdout.splitlines()[-1])
    assert len(runs) >= 20, "fewer places to die than steps"
    for run in runs:
        assert "failed" not in run, (run, done.stderr[-3000:])
        assert run["executions"] == ["succeeded"], run
        assert run["effects"] == ["0", "1"], run
        assert [state for state, _ in run["plans"]] == ["applied"], run
        assert run["approvals"] == 1, run
