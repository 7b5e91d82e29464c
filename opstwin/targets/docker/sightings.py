"""Engine descriptions as sightings: spec, facts, health, marks and links. Pure."""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from opstwin.domain.resource import Health, Presence
from opstwin.domain.values import Json, ResourceId, Spec, TargetId, resource_id
from opstwin.logs import redacted_start
from opstwin.targets.docker.composing import names, objects
from opstwin.targets.docker.defaults import Found, ImageDefaults
from opstwin.targets.docker.describing import Seen, anonymous_volumes, container_spec, image_health
from opstwin.targets.docker.extras import in_every_pod, not_in_spec, written_folders
from opstwin.targets.docker.marks import marks_of
from opstwin.targets.docker.masking import secrets_of
from opstwin.targets.ports import Sighting
from opstwin.targets.specs import full_form, full_image_name

KINDS: Final = ("container", "volume", "network", "image")
_MOMENT: Final = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)")
MAX_SAID: Final = 300
"""Characters kept of an error or of a health check's output."""

_CHECKED: Final = {"healthy": Health.HEALTHY, "unhealthy": Health.UNHEALTHY, "starting": Health.STARTING}


def container_sighting(target: TargetId, seen: Seen) -> Sighting:
    """One container."""
    found, name, spec = seen.found, name_of(seen.found), container_spec(seen)
    return Sighting(
        resource=resource_id(target, "container", name),
        kind="container",
        name=name,
        presence=Presence.PRESENT,
        spec=spec,
        facts=_container_facts(seen),
        health=health_of(found),
        managed=seen.marks.managed,
        links=tuple(_links(target, seen, spec)),
    )


def volume_sighting(target: TargetId, found: Found) -> Sighting:
    """One volume."""
    facts: dict[str, Json] = {"id": str(found["Name"]), "created_at": moment(found.get("CreatedAt"))}
    return _store(target, "volume", found, facts)


def network_sighting(target: TargetId, found: Found) -> Sighting:
    """One network."""
    subnets = [str(item.get("Subnet")) for item in (found.get("IPAM") or {}).get("Config") or ()]
    facts: dict[str, Json] = {
        "id": str(found["Id"]), "created_at": moment(found.get("Created")), "subnets": [*subnets],
    }  # fmt: skip
    return _store(target, "network", found, facts)


def image_sighting(target: TargetId, name: str, found: Found, image: ImageDefaults) -> Sighting:
    """One image, listed or inspected, under one of its names."""
    digests = [str(item).partition("@")[2] for item in found.get("RepoDigests") or ()]
    spec: dict[str, Json] = {
        "tags": [*tags_of(found)],
        "exposed_ports": [*sorted(image.exposed_ports)],
        "digest": next((item for item in digests if item), ""),
    }
    facts: dict[str, Json] = {
        "id": str(found["Id"]), "created_at": moment(found.get("Created")), "size_bytes": found.get("Size"),
    }  # fmt: skip
    return Sighting(
        resource=resource_id(target, "image", name), kind="image", name=name, presence=Presence.PRESENT,
        spec=full_form("image", spec), facts=facts,
    )  # fmt: skip


def absent(target: TargetId, kind: str, name: str) -> Sighting:
    """What an engine positively said that there is none of."""
    return Sighting(resource=resource_id(target, kind, name), kind=kind, name=name, presence=Presence.ABSENT)


def unknown(target: TargetId, kind: str, name: str, error: str) -> Sighting:
    """What nobody could say anything about, and why."""
    return Sighting(
        resource=resource_id(target, kind, name), kind=kind, name=name, presence=Presence.UNKNOWN,
        health=Health.UNKNOWN, error=error,
    )  # fmt: skip


def name_of(container: Found) -> str:
    """A container's name without the slash that engines put before it."""
    return str(container.get("Name") or "").removeprefix("/")


def tags_of(image: Found) -> list[str]:
    """The names of an image; none for one that lost them."""
    return sorted(str(tag) for tag in image.get("RepoTags") or () if tag != "<none>:<none>")


def moment(value: Any) -> str | None:
    """An engine's moment as ISO 8601 in UTC, or None for its "never"; nanoseconds are cut to microseconds."""
    if isinstance(value, int):
        return datetime.fromtimestamp(value, UTC).isoformat()
    match = _MOMENT.fullmatch(str(value or ""))
    if match is None or match[1].startswith("0001-"):
        return None
    zone = "+00:00" if match[3] == "Z" else match[3]
    return datetime.fromisoformat(f"{match[1]}.{(match[2] or '0')[:6]:0<6}{zone}").astimezone(UTC).isoformat()


