"""The `volumes` and `networks` of a Compose service."""

from collections.abc import Mapping
from typing import Final

from opstwin.domain.workload import Mount
from opstwin.intent import compose_advice as advice
from opstwin.intent.compose_pod import is_memory_mount
from opstwin.intent.spots import Spot

_MOUNT_KEYS: Final = ("type", "source", "target", "read_only")


def read_networks(spot: Spot | None, networks: Mapping[str, str]) -> tuple[str, ...]:
    """The real names; the project's default network when none is named."""
    named: dict[str, Spot] = {}
    if spot is not None and not spot.is_null:
        named = {item.text(): item for item in spot.items()} if spot.is_list else spot.entries()
    for key, item in named.items():
        if key not in networks:
            raise item.fault(f"names network {key[:80]!r}, which the file does not declare", f"Add networks: {key}:.")
        if spot is not None and not spot.is_list:
            item.only((), advice.ATTACHMENT)
    return tuple(networks[key] for key in named or ("default",))


def read_mounts(spot: Spot | None, volumes: Mapping[str, str], *, in_memory: bool = False) -> tuple[Mount, ...]:
    """The mounts; `volumes` are the real names of the volumes that the file declares, by key.

    Folders `in_memory` are none of them: `compose_pod` reads those.
    """
    if spot is None or spot.is_null:
        return ()
    kept = (item for item in spot.items() if not (in_memory and is_memory_mount(item)))
    return tuple(_short_mount(item, volumes) if item.is_single else _long_mount(item, volumes) for item in kept)


def _short_mount(spot: Spot, volumes: Mapping[str, str]) -> Mount:
    parts = spot.text().split(":")
    if len(parts) == 1:
        raise spot.fault("has no name", "Name the volume, such as data:/data, so that its data can be found again.")
    mode = parts[2] if len(parts) == 3 else "rw"
    if len(parts) > 3 or mode not in ("ro", "rw"):
        raise spot.fault("is not a volume", "Write it like data:/data, data:/data:ro or /srv/data:/data.")
    return _mount(spot, (parts[0], parts[1], mode == "ro"), volumes)


def _long_mount(spot: Spot, volumes: Mapping[str, str]) -> Mount:
    keys = spot.only(_MOUNT_KEYS, advice.MOUNT)
    for name in ("type", "source", "target"):
        if name not in keys:
            raise spot.fault(f"has no {name}", f"Add {name}:.")
    kind = keys["type"].one_of(("volume", "bind"), "Use volume or bind.")
    source = keys["source"].text()
    if (kind == "bind") != source.startswith(("/", ".", "~")):
        raise keys["source"].fault(f"does not fit type {kind}", "A bind takes a path, a volume takes a name.")
    read_only = keys["read_only"].flag() if "read_only" in keys else False
    return _mount(spot, (source, keys["target"].text(), read_only), volumes)


def _mount(spot: Spot, form: tuple[str, str, bool], volumes: Mapping[str, str]) -> Mount:
    source, path, read_only = form
    if source.startswith((".", "~")):
        raise spot.fault(
            "is relative to a folder that the target does not know", "Write the whole path, such as /srv/app/data."
        )
    if source.startswith("/"):
        return spot.checked(lambda: Mount(path=path, host_path=source, read_only=read_only))
    if source not in volumes:
        raise spot.fault(f"names volume {source[:80]!r}, which the file does not declare", f"Add volumes: {source}:.")
    return spot.checked(lambda: Mount(path=path, volume=volumes[source], read_only=read_only))
