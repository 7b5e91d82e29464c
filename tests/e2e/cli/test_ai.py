"""What a model is told, on the command line; and a hub whose model answers nothing but errors."""

import json
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from opstwin.cli.exits import Exit
from tests.e2e.cli.conftest import Shell

CANARY = "canary-token-9"
WEB = f"name: web1\nimage: nginx:1.27\nports: ['8080:80']\nenv: {{API_TOKEN: {CANARY}}}\n"


@dataclass
class BrokenModel:
    """A server that answers 500 to whatever it is asked, and keeps the bodies."""

    bodies: list[str] = field(default_factory=list)
    server: ThreadingHTTPServer = field(init=False)

    def __post_init__(self) -> None:
        bodies = self.bodies

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                bodies.append(self.rfile.read(int(self.headers.get("content-length", 0))).decode())
                self.send_response(500)
                self.send_header("content-length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *_: object) -> None:
                """Nothing on stderr."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    @property
    def settings(self) -> str:
        """The setting `models` of a hub that asks this one."""
        url = f"http://127.0.0.1:{self.server.server_address[1]}/v1"
        place = {"kind": "compatible", "base_url": url, "model": "broken"}
        return json.dumps({"providers": {"stub": place}, "attempts": 1})


@pytest.fixture(scope="module")
def model() -> Iterator[BrokenModel]:
    broken = BrokenModel()
    thread = threading.Thread(target=broken.server.serve_forever, daemon=True)
    thread.start()
    yield broken
    broken.server.shutdown()
    broken.server.server_close()
    thread.join(5)


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory, model: BrokenModel) -> Iterator[Shell]:
    made = Shell(tmp_path_factory.mktemp("ai"), more={"OPSTWIN_MODELS": model.settings})
    made.up()
    try:
        made.add_sim()
        for replicas in range(1, 5):
            made.ok("apply", made.file("web.yaml", f"{WEB}replicas: {replicas}\n"), "--yes")
        yield made
    finally:
        made.down()


@pytest.mark.req("S5.10", "S5.51")
def test_the_prompt_has_three_to_five_examples_once_there_is_history(shell: Shell) -> None:
    assert 3 <= len(re.findall("^### Example", shell.ok("ai", "prompt", "web1"), re.MULTILINE)) <= 5


@pytest.mark.req("S5.53")
def test_what_is_added_to_the_policy_stands_in_the_prompt(shell: Shell) -> None:
    assert "POLICY-CANARY" not in shell.ok("ai", "prompt", "web1")
    policy = shell.folder / "data" / "policy.md"
    with policy.open("a") as file:
        file.write("POLICY-CANARY\n")
    shown = shell.run("ai", "prompt", "web1")
    policy.unlink()
    assert "POLICY-CANARY" in shown.stdout
    assert str(policy) in shown.stderr


def test_the_prompt_is_data_for_programs_too_and_in_the_persons_language(shell: Shell) -> None:
    found = shell.json("ai", "prompt", "web1", "--words", "keep it small", "--korean")
    assert {"system", "examples", "user", "tokens", "budget", "policy", "versions"} <= {*found}
    assert "> keep it small" in found["user"]
    assert "in Korean" in found["user"]


@pytest.mark.req("S5.G4")
def test_nothing_is_sent_and_no_secret_is_shown_when_a_prompt_is_asked_for(shell: Shell, model: BrokenModel) -> None:
    before = len(model.bodies)
    shown = shell.ok("ai", "prompt", "web1")
    assert "API_TOKEN" in shown
    assert CANARY not in shown
    assert len(model.bodies) == before


def test_a_name_that_nothing_bears_is_said(shell: Shell) -> None:
    ended = shell.run("ai", "prompt", "nothing")
    assert ended.returncode == Exit.ERROR
    assert "nothing" in ended.stderr


@pytest.mark.req("S5.121")
@pytest.mark.proves("B6")
def test_a_file_of_ones_own_is_planned_and_applied_while_the_model_is_down(shell: Shell) -> None:
    mine = shell.file("my.yaml", "name: mine\nimage: nginx:1.27\n")
    assert "mine-1 will be created" in shell.ok("plan", "-f", mine)
    shell.ok("apply", mine, "--yes")
    assert shell.json("get", "mine")


@pytest.mark.req("S5.119", "S5.120")
@pytest.mark.proves("B6")
def test_a_model_that_answers_500_leaves_valid_manifests_and_says_why(shell: Shell, model: BrokenModel) -> None:
    before = len(model.bodies)
    found = shell.json("generate", "web1")
    assert found["source"] == "template"
    assert "the language model does not answer" in found["why"]
    assert len(model.bodies) > before
    assert all(CANARY not in body for body in model.bodies)
    made = shell.run("generate", "web1", "--out", "made")
    assert made.returncode == Exit.OK
    assert "Made from the template, because the language model" in made.stderr
    assert shell.run("lint", "made").returncode == Exit.OK
