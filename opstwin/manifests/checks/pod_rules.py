"""What stands in pods: images, ports, probes, restart policies, and Service ports."""

from typing import Final

from opstwin.domain.values import Json
from opstwin.manifests.checks import grammar
from opstwin.manifests.checks.pods import Container, Pod
from opstwin.manifests.checks.sheets import Object, Sheet, listed, mapping, number, objects, text
from opstwin.manifests.nodes import Path

_HANDLERS: Final = ("exec", "grpc", "httpGet", "tcpSocket")
_PROBES: Final = ("livenessProbe", "readinessProbe", "startupProbe")
_HIGHEST_PORT: Final = 65_535
_RESTARTS: Final = {
    **dict.fromkeys(("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet"), ("Always",)),
    "Job": ("Never", "OnFailure"), "CronJob": ("Never", "OnFailure"),
}  # fmt: skip
_ID_LENGTH: Final = 64
"""Digits of an image's id."""


def check_pods(sheet: Sheet, pod: Pod | None) -> None:
    """The pod of the manifest, or the ports of a Service."""
    if sheet.kind == "Service" and sheet.api == "v1":
        _service_ports(sheet)
    if pod is None:
        return
    _restart(sheet, pod)
    for place, volume in objects(pod.spec.get("volumes")):
        sources = [key for key, value in volume.items() if key != "name" and value is not None]
        _one_of(sheet, sources, (*pod.spec_path, "volumes", place))
    for container in pod.containers:
        _image(sheet, container)
        for place, variable in objects(container.value.get("env")):
            given = [key for key in ("value", "valueFrom") if variable.get(key) not in (None, "")]
            _one_of(sheet, given, (*container.path, "env", place))
        _container_ports(sheet, container)
        for probe in _PROBES:
            if isinstance(found := container.value.get(probe), dict):
                _probe(sheet, container, probe, found)


def _one_of(sheet: Sheet, given: list[str], path: Path) -> None:
    if len(given) > 1:
        sheet.add("values/one-of", path, fields=" and ".join(sorted(given)))


def _restart(sheet: Sheet, pod: Pod) -> None:
    allowed = _RESTARTS.get(sheet.kind)
    found = text(pod.spec.get("restartPolicy")) or "Always"
    if allowed and found not in allowed:
        path = (*pod.spec_path, "restartPolicy")
        words = " or ".join(allowed)
        sheet.add("values/restart", path, kind=sheet.kind, allowed=words, value=found, use=allowed[-1])


def _image(sheet: Sheet, container: Container) -> None:
    value, path = container.value.get("image"), (*container.path, "image")
    if not isinstance(value, str):
        return
    found = grammar.image_of(value)
    if found is None:
        sheet.add("values/image", path, value=value or "(empty)")
        return
    name, tag, digest = found
    if name == "sha256" and len(tag) == _ID_LENGTH and not digest:
        sheet.add("values/image-id", path, value=f"{value[:19]}…")
    elif not digest and tag in {"", "latest"}:
        problem = "names no version" if not tag else "names the moving tag latest"
        sheet.add("values/floating-image", path, value=value, problem=problem)


def _container_ports(sheet: Sheet, container: Container) -> None:
    for place, port in objects(container.value.get("ports")):
        path = (*container.path, "ports", place)
        _port(sheet, port.get("containerPort"), (*path, "containerPort"))
        if port.get("hostPort") not in (None, 0):
            _port(sheet, port.get("hostPort"), (*path, "hostPort"))


def _service_ports(sheet: Sheet) -> None:
    ports = listed(mapping(sheet.value, "spec").get("ports"))
    names: set[str] = set()
    for place, port in objects(ports):
        path: Path = ("spec", "ports", place)
        _port(sheet, port.get("port"), (*path, "port"))
        _port(sheet, port.get("targetPort"), (*path, "targetPort"), named=True)
        name = text(port.get("name"))
        if not name and len(ports) > 1:
            sheet.add("schema/missing", (*path, "name"))
        if name and name in names:
            sheet.add("names/element-twice", (*path, "name"), what="ports", value=name)
        names.add(name)
        if name and (problem := grammar.label_name(name)):
            sheet.add(
                "names/field", (*path, "name"), value=name, what="port name", problem=problem, wanted=grammar.LABEL
            )


def _port(sheet: Sheet, value: Json, path: Path, *, named: bool = False) -> None:
    count = number(value)
    if count is not None and not 0 < count <= _HIGHEST_PORT:
        sheet.add("values/port", path, value=count)
    if named and isinstance(value, str) and grammar.port_name(value):
        sheet.add("values/port", path, value=value)


def _probe(sheet: Sheet, container: Container, name: str, probe: Object) -> None:
    path = (*container.path, name)
    handlers = [item for item in _HANDLERS if probe.get(item) is not None]
    if len(handlers) != 1:
        problem = "says not what to do" if not handlers else "does more than one thing"
        sheet.add("values/probe", path, probe=name, problem=problem, step=f"Use one of: {', '.join(_HANDLERS)}.")
        return
    _probe_times(sheet, name, probe, path)
    handler = mapping(probe, handlers[0])
    if "port" in handler:
        _probe_port(sheet, container, handler["port"], (*path, handlers[0], "port"), name)


def _probe_times(sheet: Sheet, name: str, probe: Object, path: Path) -> None:
    for field in ("periodSeconds", "timeoutSeconds", "failureThreshold", "successThreshold", "initialDelaySeconds"):
        count = number(probe.get(field))
        if count is not None and count < 0:
            problem = f"has {field} {count}"
            sheet.add("values/probe", (*path, field), probe=name, problem=problem, step="Use a positive number.")
    once = number(probe.get("successThreshold"))
    if name != "readinessProbe" and once is not None and once > 1:
        sheet.add(
            "values/probe", (*path, "successThreshold"), probe=name, problem="needs successThreshold 1",
            step="Remove successThreshold.",
        )  # fmt: skip


def _probe_port(sheet: Sheet, container: Container, value: Json, path: Path, name: str) -> None:
    _port(sheet, value, path, named=True)
    if not isinstance(value, str) or value.isdigit():
        return
    names = {text(port.get("name")) for _, port in objects(container.value.get("ports"))}
    if value not in names:
        problem = f"asks the port {value}, which the container does not have"
        sheet.add(
            "values/probe", path, probe=name, problem=problem, step="Name a port of the container, or use its number."
        )
