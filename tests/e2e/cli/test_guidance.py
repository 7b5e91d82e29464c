"""What the command line says when something does not fit: which thing, what it looks like, and what to do next."""

import json
from pathlib import Path

import pytest

from opstwin.cli.exits import Exit
from opstwin.domain.healing import MAX_FLIPS
from tests.e2e.cli.conftest import Shell
from tests.reliability.hubs import until

WEB = "name: web\nimage: nginx:1.27\nreplicas: 2\nenv: {LEVEL: info, API_TOKEN: canary-one}\n"


def refused(shell: Shell, *words: str, exit: Exit = Exit.ERROR) -> str:
    """What a refused command says, without pydantic's own words."""
    ended = shell.run(*words)
    assert ended.returncode == exit, ended.stdout + ended.stderr
    assert ended.stdout == ""
    assert "pattern" not in ended.stderr
    assert "Traceback" not in ended.stderr
    return ended.stderr


@pytest.mark.parametrize(
    ("words", "like", "step"),
    [
        (("show", "nosuch"), "plan_7f3k2m9x1q, exec_7f3k2m9x1q and run_7", "opstwin get plans"),
        (("approve", "nosuch"), "plan_7f3k2m9x1q", "opstwin get plans"),
        (("reject", "nosuch", "-m", "x"), "plan_7f3k2m9x1q", "opstwin get plans"),
        (("watch", "nosuch"), "exec_7f3k2m9x1q", "opstwin get executions"),
        (("cancel", "plan_7f3k2m9x1q"), "exec_7f3k2m9x1q", "opstwin get executions"),
        (("targets", "test", "No_Such"), "those look like local", "opstwin targets list"),
        (("get", "local/container/a b"), "local/container/web-1", "opstwin get"),
        (("rollback", "Web!"), "those look like web", "opstwin get workloads"),
        (("audit", "list", "--plan", "nosuch"), "plan_7f3k2m9x1q", "opstwin get plans"),
        (("apply", "nosuch"), "neither a plan nor a file", "opstwin get plans"),
    ],
)
def test_what_is_no_id_is_told_what_an_id_looks_like_and_where_they_are_listed(
    shell_once: Shell, words: tuple[str, ...], like: str, step: str
) -> None:
    said = refused(shell_once, *words)
    assert any(word in said for word in words[1:])
    assert like in said
    assert step in said


@pytest.mark.parametrize("words", [("plan",), ("plan", "-f"), ("apply",)])
def test_a_file_that_is_not_there_is_named_with_the_one_that_was_meant(
    shell_once: Shell, words: tuple[str, ...]
) -> None:
    shell_once.file("webshop.yaml", WEB)
    said = refused(shell_once, *words, "webshpo.yaml")
    assert "There is no file webshpo.yaml." in said
    assert "Did you mean webshop.yaml?" in said
    assert "Errno" not in said


def test_words_where_a_file_belongs_are_told_to_leave_the_option_out(shell_once: Shell) -> None:
    assert "leave -f out" in refused(shell_once, "plan", "-f", "scale web to 3")


def test_a_name_of_a_file_where_words_belong_points_to_the_option(shell_once: Shell) -> None:
    assert "-f" in refused(shell_once, "plan", "nosuch.yaml")


