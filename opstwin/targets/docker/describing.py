"""An engine's description of a container as the spec that would make it again. Pure.

What the image brings by itself is left out, unless the spec that Opstwin made the container from names it too: so the
observed spec of an untouched container equals its desired spec.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from opstwin.domain.secret_text import words_without_secrets
from opstwin.domain.values import Json, Spec
from opstwin.targets.docker.composing import NANO, health_body, names, objects, texts
from opstwin.targets.docker.defaults import Found, ImageDefaults, env_of
from opstwin.targets.docker.marks import Marks
from opstwin.targets.docker.masking import shown_env, shown_words
from opstwin.targets.specs import OWN_LABELS, full_form

ANONYMOUS: Final = re.compile(r"[0-9a-f]{64}")
"""The name of a volume that nobody named."""

ANY_ADDRESS: Final = "0.0.0.0"  # noqa: S104 - what an engine means by no address


@dataclass(frozen=True, slots=True)
class Seen:
    """A container as the engine describes it, with its image's defaults and the marks on it."""

    found: Found
    image: ImageDefaults
    marks: Marks

    @property
    def config(self) -> Found:
        """What runs."""
        return self.found.get("Config") or {}

    @property
    def host(self) -> Found:
        """How it is bound to the host."""
        return self.found.get("HostConfig") or {}

    @property
    def asked(self) -> Spec:
        """The spec it was made from; empty when Opstwin did not make it."""
        return self.marks.spec or {}

    def is_inherited(self, asked: bool, same: bool) -> bool:
        """Whether a setting came from the image: nobody asked for it, and it is the image's (or the image is gone)."""
        return not asked and (same if self.image.known else self.marks.managed)


def container_spec(seen: Seen) -> Spec:
    """The spec of a container, in full form."""
    spec: dict[str, Json] = {
        "image": str(seen.config.get("Image") or ""),
        "command": _command(seen),
        "entrypoint": _entrypoint(seen),
        "user": _said(seen, "User", "user", seen.image.user),
        "working_dir": _said(seen, "WorkingDir", "working_dir", seen.image.working_dir),
        "env": dict(_env(seen)),
        "secret_env": dict(_secret_env(seen)),
        "ports": list(_ports(seen)),
        "mounts": list(_mounts(seen.host)),
        "networks": list((seen.found.get("NetworkSettings") or {}).get("Networks") or ()),
        "cpu_millicores": _cpu_millicores(seen.host),
        "memory_bytes": seen.host.get("Memory") or None,
        "health": _health(seen),
        "labels": dict(_labels(seen)),
        "restart": (seen.host.get("RestartPolicy") or {}).get("Name") or "no",
        "running": is_running(seen.found),
    }
    # The image's name stays as it was written: desired specs keep it so too.
    return {**full_form("container", spec), "image": spec["image"]}


def is_running(found: Found) -> bool:
    """Whether the engine runs it, or is about to run it again."""
    state = found.get("State") or {}
    return bool(state.get("Running") or state.get("Restarting"))


def anonymous_volumes(found: Found) -> dict[str, str]:
    """Path → name of the volumes that nobody named. They hold data, so a container's successor takes them over."""
    mounts: Sequence[Found] = found.get("Mounts") or ()
    named = ((str(item.get("Destination")), str(item.get("Name"))) for item in mounts if item.get("Type") == "volume")
    return {path: name for path, name in named if ANONYMOUS.fullmatch(name)}


def _command(seen: Seen) -> Json:
    command = [str(word) for word in seen.config.get("Cmd") or ()]
    # An engine takes the image's command only where it takes the image's entrypoint too.
    same = tuple(command) == seen.image.command and _entrypoint(seen) is None
    if seen.is_inherited(bool(seen.asked.get("command")), same):
        return None
    return list(shown_words(command, names(seen.asked, "command"), managed=seen.marks.managed))


def _entrypoint(seen: Seen) -> Json:
    words = [str(word) for word in seen.config.get("Entrypoint") or ()]
    if seen.is_inherited(bool(seen.asked.get("entrypoint")), tuple(words) == seen.image.entrypoint):
        return None
    return list(shown_words(words, names(seen.asked, "entrypoint"), managed=seen.marks.managed))


def _said(seen: Seen, key: str, field: str, own: str) -> Json:
    """A setting that takes the place of the image's own; None where it does not."""
    value = str(seen.config.get(key) or "")
    return None if seen.is_inherited(bool(seen.asked.get(field)), value == own) else value


def _env(seen: Seen) -> Iterator[tuple[str, Json]]:
    asked, references = texts(seen.asked, "env"), texts(seen.asked, "secret_env")
    for key, value in env_of(seen.config).items():
        if key in references or seen.is_inherited(key in asked, seen.image.env.get(key) == value):
            continue
        yield key, shown_env(key, value, asked.get(key), managed=seen.marks.managed)


