"""The twin is the centre: changing what should be is enough, whoever or whatever changed it."""

import json
import sqlite3
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from opstwin.cli.exits import Exit
from tests.e2e.cli.conftest import Shell
from tests.e2e.cli.test_loop import WEB, with_wait

NET = """components:
  net: {{use: hub-and-spoke, endpoint: "{endpoint}", version: "1", routers: {routers}, image: "busybox:1"}}
"""


@pytest.mark.req("S1.19", "S1.15")
def test_a_change_of_desired_lands_in_the_twin_and_the_service_follows_without_a_further_call(shell: Shell) -> None:
    shell.ok("apply", shell.file("web.yaml", WEB), "--yes")
    shell.ok("targets", "mode", "local", "heal", "-m", "follow what is wanted")
    shell.ok("set", "web-1", "memory_bytes=134217728")
    database = sqlite3.connect(shell.folder / "data" / "twin.db")
    [(spec,)] = database.execute("select spec from desired where id='local/container/web-1'").fetchall()
    database.close()
    assert json.loads(spec)["memory_bytes"] == 134217728
    with_wait(lambda: shell.world.containers()["web-1"].spec.get("memory_bytes") == 134217728)


def test_an_agents_token_sets_nothing_and_is_told_to_make_a_plan(shell: Shell) -> None:
    shell.ok("apply", shell.file("web.yaml", WEB), "--yes")
    agent = shell.ok("people", "add", "bot", "--agent", "--scopes", "twin:read twin:plan twin:apply").strip()
    refused = shell.run("set", "web-1", "image=app:9", OPSTWIN_TOKEN=agent)
    assert refused.returncode == Exit.REFUSED, refused.stderr
    assert "Only a person may do this." in refused.stderr
    assert "plan_create" in refused.stderr
    desired = shell.json("get", "web-1")["desired"]
    assert (desired["revision"], desired["spec"]["image"]) != (2, "app:9")


def test_show_names_who_set_directly_what_a_plan_brings_about_and_a_reject_needs_a_reason(shell: Shell) -> None:
    shell.ok("apply", shell.file("web.yaml", WEB), "--yes")
    shell.ok("set", "web-1", "restart=always")
    with_wait(lambda: any(item["origin"] == "desired" for item in shell.json("get", "plans")["items"]))
    [plan] = [item for item in shell.json("get", "plans")["items"] if item["origin"] == "desired"]
    [who] = shell.json("show", plan["id"])["changes"][0]["asked_by"]
    assert f"set directly, without a plan, by {who}." in shell.ok("show", plan["id"])
    for reason in ("", "  "):
        refused = shell.run("reject", plan["id"], "--reason", reason)
        assert refused.returncode != Exit.OK
        assert "--reason" in refused.stderr
    assert "pending" in shell.ok("show", plan["id"])


@pytest.mark.req("S1.20")
def test_a_row_edited_straight_in_the_database_is_noticed_by_the_next_look(shell: Shell) -> None:
    shell.ok("apply", shell.file("web.yaml", WEB), "--yes")
    database = sqlite3.connect(shell.folder / "data" / "twin.db")
    with database:
        [(spec,)] = database.execute("select spec from desired where id='local/container/web-1'").fetchall()
        changed = json.loads(spec) | {"memory_bytes": 134217728}
        database.execute(
            "update desired set spec=?, revision=revision+1 where id='local/container/web-1'", (json.dumps(changed),)
        )
    database.close()
    with_wait(lambda: any(item["origin"] in ("drift", "desired") for item in shell.json("get", "plans")["items"]))


@pytest.fixture
def answering() -> Iterator["tuple[str, dict[str, object]]"]:
    """Something that answers HTTP, and what it answers."""
    answer: dict[str, object] = {"status": 200, "body": {}}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(int(str(answer["status"])))
            self.end_headers()
            self.wfile.write(json.dumps(answer["body"]).encode())

        def log_message(self, *words: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}", answer
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.req("S1.6", "S1.7")
def test_an_endpoint_that_answers_exists_and_one_that_refuses_does_not(
    shell: Shell, answering: "tuple[str, dict[str, object]]"
) -> None:
    url, _ = answering
    assert shell.json("discover", url)["exists"] is True
    assert shell.json("discover", url.removeprefix("http://"))["exists"] is True
    assert shell.json("discover", "http://127.0.0.1:9")["exists"] is False


