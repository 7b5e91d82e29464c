"""Reading a spec of the form that drivers share back into what a Workload says, with every value checked."""

import re
from collections.abc import Mapping
from typing import Final

from opstwin.domain.values import Json, Spec, canonical
from opstwin.domain.workload import HealthCheck, Mount, Port, Resources, RestartPolicy, Workload
from opstwin.errors import InvalidInput
from opstwin.targets.specs import (
    BARE_CONTAINER,
    BARE_HEALTH,
    BARE_MOUNT,
    BARE_NETWORK,
    BARE_PORT,
    BARE_VOLUME,
    IF_SAID,
)

KINDS: Final = ("container", "network", "volume")
"""Kinds that have a desired state."""

_MASKED: Final = re.compile(r"•{3}|\*{3}")
"""How drivers show a value, or the part of it, that may be secret."""

_STORES: Final[Mapping[str, Spec]] = {"network": BARE_NETWORK, "volume": BARE_VOLUME}


def checked_store(kind: str, spec: Spec) -> Spec:
    """The spec of a network or volume in full form.

    Raises `InvalidInput` naming the field for what is unknown or mistyped, and for any other kind.
    """
    if kind not in _STORES:
        raise InvalidInput(
            f"Kind {kind[:40]!r} has no desired state.", field="kind", next_step=f"Use one of: {', '.join(KINDS)}."
        )
    _known(spec, _STORES[kind], kind)
    labels: dict[str, Json] = {**_texts(spec, "labels")}
    return {"driver": _text(spec, "driver", str(_STORES[kind]["driver"])), "labels": labels}


def health_verdict_s(spec: Spec | None) -> float:
    """How long, in seconds, the health check of a container may take to a first verdict; 0 without one."""
    health = (spec or {}).get("health")
    if not isinstance(health, dict):
        return 0.0
    numbers = {key: value for key, value in health.items() if isinstance(value, int | float)}
    each = numbers.get("interval_s", 0) + numbers.get("timeout_s", 0)
    return float(numbers.get("start_period_s", 0) + each * (numbers.get("retries", 1) + 1))


def workload_of(name: str, spec: Spec) -> Workload:
    """The Workload of one replica whose container has this spec. Raises `InvalidInput` naming the field."""
    _known(spec, {**BARE_CONTAINER, **IF_SAID}, "container")
    return Workload(
        name=name,
        image=_text(spec, "image", ""),
        command=_words(spec, "command") or None,
        entrypoint=_words(spec, "entrypoint") or None,
        user=_text(spec, "user", ""),
        working_dir=_text(spec, "working_dir", ""),
        ports=tuple(_port(item) for item in _objects(spec, "ports")),
        env=_texts(spec, "env"),
        secret_env=_texts(spec, "secret_env"),
        volumes=tuple(_mount(item) for item in _objects(spec, "mounts")),
        networks=_words(spec, "networks"),
        resources=Resources(cpu_millicores=_number(spec, "cpu_millicores"), memory_bytes=_number(spec, "memory_bytes")),
        health=_health(spec.get("health")),
        labels=_texts(spec, "labels"),
        restart=_restart(_text(spec, "restart", RestartPolicy.NEVER.value)),
        running=_flag(spec, "running", default=True),
    )


def masked_values(spec: Spec | None) -> dict[str, str]:
    """What was masked when it was observed, by variable (or `command`, `entrypoint`): nobody here knows the values."""
    if spec is None:
        return {}
    found = {key: value for key, value in _texts(spec, "env").items() if _MASKED.search(value)}
    words = {key: canonical(list(_words(spec, key))) for key in ("command", "entrypoint")}
    return found | {key: text for key, text in words.items() if _MASKED.search(text)}


def _port(item: Spec) -> Port:
    _known(item, BARE_PORT, "ports")
    return Port(
        container=_number(item, "container"),
        host=_number(item, "host"),
        protocol=_text(item, "protocol", "tcp"),
        address=_text(item, "address", str(BARE_PORT["address"])),
    )


def _mount(item: Spec) -> Mount:
    _known(item, BARE_MOUNT, "mounts")
    return Mount(
        path=_text(item, "path", ""),
        volume=_text(item, "volume", "") or None,
        host_path=_text(item, "host_path", "") or None,
        read_only=_flag(item, "read_only", default=False),
    )


def _health(value: Json) -> HealthCheck | None:
    if value is None:
        return None
    if not isinstance(value, dict):
        raise _wrong("health", "an object")
    _known(value, BARE_HEALTH, "health")
    return HealthCheck(
        command=_words(value, "command"),
        interval_s=_seconds(value, "interval_s"),
        timeout_s=_seconds(value, "timeout_s"),
        retries=_number(value, "retries") or 3,
        start_period_s=_seconds(value, "start_period_s"),
    )


def _restart(value: str) -> RestartPolicy:
    known = [item.value for item in RestartPolicy]
    if value not in known:
        raise InvalidInput(
            f"restart {value[:40]!r} is not known.", field="restart", next_step=f"Use one of: {', '.join(known)}."
        )
    return RestartPolicy(value)


def _known(spec: Spec, allowed: Spec, where: str) -> None:
    unknown = sorted(set(spec) - set(allowed))
    if unknown:
        raise InvalidInput(
            f"{where} has no field {unknown[0][:80]!r}.",
            field=unknown[0][:80],
            next_step=f"Use these: {', '.join(sorted(allowed))}.",
        )


def _text(spec: Spec, key: str, default: str) -> str:
    value = spec.get(key)
    if value is None:
        return default
    if not isinstance(value, str):
        raise _wrong(key, "text")
    return value


def _number(spec: Spec, key: str) -> int | None:
    value = spec.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise _wrong(key, "a whole number")
    return value


def _seconds(spec: Spec, key: str) -> float:
    value = spec.get(key, BARE_HEALTH[key])
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _wrong(f"health.{key}", "a number of seconds")
    return float(value)


def _flag(spec: Spec, key: str, *, default: bool) -> bool:
    value = spec.get(key, default)
    if not isinstance(value, bool):
        raise _wrong(key, "true or false")
    return value


def _words(spec: Spec, key: str) -> tuple[str, ...]:
    value = spec.get(key)
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise _wrong(key, "a list of texts")
    return tuple(str(item) for item in value)


def _texts(spec: Spec, key: str) -> dict[str, str]:
    value = spec.get(key)
    if value is None:
        return {}
    if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
        raise _wrong(key, "names with texts")
    return {name: str(item) for name, item in value.items()}


def _objects(spec: Spec, key: str) -> list[dict[str, Json]]:
    value = spec.get(key)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise _wrong(key, "a list of objects")
    return [item for item in value if isinstance(item, dict)]


def _wrong(field: str, kind: str) -> InvalidInput:
    return InvalidInput(f"{field} must be {kind}.", field=field, next_step="See the form with opstwin get -o json.")
