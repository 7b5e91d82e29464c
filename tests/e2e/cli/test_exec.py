"""`opstwin exec` as a user types it, against a real hub: on a container, and on the hub's own host."""

import json
import os

import pytest

from opstwin.cli.exits import Exit
from tests.e2e.cli.conftest import Shell


@pytest.mark.req("S3.83")
def test_a_command_that_only_reads_prints_what_it_said_and_nothing_else(shell: Shell) -> None:
    assert shell.ok("exec", "legacy-db", "--", "hostname") == "legacy-db\n"
    said = json.loads(shell.ok("exec", "-o", "json", "local/container/legacy-db", "--", "hostname"))
    assert (said["stdout"], said["exit_code"], said["status"], said["read_only"]) == ("legacy-db\n", 0, "done", True)


@pytest.mark.req("S3.G3")
def test_any_other_command_waits_for_a_human_and_then_tells_what_it_said(shell: Shell) -> None:
    command = ("exec", "legacy-db", "--", "echo", "-o", "json", "rm", "-rf", "/")
    refused = shell.run(*command)
    assert refused.returncode not in (Exit.OK, Exit.WAITING)
    assert "opstwin adopt local/container/legacy-db" in refused.stderr
    shell.ok("adopt", "legacy-db")
    waiting = shell.run(*command)
    assert waiting.returncode == Exit.WAITING
    assert waiting.stdout == ""
    assert "Next: opstwin approve plan_" in waiting.stderr
    [plan] = [item["id"] for item in shell.json("get", "plans")["items"]]
    assert plan in waiting.stderr
    shown = shell.ok("show", plan)
    assert "container legacy-db runs a command, once" in shown
    assert 'argv = ["echo", "-o", "json", "rm", "-rf", "/"]' in shown
    assert shell.run("exec", "--plan", plan).returncode == Exit.WAITING


def test_what_is_missing_or_unknown_is_told(shell: Shell) -> None:
    for words in ((), ("legacy-db",), ("--", "ps")):
        ended = shell.run("exec", *words)
        assert ended.returncode == Exit.ERROR
        assert "opstwin exec web-1 -- df -h" in ended.stderr
    assert "There is no container or host" in shell.run("exec", "nobody", "--", "ps").stderr


@pytest.mark.proves("I5")
@pytest.mark.req("S3.83")
def test_the_hubs_host_runs_commands_in_a_sandbox_once_an_administrator_added_it(shell: Shell) -> None:
    refused = shell.run("exec", "host", "--", "uname", "-r")
    assert refused.returncode == Exit.ERROR
    assert "opstwin targets add host --backend host" in refused.stderr
    shell.ok("targets", "add", "host", "--backend", "host", "--endpoint", "host://hub")
    shell.ok("discover", "host")
    assert shell.ok("exec", "host", "--", "uname", "-r").strip() == os.uname().release
    listed = shell.run("exec", "host", "--", "ls", "-A", str(shell.folder / "data"))
    assert listed.returncode == Exit.ERROR
    assert "twin.db" not in listed.stdout
    assert shell.ok("exec", "host", "--", "ls", "-A", "/root", "/home", "/run").split() == ["/home:", "/root:", "/run:"]
    assert shell.run("exec", "host", "--", "cat", "/etc/hostname").returncode == Exit.WAITING


@pytest.mark.req("S3.83")
def test_an_approved_command_on_the_host_runs_in_the_same_sandbox(shell: Shell) -> None:
    shell.more["OPSTWIN_POLICY"] = "solo"
    shell.down()
    shell.up()
    shell.ok("targets", "add", "host", "--backend", "host", "--endpoint", "host://hub")
    shell.ok("discover", "host")
    words = ["sh", "-c", "id -u; head -c 5 /etc/passwd; touch /etc/x || echo read-only"]
    assert shell.run("exec", "host", "--", *words).returncode == Exit.WAITING
    [plan] = [item["id"] for item in shell.json("get", "plans")["items"]]
    shell.ok("approve", plan, "--yes")
    shell.ok("apply", plan)
    assert shell.ok("exec", "--plan", plan) == "65534\nroot:read-only\n"
    again = shell.run("apply", plan)
    assert "was applied already" in again.stderr
