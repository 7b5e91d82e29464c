"""Ports: named on the container, and a Service that leads to them by name."""

from collections.abc import Iterator
from typing import Final

from opstwin.domain.values import Json
from opstwin.domain.workload import Port
from opstwin.manifests.generating.info import ContainerInfo
from opstwin.manifests.generating.options import Exposure, GenerateOptions
from opstwin.manifests.generating.results import Level, Notes

_NAMES: Final = {
    22: "ssh", 25: "smtp", 53: "dns", 80: "http", 443: "https", 1883: "mqtt", 2181: "zookeeper", 2379: "etcd",
    3000: "http", 3306: "mysql", 4222: "nats", 4318: "otlp-http", 5000: "http", 5432: "postgres", 5672: "amqp",
    6379: "redis", 8000: "http", 8080: "http", 8443: "https", 8888: "http", 9000: "http", 9090: "http", 9092: "kafka",
    9200: "http", 11211: "memcache", 15672: "management", 27017: "mongo", 4317: "otlp-grpc", 50051: "grpc",
}  # fmt: skip
"""Names that service meshes and people read the protocol from."""

_NODE_PORTS: Final = range(30000, 32768)
"""The range that a cluster gives node ports from, unless it was told another one (kube-apiserver)."""


def port_name(info: ContainerInfo, number: int, protocol: str = "tcp") -> str:
    """The name of a port: at most 15 characters, and no two ports of a container share one."""
    taken: set[str] = set()
    for other, its_protocol in _listed(info):
        name = _free(other, its_protocol, taken)
        if (other, its_protocol) == (number, protocol):
            return name
        taken.add(name)
    return f"port-{number}"


def container_ports(info: ContainerInfo, notes: Notes) -> list[Json]:
    """The field `ports` of the container."""
    made: list[Json] = []
    for place, (number, protocol) in enumerate(_listed(info)):
        port: dict[str, Json] = {"name": port_name(info, number, protocol), "containerPort": number}
        made.append(port if protocol == "tcp" else {**port, "protocol": "UDP"})
        notes.why(f"ports[{place}].name", port["name"], "port_name", "ports", port=number)
    return made


def service_spec(
    info: ContainerInfo, selector: dict[str, str], options: GenerateOptions, notes: Notes
) -> dict[str, Json]:
    """The spec of the Service; `info` has at least one port."""
    spec: dict[str, Json] = {"type": options.exposure.value, "selector": dict(selector)}
    notes.why("spec.type", options.exposure.value, "service_type", "request" if _is_open(options) else "default")
    spec["ports"] = [*_service_ports(info, options, notes)]
    for port in info.published:
        _look_at_published(port, options, notes)
    return spec


def headless_spec(info: ContainerInfo, selector: dict[str, str]) -> dict[str, Json]:
    """The spec of the Service that gives each pod of a StatefulSet a name of its own."""
    spec: dict[str, Json] = {
        "type": Exposure.CLUSTER.value, "clusterIP": "None", "selector": dict(selector),
        "publishNotReadyAddresses": True,
    }  # fmt: skip
    ports: list[Json] = []
    for number, protocol in _listed(info):
        ports.append(
            _service_port(number, port_name(info, number, protocol), protocol, port_name(info, number, protocol))
        )
    return {**spec, "ports": ports} if ports else spec


def _service_ports(info: ContainerInfo, options: GenerateOptions, notes: Notes) -> Iterator[Json]:
    place = 0
    taken = {*_listed(info)}
    for number, protocol in _listed(info):
        name = port_name(info, number, protocol)
        port = _service_port(number, name, protocol, name)
        notes.why(f"spec.ports[{place}].port", number, "service_port", "ports", name=name)
        place += 1
        yield _with_node_port(port, info, number, protocol, options)
    for published in info.published:
        inner, outer = published.container or published.host or 0, published.host or 0
        if (outer, published.protocol) in taken:
            continue
        taken.add((outer, published.protocol))
        target = port_name(info, inner, published.protocol)
        notes.why(f"spec.ports[{place}].port", outer, "service_published", "ports", port=outer, name=target)
        place += 1
        yield _service_port(
            outer,
            f"published-{outer}" if published.protocol == "tcp" else f"pub-udp-{outer}",
            published.protocol,
            target,
        )


def _service_port(number: int, name: str, protocol: str, target: str) -> dict[str, Json]:
    port: dict[str, Json] = {"name": name, "port": number, "targetPort": target}
    return port if protocol == "tcp" else {**port, "protocol": "UDP"}


def _with_node_port(
    port: dict[str, Json], info: ContainerInfo, number: int, protocol: str, options: GenerateOptions
) -> dict[str, Json]:
    outer = (
        item.host
        for item in info.published
        if (item.container or item.host, item.protocol) == (number, protocol) and item.host in _NODE_PORTS
    )
    host = next(outer, None) if options.exposure is not Exposure.CLUSTER else None
    return port if host is None else {**port, "nodePort": host}


def _look_at_published(port: Port, options: GenerateOptions, notes: Notes) -> None:
    if options.exposure is Exposure.CLUSTER and options.route is None:
        notes.find("port_inside", Level.DIFFERS, "ports.host", port=port.host)
    if port.address not in ("0.0.0.0", "::", ""):  # noqa: S104 - what it means to publish everywhere
        notes.find("port_address", Level.DIFFERS, "ports.address", address=port.address)


def _listed(info: ContainerInfo) -> list[tuple[int, str]]:
    return [*((port, "tcp") for port in info.ports), *((port, "udp") for port in info.udp_ports)]


def _free(number: int, protocol: str, taken: set[str]) -> str:
    name = _NAMES.get(number, f"port-{number}")
    if protocol == "udp":
        name = f"{name}-udp"
    return f"{'udp' if protocol == 'udp' else 'port'}-{number}" if name in taken else name


def _is_open(options: GenerateOptions) -> bool:
    return options.exposure is not Exposure.CLUSTER
