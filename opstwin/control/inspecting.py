"""What is known of a container or an image that was seen, and of a workload beside what was asked for."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from opstwin.control.drivers import Readers
from opstwin.control.ledger import Ledger
from opstwin.control.retrying import Breakers
from opstwin.control.sampling import usage_readings
from opstwin.domain.deployment import image_parts
from opstwin.domain.kinds import CONTAINER
from opstwin.domain.resource import Observed, Presence
from opstwin.domain.target import Target
from opstwin.domain.values import Json, Spec, TargetId
from opstwin.domain.workload import RestartPolicy, Workload
from opstwin.errors import InvalidInput
from opstwin.manifests.generating.info import ContainerInfo, info_of_container, info_of_workload
from opstwin.targets.ports import UsageReading

_CARRIED: Final = frozenset({"user"})
"""Settings outside a spec that the manifests say all the same."""

_READ_ONLY: Final = frozenset({"read_only", "tmpfs"})
"""What a container with a read-only file system was told: its folders in memory become empty folders."""


async def seen_container(ledger: Ledger, readers: Readers, breakers: Breakers, seen: Observed) -> ContainerInfo:
    """A container as it was last seen, with what it uses now where its target says so.

    Raises `InvalidInput` for what is no container, and for one that nobody sees now.
    """
    if seen.kind != CONTAINER:
        raise InvalidInput(
            f"{seen.id} is no container.", field="source", next_step="Name a container or a workload: opstwin get"
        )
    if seen.presence is not Presence.PRESENT or seen.spec is None:
        raise InvalidInput(
            f"{seen.id} is not there, or cannot be seen now.", field="source",
            next_step=f"Look again: opstwin discover {seen.target}",
        )  # fmt: skip
    used = await _used(ledger, readers, breakers, seen)
    facts: dict[str, Json] = dict(seen.facts)
    if used is not None:
        facts |= {"cpu_millicores": used.cpu_millicores, "memory_bytes": used.memory_bytes}
    facts["not_in_spec"] = _lost(facts)
    return info_of_container(seen.name, _with_check(seen.spec, facts), facts)


def seen_workload(workload: Workload, parts: Sequence[Observed]) -> ContainerInfo:
    """A workload, with what its containers show of its image: the user, and ports and check where none is asked for."""
    info = info_of_workload(workload)
    shown = next((item for item in parts if item.kind == CONTAINER and item.spec is not None), None)
    if shown is None or shown.spec is None:
        return info
    seen = info_of_container(shown.name, _with_check(shown.spec, shown.facts), shown.facts)
    named = bool(info.ports or info.udp_ports)
    return replace(info, user=seen.user, health=info.health or seen.health, ports=info.ports if named else seen.ports)


def seen_image(image: str, seen: Observed | None) -> ContainerInfo:
    """A container of an image, named after it, with the ports that the image exposes where some target has it."""
    exposed = (seen.spec or {}).get("exposed_ports") if seen is not None else None
    ports = [str(item).partition("/") for item in exposed] if isinstance(exposed, list) else []
    spec: dict[str, Json] = {"image": image, "restart": RestartPolicy.UNLESS_STOPPED.value}
    info = info_of_container(image_parts(image)[0].rpartition("/")[2], spec)
    return replace(info, ports=_numbers(ports, ("", "tcp")), udp_ports=_numbers(ports, ("udp",)))


def _numbers(ports: Iterable[tuple[str, str, str]], protocols: Sequence[str]) -> tuple[int, ...]:
    return tuple(sorted({int(port) for port, _, protocol in ports if port.isdecimal() and protocol in protocols}))


def _with_check(spec: Spec, facts: Mapping[str, Json]) -> Spec:
    """The spec with the check of the image where it has none of its own: clusters do not run the image's."""
    return spec if spec.get("health") else {**spec, "health": facts.get("image_health")}


async def _used(ledger: Ledger, readers: Readers, breakers: Breakers, seen: Observed) -> UsageReading | None:
    """What it uses now; None where nobody can say, which is no reason to tell nothing else."""
    target = await ledger.get(Target, seen.target)
    if target is None or breakers.is_open(TargetId(seen.target)) or seen.facts.get("state") == "exited":
        return None
    found, _ = await usage_readings(readers.reader(target), [seen.id])
    return found.get(seen.id)


def _lost(facts: dict[str, Json]) -> Json:
    """The settings that nothing says: the user is said where it is a number."""
    settings, said = facts.get("not_in_spec"), facts.get("in_every_pod")
    user = str(facts.get("user") or "").partition(":")[0]
    kept = {*said} if isinstance(said, list) else set()
    kept |= _CARRIED if user.isdecimal() else frozenset()
    kept |= _READ_ONLY if "writes" in facts else frozenset()
    return [word for word in settings if word not in kept] if isinstance(settings, list) else []
