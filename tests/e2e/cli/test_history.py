"""What worked before, on the command line."""

import sqlite3
from contextlib import closing

import pytest

from opstwin.cli.exits import Exit
from tests.e2e.cli.conftest import Shell


@pytest.fixture(scope="module")
def shell(shell_once: Shell) -> Shell:
    shell_once.world.image("nginx:1.27", exposed=(80,), start_s=0.1)
    plan = shell_once.json("plan", "deploy nginx:1.27 as web1")["id"]
    shell_once.ok("approve", plan, "--reason", "looks right")
    shell_once.ok("apply", plan)
    return shell_once


@pytest.mark.req("S5.13", "S5.32")
def test_history_lists_with_and_without_the_word_list(shell: Shell) -> None:
    for words in (["history"], ["history", "list"], ["history", "web1"], ["history", "list", "web1"]):
        shown = shell.ok(*words).splitlines()
        assert len(shown) == 2, shown
        assert "nginx:1.27" in shown[1]
    assert len(shell.json("history", "web1")["items"]) == 1


@pytest.mark.req("S5.17")
def test_a_finished_deployment_is_a_row_of_the_hubs_sqlite_file(shell: Shell) -> None:
    """With the settings that a hub has when nobody changes them, and readable with any SQL tool."""
    with closing(sqlite3.connect(f"file:{shell.folder}/data/twin.db?mode=ro", uri=True)) as file:
        asked = "SELECT service_name, image_name, image_tag, replicas, success, outcome FROM deployment"
        assert file.execute(asked).fetchall() == [("web1", "nginx", "1.27", 1, 1, "succeeded")]


@pytest.mark.req("S5.37")
def test_the_five_most_similar_come_in_their_order(shell: Shell) -> None:
    found = shell.json("history", "similar", "web1", "-k", "5")
    assert len(found) == 5
    assert found[0]["score"] >= found[4]["score"]
    assert found[0]["service"] == "web1"
    korean = shell.json("history", "similar", "파이썬 웹 사이트", "-k", "1")
    assert korean[0]["id"] == "curated-web-python"


@pytest.mark.req("S5.49")
def test_the_curated_examples_are_between_10_and_15_lines(shell: Shell) -> None:
    assert 10 <= len(shell.ok("history", "list", "--curated").splitlines()) <= 15


@pytest.mark.req("S5.12")
def test_predict_tells_cpu_memory_and_what_it_stands_on(shell: Shell) -> None:
    found = shell.json("predict", "web1")
    assert found["cpu_request"]
    assert found["memory_limit"]
    assert found["basis"] == "similar"
    assert "memory limit" in shell.ok("predict", "web1")
    assert "most like it: an estimate" in shell.run("predict", "web1").stderr
    missing = shell.run("predict", "ghost")
    assert missing.returncode == Exit.ERROR
    assert "opstwin history list" in missing.stderr


def test_quarantine_release_and_rebuild(shell: Shell) -> None:
    id = shell.json("history", "web1")["items"][0]["id"]
    shell.ok("history", "quarantine", id, "--reason", "leaks")
    assert "leaks" in shell.ok("history", "quarantined")
    assert id not in [item["id"] for item in shell.json("history", "similar", "web1")]
    shell.ok("history", "release", id, "--reason", "mended")
    assert shell.json("history", "quarantined") == []
    assert "13 past deployments" in shell.run("history", "rebuild").stderr
