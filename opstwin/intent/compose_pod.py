"""The keys of a Compose service that only a cluster is told: what a pod has of its own."""

from collections.abc import Callable, Iterator, Mapping
from math import ceil
from typing import Any, Final

from opstwin.domain.names import checked_path
from opstwin.domain.pod_settings import PodSettings, Pull
from opstwin.intent import compose_advice as advice
from opstwin.intent.quantities import compose_bytes, cpu_millicores, seconds
from opstwin.intent.spots import Spot

_PULLS: Final = {
    "always": Pull.ALWAYS, "missing": Pull.MISSING, "if_not_present": Pull.MISSING, "never": Pull.NEVER,
}  # fmt: skip
_OPEN_MODES: Final = frozenset({"777", "0777", "1777", "01777"})
"""What a pod's folder in memory lets everybody do anyway."""


def read_pod(service: Spot, keys: Mapping[str, Spot]) -> PodSettings:
    """What the keys of a service say of its pod. Raises `InvalidInput` with path and line."""
    found: dict[str, Any] = {}
    for key, (name, read) in _READERS.items():
        spot = keys.get(key)
        if spot is None or spot.is_null:
            continue
        value = read(spot)
        if name:
            found[name] = value
            spot.checked(lambda name=name, value=value: PodSettings(**{name: value}))  # type: ignore[misc]
    found |= _reservations(keys)
    folders = dict(_mounted(keys.get("volumes")))
    if folders:
        found["memory_folders"] = found.get("memory_folders", {}) | folders
    return service.checked(lambda: PodSettings(**found))


def is_memory_mount(spot: Spot) -> bool:
    """Whether an entry of `volumes` is a folder in memory."""
    if spot.is_single or spot.is_list:
        return False
    kind = spot.entries().get("type")
    return kind is not None and kind.is_single and kind.text() == "tmpfs"


def _mounted(spot: Spot | None) -> Iterator[tuple[str, int | None]]:
    """The folders in memory among the `volumes`."""
    for item in spot.items() if spot is not None and spot.is_list else ():
        if not is_memory_mount(item):
            continue
        keys = item.only(("type", "target", "tmpfs"), advice.MOUNT)
        if "target" not in keys:
            raise item.fault("has no target", "Add target:, such as target: /run.")
        about = keys["tmpfs"].only(("size", "mode"), {}) if "tmpfs" in keys else {}
        if "mode" in about:
            _check_mode(about["mode"], about["mode"].raw())
        target = keys["target"]
        yield (
            target.checked(lambda target=target: checked_path(target.text(), "target")),  # type: ignore[misc]
            _size(about["size"]) if "size" in about else None,
        )


def _folders(spot: Spot) -> dict[str, int | None]:
    return dict(_folder(item) for item in (spot.items() if spot.is_list else (spot,)))


def _folder(spot: Spot) -> tuple[str, int | None]:
    """`/run`, or `/run:size=64m,mode=1777`."""
    path, _, options = spot.text().partition(":")
    size = None
    for option in filter(None, options.split(",")):
        name, _, value = option.partition("=")
        if name == "size":
            size = spot.checked(lambda value=value: compose_bytes(value, "size"))  # type: ignore[misc]
        elif name == "mode":
            _check_mode(spot, value)
        elif name != "rw":
            raise spot.fault(
                f"has the option {name[:40]!r}, and a pod's folder in memory has none but its size", "Keep size= only."
            )
    return spot.checked(lambda: checked_path(path, "tmpfs")), size


def _check_mode(spot: Spot, mode: str) -> None:
    if mode not in _OPEN_MODES:
        raise spot.fault(
            f"asks for mode {mode[:20]}, and everybody in a pod may write to its folders in memory",
            "Leave mode out, and have the program set it.",
        )


def _size(spot: Spot) -> int:
    return spot.checked(lambda: compose_bytes(spot.raw(), spot.name))


def _grace(spot: Spot) -> int:
    return ceil(spot.checked(lambda: seconds(spot.raw(), spot.name)))


def _hosts(spot: Spot) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, address, item in _host_pairs(spot):
        if address == "host-gateway":
            raise item.fault(
                "names host-gateway, and a pod has no host of its own to reach",
                "Write the address, or use the name of a Service.",
            )
        if name in found and found[name] != address:
            raise item.fault(f"names {name[:80]} for the second time", "Keep one of the two.")
        found[name] = address
    return found


