"""SIGKILL on the Kubernetes driver: at every boundary of the journal, after every call that may change a cluster."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SEEDS = 1


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.proves("A1", "A2", "A4")
def test_after_a_kill_beside_a_cluster_there_is_one_effect_per_step_and_a_whole_end() -> None:
    swept = subprocess.run(
        [sys.executable, "-m", "tests.e2e.kube_kill", str(SEEDS)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert swept.returncode == 0, swept.stderr
    result = json.loads(swept.stdout)
    assert result["wrong"] == []
    assert result["points"] >= 180
