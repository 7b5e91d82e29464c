"""What manifests refer to among each other: selectors, Service ports, autoscalers, budgets, Ingress backends."""

from collections.abc import Iterator, Sequence

from opstwin.domain.values import Json
from opstwin.manifests.checks.pod_references import Use, check_pod_references, check_use
from opstwin.manifests.checks.pods import Pod, at
from opstwin.manifests.checks.selectors import plain_selector, selector_of
from opstwin.manifests.checks.sheets import Object, Sheet, mapping, number, objects, text
from opstwin.manifests.checks.world import Pods, Selection, World
from opstwin.manifests.nodes import Path

_SELECTING = frozenset({"Deployment", "StatefulSet", "DaemonSet", "ReplicaSet"})


def check_references(sheet: Sheet, pod: Pod | None, world: World) -> None:
    """Everything that the manifest refers to."""
    spec = mapping(sheet.value, "spec")
    if pod is not None:
        check_pod_references(sheet, pod, world)
        if sheet.kind in _SELECTING:
            _own_selector(sheet, spec, pod)
    elif sheet.kind == "Service" and sheet.api == "v1":
        _service(sheet, spec, world)
    elif sheet.kind == "PodDisruptionBudget":
        _budget(sheet, spec, world)
    elif sheet.kind == "Ingress":
        _ingress(sheet, spec, world)


def _own_selector(sheet: Sheet, spec: Object, pod: Pod) -> None:
    if not isinstance(spec.get("selector"), dict):
        return
    selector = selector_of(spec["selector"])
    if selector.is_empty:
        sheet.add("refs/empty-selector", ("spec", "selector"), kind=sheet.kind)
    for missing in selector.misses(pod.labels):
        sheet.add("refs/selector", ("spec", "selector"), label=missing)


def _service(sheet: Sheet, spec: Object, world: World) -> None:
    selector = plain_selector(spec.get("selector"))
    if selector.is_empty or spec.get("type") == "ExternalName":
        return
    selection = world.selected(sheet.namespace, selector)
    if not selection.pods:
        path: Path = ("spec", "selector")
        if world.is_complete("Pod", sheet.namespace) or world.pods_in(sheet.namespace):
            sheet.add("refs/service-selector", path, labels=selector)
        else:
            sheet.add("refs/not-in-set", path, target=f"A pod with the labels {selector}")
        return
    for place, port in objects(spec.get("ports")):
        _service_port(sheet, port, ("spec", "ports", place), selection)


def _service_port(sheet: Sheet, port: Object, path: Path, pods: Selection) -> None:
    target = port.get("targetPort") if port.get("targetPort") is not None else port.get("port")
    where = (*path, "targetPort" if "targetPort" in port else "port")
    if isinstance(target, str):
        if target not in pods.port_names:
            sheet.add("refs/service-port", where, port=target)
    elif number(target) is not None and target not in pods.port_numbers:
        sheet.add("refs/undeclared-port", where, port=target)


def _budget(sheet: Sheet, spec: Object, world: World) -> None:
    selector, path = selector_of(spec.get("selector")), ("spec", "selector")
    pods: tuple[Pods, ...] = ()
    if isinstance(spec.get("selector"), dict) and not selector.is_empty:
        pods = world.selected(sheet.namespace, selector).pods
        if not pods and (world.is_complete("Pod", sheet.namespace) or world.pods_in(sheet.namespace)):
            sheet.add("refs/pdb-selector", path, labels=selector)
    if blocked := _blocked_by(spec, pods):
        sheet.add("refs/pdb-blocks", ("spec", blocked))


def _blocked_by(spec: Object, pods: Sequence[Pods]) -> str:
    """The field that keeps every pod in its place, empty when there is none."""
    if spec.get("maxUnavailable") in (0, "0", "0%") and spec.get("maxUnavailable") is not False:
        return "maxUnavailable"
    least = spec.get("minAvailable")
    if least == "100%":
        return "minAvailable"
    count = number(least)
    if count is None or len(pods) != 1:
        return ""
    replicas = 1 if pods[0].replicas is None else pods[0].replicas
    return "minAvailable" if count >= replicas > 0 else ""


def _ingress(sheet: Sheet, spec: Object, world: World) -> None:
    for backend, path in _backends(spec):
        service = mapping(backend, "service")
        if service:
            port = at(service, "port", "name") or at(service, "port", "number")
            _backend(sheet, text(service.get("name")), port, (*path, "service"), world)
        elif name := text(backend.get("serviceName")):
            _backend(sheet, name, backend.get("servicePort"), path, world)
    for place, item in objects(spec.get("tls")):
        if name := text(item.get("secretName")):
            check_use(sheet, Use("Secret", name, ("spec", "tls", place, "secretName")), world)


def _backends(spec: Object) -> Iterator[tuple[Object, Path]]:
    for field in ("defaultBackend", "backend"):
        if found := mapping(spec, field):
            yield found, ("spec", field)
    for place, rule in objects(spec.get("rules")):
        for number_, item in objects(at(rule, "http", "paths")):
            path: Path = ("spec", "rules", place, "http", "paths", number_, "backend")
            yield mapping(item, "backend"), path


def _backend(sheet: Sheet, name: str, port: Json, path: Path, world: World) -> None:
    where = (*path, "name" if path[-1] == "service" else "serviceName")
    check_use(sheet, Use("Service", name, where), world)
    found = world.find("Service", sheet.namespace, name)
    if found is None or port is None:
        return
    ports = [item for _, item in objects(at(found, "spec", "ports"))]
    if not any(port in (item.get("name"), item.get("port")) for item in ports):
        target = f"Service {sheet.namespace}/{name}"
        sheet.add("refs/ingress-port", (*path, "port"), target=target, port=port)
