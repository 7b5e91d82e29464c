"""Specs as the engine's own request bodies. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from opstwin.domain.values import Json, Spec

NANO: Final = 1_000_000_000
CPU_PERIOD_US: Final = 100_000
"""The kernel's default period of CPU shares."""

Body = dict[str, Any]

_PROCESS: Final = {"entrypoint": "Entrypoint", "user": "User", "working_dir": "WorkingDir"}


def container_body(spec: Spec, env: Mapping[str, str], labels: Mapping[str, str], alias: str | None) -> Body:
    """What creates a container. `env` is complete, with the values of secrets; `labels` are all labels.

    The first network is joined from the start; `alias` is a second name on it, shared by a workload's replicas.
    """
    networks = names(spec, "networks")
    body: Body = {
        "Image": spec["image"],
        "Env": [f"{key}={value}" for key, value in env.items()],
        "Labels": dict(labels),
        "ExposedPorts": {_port_key(port): {} for port in objects(spec, "ports")},
        "HostConfig": _host_config(spec, networks),
    }
    if spec.get("command"):
        body["Cmd"] = spec["command"]
    body |= {name: spec[key] for key, name in _PROCESS.items() if spec.get(key)}
    health = spec.get("health")
    if isinstance(health, dict):
        body["Healthcheck"] = health_body(health)
    if networks:
        body["NetworkingConfig"] = {"EndpointsConfig": {networks[0]: endpoint_body(alias)}}
    return body


def endpoint_body(alias: str | None) -> Body:
    """How a container joins a network."""
    return {"Aliases": [alias]} if alias else {}


def health_body(health: Mapping[str, Json]) -> Body:
    """A health check; the command runs without a shell."""
    return {
        "Test": ["CMD", *_list(health.get("command"))],
        "Interval": _nanoseconds(health.get("interval_s")),
        "Timeout": _nanoseconds(health.get("timeout_s")),
        "Retries": health.get("retries"),
        "StartPeriod": _nanoseconds(health.get("start_period_s")),
    }


def limits_body(spec: Spec, *, by_quota: bool = False) -> Body:
    """CPU, memory and restart policy. A memory limit counts memory and swap together, so it means what it says.

    `by_quota` says CPU the older way, for containers that were made with it: the engine takes no mixture.
    """
    body: Body = {"RestartPolicy": {"Name": spec.get("restart") or "no"}}
    cpu, memory = spec.get("cpu_millicores"), spec.get("memory_bytes")
    if isinstance(cpu, int):
        quota = {"CpuPeriod": CPU_PERIOD_US, "CpuQuota": cpu * CPU_PERIOD_US // 1000}
        body |= quota if by_quota else {"NanoCpus": cpu * (NANO // 1000)}
    if isinstance(memory, int):
        body |= {"Memory": memory, "MemorySwap": memory}
    return body


def objects(spec: Spec, field: str) -> list[dict[str, Json]]:
    """The objects of a list field."""
    return [item for item in _list(spec.get(field)) if isinstance(item, dict)]


def names(spec: Spec, field: str) -> list[str]:
    """The texts of a list field."""
    return [str(item) for item in _list(spec.get(field))]


def texts(spec: Spec, field: str) -> dict[str, str]:
    """An object field whose values are texts."""
    value = spec.get(field)
    return {key: str(item) for key, item in value.items()} if isinstance(value, dict) else {}


def _host_config(spec: Spec, networks: list[str]) -> Body:
    bindings: dict[str, list[Body]] = {}
    for port in objects(spec, "ports"):
        if port.get("host") is not None:
            bound = {"HostIp": port.get("address") or "", "HostPort": str(port["host"])}
            bindings.setdefault(_port_key(port), []).append(bound)
    body: Body = {"PortBindings": bindings, "Mounts": list(_mounts(spec)), **limits_body(spec)}
    return body | ({"NetworkMode": networks[0]} if networks else {})


def _mounts(spec: Spec) -> Iterator[Body]:
    for mount in objects(spec, "mounts"):
        volume = mount.get("volume")
        yield {
            "Type": "volume" if volume else "bind",
            "Source": volume or mount.get("host_path"),
            "Target": mount["path"],
            "ReadOnly": bool(mount.get("read_only")),
        }


def _port_key(port: Mapping[str, Json]) -> str:
    return f"{port['container']}/{port.get('protocol') or 'tcp'}"


def _nanoseconds(seconds: Json) -> int:
    return round(seconds * NANO) if isinstance(seconds, int | float) else 0


def _list(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []
