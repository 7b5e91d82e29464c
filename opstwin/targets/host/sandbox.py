"""The sandbox of a command on the host: what it sees and what it may do, as words for bubblewrap.

Its own namespaces for processes, users, network, mounts, hostname and IPC; no capability; the host's files read-only,
without homes, run-time folders and the hub's own; a small scratch folder; an empty network; a filter of system calls.
A hub that runs as root gives the command a user id that nothing else has.
"""

import os
import re
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from opstwin.errors import Rejected
from opstwin.targets.host.limits import CONTROL_GROUPS, Limits

OUTSIDE_ID: Final = 65533
"""The user and group of a command where the hub is root: Debian and Red Hat give this id to nobody."""

INSIDE_ID: Final = 65534
"""What the command sees as its user: nobody."""

PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
OLDEST: Final = (0, 7)
"""bubblewrap can bound a scratch folder since 0.7."""

_HIDDEN: Final = ("/root", "/home", "/run", "/var/run", "/var/tmp", "/mnt", "/media", "/lost+found", "/etc/opstwin",  # noqa: S108
                  "/etc/kubernetes", "/etc/rancher", "/var/lib/kubelet", "/var/lib/docker", "/var/lib/containerd",
                  "/var/spool", "/var/mail", "/var/backups")  # fmt: skip
"""Folders that hold other people's files, sockets, credentials, and the files of containers."""

_INSTALL: Final = "On the hub's machine: apt-get install bubblewrap (0.7 or newer), then try again."


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """The two programs that make a sandbox."""

    bwrap: str
    prlimit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sandbox:
    """How commands are shut in. `hidden` are files and folders that they must not see, such as the hub's own.

    `search` is where its tools are looked for, `groups` where this machine has its control groups.
    """

    hidden: Sequence[Path] = ()
    limits: Limits = field(default_factory=Limits)
    search: str = PATH
    groups: Path = CONTROL_GROUPS

    def tools(self) -> Tools:
        """Where the programs are. Raises `Rejected` when they are not there: nothing runs outside a sandbox."""
        bwrap, prlimit = (shutil.which(name, path=self.search) for name in ("bwrap", "prlimit"))
        if bwrap is None or prlimit is None:
            missing = "bubblewrap" if bwrap is None else "prlimit (util-linux)"
            raise Rejected(
                f"Commands on the host run in a sandbox only, and {missing} is not installed.", next_step=_INSTALL
            )
        return Tools(bwrap=bwrap, prlimit=prlimit)

    def words(self) -> list[str]:
        """What bubblewrap is told, without the command."""
        return [
            "--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL",
            "--uid", str(INSIDE_ID), "--gid", str(INSIDE_ID),
            "--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev", "--remount-ro", "/dev",
            "--size", str(self.limits.scratch_bytes), "--tmpfs", "/tmp",  # noqa: S108
            *(word for path in _seen([*map(Path, _HIDDEN), *self.hidden]) for word in _covered(path)),
            "--chdir", "/",
        ]  # fmt: skip


def environment() -> dict[str, str]:
    """All that a command finds in its environment: nothing of the hub's."""
    return {"PATH": PATH, "HOME": "/tmp", "LANG": "C.UTF-8"}  # noqa: S108 - inside the sandbox


def is_too_old(said: str) -> bool:
    """Whether `bwrap --version` names a version without what is needed."""
    found = re.search(r"(\d+)\.(\d+)", said)
    return found is None or (int(found[1]), int(found[2])) < OLDEST


def too_old(said: str) -> Rejected:
    """The error for a bubblewrap that lacks what is needed."""
    return Rejected(f"{said[:80] or 'bubblewrap'} is too old to shut a command in safely.", next_step=_INSTALL)


def cannot(said: str) -> Rejected:
    """The error for a sandbox that did not come about."""
    return Rejected(
        f"The sandbox for commands on the host could not be made: {said[:300].strip() or 'no reason given'}",
        next_step="Let the hub make user namespaces (docs/exec.md says how), or run it in a container of a target.",
    )


def _seen(paths: Iterable[Path]) -> list[Path]:
    """The real paths of those that are there, without those below another one."""
    real = sorted({Path(os.path.realpath(path)) for path in paths if path.exists()})
    kept: list[Path] = []
    for path in real:
        if path != Path("/") and path != Path("/tmp") and not any(path.is_relative_to(other) for other in kept):  # noqa: S108
            kept.append(path)
    return kept


def _covered(path: Path) -> list[str]:
    if path.is_relative_to("/tmp"):  # noqa: S108 - an empty one stands there already
        return []
    if path.is_dir():
        return ["--perms", "0555", "--size", "4096", "--tmpfs", str(path), "--remount-ro", str(path)]
    return ["--ro-bind", "/dev/null", str(path)]
