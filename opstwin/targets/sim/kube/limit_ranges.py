"""LimitRange: default amounts for containers, and bounds for them."""

from collections.abc import Iterator

from opstwin.targets.sim.kube.cluster import Cluster
from opstwin.targets.sim.kube.failures import forbidden
from opstwin.targets.sim.kube.quantities import amount
from opstwin.targets.sim.kube.schema import Doc


def _container_limits(cluster: Cluster, namespace: str) -> Iterator[Doc]:
    for _, found in cluster.store.all("limitranges", namespace):
        yield from (item for item in found["spec"].get("limits") or [] if item.get("type") == "Container")


def limits_applied(cluster: Cluster, doc: Doc) -> None:
    """Give a pod's containers the amounts that the namespace's LimitRanges say."""
    for limit in _container_limits(cluster, doc["metadata"]["namespace"]):
        for container in (doc.get("spec") or {}).get("containers") or []:
            resources = container.setdefault("resources", {})
            given = resources.get("limits") or {}
            limits = {**(limit.get("default") or {}), **given}
            requests = {**(limit.get("defaultRequest") or {}), **given, **(resources.get("requests") or {})}
            for name, values in (("limits", limits), ("requests", requests)):
                if values:
                    resources[name] = values


def limits_kept(cluster: Cluster, doc: Doc) -> None:
    """Refuse a pod outside the bounds. Raises 403."""
    wrong = [
        text
        for limit in _container_limits(cluster, doc["metadata"]["namespace"])
        for container in doc["spec"].get("containers") or []
        for text in _outside(limit, container.get("resources") or {})
    ]
    if wrong:
        text = wrong[0] if len(wrong) == 1 else "[" + ", ".join(wrong) + "]"
        raise forbidden("", "pods", doc["metadata"].get("name", ""), text)


def _outside(limit: Doc, resources: Doc) -> Iterator[str]:
    for name, bound in (limit.get("max") or {}).items():
        given = (resources.get("limits") or {}).get(name)
        if given is None:
            yield f"maximum {name} usage per Container is {bound}.  No limit is specified"
        elif amount(given) > amount(bound):
            yield f"maximum {name} usage per Container is {bound}, but limit is {given}"
    for name, bound in (limit.get("min") or {}).items():
        given = (resources.get("requests") or {}).get(name)
        if given is None:
            yield f"minimum {name} usage per Container is {bound}.  No request is specified"
        elif amount(given) < amount(bound):
            yield f"minimum {name} usage per Container is {bound}, but request is {given}"
