"""Settings of a container that no spec can say. Whoever adopts it should know: a replacement would lose them. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from opstwin.targets.docker.describing import Seen

_OFF: Final[tuple[Any, ...]] = (None, "", 0, False, [], {})
_USUAL_SHM_BYTES: Final = 64 << 20
"""`/dev/shm` of a container for which nobody asked for another size (Docker Engine)."""

_SHORT_ID: Final = 12
_HOST: Final[Mapping[str, str]] = {
    "AutoRemove": "auto_remove", "CapAdd": "cap_add", "CapDrop": "cap_drop", "CpuShares": "cpu_shares",
    "CpusetCpus": "cpuset", "DeviceRequests": "gpus", "Devices": "devices", "Dns": "dns", "ExtraHosts": "extra_hosts",
    "BlkioWeight": "blkio_weight", "CgroupParent": "cgroup_parent", "CpusetMems": "cpuset_mems",
    "DeviceCgroupRules": "device_cgroup_rules", "DnsOptions": "dns_options", "DnsSearch": "dns_search",
    "GroupAdd": "group_add", "Init": "init", "Links": "links", "OomScoreAdj": "oom_score_adj",
    "PublishAllPorts": "publish_all", "MemoryReservation": "memory_reservation", "OomKillDisable": "oom_kill_disable",
    "PidMode": "pid_mode", "PidsLimit": "pids_limit", "Privileged": "privileged", "ReadonlyRootfs": "read_only",
    "SecurityOpt": "security_opt", "Sysctls": "sysctls", "Tmpfs": "tmpfs", "UTSMode": "uts_mode",
    "Ulimits": "ulimits", "UsernsMode": "userns_mode", "VolumesFrom": "volumes_from",
}  # fmt: skip
"""HostConfig fields that are off by default → the word shown."""


def not_in_spec(seen: Seen) -> Iterator[str]:
    """The names of such settings, sorted, for example `privileged`."""
    return iter(sorted({*_of_the_host(seen.host), *_of_the_process(seen)}))


def _of_the_host(host: Mapping[str, Any]) -> Iterator[str]:
    for field, word in _HOST.items():
        if host.get(field) not in _OFF:
            yield word
    mode = str(host.get("NetworkMode") or "")
    if mode in ("host", "none") or mode.startswith("container:"):
        yield "network_mode"
    ipc = str(host.get("IpcMode") or "")
    if ipc in ("host", "none") or ipc.startswith("container:"):
        yield "ipc_mode"
    if host.get("ShmSize") not in (None, 0, _USUAL_SHM_BYTES):
        yield "shm_size"
    if int((host.get("RestartPolicy") or {}).get("MaximumRetryCount") or 0):
        yield "restart_retries"


def _of_the_process(seen: Seen) -> Iterator[str]:
    config = seen.config
    for field, word in (("Tty", "tty"), ("OpenStdin", "stdin"), ("Domainname", "domainname")):
        if config.get(field):
            yield word
    if config.get("StopTimeout"):
        yield "stop_timeout"
    if str(config.get("Hostname") or "") not in ("", str(seen.found["Id"])[:_SHORT_ID]) and _has_own_name(seen.host):
        yield "hostname"
    if (config.get("Healthcheck") or {}).get("Test") == ["NONE"]:
        yield "no_healthcheck"


def _has_own_name(host: Mapping[str, Any]) -> bool:
    """Whether it has a host name of its own, and not that of the host or of another container."""
    return not str(host.get("NetworkMode") or "").startswith(("host", "container:")) and not host.get("UTSMode")


def in_every_pod(seen: Seen) -> Iterator[str]:
    """Those of `not_in_spec` that any manifest for a cluster says anyway: few rights of the kernel, and never more."""
    if seen.host.get("CapDrop"):
        yield "cap_drop"
    options = {str(option).replace("=", ":").removesuffix(":true") for option in seen.host.get("SecurityOpt") or ()}
    if options == {"no-new-privileges"}:
        yield "security_opt"


def written_folders(seen: Seen) -> list[str] | None:
    """Where a container with a read-only file system may write, beside its volumes; None where it may everywhere."""
    return sorted(map(str, seen.host.get("Tmpfs") or {})) if seen.host.get("ReadonlyRootfs") else None