def _host_pairs(spot: Spot) -> Iterator[tuple[str, str, Spot]]:
    """`name:address` and `name=address`; IPv6 with or without square brackets."""
    if not spot.is_list:
        for name, item in spot.entries().items():
            yield name, item.raw().strip("[]"), item
        return
    for item in spot.items():
        text = item.text()
        name, _, address = text.partition("=" if "=" in text else ":")
        yield name, address.strip("[]"), item


def _words(spot: Spot) -> tuple[str, ...]:
    return tuple(item.raw() for item in spot.items()) if spot.is_list else (spot.raw(),)


def _pairs(spot: Spot) -> dict[str, str]:
    if not spot.is_list:
        return {name: item.raw() for name, item in spot.entries().items()}
    found: dict[str, str] = {}
    for item in spot.items():
        name, equals, value = item.text().partition("=")
        if not equals or name in found:
            raise item.fault("is not name=value, or is there twice", "Write each once, such as name=value.")
        found[name] = value
    return found


def _sysctls(spot: Spot) -> dict[str, str]:
    return {name.replace("/", "."): value for name, value in _pairs(spot).items()}


def _capabilities(spot: Spot) -> tuple[str, ...]:
    return tuple(dict.fromkeys(word.upper().removeprefix("CAP_") for word in _words(spot)))


def _groups(spot: Spot) -> tuple[int, ...]:
    for item in spot.items():
        if not item.raw().isdecimal():
            raise item.fault("names a group without its number", "Write the number: a pod does not know names.")
    return tuple(item.whole() for item in spot.items())


def _pull(spot: Spot) -> Pull:
    word = spot.one_of(tuple(_PULLS), f"Use one of: {', '.join(_PULLS)}.")
    return _PULLS[word]


def _platform(spot: Spot) -> str:
    """`linux/arm/v7` runs on nodes of `arm`: Kubernetes knows no variants."""
    return "/".join(spot.text().split("/")[:2])


def _security(spot: Spot) -> None:
    """The one option that every pod has anyway."""
    for item in spot.items():
        if item.text() not in ("no-new-privileges", "no-new-privileges:true", "no-new-privileges=true"):
            raise item.fault("is not supported", "Remove it: every pod has no-new-privileges and the runtime's filter.")


def _reservations(keys: Mapping[str, Spot]) -> dict[str, Any]:
    """What is asked for on a node: the requests of a pod."""
    deploy = keys["deploy"].entries() if "deploy" in keys else {}
    resources = deploy["resources"].entries() if "resources" in deploy else {}
    asked: Mapping[str, Spot] = {}
    if "reservations" in resources:
        asked = resources["reservations"].only(("cpus", "memory"), advice.RESERVATIONS)
    found: dict[str, Any] = {}
    if "cpus" in asked:
        cpus = asked["cpus"]
        found["requested_cpu_millicores"] = cpus.checked(lambda: cpu_millicores(cpus.raw(), "cpus"))
    memory = [_size(spot) for spot in (asked.get("memory"), keys.get("mem_reservation")) if spot is not None]
    if len(set(memory)) > 1:
        raise keys["mem_reservation"].fault("says something else than deploy.resources", "Keep one of the two.")
    return {**found, "requested_memory_bytes": memory[0]} if memory else found


_READERS: Final[Mapping[str, tuple[str, Callable[[Spot], Any]]]] = {
    "read_only": ("read_only", Spot.flag), "tmpfs": ("memory_folders", _folders),
    "shm_size": ("shared_memory_bytes", _size), "stop_grace_period": ("stop_grace_s", _grace),
    "extra_hosts": ("hosts", _hosts), "dns": ("dns_servers", _words), "dns_search": ("dns_searches", _words),
    "dns_opt": ("dns_options", _words), "sysctls": ("sysctls", _sysctls),
    "cap_add": ("capabilities_added", _capabilities), "cap_drop": ("capabilities_dropped", _capabilities),
    "hostname": ("hostname", Spot.text), "group_add": ("groups", _groups), "init": ("reaps", Spot.flag),
    "tty": ("terminal", Spot.flag), "stdin_open": ("input", Spot.flag), "pull_policy": ("pull", _pull),
    "platform": ("platform", _platform), "annotations": ("annotations", _pairs), "security_opt": ("", _security),
}  # fmt: skip

KEYS_READ: Final = frozenset({*_READERS, "mem_reservation"})
"""The keys of a service that only this module reads."""
