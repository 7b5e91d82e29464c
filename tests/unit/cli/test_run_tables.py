"""A run on the screen: each stage with what it came to."""

from typing import Any

import pytest

from opstwin.cli.runs import run_rows, run_text

AT = "2026-01-05T09:00:00Z"


def stage(name: str, status: str, **details: Any) -> dict[str, Any]:
    return {"name": name, "status": status, "details": details, "started_at": AT, "finished_at": None}


RUN: dict[str, Any] = {
    "id": "run_7", "status": "undoing", "stage": "monitor", "target": "prod", "plan_id": "plan_1", "created_at": AT,
    "request": "deploy web to prod",
    "stages": [
        stage("request", "done", by="anna"), stage("inspect", "done", containers=[{"name": "web-1"}]),
        stage("history", "done", items=[{}, {}]), stage("analysis", "done", source="template", tokens=0),
        stage("generate", "done", artefacts=[{"name": "web"}]),
        stage("review", "done", changes=3, risk="low", approvals=[{"decision": "approve", "by": "ben"}], expired=False),
        stage("deploy", "done", execution_id="exec_1", state="rolling_back", error=None),
        stage("monitor", "undoing", rollout=[{"resource": "prod/pod/web", "presence": "present", "ready": "0/2"}]),
        stage("record", "pending"),
    ],
}  # fmt: skip


def test_each_stage_is_a_line_with_what_it_came_to(capsys: pytest.CaptureFixture[str]) -> None:
    run_text(RUN)
    told = capsys.readouterr()
    for words in ("run_7", "web-1", "2 past deployments", "approve by ben", "exec_1 rolling_back", "undoing", "0/2"):
        assert words in told.out
    assert "opstwin show plan_1" in told.err


def test_a_failed_stage_tells_its_error(capsys: pytest.CaptureFixture[str]) -> None:
    error = {"code": "rejected", "message": "The cluster said no.", "next_step": "Change it."}
    run_text(RUN | {"stages": [stage("review", "failed", error=error)]})
    assert "The cluster said no. Change it." in capsys.readouterr().out


def test_a_list_of_runs_says_how_far_each_is(capsys: pytest.CaptureFixture[str]) -> None:
    run_rows({"items": [RUN]})
    [_, line] = capsys.readouterr().out.splitlines()
    assert line.split()[:5] == ["run_7", "undoing", "monitor", "prod", "plan_1"]
