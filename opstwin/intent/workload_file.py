"""Workload files: YAML or JSON in, Workloads out, and back."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any, Final

from opstwin.domain.ordering import in_order
from opstwin.domain.pod_settings import NO_POD_SETTINGS, PodSettings, Pull
from opstwin.domain.values import Json
from opstwin.domain.workload import Autoscale, HealthCheck, Mount, Port, Resources, Workload
from opstwin.errors import InvalidInput
from opstwin.intent.short_forms import short_mount, short_port
from opstwin.intent.workload_reading import read_form
from opstwin.manifests.nodes import MapNode, Node, fault, place_of, plain
from opstwin.manifests.yaml_loading import load_documents
from opstwin.manifests.yaml_writing import yaml_of

AS_TEXT: Final = frozenset({"env", "secret_env", "labels", "cpu", "memory", "user", "hosts", "sysctls", "annotations"})
"""Keys below which a value means what was written: `DEBUG: no` is the text "no", `VERSION: 1.10` is not 1.1."""


def read_workloads(text: str) -> tuple[Workload, ...]:
    """The workloads of a file: one in each YAML document.

    Raises `InvalidInput` with path and line, or `LimitExceeded` (see `load_documents`).
    """
    documents = load_documents(text)
    if not documents:
        raise InvalidInput(
            "The file holds no workload.", next_step="Write at least name: and image:, such as image: nginx:1.27."
        )
    return workloads_of(documents)


def workloads_of(documents: Sequence[Node]) -> tuple[Workload, ...]:
    """One workload from each document; two of one name, and needs that run in a circle, are refused."""
    found: dict[str, Workload] = {}
    for node in documents:
        if not isinstance(node, MapNode):
            raise fault("A workload is a mapping.", place=node.place, next_step="Write name: and image:.")
        workload = read_form(plain(node, AS_TEXT), node)
        if workload.name in found:
            raise fault(
                f"The workload {workload.name!r} is there twice.",
                place=place_of(node, ("name",)),
                field="name",
                next_step="Give each workload its own name.",
            )
        found[workload.name] = workload
    in_order({item.name: item.needs for item in found.values()})
    return tuple(found.values())


def workload_from(value: Mapping[str, Json]) -> Workload:
    """One workload from JSON in the form of a workload file. Raises `InvalidInput` with the path of what is wrong."""
    return read_form(dict(value), None)


def workload_yaml(workload: Workload) -> str:
    """A workload file that `read_workloads` reads back as the same workload."""
    return yaml_of(workload_form(workload))


def workload_form(workload: Workload) -> dict[str, Json]:
    """The workload in the form of a workload file, defaults left out."""
    return {"name": workload.name, "image": workload.image} | dict(_parts(workload))


def _parts(workload: Workload) -> Iterator[tuple[str, Json]]:
    plain_form = Workload(name=workload.name, image=workload.image)
    for name, value in _values(workload).items():
        if getattr(workload, name) != getattr(plain_form, name):
            yield name, value


def _values(workload: Workload) -> dict[str, Json]:
    return {
        "command": None if workload.command is None else list(workload.command),
        "entrypoint": None if workload.entrypoint is None else list(workload.entrypoint),
        "user": workload.user,
        "working_dir": workload.working_dir,
        "replicas": workload.replicas,
        "ports": [_port(port) for port in workload.ports],
        "env": dict(workload.env),
        "secret_env": dict(workload.secret_env),
        "volumes": [_mount(mount) for mount in workload.volumes],
        "networks": list(workload.networks),
        "resources": _resources(workload.resources),
        "health": None if workload.health is None else _health(workload.health),
        "labels": dict(workload.labels),
        "restart": workload.restart.value,
        "running": workload.running,
        "needs": list(workload.needs),
        "autoscale": None if workload.autoscale is None else _autoscale(workload.autoscale),
        "project": workload.project,
        "pod": _pod(workload.pod),
    }


def _port(port: Port) -> Json:
    full: dict[str, Json] = {
        "container": port.container,
        "host": port.host,
        "protocol": port.protocol,
        "address": port.address,
    }
    return short_port(port) or _given(full)


def _mount(mount: Mount) -> Json:
    full: dict[str, Json] = {
        "path": mount.path,
        "volume": mount.volume,
        "host_path": mount.host_path,
        "read_only": mount.read_only,
    }
    return short_mount(mount) or _given(full)


def _resources(resources: Resources) -> Json:
    cpu, memory = resources.cpu_millicores, resources.memory_bytes
    return _given(
        {"cpu": None if cpu is None else f"{cpu}m", "memory": None if memory is None else _memory(memory)},
    )


def _pod(pod: PodSettings) -> Json:
    """The fields that say something."""
    said = {item.name: getattr(pod, item.name) for item in fields(pod)}
    plain_form = {name: getattr(NO_POD_SETTINGS, name) for name in said}
    return {name: _plain(value) for name, value in said.items() if value != plain_form[name]}


def _plain(value: Any) -> Json:
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, tuple):
        return list(value)
    return value.value if isinstance(value, Pull) else value


def _autoscale(autoscale: Autoscale) -> Json:
    return _given(
        {
            "minimum": autoscale.minimum,
            "maximum": autoscale.maximum,
            "cpu_percent": autoscale.cpu_percent,
            "memory_percent": autoscale.memory_percent,
        }
    )


def _given(form: Mapping[str, Json]) -> dict[str, Json]:
    return {key: value for key, value in form.items() if value is not None}


def _memory(amount: int) -> str | int:
    for unit, size in (("Gi", 2**30), ("Mi", 2**20)):
        if amount % size == 0:
            return f"{amount // size}{unit}"
    return amount


def _health(check: HealthCheck) -> Json:
    return {
        "command": list(check.command),
        "interval_s": check.interval_s,
        "timeout_s": check.timeout_s,
        "retries": check.retries,
        "start_period_s": check.start_period_s,
    }
