"""What a container engine cannot do, said before it is asked."""

from collections.abc import Sequence
from ipaddress import ip_address
from typing import Final

from opstwin.domain.pod_settings import NO_POD_SETTINGS
from opstwin.domain.workload import Port, Workload
from opstwin.errors import InvalidInput
from opstwin.targets.specs import clean_path

MIN_MEMORY_BYTES: Final = 6 * 1024 * 1024
"""Docker's own floor for a memory limit (moby, daemon/daemon_unix.go: linuxMinMemory)."""

MIN_CPU_MILLICORES: Final = 10
"""Docker's own floor, 0.01 CPU: the kernel takes no CFS quota under 1 ms in a period of 100 ms."""

MAX_CPU_MILLICORES: Final = (2**63 - 1) // 1_000_000
"""Docker counts in billionths of a CPU in 64 bits."""

MIN_HEALTH_S: Final = 0.001
"""Docker takes no health-check time under one millisecond, but for 0."""

RESERVED_NETWORKS: Final = frozenset({"bridge", "default", "host", "none"})


def check_limits(workload: Workload) -> None:
    """Raise `InvalidInput` with the field for what no container engine accepts."""
    if workload.autoscale is not None:
        raise InvalidInput(
            f"{workload.name} cannot scale by itself here: a container engine keeps the number it is told.",
            field="autoscale",
            next_step="Name a Kubernetes cluster as its target, or give replicas.",
        )
    if workload.pod != NO_POD_SETTINGS:
        raise InvalidInput(
            f"{workload.name} has settings of a pod, and a container engine runs no pods.",
            field="pod",
            next_step="Name a Kubernetes cluster as its target, or leave pod out.",
        )
    _check_amounts(workload)
    _check_ports(workload.ports)
    _check_mounts(workload)
    for name in workload.networks:
        if name in RESERVED_NETWORKS:
            raise InvalidInput(
                f"Network {name} belongs to the engine itself.",
                field="networks",
                next_step="Name a network of your own, or leave networks out for the default one.",
            )


def _check_amounts(workload: Workload) -> None:
    memory, cpu = workload.resources.memory_bytes, workload.resources.cpu_millicores
    if memory is not None and memory < MIN_MEMORY_BYTES:
        raise InvalidInput(
            f"resources.memory_bytes {memory} is below the 6 MiB that a container engine accepts.",
            field="resources.memory_bytes",
            next_step="Use 6Mi or more, for example 64Mi.",
        )
    if cpu is not None and not MIN_CPU_MILLICORES <= cpu <= MAX_CPU_MILLICORES:
        raise InvalidInput(
            f"resources.cpu_millicores {cpu} is outside what a container engine accepts.",
            field="resources.cpu_millicores",
            next_step=f"Use {MIN_CPU_MILLICORES}m or more, for example 500m.",
        )
    if workload.health is not None and 0 < workload.health.start_period_s < MIN_HEALTH_S:
        raise InvalidInput(
            "health.start_period_s must be 0 or at least 0.001.",
            field="health.start_period_s",
            next_step="Use 0 or for example 5.",
        )


def _check_ports(ports: Sequence[Port]) -> None:
    for port in ports:
        if port.container is None:
            raise InvalidInput(
                f"Port {port.host} has no port inside the container.",
                field="ports.container",
                next_step=f"Write both ends, for example {port.host}:80.",
            )
        try:
            ip_address(port.address)
        except ValueError as error:
            raise InvalidInput(
                f"ports.address {port.address[:40]!r} is not an IP address.",
                field="ports.address",
                next_step="Use 127.0.0.1 for this machine only, or 0.0.0.0 for all.",
            ) from error


def _check_mounts(workload: Workload) -> None:
    taken: set[str] = set()
    for mount in workload.volumes:
        path = clean_path(mount.path)
        if path == "/" or path in taken:
            raise InvalidInput(
                f"Two mounts cannot share {path}." if path in taken else "A mount cannot cover / of the container.",
                field="volumes.path",
                next_step="Give each mount a path of its own, such as /data.",
            )
        taken.add(path)
        if mount.volume is not None and len(mount.volume) < 2:
            raise InvalidInput(
                f"Volume name {mount.volume!r} is too short for a container engine.",
                field="volumes.volume",
                next_step="Use two characters or more.",
            )
