"""Ending everything that a command started inside a container, its detached children too.

An engine can start a command in a container and cannot end it. So each command carries a mark in its environment, which
its children inherit however they detach (setsid, double fork, nohup), and what carries the mark is stopped and killed:
from here where the container's processes can be seen and signalled from here (a hub on the engine's machine), else by
the container's own `/bin/sh`. A process that changes its environment escapes this, but not the container's limits.
"""

import os
import secrets
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from opstwin.errors import NotFound, TargetError
from opstwin.targets.docker.client import path_of
from opstwin.targets.docker.engine import Engine

NAME: Final = "OPSTWIN_EXEC"
SWEEP_S: Final = 1.5
"""How long the killing may take. The bound of two seconds from a cancelled call to no process leaves this."""

_SCRIPT: Final = """
found=x
while [ -n "$found" ]; do
  found=
  for place in /proc/[0-9]*; do
    number=${place#/proc/}
    case " $seen " in *" $number "*) continue ;; esac
    while read -r line || [ -n "$line" ]; do
      case $line in *"$1"*) kill -STOP "$number" && seen="$seen $number" && found=x; break ;; esac
    done < "$place/environ"
  done
done
[ -z "$seen" ] || kill -KILL $seen
"""
"""Only what is built into every /bin/sh. What is stopped can start nothing more, so the loop comes to an end."""


def new_mark() -> str:
    """A mark that nothing else carries."""
    return f"{NAME}={secrets.token_hex(16)}"


async def swept(engine: Engine, container: str, mark: str) -> None:
    """End whatever in the container carries the mark. Raises nothing: what is still there shows in the engine."""
    if not await engine.offload(lambda: killed_from_here(container, mark)):
        await killed_from_inside(engine, container, mark)


def killed_from_here(container: str, mark: str, proc: Path = Path("/proc")) -> bool:
    """Kill by the machine's own process table; False when the container's processes are not in it. Blocking."""
    deadline_s = time.monotonic() + SWEEP_S
    held: dict[int, int] = {}
    try:
        members = list(_members(proc, container))
        if not members or not all(os.access(proc / str(pid) / "environ", os.R_OK) for pid in members):
            return False
        while time.monotonic() < deadline_s and (fresh := _marked(proc, container, mark, held)):
            held |= fresh
        for handle in held.values():
            _signalled(handle, signal.SIGKILL)
    finally:
        for handle in held.values():
            os.close(handle)
    return True


async def killed_from_inside(engine: Engine, container: str, mark: str) -> bool:
    """Kill with the container's own shell; whether that could be asked for."""
    body = {"Cmd": ["/bin/sh", "-c", _SCRIPT, "sh", mark], "AttachStdout": True, "AttachStderr": True}
    until = engine.deadline(SWEEP_S)
    try:
        made = await engine.call(
            "exec.create", lambda api: api.command("containers", container, "exec", body=body), until
        )
        path = path_of("exec", str(made["Id"]), "start")
        start = {"Detach": False, "Tty": False}
        answer = await engine.call("exec.sweep", lambda api: api.answer("POST", path, json=start).content, until)
    except (TargetError, NotFound):
        return False
    return b"no such file" not in answer


def _members(proc: Path, container: str) -> Iterator[int]:
    """The processes of a container, as their control groups name it."""
    for place in proc.glob("[0-9]*"):
        with suppress(OSError):
            if container.encode() in (place / "cgroup").read_bytes():
                yield int(place.name)


def _marked(proc: Path, container: str, mark: str, held: dict[int, int]) -> dict[int, int]:
    """Those that carry the mark and were not found before, stopped, each with a handle that no other process gets."""
    found: dict[int, int] = {}
    for pid in _members(proc, container):
        with suppress(OSError):
            handle = os.pidfd_open(pid)
            is_new = pid not in held and mark.encode() in (proc / str(pid) / "environ").read_bytes()
            if is_new and _signalled(handle, signal.SIGSTOP):
                found[pid] = handle
            else:
                os.close(handle)
    return found


def _signalled(handle: int, number: signal.Signals) -> bool:
    try:
        signal.pidfd_send_signal(handle, number)
    except OSError:
        return False
    return True
