"""What a pod of a cluster can be told beside its image, and a container engine is not told by Opstwin."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import ip_address
from typing import Final

from opstwin.domain.names import checked_path, checked_text, plain_path
from opstwin.errors import InvalidInput

MOST_GRACE_S: Final = 86_400
"""A day: whoever needs longer to stop is not waited for by any rollout."""

MOST_NAMESERVERS: Final = 3
MOST_SEARCHES: Final = 32
"""What the API server takes below `dnsConfig` (kubernetes, pkg/apis/core/validation: MaxDNSNameservers,
MaxDNSSearchPaths)."""

CAPABILITIES: Final = frozenset({
    "AUDIT_CONTROL", "AUDIT_READ", "AUDIT_WRITE", "BLOCK_SUSPEND", "BPF", "CHECKPOINT_RESTORE", "CHOWN",
    "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "IPC_LOCK", "IPC_OWNER", "KILL", "LEASE",
    "LINUX_IMMUTABLE", "MAC_ADMIN", "MAC_OVERRIDE", "MKNOD", "NET_ADMIN", "NET_BIND_SERVICE", "NET_BROADCAST",
    "NET_RAW", "PERFMON", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_ADMIN", "SYS_BOOT", "SYS_CHROOT",
    "SYS_MODULE", "SYS_NICE", "SYS_PACCT", "SYS_PTRACE", "SYS_RAWIO", "SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG",
    "SYSLOG", "WAKE_ALARM",
})  # fmt: skip
"""The capabilities of Linux (include/uapi/linux/capability.h) without `CAP_`."""

ALL_CAPABILITIES: Final = "ALL"

SHARED_MEMORY: Final = "/dev/shm"  # noqa: S108 - where every program looks for it

_LABEL: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
_HOST: Final = re.compile(rf"(?=.{{1,253}}\Z){_LABEL.pattern}(?:\.{_LABEL.pattern})*", re.ASCII)
_SYSCTL: Final = re.compile(r"[a-z0-9](?:[-_a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-_a-z0-9]*[a-z0-9])?)+", re.ASCII)
_MOST_GROUP: Final = 2**31 - 1


class Pull(StrEnum):
    """When the image is fetched, in the words of Kubernetes."""

    ALWAYS = "Always"
    MISSING = "IfNotPresent"
    NEVER = "Never"


@dataclass(frozen=True, slots=True, kw_only=True)
class PodSettings:
    """Each field is checked on construction; a wrong one raises `InvalidInput` with the field's name.

    `memory_folders` are folders in memory, each with the bytes it may hold (None: as much as the container may use);
    `shared_memory_bytes` is the size of `/dev/shm`. `stop_grace_s` is how long it gets to stop by itself. `hosts` are
    names with their IP addresses. `dns_servers` take the place of the cluster's own. `groups` are numbers that the
    process has beside its own group. `reaps` has the pod end processes that nobody waits for. `platform` is `linux` or
    `linux/` and an architecture. Requests are in thousandths of a core and in bytes.
    """

    read_only: bool = False
    memory_folders: Mapping[str, int | None] = field(default_factory=dict)
    shared_memory_bytes: int | None = None
    stop_grace_s: int | None = None
    hosts: Mapping[str, str] = field(default_factory=dict)
    dns_servers: tuple[str, ...] = ()
    dns_searches: tuple[str, ...] = ()
    dns_options: tuple[str, ...] = ()
    sysctls: Mapping[str, str] = field(default_factory=dict)
    capabilities_added: tuple[str, ...] = ()
    capabilities_dropped: tuple[str, ...] = ()
    hostname: str = ""
    groups: tuple[int, ...] = ()
    reaps: bool = False
    terminal: bool = False
    input: bool = False
    pull: Pull | None = None
    platform: str = ""
    annotations: Mapping[str, str] = field(default_factory=dict)
    requested_cpu_millicores: int | None = None
    requested_memory_bytes: int | None = None

    @property
    def folders(self) -> Mapping[str, int | None]:
        """All folders in memory, `/dev/shm` among them when its size is said, each with the bytes it may hold."""
        shared = self.shared_memory_bytes
        return {**self.memory_folders, **({} if shared is None else {SHARED_MEMORY: shared})}

    def __post_init__(self) -> None:
        self._check_folders()
        for name in ("shared_memory_bytes", "requested_cpu_millicores", "requested_memory_bytes"):
            _above_0(name, getattr(self, name))
        if self.stop_grace_s is not None and not _is_within(self.stop_grace_s, 0, MOST_GRACE_S):
            raise _wrong("stop_grace_s", f"must be 0 to {MOST_GRACE_S}", "Use seconds, for example 30.")
        self._check_names()
        self._check_dns()
        self._check_rights()
        for key, value in self.annotations.items():
            checked_text(key, "annotations", 317)
            checked_text(value, "annotations", 4096)

    def _check_folders(self) -> None:
        shared = [SHARED_MEMORY] if self.shared_memory_bytes is not None else []
        folders = [plain_path(path) for path in (*self.memory_folders, *shared)]
        if len(set(folders)) < len(folders):
            raise _wrong("memory_folders", "names a folder twice", "Keep one of the two: /dev/shm is shared memory.")
        for path, amount in self.memory_folders.items():
            checked_path(path, "memory_folders")
            _above_0("memory_folders", amount)

    def _check_names(self) -> None:
        for name, address in self.hosts.items():
            if not _HOST.fullmatch(name):
                raise _wrong("hosts", f"{name[:80]!r} is no name of a host", "Write db.example.com:10.0.0.5.")
            _check_address("hosts", address)
        if self.hostname and not _LABEL.fullmatch(self.hostname):
            raise _wrong("hostname", f"{self.hostname[:80]!r} is no name of a pod", "Write it without dots: web.")

    def _check_dns(self) -> None:
        for field_name, most in (("dns_servers", MOST_NAMESERVERS), ("dns_searches", MOST_SEARCHES)):
            if len(getattr(self, field_name)) > most:
                raise _wrong(field_name, f"holds more than {most}", f"Keep {most}.")
        for server in self.dns_servers:
            _check_address("dns_servers", server)
        for search in self.dns_searches:
            if search != "." and not _HOST.fullmatch(search.rstrip(".")):
                raise _wrong("dns_searches", f"{search[:80]!r} is no domain", "Write it like corp.example.com.")
        for option in self.dns_options:
            checked_text(option, "dns_options", 255)

    def _check_rights(self) -> None:
        for name in self.sysctls:
            if not _SYSCTL.fullmatch(name):
                raise _wrong("sysctls", f"{name[:80]!r} is no kernel setting", "Write it like net.ipv4.tcp_syncookies.")
        for name in self.capabilities_added:
            _check_capability("capabilities_added", name, known=CAPABILITIES)
        for name in self.capabilities_dropped:
            _check_capability("capabilities_dropped", name, known=CAPABILITIES | {ALL_CAPABILITIES})
        for group in self.groups:
            if not 0 <= group <= _MOST_GROUP:
                raise _wrong("groups", f"{group} is no group", f"Use numbers from 0 to {_MOST_GROUP}.")
        if self.platform and not re.fullmatch(r"linux(/[a-z0-9]{1,20})?", self.platform, re.ASCII):
            raise _wrong("platform", f"{self.platform[:80]!r} runs nowhere here", "Write linux/amd64 or linux/arm64.")


def _check_capability(name: str, word: str, *, known: frozenset[str]) -> None:
    if word not in known:
        hint = "Name each one, such as NET_BIND_SERVICE." if word == ALL_CAPABILITIES else "Write it like NET_ADMIN."
        raise _wrong(name, f"{word[:80]!r} is no capability that can be named here", hint)


def _check_address(name: str, address: str) -> None:
    try:
        ip_address(address)
    except ValueError as error:
        raise _wrong(name, f"{address[:80]!r} is no IP address", "Write it like 10.0.0.5.") from error


def _is_within(number: object, least: int, most: int) -> bool:
    return isinstance(number, int) and least <= number <= most


def _above_0(name: str, amount: int | None) -> None:
    if amount is not None and not _is_within(amount, 1, 2**53 - 1):
        raise _wrong(name, "must be above 0", "Use for example 64Mi.")


def _wrong(name: str, problem: str, next_step: str) -> InvalidInput:
    return InvalidInput(f"pod.{name}: {problem}.", field=f"pod.{name}", next_step=next_step)


NO_POD_SETTINGS: Final = PodSettings()
