"""SIGKILL at every boundary of the journal, with a twin and a world that are files."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SEEDS = 4


@pytest.mark.slow
@pytest.mark.timeout(420)
@pytest.mark.proves("A1", "A2", "A4")
def test_after_a_kill_at_any_of_500_boundaries_there_is_one_effect_per_step_and_a_whole_end() -> None:
    swept = subprocess.run(
        [sys.executable, "-m", "tests.e2e.kill_sweep", str(SEEDS)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert swept.returncode == 0, swept.stderr
    result = json.loads(swept.stdout)
    assert result["wrong"] == []
    assert result["points"] >= 500
