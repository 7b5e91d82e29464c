"""Exit codes and streams that only a real process shows."""

import signal
import subprocess
import sys

import pytest

from opstwin.cli.exits import Exit
from tests.e2e.cli.conftest import ROOT, Shell
from tests.e2e.cli.test_loop import WEB


@pytest.mark.proves("G4")
def test_approving_ones_own_high_risk_plan_is_refused_with_its_own_exit_code(shell: Shell) -> None:
    shell.ok("apply", shell.file("web.yaml", WEB), "--yes")
    plan = shell.json("plan", "delete web")
    assert plan["risk"] == "high"
    refused = shell.run("approve", plan["id"])
    assert refused.returncode == Exit.REFUSED
    assert "Ask another person" in refused.stderr


@pytest.mark.req("S5.15")
def test_logs_are_followed_as_they_come_and_ctrl_c_ends_with_130(shell: Shell) -> None:
    following = subprocess.Popen(
        [sys.executable, "-u", "-m", "opstwin.cli", "logs", "-f", "legacy-db"], cwd=ROOT, env=shell.environment,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert following.stdout is not None
    assert following.stdout.readline()
    shell.world.say("legacy-db", "a line that came later")
    assert any("a line that came later" in line for line in iter(following.stdout.readline, ""))
    following.send_signal(signal.SIGINT)
    following.communicate(timeout=20)
    assert following.returncode == Exit.INTERRUPTED
