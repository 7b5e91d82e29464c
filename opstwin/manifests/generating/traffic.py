"""Who may come in: NetworkPolicy and Ingress, where asked."""

from typing import Final

from opstwin.domain.values import Json
from opstwin.errors import InvalidInput
from opstwin.manifests.generating.info import ContainerInfo
from opstwin.manifests.generating.naming import RECOMMENDED
from opstwin.manifests.generating.options import Exposure, GenerateOptions, Route
from opstwin.manifests.generating.ports import port_name
from opstwin.manifests.generating.results import Level, Notes

NETWORK_LABEL: Final = "network.opstwin.io/"
"""Pods of one network of a workload carry this label with the network's name."""


def network_labels(info: ContainerInfo, options: GenerateOptions, notes: Notes) -> dict[str, str]:
    """Labels of the pods that network policies find each other's members by; without policies a finding."""
    if not info.networks:
        return {}
    if not options.network_policy:
        notes.find("networks", Level.DIFFERS, "networks", networks=", ".join(info.networks))
        return {}
    return {f"{NETWORK_LABEL}{network}": "member" for network in sorted(set(info.networks))}


def policy_spec(
    info: ContainerInfo, selector: dict[str, str], options: GenerateOptions, notes: Notes
) -> dict[str, Json]:
    """Lets in what belongs to it, on its ports; leaves what goes out alone."""
    spec: dict[str, Json] = {"podSelector": {"matchLabels": {**selector}}, "policyTypes": ["Ingress"]}
    ports: list[Json] = []
    ports.extend({"port": port_name(info, port), "protocol": "TCP"} for port in info.ports)
    ports.extend({"port": port_name(info, port, "udp"), "protocol": "UDP"} for port in info.udp_ports)
    if not ports:
        notes.why("spec.ingress", [], "policy_closed", "ports")
        return {**spec, "ingress": []}
    if options.exposure is not Exposure.CLUSTER or options.route is not None:
        notes.why("spec.ingress", [{"ports": ports}], "policy_open", "request")
        return {**spec, "ingress": [{"ports": ports}]}
    peers = _peers(info, options)
    notes.why("spec.ingress[0].from", peers, "policy_peers", "networks" if info.networks else "default")
    return {**spec, "ingress": [{"from": peers, "ports": ports}]}


def ingress_spec(info: ContainerInfo, route: Route, service: str, notes: Notes) -> dict[str, Json]:
    """One host and path to one port of the Service. Raises `InvalidInput` when there is no such port."""
    port = route.port if route.port is not None else next(iter(info.ports), None)
    if port not in info.ports:
        raise InvalidInput(
            f"{info.name} has no TCP port {'' if port is None else port} for {route.host} to lead to.".replace(
                "  ", " "
            ),
            field="route.port",
            next_step="Add the port to the workload, or name one that it has.",
        )
    backend: dict[str, Json] = {"service": {"name": service, "port": {"name": port_name(info, port)}}}
    rule: dict[str, Json] = {
        "host": route.host,
        "http": {"paths": [{"path": route.path, "pathType": "Prefix", "backend": backend}]},
    }
    notes.why("spec.rules[0].host", route.host, "route", "request", port=port)
    spec: dict[str, Json] = {"rules": [rule]}
    if route.tls_secret is not None:
        spec["tls"] = [{"hosts": [route.host], "secretName": route.tls_secret}]
    else:
        notes.find("route_plain", Level.ADVICE, "route.tls_secret", host=route.host)
    return spec if route.ingress_class is None else {"ingressClassName": route.ingress_class, **spec}


def _peers(info: ContainerInfo, options: GenerateOptions) -> list[Json]:
    if info.networks:
        return [
            {"podSelector": {"matchLabels": {f"{NETWORK_LABEL}{network}": "member"}}}
            for network in sorted(set(info.networks))
        ]
    if options.part_of:
        return [{"podSelector": {"matchLabels": {f"{RECOMMENDED}part-of": options.part_of}}}]
    return [{"podSelector": {}}]
