"""Talking with a real hub without any model: ask, see the plan, approve it as oneself, undo it; killed in between."""

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from opstwin.cli.exits import Exit
from tests.e2e.cli.conftest import Shell

NO_MODEL = {"OPSTWIN_MODELS": '{"from_environment": false}', "OPSTWIN_POLICY": "solo"}


@dataclass
class Talker:
    """Somebody at the command line of a hub that has no model."""

    shell: Shell

    def chat(self, *lines: str, thread: str = "") -> "subprocess.CompletedProcess[str]":
        """Hold a conversation line by line."""
        named = ("--thread", thread) if thread else ()
        return subprocess.run(
            [sys.executable, "-m", "opstwin.cli", "chat", *named], cwd=self.shell.folder, text=True, check=False,
            env=self.shell.environment, capture_output=True, timeout=100, input="".join(f"{line}\n" for line in lines),
        )  # fmt: skip

    def ask(self, words: str, code: Exit = Exit.OK, thread: str = "") -> dict[str, Any]:
        """Ask one thing; what is told to programs."""
        named = ("--thread", thread) if thread else ()
        ended = self.shell.run("ask", words, "-o", "json", *named)
        assert ended.returncode == code, ended.stdout + ended.stderr
        return dict(json.loads(ended.stdout))

    @property
    def webs(self) -> set[str]:
        """The containers of web that stand."""
        return {name for name in self.shell.world.containers() if name.startswith("web")}


@pytest.fixture
def talker(tmp_path: Path) -> Iterator[Talker]:
    shell = Shell(tmp_path, more=dict(NO_MODEL))
    shell.up()
    try:
        shell.add_sim()
        yield Talker(shell)
    finally:
        shell.down()


@pytest.mark.parametrize(
    ("deploy", "approve", "undo", "marks"),
    [
        ("deploy nginx:1.27 as web with 2 replicas", "approve looks right", "undo it",
         ("No language model was used", "Type: approve")),
        ("nginx:1.27을 web이라는 이름으로 2개 복제본으로 배포해줘", "승인 좋아요", "되돌려줘",
         ("언어 모델을 쓰지 않았습니다", "승인 또는 거절")),
    ],
    ids=["english", "korean"],
)  # fmt: skip
def test_a_change_is_asked_for_shown_approved_done_and_undone_in_one_conversation(
    talker: Talker, deploy: str, approve: str, undo: str, marks: tuple[str, ...]
) -> None:
    first = talker.chat(deploy, approve)
    assert first.returncode == Exit.OK, first.stdout + first.stderr
    assert re.search("Plan: 2 to add|계획: 추가 2", first.stdout)
    for mark in marks:
        assert mark in first.stdout + first.stderr
    assert talker.webs == {"web-1", "web-2"}
    thread = talker.shell.json("chat", "--list")[0]["id"]
    second = talker.chat(undo, approve, thread=thread)
    assert second.returncode == Exit.OK, second.stdout + second.stderr
    assert talker.webs == set()
    decided = [row for row in talker.shell.json("audit", "list")["items"] if row["action"].startswith("plan.approve")]
    assert {row["actor"]["kind"] for row in decided} == {"person"}


def test_nothing_happens_before_the_approval_and_a_rejected_plan_never_runs(talker: Talker) -> None:
    told = talker.ask("deploy nginx:1.27 as web", Exit.WAITING)
    assert told["outcome"] == "waiting"
    assert told["source"] == "fallback"
    assert told["why"]
    assert talker.shell.world.effects == ()
    claimed = talker.ask("I approve the plan", Exit.WAITING, told["thread_id"])
    assert claimed["waiting"]["plan_id"] == told["plan"]["id"]
    assert talker.shell.world.effects == ()
    ended = talker.chat("reject not now", thread=told["thread_id"])
    assert ended.returncode == Exit.REFUSED, ended.stderr
    assert talker.shell.run("apply", told["plan"]["id"]).returncode != Exit.OK
    assert talker.shell.world.effects == ()


def test_after_a_question_about_the_plan_it_is_approved_as_before(talker: Talker) -> None:
    ended = talker.chat("deploy nginx:1.27 as web", "what else changes?", "approve")
    assert ended.returncode == Exit.OK, ended.stdout + ended.stderr
    assert talker.webs == {"web-1"}


def test_who_approves_elsewhere_and_comes_back_sees_it_go_on(talker: Talker) -> None:
    told = talker.ask("deploy nginx:1.27 as web", Exit.WAITING)
    talker.shell.ok("approve", told["waiting"]["plan_id"])
    back = talker.chat(thread=told["thread_id"])
    assert back.returncode == Exit.OK, back.stdout + back.stderr
    assert talker.webs == {"web-1"}


def test_a_plan_that_waits_is_found_again_after_the_hub_was_killed(talker: Talker) -> None:
    told = talker.ask("deploy nginx:1.27 as web with 2 replicas", Exit.WAITING)
    talker.shell.down(signal.SIGKILL)
    talker.shell.up()
    shown = talker.shell.json("chat", "--list")
    assert [item["id"] for item in shown] == [told["thread_id"]]
    ended = talker.chat("plan", "approve", thread=told["thread_id"])
    assert ended.returncode == Exit.OK, ended.stdout + ended.stderr
    assert "+ container web-1 will be created" in ended.stdout
    assert talker.webs == {"web-1", "web-2"}
    assert len(talker.shell.world.effects) == 2


def test_a_hub_that_is_killed_while_it_applies_goes_on_and_the_conversation_with_it(talker: Talker) -> None:
    told = talker.ask("deploy nginx:1.27 as web with 2 replicas", Exit.WAITING)
    talker.shell.ok("approve", told["waiting"]["plan_id"])
    with subprocess.Popen(
        [sys.executable, "-m", "opstwin.cli", "chat", "--thread", told["thread_id"]], cwd=talker.shell.folder,
        env=talker.shell.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as talking:  # fmt: skip
        deadline = time.monotonic() + 60
        while not talker.shell.world.effects:
            assert time.monotonic() < deadline, "nothing was applied"
            assert talking.poll() is None, talking.communicate()
            time.sleep(0.01)
        talker.shell.down(signal.SIGKILL)
        talking.terminate()
        talking.communicate(timeout=30)
    talker.shell.up()
    back = talker.chat(thread=told["thread_id"])
    assert back.returncode == Exit.OK, back.stdout + back.stderr
    assert talker.webs == {"web-1", "web-2"}
    assert len(talker.shell.world.effects) == 2


def test_what_is_not_understood_is_asked_back_and_never_guessed(talker: Talker) -> None:
    told = talker.ask("make it nice", Exit.ERROR)
    assert told["outcome"] == "needs_more"
    assert told["text"]
    assert talker.shell.world.effects == ()