def _secret_env(seen: Seen) -> Iterator[tuple[str, Json]]:
    given = env_of(seen.config)
    return ((key, value) for key, value in texts(seen.asked, "secret_env").items() if key in given)


def _labels(seen: Seen) -> Iterator[tuple[str, Json]]:
    asked = texts(seen.asked, "labels")
    for key, value in (seen.config.get("Labels") or {}).items():
        own = key.startswith(OWN_LABELS)
        if not own and not seen.is_inherited(key in asked, seen.image.labels.get(key) == value):
            yield key, value


def _ports(seen: Seen) -> Iterator[Json]:
    bindings = seen.host.get("PortBindings") or {}
    given = (seen.found.get("NetworkSettings") or {}).get("Ports") or {}
    asked = {_port_key(port): port for port in objects(seen.asked, "ports") if port.get("host") is None}
    for key in sorted({*bindings, *(seen.config.get("ExposedPorts") or ()), *given}):
        number, protocol = _port(key)
        bound = list(_bound(bindings.get(key) or (), given.get(key) or ()))
        for address, host in bound:
            yield {"container": number, "host": host, "protocol": protocol, "address": address}
        if not bound and not seen.is_inherited(key in asked, key in seen.image.exposed_ports):
            address = str(asked.get(key, {}).get("address") or ANY_ADDRESS)
            yield {"container": number, "host": None, "protocol": protocol, "address": address}


def _port_key(port: Mapping[str, Json]) -> str:
    return f"{port.get('container')}/{port.get('protocol') or 'tcp'}"


def _port(key: str) -> tuple[int, str]:
    number, _, protocol = key.partition("/")
    return int(number) if number.isdigit() else 0, protocol or "tcp"


def _bound(asked: Sequence[Found], given: Sequence[Found]) -> Iterator[tuple[str, int]]:
    """(address, port of the host); where the engine was left to choose a port, what it chose."""
    fixed = [item for item in asked if str(item.get("HostPort") or "").isdigit()]
    for item in fixed or [item for item in given if item.get("HostIp") != "::" or len(given) == 1]:
        if str(item.get("HostPort") or "").isdigit():
            yield str(item.get("HostIp") or ANY_ADDRESS), int(item["HostPort"])


def _mounts(host: Found) -> Iterator[Json]:
    for item in host.get("Mounts") or ():
        if item.get("Type") in ("bind", "volume"):
            yield from _mount(item.get("Source"), item.get("Target"), read_only=bool(item.get("ReadOnly")))
    for text in host.get("Binds") or ():
        source, _, rest = str(text).partition(":")
        path, _, options = rest.partition(":")
        yield from _mount(source, path, read_only="ro" in options.split(","))


def _mount(source: Any, path: Any, *, read_only: bool) -> Iterator[Json]:
    if not source or not path or ANONYMOUS.fullmatch(str(source)):
        return
    where = str(source)
    named = None if where.startswith("/") else where
    yield {"path": str(path), "volume": named, "host_path": None if named else where, "read_only": read_only}


def _cpu_millicores(host: Found) -> Json:
    if host.get("NanoCpus"):
        return int(host["NanoCpus"]) // (NANO // 1000)
    quota, period = int(host.get("CpuQuota") or 0), int(host.get("CpuPeriod") or 0)
    return quota * 1000 // (period or 100_000) if quota > 0 else None


def _health(seen: Seen) -> Json:
    found = seen.config.get("Healthcheck") or {}
    asked = seen.asked.get("health")
    if isinstance(asked, dict) and _is_completed(health_body(asked), found, seen.image):
        return asked
    if not isinstance(asked, dict) and seen.is_inherited(False, found == seen.image.health):
        return None
    return _check(found)


def image_health(seen: Seen) -> Json:
    """The check that its image brings: not asked for, so no part of the spec, and yet what the engine runs.

    Secrets in it are masked: nothing makes a container from it.
    """
    found = _check(seen.config.get("Healthcheck") or {}) if _health(seen) is None else None
    if not isinstance(found, dict):
        return None
    return {**found, "command": [*words_without_secrets(names(found, "command"))]}


def _is_completed(asked: Found, found: Found, image: ImageDefaults) -> bool:
    """Whether `found` is `asked` as engines complete it: for what is 0 the image's own check decides."""
    settled = {key: value or image.health.get(key) for key, value in asked.items() if value or image.known}
    return all((found.get(key) or None) == (value or None) for key, value in settled.items())


def _check(found: Found) -> Json:
    words = [str(word) for word in found.get("Test") or ()]
    if not words or words[0] == "NONE":
        return None
    return {
        "command": ["/bin/sh", "-c", *words[1:]] if words[0] == "CMD-SHELL" else list(words[1:]),
        "interval_s": (found.get("Interval") or 30 * NANO) / NANO,
        "timeout_s": (found.get("Timeout") or 30 * NANO) / NANO,
        "retries": found.get("Retries") or 3,
        "start_period_s": (found.get("StartPeriod") or 0) / NANO,
    }
