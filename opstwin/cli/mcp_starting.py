"""Starting the hub of this machine for a client that found none; it goes on when the client ends."""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from opstwin.cli.context import Context, data_dir, find_context
from opstwin.cli.exits import CliError, Exit
from opstwin.cli.mcp_identity import alone
from opstwin.cli.mcp_wire import Exchange, Lost, Wire

if TYPE_CHECKING:
    import subprocess

LOG: Final = "hub.log"
START_S: Final = 30.0
BACK_S: Final = 3.0
"""How long a hub that was here may stay away before another is started: somebody may be restarting it."""

AWAY_S: Final = 10.0
"""The same where none may be started: how long a message waits for it before the client is told."""

_LOOK_S: Final = 0.02
_OTHER_S: Final = 5.0
"""How long to look for the hub that kept ours from starting."""


def program() -> list[str]:
    """How to start this command line from anywhere: the absolute path of the program beside this Python, or Python."""
    beside = Path(sys.executable).absolute().with_name("opstwin")
    return [str(beside)] if beside.is_file() else [str(Path(sys.executable).absolute()), "-m", "opstwin.cli"]


def start_hub(wire: Wire, *, was_here: bool) -> None:
    """Return once a hub of this machine answers, after starting one where none does. Raises `CliError`."""
    with alone("mcp-start.lock"):
        if comes_back(wire, _of_this_machine, BACK_S if was_here else 0.0):
            return
        process = _spawned()
        if not comes_back(wire, _of_this_machine, START_S, process) and not comes_back(
            wire, _of_this_machine, _OTHER_S
        ):
            raise CliError(
                Exit.UNREACHABLE, f"No hub could be started here: {_last_words()}", code="hub_unreachable",
                next_step=f"Run `opstwin up` in a terminal. Its log: {data_dir() / LOG}",
            )  # fmt: skip


def comes_back(
    wire: Wire, look: Callable[[], Context], within_s: float, process: "subprocess.Popen[bytes] | None" = None
) -> bool:
    """Whether the hub that `look` finds answers in time. Once `process` has ended by itself it will not."""
    until = time.monotonic() + within_s
    while not _answers(wire, look):
        if time.monotonic() >= until or (process is not None and process.poll() is not None):
            return False
        time.sleep(_LOOK_S)
    return True


def _of_this_machine() -> Context:
    return find_context(None, None)


def _answers(wire: Wire, look: Callable[[], Context]) -> bool:
    try:
        return _status(wire, look()) == 200
    except (CliError, Lost):
        return False


def _status(wire: Wire, hub: Context) -> int:
    exchange = Exchange(wire, hub.url)
    status = exchange.send("GET", "/health", {}, None, _OTHER_S)
    exchange.read()
    return status


def _spawned() -> "subprocess.Popen[bytes]":
    """A hub in a session of its own, so that what ends the client does not end it."""
    import subprocess

    folder = data_dir()
    log = folder / LOG
    if log.exists():
        log.replace(log.with_suffix(".log.1"))
    with os.fdopen(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as file:
        return subprocess.Popen(
            [sys.executable, "-m", "opstwin.cli", "up", "--any-port"], cwd=folder, stdin=subprocess.DEVNULL,
            stdout=file, stderr=file, start_new_session=True,
        )  # fmt: skip


def _last_words() -> str:
    try:
        lines = (data_dir() / LOG).read_text(encoding="utf-8", errors="replace").strip().splitlines()
    except OSError:
        lines = []
    return " ".join(lines[-2:])[-500:] or "it said nothing."
