"""Settings of a container that no spec can say. Whoever adopts it should know: a replacement would lose them. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from opstwin.targets.docker.describing import Seen

_OFF: Final[tuple[Any, ...]] = (None, "", 0, False, [], {})
_HOST: Final[Mapping[str, str]] = {
    "AutoRemove": "auto_remove", "CapAdd": "cap_add", "CapDrop": "cap_drop", "CpuShares": "cpu_shares",
    "CpusetCpus": "cpuset", "DeviceRequests": "gpus", "Devices": "devices", "Dns": "dns", "ExtraHosts": "extra_hosts",
    "Init": "init", "Links": "links", "MemoryReservation": "memory_reservation", "OomKillDisable": "oom_kill_disable",
    "PidMode": "pid_mode", "PidsLimit": "pids_limit", "Privileged": "privileged", "ReadonlyRootfs": "read_only",
    "SecurityOpt": "security_opt", "Sysctls": "sysctls", "Tmpfs": "tmpfs", "UTSMode": "uts_mode",
    "Ulimits": "ulimits", "UsernsMode": "userns_mode", "VolumesFrom": "volumes_from",
}  # fmt: skip
"""HostConfig fields that are off by default → the word shown."""


def not_in_spec(seen: Seen) -> Iterator[str]:
    """The names of such settings, sorted, for example `entrypoint` and `privileged`."""
    return iter(sorted({*_of_the_host(seen.host), *_of_the_process(seen)}))


def _of_the_host(host: Mapping[str, Any]) -> Iterator[str]:
    for field, word in _HOST.items():
        if host.get(field) not in _OFF:
            yield word
    mode = str(host.get("NetworkMode") or "")
    if mode in ("host", "none") or mode.startswith("container:"):
        yield "network_mode"
    if int((host.get("RestartPolicy") or {}).get("MaximumRetryCount") or 0):
        yield "restart_retries"


def _of_the_process(seen: Seen) -> Iterator[str]:
    config, image = seen.config, seen.image
    if seen.image.known and tuple(config.get("Entrypoint") or ()) != image.entrypoint:
        yield "entrypoint"
    if seen.image.known and str(config.get("User") or "") != image.user:
        yield "user"
    if seen.image.known and str(config.get("WorkingDir") or "") != image.working_dir:
        yield "working_dir"
    if config.get("Tty"):
        yield "tty"
    if (config.get("Healthcheck") or {}).get("Test") == ["NONE"]:
        yield "no_healthcheck"
