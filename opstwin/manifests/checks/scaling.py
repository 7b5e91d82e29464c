"""What a HorizontalPodAutoscaler refers to: something that can be scaled, with the requests that it measures by."""

from collections.abc import Iterator

from opstwin.manifests.checks.pod_references import Use, check_use
from opstwin.manifests.checks.pods import Container, at, pod_of
from opstwin.manifests.checks.sheets import Object, Sheet, mapping, objects, text
from opstwin.manifests.checks.world import World

_SCALED = frozenset({"Deployment", "StatefulSet", "ReplicaSet", "ReplicationController"})
_NEVER = frozenset({"CronJob", "DaemonSet", "Job", "Pod", "Service"})


def check_autoscaler(sheet: Sheet, world: World) -> None:
    """The target is there, can be scaled, and has the requests that its utilisation is told by."""
    spec = mapping(sheet.value, "spec")
    kind, name = (text(at(spec, "scaleTargetRef", field)) for field in ("kind", "name"))
    path = ("spec", "scaleTargetRef")
    if kind in _NEVER:
        sheet.add("refs/hpa-target", (*path, "kind"), kind=kind)
    if kind not in _SCALED or not name:
        return
    check_use(sheet, Use(kind, name, (*path, "name")), world)
    found = world.find(kind, sheet.namespace, name)
    pod = pod_of(Sheet(found)) if found is not None else None
    for resource in sorted(set(_measured(spec))) if pod else ():
        running = [item for item in pod.containers if item.role == "containers"] if pod else []
        if any(not _asks(item, resource) for item in running):
            sheet.add("refs/hpa-requests", path, target=f"{kind} {sheet.namespace}/{name}", resource=resource)


def _measured(spec: Object) -> Iterator[str]:
    """The resources whose utilisation decides; without any metrics it is the CPU."""
    if "metrics" not in spec:
        yield "cpu"
    for _, metric in objects(spec.get("metrics")):
        resource = mapping(metric, "resource")
        name = text(resource.get("name"))
        relative = "targetAverageUtilization" in resource or at(resource, "target", "type") == "Utilization"
        if name and relative:
            yield name


def _asks(container: Container, resource: str) -> bool:
    resources = mapping(container.value, "resources")
    return any(resource in mapping(resources, field) for field in ("requests", "limits"))
