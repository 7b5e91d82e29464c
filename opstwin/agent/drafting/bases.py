"""From what is known of a container to the Workload that a draft starts from, and back."""

from dataclasses import replace
from typing import Final

from opstwin.domain.names import is_storable
from opstwin.domain.workload import Port, Workload
from opstwin.manifests.generating.info import ContainerInfo

_OURS: Final = "io.opstwin."
_LONGEST_LABEL: Final = 1024


def base_of(info: ContainerInfo) -> Workload:
    """The Workload. Ports of the engine's machine are left out: nothing else publishes them.

    Raises `InvalidInput` naming the field for what no Workload can be.
    """
    labels = {key: value for key, value in info.labels.items() if _fits(key) and _fits(value)}
    tcp = tuple(Port(container=number) for number in info.ports)
    udp = tuple(Port(container=number, protocol="udp") for number in info.udp_ports)
    return Workload(
        name=info.name, image=info.image, command=info.command, entrypoint=info.entrypoint,
        working_dir=info.working_dir, user=info.run_as, ports=(*tcp, *udp),
        env={key: value for key, value in info.env_vars.items() if key not in info.secret_env},
        secret_env=info.secret_env, volumes=info.mounts, networks=info.networks, resources=info.resources,
        replicas=info.replicas, health=info.health, labels=labels, restart=info.restart, running=info.running,
        needs=info.needs, autoscale=info.autoscale,
    )  # fmt: skip


def drafted_in(base: Workload, draft: Workload) -> frozenset[str]:
    """What a draft fills in that its base leaves open, by the names of an answer's fields."""
    pairs = {
        "memory": (base.resources.memory_bytes, draft.resources.memory_bytes),
        "cpu": (base.resources.cpu_millicores, draft.resources.cpu_millicores),
        "replicas": (base.replicas, draft.replicas),
        "probe": (base.health, draft.health),
        "autoscale": (base.autoscale, draft.autoscale),
    }
    return frozenset(name for name, (before, after) in pairs.items() if before != after)


def filled_in(info: ContainerInfo, workload: Workload) -> ContainerInfo:
    """The container with what a draft fills in, and nothing else of it."""
    return replace(
        info, resources=workload.resources, replicas=workload.replicas, health=workload.health,
        autoscale=workload.autoscale,
    )  # fmt: skip


def _fits(text: str) -> bool:
    return is_storable(text) and text.isprintable() and len(text) <= _LONGEST_LABEL and not text.startswith(_OURS)
