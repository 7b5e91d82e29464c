"""The quickstart is carried out, line by line, by a real hub and the real command line on a simulated engine."""

import re
import shlex
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from opstwin.domain.ask import Ask
from opstwin.intent.words import read_request
from tests.docs.pages import Page, commands, page
from tests.e2e.cli.conftest import Shell

ENGLISH, KOREAN = "docs/quickstart.md", "docs/ko/quickstart.md"
HEALED_S = 20
NOT_HERE = ("make ", "export ")
"""Setting up; the hub of the fixture stands for it."""

EXECUTION = re.compile(r"\bexec_[0-9a-z]+\b")
TOKEN = re.compile(r"\bopt_[A-Za-z0-9_-]{20,}")


class Reader:
    """Somebody who follows the page: types each line, with the ids that the lines before have printed."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell
        self._plan = self._execution = self._token = ""
        self._is_healing = False

    def follow(self, line: str) -> str:
        """What the line printed. Fails when it does not end with 0."""
        if line.startswith("docker "):
            return self._docker(shlex.split(line))
        typed = line.replace("PLAN", self._plan).replace("EXECUTION", self._execution)
        more: dict[str, str] = {}
        if typed.startswith("OPSTWIN_TOKEN="):
            _, typed = typed.split(" ", 1)
            more["OPSTWIN_TOKEN"] = self._token
        words = shlex.split(typed)
        assert words[0] == "opstwin", f"who types {line!r}?"
        ended = self._shell.run(*words[1:], **more)
        assert ended.returncode == 0, f"{typed}\n{ended.stdout}\n{ended.stderr}"
        self._remember(ended.stdout + ended.stderr)
        self._is_healing = "heal" in words or (self._is_healing and words[1:3] != ["targets", "mode"])
        return ended.stdout

    def files(self) -> list[Path]:
        """What lies in the data directory."""
        return list((self._shell.folder / "data").iterdir())

    def _remember(self, said: str) -> None:
        approve = re.search(r"opstwin approve (plan_[0-9a-z]+)", said)
        self._plan = approve[1] if approve else self._plan
        self._execution = (EXECUTION.findall(said) or [self._execution])[0]
        self._token = (TOKEN.findall(said) or [self._token])[0]

    def _docker(self, words: list[str]) -> str:
        world = self._shell.world
        if words[1] == "rm":
            world.remove(words[-1])
        else:
            assert words[1:4] == ["run", "-d", "--name"]
            world.run(words[4], words[5])
        self._shell.ok("discover", "local")
        if self._is_healing:
            self._wait_until_healed(words[-1])
        return ""

    def _wait_until_healed(self, name: str) -> None:
        deadline = time.monotonic() + HEALED_S
        while not (name in self._shell.world.containers() and self._is_quiet()):
            assert time.monotonic() < deadline, f"{name} was not healed"

    def _is_quiet(self) -> bool:
        known = self._shell.json("get", "executions")["items"]
        return all(item["state"] == "succeeded" for item in known)


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    shell = Shell(tmp_path)
    shell.up()
    try:
        for image in ("nginx:1.27", "nginx:1.28", "redis:7"):
            shell.world.image(image, start_s=0.1)
        shell.add_sim()
        yield Reader(shell)
    finally:
        shell.down()


def lines_of(shown: Page) -> list[str]:
    return [line for block in shown.blocks("sh") for line in commands(block) if not line.startswith(NOT_HERE)]


def sentence(line: str) -> Ask | None:
    """What a line asks for in words."""
    words = shlex.split(line)
    return read_request(words[2]) if words[:2] == ["opstwin", "plan"] and " " in words[2] else None


@pytest.mark.slow
def test_whoever_follows_the_quickstart_gets_where_it_says(reader: Reader) -> None:
    said = [(line, reader.follow(line)) for line in lines_of(page(ENGLISH))]

    def told(line: str) -> list[str]:
        return [text for typed, text in said if typed == line]

    before, after = told("opstwin get")
    assert "web-1" not in before
    assert "web-1" in after
    drifted, healed = told("opstwin drift")
    assert "missing" in drifted
    assert healed == ""
    assert told("opstwin history web")[0].count("succeeded") == 3
    assert "workload: cache" in told("opstwin get cache")[0]
    assert "plan.approve" in told("opstwin audit list --limit 20")[0]
    assert "The audit chain holds" in told("opstwin audit verify")[0]


@pytest.mark.slow
def test_the_files_of_a_hub_are_those_that_the_operations_page_lists(reader: Reader) -> None:
    for line in ("opstwin backup", "opstwin audit head", "opstwin doctor"):
        reader.follow(line)
    listed: dict[str, str] = {}
    for names, mode, _ in page("docs/operations.md").table("Files"):
        listed |= dict.fromkeys(re.findall(r"`([^`]+)`", names), mode)
    found = {
        item.name + ("/" if item.is_dir() else ""): f"{item.stat().st_mode & 0o7777:04o}" for item in reader.files()
    }
    assert listed.pop("secrets/").startswith("yours to make")
    assert found == listed


def test_the_korean_quickstart_asks_for_the_same_in_korean() -> None:
    english, korean = lines_of(page(ENGLISH)), lines_of(page(KOREAN))
    assert len(english) == len(korean)
    for one, other in zip(english, korean, strict=True):
        asked = sentence(one)
        if asked is not None:
            assert sentence(other) == replace(asked, language="ko")
        else:
            assert re.sub('"[^"]*"', "…", one) == re.sub('"[^"]*"', "…", other)


def test_the_quickstart_is_short() -> None:
    assert len(page(ENGLISH).prose().split()) < 800
    assert len(lines_of(page(ENGLISH))) < 40
