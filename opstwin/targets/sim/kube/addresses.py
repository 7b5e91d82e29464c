"""Addresses and ports that the server hands out to services."""

from opstwin.targets.sim.kube.cluster import Cluster
from opstwin.targets.sim.kube.failures import invalid, unprocessable
from opstwin.targets.sim.kube.schema import Doc

_FIRST_NODE_PORT = 30000


def give_addresses(cluster: Cluster, doc: Doc, live: Doc | None) -> None:
    """Give a service (which is changed) its clusterIP and node ports. Raises 422 for an address that is taken."""
    spec = doc["spec"]
    before = (live or {}).get("spec") or {}
    if spec["type"] == "ExternalName":
        return
    if not spec.get("clusterIP"):
        spec["clusterIP"] = before.get("clusterIP") or _free_address(cluster)
    elif live is None and spec["clusterIP"] != "None" and spec["clusterIP"] in _taken(cluster):
        raise _taken_address(doc)
    if cluster.minor >= 20:
        spec["clusterIPs"] = [spec["clusterIP"]]
    if spec["type"] in ("NodePort", "LoadBalancer"):
        _node_ports(cluster, spec, before)


def _taken(cluster: Cluster) -> set[str]:
    return {doc["spec"].get("clusterIP", "") for _, doc in cluster.store.all("services")}


def _free_address(cluster: Cluster) -> str:
    taken = _taken(cluster)
    number = 10
    while (found := f"10.96.{number // 250}.{number % 250 + 1}") in taken:
        number += 1
    return found


def _node_ports(cluster: Cluster, spec: Doc, before: Doc) -> None:
    had = {(port["port"], port["protocol"]): port.get("nodePort") for port in before.get("ports") or []}
    taken = {
        port.get("nodePort") for _, doc in cluster.store.all("services") for port in doc["spec"].get("ports") or []
    }
    for port in spec.get("ports") or []:
        if not port.get("nodePort"):
            port["nodePort"] = had.get((port["port"], port["protocol"])) or _free_port(taken)
        taken.add(port["nodePort"])


def _free_port(taken: set[int | None]) -> int:
    return next(number for number in range(_FIRST_NODE_PORT, 32768) if number not in taken)


def _taken_address(doc: Doc) -> Exception:
    address = doc["spec"]["clusterIP"]
    cause = invalid(
        "spec.clusterIPs",
        f'[]string{{"{address}"}}',
        f"failed to allocate IP {address}: provided IP is already allocated",
    )
    return unprocessable("", "Service", doc["metadata"]["name"], [cause])
