"""How a Workload becomes containers, volumes and networks, for the drivers `docker` and `sim` alike. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from opstwin.domain.diff import FieldChange, diff
from opstwin.domain.values import Json, ResourceId, Spec, TargetId, resource_id
from opstwin.domain.workload import HealthCheck, Port, Workload
from opstwin.errors import Unclear
from opstwin.targets.limits import check_limits
from opstwin.targets.ports import Rendered
from opstwin.targets.spec_reading import checked_store, health_verdict_s, workload_of
from opstwin.targets.specs import BARE_NETWORK, BARE_VOLUME, full_form

IN_PLACE: Final = frozenset({"cpu_millicores", "memory_bytes", "restart", "running"})
"""What an engine can change on a container that exists."""

KEEPS_A_LIMIT: Final = frozenset({"cpu_millicores", "memory_bytes"})
"""An engine can move these limits but not lift them: it reads "no limit" as "leave as it is"."""

_SHOWN_REPLICAS: Final = 4


class ContainerRenderer:
    """Renders for one target that runs plain containers. Replica n of workload `web` is the container `web-n`."""

    def __init__(self, target: TargetId) -> None:
        self._target = target

    def render(self, workload: Workload) -> Sequence[Rendered]:
        """Networks, then volumes, then containers, which need the former.

        Raises `InvalidInput` with the field for what a container engine cannot do. Ports must be resolved before
        (`resolved_ports`).
        """
        check_limits(workload)
        networks = [self._made("network", name, dict(BARE_NETWORK)) for name in sorted(set(workload.networks))]
        named = sorted({mount.volume for mount in workload.volumes if mount.volume is not None})
        volumes = [self._made("volume", name, dict(BARE_VOLUME)) for name in named]
        needs = tuple(item.resource for item in (*networks, *volumes))
        return (*networks, *volumes, *self._containers(workload, needs))

    def must_replace(self, kind: str, before: Spec, after: Spec) -> tuple[str, ...]:
        """The dotted fields that cannot be changed on what exists. Lifting a CPU or memory limit is one of them."""
        changes = diff(self.comparable(kind, before), self.comparable(kind, after))
        return tuple(
            ".".join(change.path)
            for change in changes
            if kind != "container" or not _changes_in_place(change.path[0], change.after)
        )

    def comparable(self, kind: str, spec: Spec) -> Spec:
        """The full form of `spec`: defaults filled in, lists in one order, image names written out, marks left out.

        Raises `InvalidInput` for a kind that container engines do not have.
        """
        return full_form(kind, spec)

    def difference(self, kind: str, wanted: Spec, found: Spec) -> tuple[FieldChange, ...]:
        """Every field: a container engine fills in nothing that the full form does not name."""
        return diff(self.comparable(kind, wanted), self.comparable(kind, found))

    def checked(self, kind: str, name: str, spec: Spec) -> Spec:
        """`spec` in full form. Raises `InvalidInput` naming the field for what is unknown, mistyped or out of range."""
        if kind != "container":
            return checked_store(kind, spec)
        return self.render(workload_of("checked", spec))[-1].spec

    def verdict_s(self, kind: str, spec: Spec) -> float:
        """What the health check needs to fail for the last time."""
        return health_verdict_s(spec)

    def _containers(self, workload: Workload, needs: tuple[ResourceId, ...]) -> Iterator[Rendered]:
        for number in range(1, workload.replicas + 1):
            made = self._made("container", f"{workload.name}-{number}", _container(workload, number))
            yield replace(made, needs=needs)

    def _made(self, kind: str, name: str, spec: Spec) -> Rendered:
        return Rendered(resource=resource_id(self._target, kind, name), kind=kind, name=name, spec=spec)


def resolved_ports(workload: Workload, exposed: Sequence[int] | None) -> tuple[Workload, tuple[str, ...]]:
    """`workload` with every container port decided, and notes that say in words what was taken.

    `exposed` are the ports that the image exposes, None while it is not there and nobody knows. Raises `Unclear` with
    `details["choices"]` when it exposes several and none has the number of the host's port.
    """
    ports: list[Port] = []
    notes: list[str] = []
    for port in workload.ports:
        taken, why = _resolved(port, None if exposed is None else sorted(set(exposed)), workload.image)
        ports.append(taken)
        notes += [why] if why else []
        notes += [_replica_note(workload, taken.host)] if taken.host is not None and workload.replicas > 1 else []
    return replace(workload, ports=tuple(ports)), tuple(notes)


def _resolved(port: Port, exposed: list[int] | None, image: str) -> tuple[Port, str]:
    if port.container is not None or port.host is None:
        return port, ""
    if exposed is None:
        why = (
            f"Port {port.host} leads to port {port.host} inside: what {image} exposes is not known before it is there. "
            f"If it listens on another port, write both, such as {port.host}:80."
        )
        return replace(port, container=port.host), why
    if len(exposed) == 1:
        why = f"Port {port.host} leads to port {exposed[0]}, the only one that image {image} exposes."
        return replace(port, container=exposed[0]), why
    if not exposed or port.host in exposed:
        reason = "exposes no port" if not exposed else "exposes several ports, this one among them"
        why = f"Port {port.host} leads to port {port.host} inside: image {image} {reason}."
        return replace(port, container=port.host), why
    choices = [f"{port.host}:{number}" for number in exposed]
    raise Unclear(
        f"Image {image} exposes several ports, so port {port.host} needs its other end.",
        field="ports.container",
        next_step=f"Write one of: {', '.join(choices)}.",
        details={"choices": choices},
    )


def _replica_note(workload: Workload, first: int) -> str:
    pairs = [f"{workload.name}-{n} on {first + n - 1}" for n in range(1, workload.replicas + 1)]
    if len(pairs) > _SHOWN_REPLICAS:
        pairs = [*pairs[: _SHOWN_REPLICAS - 1], f"… {pairs[-1]}"]
    last = first + workload.replicas - 1
    return f"Replicas share no port, so they publish {first} to {last}: {', '.join(pairs)}."


def _container(workload: Workload, number: int) -> Spec:
    draft: dict[str, Json] = {
        "image": workload.image,
        "command": list(workload.command) if workload.command else None,
        "entrypoint": list(workload.entrypoint) if workload.entrypoint else None,
        "user": workload.user,
        "working_dir": workload.working_dir,
        "env": dict(workload.env),
        "secret_env": dict(workload.secret_env),
        "ports": [_port(port, number) for port in workload.ports],
        "mounts": [
            {"path": item.path, "volume": item.volume, "host_path": item.host_path, "read_only": item.read_only}
            for item in workload.volumes
        ],
        "networks": list(workload.networks),
        "cpu_millicores": workload.resources.cpu_millicores,
        "memory_bytes": workload.resources.memory_bytes,
        "health": _health(workload.health),
        "labels": dict(workload.labels),
        "restart": workload.restart.value,
        "running": workload.running,
    }
    return {**full_form("container", draft), "image": workload.image}


def _port(port: Port, number: int) -> Json:
    host = None if port.host is None else port.host + number - 1
    return {"container": port.container, "host": host, "protocol": port.protocol, "address": port.address}


def _health(check: HealthCheck | None) -> Json:
    if check is None:
        return None
    return {
        "command": list(check.command),
        "interval_s": check.interval_s,
        "timeout_s": check.timeout_s,
        "retries": check.retries,
        "start_period_s": check.start_period_s,
    }


def _changes_in_place(name: str, after: Json) -> bool:
    return name in IN_PLACE and not (name in KEEPS_A_LIMIT and after is None)
