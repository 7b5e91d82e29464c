"""The demo: the whole loop through the real hub and the real command line, on a throw-away twin."""

import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from opstwin.cli import output
from opstwin.cli.client import Hub
from opstwin.cli.context import HUB_FILE, find_context
from opstwin.cli.exits import CliError, Exit

_START_S: Final = 20.0
_QUICK: Final = {
    "OPSTWIN_HOLD_S": "2", "OPSTWIN_STOP_GRACE_S": "0", "OPSTWIN_DETECT_DOCKER": "false", "OPSTWIN_LOG_LEVEL": "ERROR",
    "OPSTWIN_LOG_FORMAT": "json", "OPSTWIN_DATABASE_URL": "", "OPSTWIN_CONFIG": "",
}  # fmt: skip


def run_demo(wanted: str) -> int:
    """Play the demo; returns 0 when every part ended as it should."""
    from opstwin.errors import OpstwinError
    from opstwin.settings import load_settings
    from opstwin.wiring.stages import demo_stage

    started_s = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="opstwin-demo-") as folder:
        try:
            stage = demo_stage(wanted, load_settings().docker_socket, Path(folder))
            engine = stage.prepare()
        except OpstwinError as error:
            raise CliError(Exit.UNREACHABLE, error.message, next_step=error.next_step, code=error.code) from error
        name = "web" if not any(stage.taken(f"web-{number}") for number in (1, 2)) else f"web-{secrets.token_hex(3)}"
        try:
            with _hub(Path(folder)):
                _Play(stage, name, engine).all()
        finally:
            stage.clean_up(name)
    output.note("")
    output.note(
        f"Done in {time.monotonic() - started_s:.0f} s. The twin, the containers and the images are gone.", colour="ok"
    )
    output.note("For real work: opstwin up")
    return Exit.OK


class _Play:
    """The parts of the demo, in order. Each command is run by the command line itself."""

    def __init__(self, stage: Any, name: str, engine: str) -> None:
        self.stage, self.name, self.engine = stage, name, engine

    def all(self) -> None:
        """Play every part; raises `CliError` when one does not end as it should."""
        self._title(f"Opstwin demo on {self.engine}")
        self._run(
            "targets", "add", "local", "--backend", self.stage.backend, "--endpoint", self.stage.endpoint, "--default"
        )
        self._title("1  Discover: what runs?")
        self._run("discover", "local")
        self._run("get")
        self._title("2  Say it in words, see the plan, approve it, apply it")
        self._change(f"deploy opstwin-demo:1 as {self.name} with 2 replicas")
        self._title("3  An upgrade: one replica after the other, each must be healthy first")
        self._change(f"upgrade {self.name} to opstwin-demo:2")
        self._title("4  A bad upgrade: its health check fails, so it is rolled back")
        self._change(f"upgrade {self.name} to opstwin-demo:bad", expect=Exit.PARTIAL)
        self._run("get", "containers")
        self._title("5  Somebody removes a container behind Opstwin's back")
        self._say(self.stage.break_container(f"{self.name}-1"))
        self._run("discover", "local")
        self._run("drift")
        self._apply(self._plan("--drift"))
        self._run("drift")
        self._title("6  What happened, and can it be trusted?")
        self._run("history", self.name)
        self._run("audit", "verify")

    def _change(self, words: str, *, expect: Exit = Exit.OK) -> None:
        self._apply(self._plan(words), expect=expect)

    def _plan(self, words: str) -> str:
        self._run("plan", words)
        newest = Hub(find_context(None, None)).get("/plans", limit=1)["items"][0]
        return str(newest["id"])

    def _apply(self, plan_id: str, *, expect: Exit = Exit.OK) -> None:
        self._run("approve", plan_id, "-m", "looks right")
        self._run("apply", plan_id, expect=expect)

    def _run(self, *words: str, expect: Exit = Exit.OK) -> None:
        from opstwin.cli.main import run

        self._say("opstwin " + " ".join(f'"{word}"' if " " in word else word for word in words))
        sys.stdout.flush()
        code = run(list(words))
        if code == Exit.INTERRUPTED:
            raise KeyboardInterrupt
        if code != expect:
            raise CliError(
                Exit.ERROR,
                f"The demo expected exit code {expect:d} here and saw {code}.",
                next_step="Run: opstwin doctor",
            )

    def _say(self, command: str) -> None:
        output.note("")
        output.note(f"$ {command}", colour="bold")

    def _title(self, text: str) -> None:
        output.note("")
        output.note(f"── {text} " + "─" * max(2, 90 - len(text)), colour="bold")


@contextmanager
def _hub(folder: Path) -> Iterator[None]:
    """A hub of its own, on a free port, with its files in `folder`; the command line of this process talks to it."""
    mine = _QUICK | {"OPSTWIN_DATA_DIR": str(folder / "data"), "OPSTWIN_URL": "", "OPSTWIN_TOKEN": ""}
    environment = {key: value for key, value in os.environ.items() if not key.startswith("OPSTWIN_")} | mine
    log = (folder / "hub.log").open("wb")
    process = subprocess.Popen(
        [sys.executable, "-m", "opstwin.cli", "up", "--port", "0"], env=environment, stdout=log, stderr=log
    )
    try:
        with _environment(mine):
            _wait_for(folder / "data" / HUB_FILE, process, folder / "hub.log")
            yield
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        log.close()


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    before = {key: os.environ.get(key) for key in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for key, value in before.items():
            os.environ.pop(key) if value is None else os.environ.__setitem__(key, value)


def _wait_for(file: Path, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline_s = time.monotonic() + _START_S
    while not file.exists():
        if process.poll() is not None or time.monotonic() > deadline_s:
            said = log.read_text(encoding="utf-8", errors="replace")[-800:]
            raise CliError(Exit.ERROR, f"The demo's hub did not start. {said}".strip(), next_step="Run: opstwin up")
        time.sleep(0.05)
