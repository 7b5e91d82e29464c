"""The loop as a user lives it: the real command line against a real hub process."""

import json
import re
import signal

import pytest

from opstwin.cli.exits import Exit
from tests.e2e.cli.conftest import Shell

WEB = "name: web\nimage: nginx:1.27\nreplicas: 2\nports: ['8080:80']\n"


@pytest.mark.req("S1.1", "S1.3", "S1.4", "S1.5")
def test_applying_a_file_twice_changes_things_once(shell: Shell) -> None:
    file = shell.file("web.yaml", WEB)
    first = shell.json("apply", file, "--yes")
    assert first["kind"] == "reconcile"
    assert first["phases"][0]["name"] == "discovery"
    [discovered] = first["phases"][0]["targets"]
    assert (discovered["target"], discovered["found"] > 0) == ("local", True)
    assert first["execution"]["state"] == "succeeded"
    again = shell.json("apply", file, "--yes")
    assert (again["kind"], again["changes"]) == ("reconcile", 0)
    assert {name for name in shell.world.containers() if name.startswith("web")} == {"web-1", "web-2"}
    assert len(shell.world.effects) == 2


@pytest.mark.req("S1.3")
def test_applying_a_file_of_which_a_part_is_there_makes_what_is_missing_and_no_more(shell: Shell) -> None:
    file = shell.file("web.yaml", WEB)
    shell.ok("apply", file, "--yes")
    before = shell.world.containers()
    shell.world.remove("web-2")
    again = shell.json("apply", file, "--yes")
    assert (again["kind"], again["changes"], again["execution"]["state"]) == ("reconcile", 1, "succeeded")
    after = shell.world.containers()
    assert after["web-1"].id == before["web-1"].id
    assert after["web-2"].id != before["web-2"].id


@pytest.mark.req("S1.40", "S5.63")
@pytest.mark.proves("G1")
def test_a_sentence_becomes_a_verified_change_only_through_an_approval(shell: Shell) -> None:
    planned = shell.run("plan", "deploy nginx:1.27 as web with 2 replicas on port 8080", "--detailed-exitcode")
    assert planned.returncode == Exit.CHANGES
    assert "Plan: 2 to add, 0 to change, 0 to remove." in planned.stdout
    plan_id = re.search(r"plan_\w+", planned.stdout)[0]  # type: ignore[index]
    early = shell.run("apply", plan_id)
    assert early.returncode == Exit.WAITING
    assert f"opstwin approve {plan_id}" in early.stderr
    assert shell.world.effects == ()
    shell.ok("approve", plan_id, "-m", "fine")
    done = shell.run("apply", plan_id)
    assert done.returncode == Exit.OK, done.stderr
    assert "succeeded" in done.stdout
    assert shell.json("get", "web-1")["observed"]["health"] == "healthy"


@pytest.mark.req("S5.13", "S5.66")
def test_a_bad_upgrade_is_rolled_back_and_the_history_says_so(shell: Shell) -> None:
    shell.ok("apply", shell.file("web.yaml", WEB), "--yes")
    bad = shell.run("apply", shell.file("bad.yaml", WEB.replace("1.27", "bad")), "--yes")
    assert bad.returncode == Exit.PARTIAL
    assert "rolled back" in bad.stderr
    images = {item.spec["image"] for name, item in shell.world.containers().items() if name.startswith("web")}
    assert images == {"nginx:1.27"}
    outcomes = [item["outcome"] for item in shell.json("history", "web")["items"]]
    assert sorted(outcomes) == ["rolled_back", "succeeded"]


@pytest.mark.req("S1.22", "S1.23")
def test_drift_made_by_hand_is_seen_explained_and_healed(shell: Shell) -> None:
    shell.ok("apply", shell.file("web.yaml", WEB), "--yes")
    shell.world.remove("web-2")
    shell.ok("discover", "local")
    drifted = shell.run("drift", "--detailed-exitcode", "-o", "json")
    assert drifted.returncode == Exit.CHANGES
    assert [item["resource"] for item in json.loads(drifted.stdout)["items"]] == ["local/container/web-2"]
    resource = shell.json("get", "web-2")
    assert resource["desired"]["spec"]["image"] == "nginx:1.27"
    assert resource["observed"]["presence"] == "absent"
    plan = shell.json("plan", "--drift")
    shell.ok("approve", plan["id"])
    shell.ok("apply", plan["id"])
    assert shell.json("drift")["items"] == []
    shell.ok("audit", "verify")


