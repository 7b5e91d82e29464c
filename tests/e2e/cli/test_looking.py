"""What people look at from the command line: runs, and what doctor says of language models and memory."""

import json

import pytest

from opstwin.cli.exits import Exit
from tests.e2e.cli.conftest import Shell


@pytest.fixture(scope="module")
def shell(shell_once: Shell) -> Shell:
    return shell_once


@pytest.mark.req("S5.58")
def test_runs_are_listed_like_everything_else(shell: Shell) -> None:
    assert shell.json("get", "runs")["items"] == []
    assert "No runs yet." in shell.run("get", "runs").stderr


def test_a_run_that_is_not_there_and_an_id_of_nothing_say_what_to_do(shell: Shell) -> None:
    missing = shell.run("show", "run_7")
    assert missing.returncode == Exit.ERROR
    assert "opstwin get runs" in missing.stderr
    nothing = shell.run("show", "7")
    assert "run_7" in nothing.stderr


@pytest.mark.req("S5.19")
def test_doctor_tells_of_models_embeddings_and_the_history_without_asking_anybody(shell: Shell) -> None:
    checks = {item["check"]: item for item in shell.json("doctor")}
    assert checks["language models"]["ok"]
    assert "OPENAI_API_KEY" in checks["language models"]["next_step"]
    assert "12 examples" in checks["history index"]["found"]
    assert "hf download" in checks["embeddings"]["next_step"]


@pytest.mark.req("S5.19")
def test_doctor_names_a_providers_key_by_reference_and_asks_it_on_demand(shell: Shell) -> None:
    shell.down()
    key = "sk-canary-" + "4" * 30
    provider = {"kind": "compatible", "model": "m", "base_url": "http://127.0.0.1:9/v1", "credential": "env:HOUSE_KEY"}
    shell.more |= {"HOUSE_KEY": key, "OPSTWIN_MODELS": json.dumps({"providers": {"house": provider}})}
    shell.up()
    quiet = {item["check"]: item for item in shell.json("doctor")}["model house"]
    assert quiet["ok"]
    assert "env:HOUSE_KEY" in quiet["found"]
    asked = shell.run("doctor", "--models")
    assert asked.returncode == Exit.ERROR
    assert "does not answer" in asked.stdout
    assert key not in asked.stdout + asked.stderr + str(quiet)
