"""A real hub in a process of its own, on a simulated world in a file, and the real command line."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from opstwin.clock import SystemClock
from opstwin.targets.sim.driver import opened_world
from opstwin.targets.sim.world import World
from tests.surroundings import bare_environment

ROOT = Path(__file__).parents[3]
START_S = 90


@dataclass
class Shell:
    """Runs `opstwin …` as a user does."""

    folder: Path
    more: dict[str, str] = field(default_factory=dict)
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def environment(self) -> dict[str, str]:
        """What the user's shell has set."""
        kept = bare_environment()
        mine = {
            "OPSTWIN_DATA_DIR": str(self.folder / "data"), "OPSTWIN_CONFIG": str(self.folder / "config.toml"),
            "OPSTWIN_DETECT_DOCKER": "false", "OPSTWIN_HOLD_S": "0.2", "OPSTWIN_LOG_LEVEL": "INFO",
            "OPSTWIN_RECONCILE_INTERVAL_S": "0.5", "OPSTWIN_LOG_FORMAT": "json", "NO_COLOR": "1",
        }  # fmt: skip
        return kept | mine | self.more

    def up(self) -> None:
        """Start the hub and wait until it says where it is."""
        (self.folder / "config.toml").touch()
        (self.folder / "data" / "hub.json").unlink(missing_ok=True)
        log = (self.folder / "hub.log").open("ab")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "opstwin.cli", "up", "--port", "0"],
            cwd=ROOT,
            env=self.environment,
            stdout=log,
            stderr=log,
        )
        deadline = time.monotonic() + START_S
        while not (self.folder / "data" / "hub.json").exists():
            assert self.process.poll() is None, (self.folder / "hub.log").read_text()
            assert time.monotonic() < deadline, "the hub did not start"
            time.sleep(0.02)
        log.close()

    def down(self, how: signal.Signals = signal.SIGTERM) -> None:
        """Stop the hub."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(how)
            self.process.wait(20)

    def run(self, *words: str, **more: str) -> "subprocess.CompletedProcess[str]":
        """One command, whatever its exit code."""
        return subprocess.run(
            [sys.executable, "-m", "opstwin.cli", *words], cwd=self.folder, env=self.environment | more,
            capture_output=True, text=True, timeout=60, check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip

    def ok(self, *words: str) -> str:
        """The stdout of a command that must succeed."""
        ended = self.run(*words)
        assert ended.returncode == 0, f"opstwin {' '.join(words)}\n{ended.stdout}\n{ended.stderr}"
        return ended.stdout

    def json(self, *words: str) -> Any:
        """The data of a command that must succeed."""
        return json.loads(self.ok(*words, "-o", "json"))

    def file(self, name: str, text: str) -> str:
        """Write a file into the user's folder; returns its name."""
        (self.folder / name).write_text(text, encoding="utf-8")
        return name

    @property
    def world(self) -> World:
        """The world that the hub's target shows."""
        return opened_world(self.folder / "world.json", clock=SystemClock())

    @property
    def url(self) -> str:
        """Where the hub is."""
        return str(json.loads((self.folder / "data" / "hub.json").read_text())["url"])

    @property
    def token(self) -> str:
        """The owner's token."""
        return str(json.loads((self.folder / "data" / "hub.json").read_text())["token"])

    def add_sim(self) -> None:
        """Add the world as the target `local` and look at it."""
        self.ok(
            "targets",
            "add",
            "local",
            "--backend",
            "sim",
            "--endpoint",
            f"sim://{self.folder / 'world.json'}",
            "--default",
        )
        self.ok("discover", "local")


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    """A hub with the simulated target `local`."""
    made = Shell(tmp_path)
    try:
        made.up()
        made.add_sim()
        yield made
    finally:
        made.down()


@pytest.fixture(scope="module")
def shell_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    """One hub for the tests of a module that change nothing that others look at."""
    made = Shell(tmp_path_factory.mktemp("shell"))
    try:
        made.up()
        made.add_sim()
        yield made
    finally:
        made.down()