def test_a_folder_and_a_binary_file_are_named_as_what_they_are(shell_once: Shell) -> None:
    (shell_once.folder / "folder.yaml").mkdir(exist_ok=True)
    shell_once.file("empty.yaml", "\n")
    assert "empty.yaml is empty" in refused(shell_once, "plan", "-f", "empty.yaml")
    (shell_once.folder / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    assert "folder.yaml holds no manifest" in refused(shell_once, "plan", "-f", "folder.yaml")
    assert "no UTF-8 text" in refused(shell_once, "plan", "-f", "binary.yaml")


def test_without_a_target_the_others_are_looked_at_when_one_is_away(shell: Shell) -> None:
    shell.ok("targets", "add", "far", "--endpoint", "unix:///nowhere/docker.sock")
    ended = shell.run("discover")
    assert ended.returncode == Exit.UNREACHABLE
    assert "local" in ended.stdout
    assert "far" not in ended.stdout
    assert "far: " in ended.stderr
    told = shell.run("discover", "-o", "json")
    assert told.returncode == Exit.UNREACHABLE
    items = {item["target"]: item for item in json.loads(told.stdout)}
    assert items["local"]["found"] > 0
    assert items["far"]["error"]["code"] == "unreachable"
    assert refused(shell, "discover", "far", exit=Exit.UNREACHABLE)


def test_a_workload_by_its_name_is_shown_with_all_its_resources(shell: Shell) -> None:
    shell.ok("apply", shell.file("web.yaml", WEB), "--yes")
    shown = shell.ok("get", "web")
    assert "local/container/web-1" in shown
    assert "local/container/web-2" in shown
    assert "legacy" not in shown
    assert [item["name"] for item in shell.json("get", "web")["items"]] == ["web-1", "web-2"]
    assert "'web' is a workload; its resources are web-1, web-2." in refused(shell, "logs", "web")
    assert "Did you mean web-1" in refused(shell, "get", "wbe-1")
    assert "Did you mean web or" in refused(shell, "get", "webb")


def test_drift_shows_what_should_be_and_what_is_without_secrets(shell: Shell) -> None:
    shell.ok("apply", shell.file("web.yaml", WEB), "--yes")
    shell.world.edit("web-1", env={"LEVEL": "debug", "API_TOKEN": "canary-two"})
    shell.ok("discover", "local")
    shown = shell.ok("drift")
    assert '~ env.LEVEL = "info" -> "debug"' in shown
    assert "~ env.API_TOKEN = (secret) -> (secret)" in shown
    assert "canary" not in shown
    assert any("debug" in line for item in shell.json("drift")["items"] for line in item["lines"])


@pytest.mark.req("S1.23")
def test_healing_that_is_paused_is_seen_where_one_looks_for_drift(shell: Shell) -> None:
    shell.ok("apply", shell.file("web.yaml", WEB), "--yes")
    shell.ok("targets", "mode", "local", "heal", "-m", "keep it running")
    for _ in range(MAX_FLIPS):
        shell.world.remove("web-1")
        until(lambda: "web-1" in shell.world.containers() and shell.json("drift")["items"] == [])
    shell.world.remove("web-1")
    until(lambda: "healing paused" in shell.ok("drift"))
    assert "missing (healing paused)" in shell.ok("get")
    assert shell.json("get", "web-1")["drift"]["healing_paused"] is True
    assert "opstwin resume local/container/web-1" in shell.run("drift").stderr
    shell.ok("resume", "web-1")
    until(lambda: shell.json("drift")["items"] == [])


def test_a_plan_that_is_stale_already_says_so_before_it_asks_for_anything(shell: Shell) -> None:
    shell.ok("apply", shell.file("web.yaml", WEB), "--yes")
    plan = shell.json("plan", "upgrade web to nginx:1.28")
    assert shell.json("show", plan["id"])["moved"] == []
    shell.ok("set", "web-1", "memory_bytes=268435456")
    assert shell.json("show", plan["id"])["moved"] == ["local/container/web-1"]
    said = refused(shell, "approve", plan["id"])
    assert "is stale" in said
    assert "opstwin discover" in said
    assert refused(shell, "apply", plan["id"], "--yes")
    assert shell.json("show", plan["id"])["approvals"] == []


def test_a_second_start_says_where_the_hub_runs_and_is_content(shell_once: Shell) -> None:
    ended = shell_once.run("up", "--port", "0")
    assert ended.returncode == Exit.OK
    assert ended.stdout == ""
    assert f"The hub runs already at {shell_once.url}" in ended.stderr
    assert "opstwin login" in ended.stderr


@pytest.mark.proves("E5")
def test_a_hub_that_picked_its_port_itself_is_never_made_to_ask_itself(shell_once: Shell) -> None:
    port = shell_once.url.rpartition(":")[2]
    for host in ("127.0.0.1", "localhost", "[::ffff:127.0.0.1]"):
        assert "the hub itself" in refused(shell_once, "discover", f"http://{host}:{port}")


def test_an_exported_head_is_checked_against_the_chain(shell: Shell) -> None:
    head = shell.file("head.json", shell.ok("audit", "head"))
    key = str(Path("data") / "audit-signing.pub")
    shell.ok("plan", "deploy redis:7 as cache")
    said = shell.ok("audit", "verify", "--head", head, "--key", key)
    seq = json.loads((shell.folder / head).read_text())["seq"]
    assert f"goes on from row {seq}" in said
    assert shell.json("audit", "verify", "--head", head, "--key", key)["ok"] is True
    forged = json.loads((shell.folder / head).read_text()) | {"seq": seq - 1}
    shell.file("forged.json", json.dumps(forged))
    assert refused(shell, "audit", "verify", "--head", "forged.json", "--key", key)
    assert "belong together" in refused(shell, "audit", "verify", "--head", head)
    assert "no file" in refused(shell, "audit", "verify", "--head", "heat.json", "--key", key)
    assert "no JSON" in refused(shell, "audit", "verify", "--head", key, "--key", key)


def test_a_plan_that_was_asked_for_in_korean_is_korean_to_its_last_line(shell: Shell) -> None:
    ended = shell.run("plan", "nginx:1.27을 web이라는 이름으로 2개 복제본으로 배포해줘")
    assert ended.returncode == Exit.OK, ended.stderr
    assert "상태: 결정 대기" in ended.stdout
    assert "승인하기: opstwin approve plan_" in ended.stderr
    assert "State:" not in ended.stdout
    assert "Approve it" not in ended.stderr


def test_plans_are_told_with_who_asked_and_are_rejected_several_at_once(shell: Shell) -> None:
    ids = [
        json.loads(shell.run("plan", f"deploy nginx:1.27 as web{number}", "-o", "json").stdout)["id"]
        for number in range(3)
    ]
    assert "ASKED BY" in shell.run("get", "plans").stdout
    ended = shell.run("reject", *ids, "--reason", "not today")
    assert ended.returncode == Exit.OK, ended.stderr
    assert all(shell.run("show", id, "-o", "json").stdout.count('"rejected"') for id in ids)


def test_an_execution_that_is_not_there_is_told_with_where_they_are_listed(shell_once: Shell) -> None:
    for verb in ("watch", "cancel"):
        assert "opstwin get executions" in refused(shell_once, verb, "exec_7f3k2m9x1q")


def test_a_reject_without_a_reason_is_told_and_decides_nothing(shell: Shell) -> None:
    plan = json.loads(shell.run("plan", "deploy nginx:1.27 as web", "-o", "json").stdout)["id"]
    assert "--reason" in refused(shell, "reject", plan, "--reason", "  ")
    assert json.loads(shell.run("show", plan, "-o", "json").stdout)["state"] == "pending"
