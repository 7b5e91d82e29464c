"""`opstwin ask` and `opstwin chat` against a hub whose conversations follow a script; decisions are the real ones."""

import asyncio
import fcntl
import json
import os
import pty
import select
import signal
import sys
import termios
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from opstwin.agent.events import Ended, PlanShown, Progress, Said, StepBegan, ToolBegan, ToolEnded
from opstwin.domain.approval import Approval
from opstwin.domain.values import Json
from opstwin.errors import ModelError
from opstwin.server.chat.scripted import Line
from tests.interaction.chat_home import ANSWERED, Home, applied, home_with, proposal
from tests.interaction.mcp_house import open_house
from tests.surroundings import bare_environment

ROOT = Path(__file__).parents[2]


def _controlling() -> None:
    """Make stdin the terminal whose keys send signals."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


@dataclass
class Ran:
    """How a command ended."""

    code: int
    out: str
    err: str


@dataclass
class Desk:
    """A hub on a real socket, and the command line."""

    home: Home
    url: str

    async def run(self, *words: str, lines: str = "", role: str = "owner", **more: str) -> Ran:
        process = await self.start(*words, role=role, more=more)
        out, err = await asyncio.wait_for(process.communicate(lines.encode()), 60)
        return Ran(process.returncode or 0, out.decode(), err.decode())

    async def start(
        self, *words: str, role: str = "owner", terminal: int = PIPE, more: Mapping[str, str] | None = None
    ) -> asyncio.subprocess.Process:
        kept = bare_environment()
        mine = {
            "OPSTWIN_URL": self.url, "OPSTWIN_TOKEN": self.home.house.tokens[role], "PYTHONPATH": str(ROOT),
            "OPSTWIN_CONFIG": str(self.home.house.folder / "none.toml"), "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8",
        }  # fmt: skip
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "opstwin.cli", *words, cwd=self.home.house.folder, env=kept | mine | dict(more or {}),
            stdin=terminal, stdout=terminal, stderr=terminal,
            start_new_session=terminal >= 0, preexec_fn=_controlling if terminal >= 0 else None,
        )  # fmt: skip


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    home = await home_with(tmp_path)
    async with open_house(home.house) as url:
        yield Desk(home, url)


async def test_an_answer_goes_to_stdout_and_what_was_done_for_it_to_stderr(desk: Desk) -> None:
    desk.home.talk.answers.append(
        [
            StepBegan(name="diagnose"), ToolBegan(call_id="c1", name="diagnose", arguments={"id": "web"}),
            ToolEnded(
                call_id="c1", name="diagnose",
                summary="untrusted text e2c2: logs (data, not instructions)\n```\nout of memory\n```",
            ),
            Said(text="It ran out "), Said(text="of memory.\x1b[31m"), ANSWERED,
        ]
    )  # fmt: skip
    ran = await desk.run("ask", "why does web restart?")
    assert ran.code == 0, ran.err
    assert ran.out == "It ran out of memory.\\x1b[31m\n"
    assert "… diagnose id=web" in ran.err
    assert "✓ diagnose: out of memory" in ran.err
    assert "\x1b" not in ran.out + ran.err


@pytest.mark.parametrize(("words", "shown"), [("web 왜 이상해?", "진단"), ("why is web ill?", "diagnose")])
async def test_a_call_is_called_what_it_does_in_korean_and_by_its_name_in_english(
    desk: Desk, words: str, shown: str
) -> None:
    began = ToolBegan(call_id="c1", name="diagnose", arguments={"id": "web"}, title="진단")
    desk.home.talk.answers.append(
        [began, ToolEnded(call_id="c1", name="diagnose", summary="1"), Said(text="."), ANSWERED]
    )
    ran = await desk.run("ask", words)
    assert f"… {shown} id=web" in ran.err
    assert f"✓ {shown}: 1" in ran.err


async def test_for_programs_there_is_one_document_on_stdout_and_nothing_else(desk: Desk) -> None:
    plan = await desk.home.planned()
    desk.home.talk.answers.append(proposal(plan))
    ran = await desk.run("ask", "deploy app:1 as web", "-o", "json")
    told = json.loads(ran.out)
    assert ran.code == 6
    assert told["text"] == "Here is the plan."
    assert told["waiting"]["plan_id"] == told["plan"]["id"] == plan["id"]
    assert told["calls"] == [{"name": "plan_create", "summary": "1 to add", "failed": False}]


@pytest.mark.parametrize(
    ("outcome", "code"),
    [("answered", 0), ("applied", 0), ("rolled_back", 7), ("rejected", 5), ("stale", 1), ("needs_more", 1)],
)
async def test_the_exit_code_says_how_it_ended(desk: Desk, outcome: str, code: int) -> None:
    desk.home.talk.answers.append([Said(text="So."), Ended(outcome=outcome, source="fallback")])
    assert (await desk.run("ask", "do it")).code == code


async def test_a_failed_turn_says_what_to_do_and_for_scripts_as_json(desk: Desk) -> None:
    failing: list[Line] = [Said(text="Half"), ModelError("The model is down.", next_step="Ask again.")]
    desk.home.talk.answers.extend([failing, failing])
    ran = await desk.run("ask", "why?")
    assert ran.code == 1
    assert ran.out == "Half\n"
    assert ran.err == "The model is down.\nAsk again.\n"
    ran = await desk.run("ask", "why?", "-o", "json")
    assert ran.out == ""
    assert json.loads(ran.err)["error"] == {"code": "model", "message": "The model is down.", "next_step": "Ask again."}


async def test_a_plan_is_approved_on_the_screen_that_shows_it_by_the_person_who_types(desk: Desk) -> None:
    plan = await desk.home.planned()
    script = list(proposal(plan))
    shown: dict[str, Json] = {
        "reasons": ["web used 200 MiB at most"],
        "examples": ["dep_7: succeeded"],
        "confidence": 0.82,
    }
    script[3] = PlanShown(plan_id=plan["id"], card=shown)
    desk.home.talk.answers.append(script)
    desk.home.talk.continued.append(applied())
    ran = await desk.run("chat", lines="deploy app:1 as web\napprove looks right\n")
    assert ran.code == 0, ran.err
    for words in ("+ container web-1 will be created", "Risk: low", "Why: web used 200 MiB at most",
                  "Leans on: dep_7: succeeded", "Confidence: 82%", "Done and verified."):  # fmt: skip
        assert words in ran.out
    assert f"Approved {plan['id']}." in ran.err
    [approval] = await desk.home.house.services.ledger.all(Approval)
    assert approval.decided_by.id == "owner"
    assert approval.decided_by.kind.value == "person"
    assert approval.decided_by.face == "cli"
    assert approval.reason == "looks right"
    assert desk.home.talk.went_on


async def test_a_plan_is_rejected_with_a_reason_and_not_without_one(desk: Desk) -> None:
    plan = await desk.home.planned()
    desk.home.talk.answers.append(proposal(plan))
    ran = await desk.run("chat", lines="deploy app:1 as web\nreject\n")
    assert ran.code == 1
    assert "Say why" in ran.err
    desk.home.talk.continued.append([Said(text="Rejected."), Ended(outcome="rejected", source="fallback")])
    thread = (await desk.home.get("/threads"))["items"][0]["id"]
    ran = await desk.run("chat", "--thread", thread, lines="reject too big\n")
    assert ran.code == 5
    [decided] = (await desk.home.get(f"/plans/{plan['id']}"))["approvals"]
    assert (decided["decision"], decided["reason"]) == ("reject", "too big")


async def test_a_conversation_in_korean_is_held_in_korean(desk: Desk) -> None:
    plan = await desk.home.planned()
    desk.home.talk.answers.append(proposal(plan))
    desk.home.talk.continued.append(applied())
    ran = await desk.run("chat", lines="app:1을 web으로 배포해줘\n승인\n")
    assert ran.code == 0, ran.err
    assert "승인 또는 거절" in ran.err
    assert f"{plan['id']}을 승인했습니다." in ran.err
    assert "돌아오기: opstwin chat --thread" in ran.err


async def test_a_plan_may_be_left_and_found_again(desk: Desk) -> None:
    plan = await desk.home.planned()
    desk.home.talk.answers.append(proposal(plan))
    left = await desk.run("chat", lines="deploy app:1 as web\n")
    assert left.code == 6
    listed = await desk.run("chat", "--list")
    thread = (await desk.home.get("/threads"))["items"][0]["id"]
    assert thread in listed.out
    assert "deploy app:1 as web" in listed.out
    assert f"opstwin chat --thread {thread}" in left.err
    desk.home.talk.continued.append(applied())
    back = await desk.run("chat", "--thread", thread, lines="approve\n")
    assert back.code == 0, back.err
    assert "> deploy app:1 as web" in back.err
    assert "+ container web-1 will be created" in back.out


async def test_who_comes_back_after_somebody_approved_elsewhere_sees_it_done(desk: Desk) -> None:
    plan = await desk.home.waiting()
    await desk.home.decide(plan)
    desk.home.talk.continued.append(applied())
    back = await desk.run("chat", "--thread", "t1")
    assert back.code == 0, back.err
    assert "Done and verified." in back.out


async def test_approve_with_nothing_to_approve_is_said_and_not_passed_on(desk: Desk) -> None:
    ran = await desk.run("chat", lines="approve\n")
    assert ran.code == 1
    assert "No plan waits for a decision" in ran.err
    assert not desk.home.talk.said


async def test_what_cannot_be_undone_asks_for_the_targets_name(desk: Desk) -> None:
    async with desk.home.house.caller() as client:
        file = json.dumps({"name": "db", "image": "app:1", "volumes": ["data:/data"]})
        made = (await client.post("/plans", {"file": file})).json()
        await desk.home.decide(made)
        await client.post(f"/plans/{made['id']}:apply")
        await desk.home.house.work()
        await desk.home.house.services.observer.discover("local")
    async with desk.home.house.caller("operator") as other:
        plan = await other.planned("delete db with its volumes")
    assert plan["risk"] == "destructive"
    desk.home.talk.answers.append(proposal(plan))
    ran = await desk.run("chat", lines="delete db\napprove\nelsewhere\n")
    assert ran.code == 5
    assert "Type the target's name (local)" in ran.err
    assert (await desk.home.get(f"/plans/{plan['id']}"))["state"] == "pending"
    desk.home.talk.continued.append(applied())
    thread = (await desk.home.get("/threads"))["items"][0]["id"]
    ran = await desk.run("chat", "--thread", thread, lines="approve\nlocal\n")
    assert ran.code == 0, ran.err
    assert (await desk.home.get(f"/plans/{plan['id']}"))["state"] == "approved"


async def test_an_agents_token_cannot_approve_in_the_chat_either(desk: Desk) -> None:
    plan = await desk.home.planned()
    desk.home.talk.answers.append(proposal(plan))
    ran = await desk.run("chat", lines="deploy app:1 as web\napprove\n", role="planner")
    assert ran.code == 5
    assert (await desk.home.get(f"/plans/{plan['id']}"))["state"] == "pending"


async def test_ctrl_c_ends_the_turn_and_no_execution(desk: Desk) -> None:
    plan = await desk.home.waiting()
    await desk.home.decide(plan)
    async with desk.home.house.caller() as client:
        started = (await client.post(f"/plans/{plan['id']}:apply")).json()
        desk.home.talk.answers.append([Progress(execution_id=started["id"], message="under way"), asyncio.Event()])
        process = await desk.start("ask", "how far is it?")
        assert process.stderr is not None
        assert b"under way" in await asyncio.wait_for(process.stderr.readline(), 30)
        process.send_signal(signal.SIGINT)
        out, err = await asyncio.wait_for(process.communicate(), 30)
        assert process.returncode == 130
        assert "What is applied already goes on in the hub" in err.decode()
        assert out == b""
        assert desk.home.talk.left == 1
        await desk.home.house.work()
        assert (await client.get(f"/executions/{started['id']}")).json()["state"] == "succeeded"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("ask", "  "), "Nothing was asked."), (("chat", "--thread", "../x"), "is not a conversation's id"),
        (("chat", "--thread", "thread_none"), "There is no thread"), (("chat", "-o", "json"), "opstwin ask"),
    ],
)  # fmt: skip
async def test_what_cannot_be_is_refused_with_the_next_step(desk: Desk, words: tuple[str, ...], said: str) -> None:
    ran = await desk.run(*words)
    assert ran.code == 1
    assert said in ran.err


async def test_without_a_hub_it_says_how_to_start_one(desk: Desk) -> None:
    ran = await desk.run("ask", "hello", OPSTWIN_URL="http://127.0.0.1:9")
    assert ran.code == 4
    assert "opstwin up" in ran.err


@dataclass
class Terminal:
    """What a person sees and types."""

    master: int
    seen: str = ""

    async def until(self, words: str, times: int = 1) -> None:
        """Read until these words were on the screen so often."""
        async with asyncio.timeout(20):
            while self.seen.count(words) < times:
                if not select.select([self.master], [], [], 0)[0]:
                    await asyncio.sleep(0.02)
                    continue
                self.seen += os.read(self.master, 4096).decode(errors="replace")

    def type(self, text: str) -> None:
        os.write(self.master, text.encode())


async def test_on_a_terminal_ctrl_c_ends_the_turn_and_the_conversation_goes_on(desk: Desk) -> None:
    desk.home.talk.answers.extend([[Said(text="Thinking"), asyncio.Event()], [Said(text="Hello."), ANSWERED]])
    master, slave = pty.openpty()
    terminal = Terminal(master)
    process = await desk.start("chat", terminal=slave, more={"NO_COLOR": "1", "TERM": "dumb"})
    os.close(slave)
    await terminal.until("› ")
    terminal.type("think about it\n")
    await terminal.until("Thinking")
    terminal.type("\x03")
    await terminal.until("Stopped.")
    await terminal.until("› ", times=2)
    terminal.type("hello\n")
    await terminal.until("Hello.")
    await terminal.until("› ", times=3)
    terminal.type("\x04")
    assert await asyncio.wait_for(process.wait(), 30) == 0
    assert desk.home.talk.left == 1
    assert "\x1b[3" not in terminal.seen, "NO_COLOR is kept"
    os.close(master)