@pytest.mark.req("S1.24")
def test_a_change_made_while_the_hub_was_down_is_found_and_healed_after_the_start(shell: Shell) -> None:
    shell.ok("apply", shell.file("web.yaml", WEB), "--yes")
    shell.ok("targets", "mode", "local", "heal", "-m", "keep it running")
    shell.down()
    shell.world.remove("web-1")
    shell.up()
    with_wait(lambda: "web-1" in shell.world.containers())


@pytest.mark.req("S1.16")
def test_a_hub_that_is_started_again_after_a_kill_goes_on_looking_without_being_called(shell: Shell) -> None:
    shell.ok("apply", shell.file("web.yaml", WEB), "--yes")
    shell.down(signal.SIGKILL)
    shell.up()
    shell.world.remove("web-1")
    with_wait(lambda: "drift" in [item["origin"] for item in shell.json("get", "plans")["items"]])


@pytest.mark.proves("A3")
def test_twenty_kills_of_the_hub_lose_nothing_that_waits(shell: Shell) -> None:
    plan = shell.json("plan", "deploy redis:7 as cache")
    rows = shell.json("audit", "list")["items"][0]["seq"]
    for _ in range(20):
        shell.down(signal.SIGKILL)
        shell.up()
    kept = shell.json("show", plan["id"])
    assert (kept["state"], kept["digest"], kept["expires_at"]) == ("pending", plan["digest"], plan["expires_at"])
    assert shell.world.effects == ()
    shell.ok("audit", "verify")
    newest = shell.json("audit", "list", "--limit", "1000")["items"]
    assert len({row["seq"] for row in newest}) == len(newest)
    assert newest[0]["seq"] >= rows


@pytest.mark.req("S1.39")
def test_nothing_works_without_the_hub(shell: Shell) -> None:
    gone = shell.run("get", "--base-url", "http://127.0.0.1:1")
    assert gone.returncode == Exit.UNREACHABLE
    assert "opstwin up" in gone.stderr
    assert gone.stdout == ""


def test_a_wrong_token_is_an_exit_code_of_its_own(shell: Shell) -> None:
    refused = shell.run("get", OPSTWIN_TOKEN="opt_wrong")
    assert refused.returncode == Exit.AUTH


def test_errors_are_one_json_line_for_scripts(shell: Shell) -> None:
    ended = shell.run("show", "plan_nothing", "-o", "json")
    assert ended.returncode == Exit.ERROR
    assert ended.stdout == ""
    error = json.loads(ended.stderr)["error"]
    assert error["code"] == "not_found"
    assert error["next_step"]


@pytest.mark.parametrize("form", ["json", "yaml"])
@pytest.mark.parametrize(
    "verb",
    ["discover", "get", "get plans", "get executions", "get workloads", "history", "drift", "targets list",
     "targets test local", "audit list", "audit verify", "people list", "plugins", "doctor"],
)  # fmt: skip
def test_every_reading_verb_gives_nothing_but_data_on_stdout(shell_once: Shell, verb: str, form: str) -> None:
    from ruamel.yaml import YAML

    said = shell_once.ok(*verb.split(), "-o", form)
    value = json.loads(said) if form == "json" else YAML(typ="safe").load(said)
    assert isinstance(value, dict | list)


@pytest.mark.req("S1.40")
@pytest.mark.parametrize("shell_name", ["bash", "zsh", "fish"])
def test_completion_scripts_are_printed(shell_once: Shell, shell_name: str) -> None:
    assert "complete" in shell_once.ok("completion", shell_name)


def test_completion_offers_live_ids(shell_once: Shell) -> None:
    plan = shell_once.json("plan", "deploy redis:7 as cache")
    offered = shell_once.run(_OPSTWIN_COMPLETE="complete_bash", COMP_WORDS="opstwin show plan_", COMP_CWORD="2")
    approve = shell_once.run(_OPSTWIN_COMPLETE="complete_bash", COMP_WORDS="opstwin approve plan_", COMP_CWORD="2")
    assert plan["id"] in approve.stdout, (offered.stdout, approve.stderr)


@pytest.mark.req("S5.15")
def test_logs_are_shown_without_what_would_drive_a_terminal(shell: Shell) -> None:
    shell.world.say("legacy-db", "hello\x1b[31m red")
    said = shell.ok("logs", "legacy-db")
    assert "hello" in said
    assert "\x1b" not in said


def test_what_opstwin_did_not_make_is_refused_until_it_is_adopted(shell: Shell) -> None:
    refused = shell.run("plan", "delete legacy-db")
    assert refused.returncode == Exit.ERROR
    shell.ok("adopt", "local/container/legacy-db", "-m", "ours now")
    assert shell.json("get", "legacy-db")["managed"] is True
    assert shell.world.effects == ()


def with_wait(holds) -> None:  # type: ignore[no-untyped-def]
    """Wait until something that another process does has happened."""
    import time

    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)
