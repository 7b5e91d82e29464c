"""The quickstart is carried out, line by line, by a real hub and the real command line on a simulated engine."""

import re
import shlex
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.pages import Page, commands, page
from tests.e2e.cli.conftest import Shell

PAGES = ("docs/quickstart.md", "docs/ko/quickstart.md")
HEALED_S = 20
NOT_HERE = ("make ", "export ")
"""Setting up; the hub of the fixture stands for it."""

PLAN = re.compile(r"\bplan_[0-9a-z]+\b")
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


@pytest.mark.slow
@pytest.mark.parametrize("name", PAGES)
def test_whoever_follows_the_quickstart_gets_where_it_says(name: str, reader: Reader) -> None:
    said = [(line, reader.follow(line)) for line in lines_of(page(name))]
    by_line = dict(said)
    assert "nginx:1.27" in said[_first(said, "opstwin get")][1] or "web-1" in by_line["opstwin get"]
    assert [text for line, text in said if line == "opstwin drift"][0].count("missing") == 1
    assert [text for line, text in said if line == "opstwin drift"][1] == ""
    assert "workload: cache" in by_line["opstwin get cache"]
    assert "succeeded" in by_line["opstwin history web"]
    assert "The audit chain holds" in by_line["opstwin audit verify"]


def _first(said: list[tuple[str, str]], line: str) -> int:
    return next(number for number, (typed, _) in enumerate(said) if typed == line)


def test_the_quickstart_is_short() -> None:
    assert len(page(PAGES[0]).prose().split()) < 800
    assert len(lines_of(page(PAGES[0]))) < 40
