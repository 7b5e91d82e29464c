"""SIGKILL at boundaries of the journal while the steps happen on a real Docker Engine."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.docker
@pytest.mark.timeout(300)
@pytest.mark.proves("A1", "A2", "A4")
def test_after_a_kill_on_a_real_engine_there_is_one_effect_per_step_and_a_whole_end(docker_engine: object) -> None:
    swept = subprocess.run(
        [sys.executable, "-m", "tests.e2e.docker_kill", "20"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert swept.returncode == 0, swept.stderr
    result = json.loads(swept.stdout)
    assert result["wrong"] == []
    assert result["points"] == 20
