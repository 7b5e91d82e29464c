"""`opstwin diagnose` as a user types it."""

import time
from pathlib import Path

import httpx2

from tests.e2e.cli.conftest import Shell


def test_a_healthy_hub_says_that_nothing_is_wrong(shell: Shell) -> None:
    assert shell.ok("diagnose").strip() == "Nothing is wrong as far as the twin can tell."
    assert shell.run("diagnose", "--detailed-exitcode").returncode == 0


def test_what_is_wrong_is_told_with_its_evidence_and_with_a_command_that_can_be_typed(shell: Shell) -> None:
    plan = shell.json("plan", "deploy nginx:1.27 as web with 2 replicas")
    shell.ok("approve", plan["id"], "--reason", "test")
    shell.ok("apply", plan["id"], "--wait")
    shell.world.ail("web-1")
    shell.ok("discover", "local")
    ended = shell.run("diagnose", "web", "--detailed-exitcode")
    assert ended.returncode == 2, ended.stderr
    lines = ended.stdout.splitlines()
    assert lines[0] == "1 finding(s): 1 critical."
    assert lines[1].startswith("Right-sizing of web: ")
    assert lines[3] == "critical: web-1 runs, but its health check fails."
    assert lines[4].startswith("  unhealthy local/container/web-1 since ")
    assert any("health = unhealthy (observation, " in line for line in lines)
    assert "  next: opstwin plan 'restart web' --target local" in lines
    assert shell.json("plan", "restart web", "--target", "local")["changes"]
    assert "상태 검사가 실패합니다" in shell.ok("diagnose", "web", "--korean")
    [found] = shell.json("diagnose", "web")["items"]
    assert found["code"] == "unhealthy"


def test_naming_what_is_not_there_fails_with_a_next_step(shell: Shell) -> None:
    ended = shell.run("diagnose", "nothing")
    assert ended.returncode == 1
    assert "no workload and no resource" in ended.stderr
    assert "opstwin get" in ended.stderr


def test_a_running_hub_measures_what_it_manages_by_itself(tmp_path: Path) -> None:
    shell = Shell(tmp_path, {"OPSTWIN_METRICS_INTERVAL_S": "1"})
    shell.up()
    try:
        shell.add_sim()
        plan = shell.json("plan", "deploy nginx:1.27 as web with 1 replica")
        shell.ok("approve", plan["id"], "--reason", "test")
        shell.ok("apply", plan["id"])
        series = f"{shell.url}/api/v1/metrics/query?metric=memory_bytes&subject=web&range_s=60&step_s=1"
        deadline = time.monotonic() + 30
        with httpx2.Client(headers={"Authorization": f"Bearer {shell.token}"}) as client:
            while True:
                [found] = client.get(series).json()["items"]
                if found["statistics"] and found["statistics"]["samples"] >= 3:
                    break
                assert time.monotonic() < deadline, found
                time.sleep(0.1)
        assert found["statistics"]["last"] == 16 << 20
        assert found["gaps"] >= 1
    finally:
        shell.down()
