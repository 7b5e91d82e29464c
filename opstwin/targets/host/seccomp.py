"""The system calls that a sandboxed command may not make, as a program for the kernel's filter (seccomp, BPF).

What is refused gets EPERM: mounting, other namespaces, tracing, kernel keys, loading code into the kernel, the clock,
and sockets other than for the (empty) network and netlink, so that no Unix socket such as Docker's is ever reached,
whatever its path. Memory that no limit counts (shared memory, memory files) is refused as well.
"""

import platform
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from opstwin.errors import Rejected

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
"""BPF operations (linux/bpf_common.h): load a word, compare with a constant, return."""

_ALLOW: Final = 0x7FFF0000
_KILL: Final = 0x80000000
_EPERM: Final = 0x00050000 | 1
_ENOSYS: Final = 0x00050000 | 38

_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16
"""Where the fields of `struct seccomp_data` lie."""

_NEW_NAMESPACES: Final = 0x7E020000
"""All CLONE_NEW… flags of clone(2) (linux/sched.h)."""

_SOCKETS: Final = (2, 10, 16)
"""AF_INET, AF_INET6, AF_NETLINK."""

_X32: Final = 0x40000000

REFUSED: Final[Mapping[str, tuple[int, int]]] = MappingProxyType({
    "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51), "ptrace": (101, 117),
    "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "kcmp": (312, 272), "pidfd_getfd": (438, 438),
    "add_key": (248, 217), "request_key": (249, 218), "keyctl": (250, 219), "unshare": (272, 97), "setns": (308, 268),
    "bpf": (321, 280), "perf_event_open": (298, 241), "userfaultfd": (323, 282), "kexec_load": (246, 104),
    "kexec_file_load": (320, 294), "init_module": (175, 105), "finit_module": (313, 273), "delete_module": (176, 106),
    "name_to_handle_at": (303, 264), "open_by_handle_at": (304, 265), "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426), "io_uring_register": (427, 427), "open_tree": (428, 428), "move_mount": (429, 429),
    "fsopen": (430, 430), "fsconfig": (431, 431), "fsmount": (432, 432), "fspick": (433, 433),
    "mount_setattr": (442, 442), "swapon": (167, 224), "swapoff": (168, 225), "reboot": (169, 142), "acct": (163, 89),
    "syslog": (103, 116), "settimeofday": (164, 170), "clock_settime": (227, 112), "clock_adjtime": (305, 266),
    "adjtimex": (159, 171), "quotactl": (179, 60), "vhangup": (153, 58), "shmget": (29, 194),
    "memfd_create": (319, 279), "memfd_secret": (447, 447), "sethostname": (170, 161), "setdomainname": (171, 162),
})  # fmt: skip
"""Names and their numbers on x86-64 and AArch64 (from the kernel's system call tables)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Machine:
    audit: int
    column: int
    clone: int
    clone3: int
    socket: int
    more: tuple[int, ...] = ()


_MACHINES: Final[Mapping[str, _Machine]] = {
    "x86_64": _Machine(audit=0xC000003E, column=0, clone=56, clone3=435, socket=41, more=(172, 173)),  # iopl, ioperm
    "aarch64": _Machine(audit=0xC00000B7, column=1, clone=220, clone3=435, socket=198),
}


def program(machine: str = "") -> bytes:
    """The filter for this machine's processor, as bubblewrap takes it. Raises `Rejected` for another processor."""
    name = machine or platform.machine()
    kind = _MACHINES.get(name)
    if kind is None:
        raise Rejected(
            f"There is no sandbox for commands on a {name} processor.", next_step="Run it in a container instead."
        )
    numbers = sorted({pair[kind.column] for pair in REFUSED.values()} | {*kind.more})
    steps = [
        (_LOAD, 0, 0, _ARCHITECTURE), (_EQUAL, 1, 0, kind.audit), (_RETURN, 0, 0, _KILL), (_LOAD, 0, 0, _NUMBER),
        *([(_AT_LEAST, 0, 1, _X32), (_RETURN, 0, 0, _EPERM)] if name == "x86_64" else []),
        *(step for number in numbers for step in ((_EQUAL, 0, 1, number), (_RETURN, 0, 0, _EPERM))),
        # Its flags lie in memory, where a filter cannot see them; libc then uses clone.
        (_EQUAL, 0, 1, kind.clone3), (_RETURN, 0, 0, _ENOSYS),
        (_EQUAL, 0, 4, kind.clone), (_LOAD, 0, 0, _FIRST_ARGUMENT), (_ANY_BIT, 0, 1, _NEW_NAMESPACES),
        (_RETURN, 0, 0, _EPERM), (_RETURN, 0, 0, _ALLOW),
        (_EQUAL, 0, 5, kind.socket), (_LOAD, 0, 0, _FIRST_ARGUMENT),
        *((_EQUAL, len(_SOCKETS) - place, 0, family) for place, family in enumerate(_SOCKETS)),
        (_RETURN, 0, 0, _EPERM), (_RETURN, 0, 0, _ALLOW),
    ]  # fmt: skip
    return b"".join(struct.pack("<HBBI", *step) for step in steps)
