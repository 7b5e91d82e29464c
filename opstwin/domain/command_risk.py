"""How risky a command is. Its words never make it less than high: the lists here only make it worse. Pure."""

from typing import Final

from opstwin.domain.command import Command
from opstwin.domain.plan import Risk
from opstwin.domain.reasons import reason

_ANYTHING: Final = frozenset({
    "sh", "ash", "bash", "dash", "zsh", "ksh", "fish", "busybox", "toybox", "env", "xargs", "find", "nohup",
    "setsid", "timeout", "nice", "watch", "sudo", "su", "doas", "chroot", "unshare", "nsenter", "python",
    "python2", "python3", "perl", "ruby", "node", "php", "lua", "awk", "gawk", "mawk", "psql", "mysql",
    "mariadb", "mongo", "mongosh", "redis-cli", "sqlite3", "kubectl", "docker", "podman", "ssh", "curl", "wget",
})  # fmt: skip
"""Programs that do what their words say: shells, interpreters, clients of data bases, starters of other programs."""

_TAKING_AWAY: Final = frozenset({
    "rm", "rmdir", "unlink", "shred", "dd", "mv", "truncate", "wipefs", "fdisk", "sfdisk", "parted", "kill",
    "killall", "killall5", "pkill", "shutdown", "reboot", "halt", "poweroff", "init", "dropdb", "dropuser",
    "userdel", "deluser", "umount", "swapoff", "iptables", "nft",
})  # fmt: skip
"""Programs whose very purpose is to take something away; those that make file systems begin with `mkfs`."""


def command_risk(command: Command) -> tuple[Risk, str]:
    """The risk of running `command`, and why."""
    program = command.program
    if program in _ANYTHING:
        return Risk.DESTRUCTIVE, reason("command_any", name=program)
    if program.startswith("mkfs") or program in _TAKING_AWAY:
        return Risk.DESTRUCTIVE, reason("command_takes", name=program)
    return Risk.HIGH, reason("command")