def health_of(container: Found) -> Health:
    """With a health check what it says; without one, running is healthy and dying again and again is not."""
    state = container.get("State") or {}
    if state.get("Restarting") or state.get("Paused"):
        return Health.UNHEALTHY
    if not state.get("Running"):
        return Health.STOPPED
    said = str((state.get("Health") or {}).get("Status") or "none")
    return _CHECKED.get(said, Health.HEALTHY)


def _container_facts(seen: Seen) -> Mapping[str, Json]:
    found = seen.found
    state: Found = found.get("State") or {}
    networks: Mapping[str, Found] = (found.get("NetworkSettings") or {}).get("Networks") or {}
    addresses = {name: str(item.get("IPAddress") or "") for name, item in networks.items()}
    facts: dict[str, Json] = {
        "id": str(found["Id"]),
        "image_id": str(found.get("Image") or ""),
        "state": str(state.get("Status") or ""),
        "created_at": moment(found.get("Created")),
        "started_at": moment(state.get("StartedAt")),
        "finished_at": moment(state.get("FinishedAt")),
        "exit_code": None if _runs_now(state) or not moment(state.get("StartedAt")) else state.get("ExitCode"),
        "restart_count": int(found.get("RestartCount") or 0),
        "oom_killed": bool(state.get("OOMKilled")),
        "user": str(seen.config.get("User") or ""),
        "exposed_ports": [*sorted(set(_exposed(seen)))],
        "ip_addresses": {name: address for name, address in sorted(addresses.items()) if address},
        **seen.marks.facts(),
    }
    optional: dict[str, Json] = {
        "anonymous_volumes": dict(anonymous_volumes(found)),
        "not_in_spec": [] if seen.marks.managed else [*not_in_spec(seen)],
        "in_every_pod": [] if seen.marks.managed else [*in_every_pod(seen)],
        "image_health": image_health(seen),
        "start_error": _said(state.get("Error")),
        "health_output": _last_output(found) if health_of(found) is Health.UNHEALTHY else "",
    }
    folders = written_folders(seen)
    if folders is not None:
        facts["writes"] = [*folders]
    return facts | {key: value for key, value in optional.items() if value}


def _exposed(seen: Seen) -> Iterator[int]:
    """The TCP ports that it, or its image, says that it listens on; engines copy the image's into the container."""
    for key in seen.config.get("ExposedPorts") or ():
        number, _, protocol = str(key).partition("/")
        if number.isdecimal() and protocol in ("", "tcp"):
            yield int(number)


def _runs_now(state: Found) -> bool:
    """Whether a process of it runs at this moment, and not only again soon."""
    return bool(state.get("Running")) and not state.get("Restarting")


def _last_output(found: Found) -> str:
    """What the last run of the health check wrote, without the container's own secrets."""
    runs = ((found.get("State") or {}).get("Health") or {}).get("Log") or ()
    return _said(secrets_of(found).over(str(runs[-1].get("Output") or ""))) if runs else ""


def _said(text: Any) -> str:
    """Text of the engine or of a program in a container: cut, and without secrets."""
    return redacted_start(str(text or "").strip(), MAX_SAID)


def _links(target: TargetId, seen: Seen, spec: Spec) -> Iterator[tuple[str, ResourceId]]:
    yield "runs", resource_id(target, "image", _image_name(seen.found))
    for mount in objects(spec, "mounts"):
        if mount["volume"]:
            yield "mounts", resource_id(target, "volume", str(mount["volume"]))
    for name in sorted({*anonymous_volumes(seen.found).values()}):
        yield "mounts", resource_id(target, "volume", name)
    for network in names(spec, "networks"):
        yield "joins", resource_id(target, "network", network)


def _image_name(container: Found) -> str:
    name = str((container.get("Config") or {}).get("Image") or "")
    return str(container.get("Image")) if "@" in name or name.startswith("sha256:") else full_image_name(name)


def _store(target: TargetId, kind: str, found: Found, facts: dict[str, Json]) -> Sighting:
    name, marks = str(found["Name"]), marks_of(found.get("Labels"))
    labels: dict[str, Json] = {key: str(value) for key, value in (found.get("Labels") or {}).items()}
    spec: dict[str, Json] = {"driver": str(found.get("Driver") or ""), "labels": labels}
    return Sighting(
        resource=resource_id(target, kind, name), kind=kind, name=name, presence=Presence.PRESENT,
        spec=full_form(kind, spec), facts={**facts, **marks.facts()}, managed=marks.managed,
    )  # fmt: skip