@pytest.mark.req("S1.10", "S1.11", "S1.13")
def test_an_absent_controller_is_bootstrapped_first_and_nobody_chooses_the_mode(shell: Shell) -> None:
    file = shell.file("net.yaml", NET.format(endpoint="http://127.0.0.1:9", routers=2))
    plan = shell.json("plan", file)
    assert plan["mode"] == "bootstrap"
    containers = [item for item in plan["changes"] if item["kind"] == "container"]
    assert "controller" in containers[0]["name"]
    assert containers[0]["op"] == "create"
    assert "--mode" not in shell.ok("apply", "--help")


@pytest.mark.req("S1.8", "S1.9")
def test_a_present_controller_is_expanded_and_not_touched(
    shell: Shell, answering: "tuple[str, dict[str, object]]"
) -> None:
    url, answer = answering
    answer["body"] = {"kind": "hub-and-spoke-controller", "id": "net", "version": "1"}
    plan = shell.json("plan", shell.file("net.yaml", NET.format(endpoint=url, routers=2)))
    assert plan["mode"] == "expand"
    assert [item["name"] for item in plan["changes"] if "controller" in item["name"]] == []


@pytest.mark.req("S1.G2")
@pytest.mark.parametrize("status", [401, 403, 500, 503])
def test_an_answer_that_refuses_is_an_existing_thing_and_never_bootstrapped(
    shell: Shell, answering: "tuple[str, dict[str, object]]", status: int
) -> None:
    url, answer = answering
    answer["status"] = status
    ended = shell.run("plan", shell.file("net.yaml", NET.format(endpoint=url, routers=1)), "-o", "json")
    assert ended.returncode != 0
    assert "bootstrap" not in ended.stdout
    assert shell.world.effects == ()


@pytest.mark.req("S1.46")
def test_one_service_holds_api_reconciler_and_provisioner(shell: Shell) -> None:
    components = shell.json("plugins")
    assert any("controller" in item["name"] for item in components)
    import httpx2

    answer = httpx2.get(f"{shell.url}/api/v1/components", headers={"Authorization": f"Bearer {shell.token}"}).json()
    assert answer["reconciler"]
    assert answer["provisioner"]
    # They are not only named: the same process plans what is to be provisioned, and finds what is lost by itself.
    net = shell.json("plan", shell.file("net.yaml", NET.format(endpoint="http://127.0.0.1:9", routers=1)))
    assert net["mode"] == "bootstrap"
    shell.ok("apply", shell.file("web.yaml", WEB), "--yes")
    shell.world.remove("web-1")
    with_wait(lambda: "drift" in [item["origin"] for item in shell.json("get", "plans")["items"]])


@pytest.mark.req("S1.G1")
def test_what_cannot_be_reached_is_bootstrapped_only_after_a_person_said_it_was_never_created(shell: Shell) -> None:
    import socket

    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(0)
        port = silent.getsockname()[1]
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
        file = shell.file("net.yaml", NET.format(endpoint=f"http://127.0.0.1:{port}", routers=1))
        asked = shell.run("plan", file, "-o", "json")
        assert asked.returncode != 0
        error = json.loads(asked.stderr)["error"]
        assert error["details"]["mode"] == "needs_decision"
        assert any("opstwin never-created" in choice for choice in error["details"]["choices"])
        shell.ok("never-created", file, "-m", "I built this network today")
        assert shell.json("plan", file)["mode"] == "bootstrap"
        for filler in fillers:
            filler.close()


def test_variables_of_a_compose_file_are_given_by_name(shell: Shell) -> None:
    file = shell.file("compose.yaml", "services: {web: {image: 'nginx:${TAG}'}}\n")
    refused = shell.run("plan", "-f", file)
    assert "TAG" in refused.stderr
    plan = shell.json("plan", "-f", file, "--var", "TAG=1.27")
    images = [item["after"]["image"] for item in plan["changes"] if item["kind"] == "container"]
    assert images == ["nginx:1.27"]


def test_a_fresh_login_link_signs_a_person_in_once(shell: Shell) -> None:
    import httpx2

    link = shell.ok("login").strip()
    with httpx2.Client(follow_redirects=True) as browser:
        browser.get(link)
        assert browser.get(shell.url).status_code == 200
    with httpx2.Client(follow_redirects=True) as other:
        other.get(link)
        assert other.get(shell.url).status_code != 200 or "Sign in" in other.get(shell.url).text
