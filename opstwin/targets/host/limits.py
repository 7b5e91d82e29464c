"""What a command on the host may take, and the control group that holds all its processes together to it."""

import os
import secrets
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from signal import SIGKILL
from typing import Final

from opstwin.logs import logger

MIB: Final = 1024 * 1024
CONTROL_GROUPS: Final = Path("/sys/fs/cgroup")
_OWN: Final = Path("/proc/self/cgroup")
_PREFIX: Final = "opstwin-exec-"
_PAUSE_S: Final = 0.01
_PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """`memory_bytes` is for all processes together, `address_bytes` for the address space of each.

    `file_bytes` bounds one file, `scratch_bytes` all of /tmp. 64 processes are more than any tool of an operator
    starts; 256 MiB let a large `du` or `find` run and cannot hurt a machine that runs a hub.
    """

    memory_bytes: int = 256 * MIB
    address_bytes: int = 1024 * MIB
    processes: int = 64
    file_bytes: int = 16 * MIB
    scratch_bytes: int = 16 * MIB
    open_files: int = 256

    def words(self, prlimit: str, timeout_s: float) -> list[str]:
        """The start of a command line that sets the limits which the kernel knows for a process (setrlimit(2))."""
        return [
            prlimit, f"--as={self.address_bytes}", f"--nproc={self.processes}", f"--fsize={self.file_bytes}",
            f"--nofile={self.open_files}", f"--cpu={int(timeout_s) + 2}", "--core=0", "--",
        ]  # fmt: skip


class ControlGroup:
    """A control group of one command: memory and number of processes over all that it starts."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = folders

    @classmethod
    def made(cls, limits: Limits, root: Path = CONTROL_GROUPS, own: Path = _OWN) -> "ControlGroup | None":
        """A new group with these limits, or None where the hub may not make one."""
        name = f"{_PREFIX}{os.getpid()}-{secrets.token_hex(6)}"
        unified = (root / "cgroup.controllers").exists()
        group = _unified(limits, root, own, name) if unified else _by_controller(limits, root, own, name)
        if group is None:
            logger().debug("exec_without_control_group", unified=unified)
        return group

    def take(self, pid: int) -> None:
        """Put a process into the group; what it starts from now on is in it too. Raises `OSError`."""
        for folder in self._folders:
            (folder / "cgroup.procs").write_text(str(pid), encoding="ascii")

    def end(self, patience_s: float) -> None:
        """Kill what is left in the group, wait until it is gone, and remove the group."""
        deadline_s = time.monotonic() + patience_s
        while (left := self._pids()) and time.monotonic() < deadline_s:
            for pid in left:
                with suppress(ProcessLookupError):
                    os.kill(pid, SIGKILL)
            time.sleep(_PAUSE_S)
        self.remove()

    def remove(self) -> None:
        """Remove the group; it stays when something is still in it."""
        for folder in self._folders:
            with suppress(OSError):
                folder.rmdir()

    def _pids(self) -> list[int]:
        try:
            return [int(line) for line in (self._folders[0] / "cgroup.procs").read_text(encoding="ascii").split()]
        except OSError:
            return []


def _unified(limits: Limits, root: Path, own: Path, name: str) -> ControlGroup | None:
    """Version 2: a group beside the hub's own where that was handed to the hub, else below the root of all."""
    mine = root / _own_paths(own).get("", "/").lstrip("/")
    for parent in (mine.parent, root / "opstwin"):
        if not parent.is_relative_to(root) or parent == root:
            continue
        folder = parent / name
        try:
            parent.mkdir(exist_ok=True)
            (parent / "cgroup.subtree_control").write_text("+memory +pids", encoding="ascii")
            _tidied(parent)
            folder.mkdir()
        except OSError:
            continue
        if _written(folder, {"memory.max": limits.memory_bytes, "memory.swap.max": 0, "pids.max": limits.processes}):
            return ControlGroup([folder])
    return None


def _by_controller(limits: Limits, root: Path, own: Path, name: str) -> ControlGroup | None:
    """Version 1: one group for each controller."""
    wanted = {
        "memory": {"memory.limit_in_bytes": limits.memory_bytes, "memory.memsw.limit_in_bytes": limits.memory_bytes},
        "pids": {"pids.max": limits.processes},
    }
    mine = _own_paths(own)
    folders: list[Path] = []
    for controller, values in wanted.items():
        folder = root / controller / mine.get(controller, "/").lstrip("/") / name
        try:
            _tidied(folder.parent)
            folder.mkdir()
        except OSError:
            break
        if not _written(folder, values):
            break
        folders.append(folder)
    group = ControlGroup(folders)
    if len(folders) == len(wanted):
        return group
    group.remove()
    return None


def _tidied(parent: Path) -> None:
    """Remove the groups of hubs that were killed and could not do it."""
    for folder in parent.glob(f"{_PREFIX}*"):
        pid = folder.name.removeprefix(_PREFIX).partition("-")[0]
        if not Path("/proc", pid).exists():
            ControlGroup([folder]).remove()


def _written(folder: Path, values: dict[str, int]) -> bool:
    """Whether the limits hold; those on swap are not everywhere, and swap is slow enough to be noticed."""
    for name, value in values.items():
        try:
            if "sw" not in name or (folder / name).exists():
                (folder / name).write_text(str(value), encoding="ascii")
        except OSError:
            ControlGroup([folder]).remove()
            return False
    return True


def _own_paths(own: Path) -> dict[str, str]:
    """The hub's own groups by controller, `""` for version 2 (cgroups(7), /proc/PID/cgroup)."""
    found: dict[str, str] = {}
    with suppress(OSError):
        for line in own.read_text(encoding="utf-8").splitlines():
            _, controllers, path = line.split(":", 2)
            found.update(dict.fromkeys(controllers.split(","), path))
    return found


def resident_bytes(root_pid: int) -> int:
    """The memory of a process and of all below it, as far as it can be seen now."""
    total, queue = 0, [root_pid]
    while queue:
        pid = queue.pop()
        with suppress(OSError, ValueError, IndexError):
            total += int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * _PAGE_BYTES
        for task in Path(f"/proc/{pid}/task").glob("*/children"):
            with suppress(OSError, ValueError):
                queue += map(int, task.read_text(encoding="ascii").split())
    return total
