"""The `ports` and `expose` of a Compose service."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from opstwin.domain.workload import Port
from opstwin.intent import compose_advice as advice
from opstwin.intent.short_forms import read_address
from opstwin.intent.spots import Spot

_RANGE: Final = r"[0-9]{1,5}(?:-[0-9]{1,5})?"
_SHORT: Final = re.compile(
    rf"(?:(?:(?P<address>[0-9.]{{7,15}}|\[[0-9a-fA-F:.]{{2,45}}\]|[0-9a-fA-F:.]{{2,45}}?):)?(?P<host>{_RANGE}):)?"
    rf"(?P<container>{_RANGE})(?:/(?P<protocol>[a-z]{{1,8}}))?",
    re.ASCII,
)
_SPAN: Final = re.compile(r"([0-9]{1,5})(?:-([0-9]{1,5}))?", re.ASCII)
_LONG_KEYS: Final = ("target", "published", "host_ip", "protocol", "mode")
_MAX_SPAN: Final = 1000
_UNPUBLISHED: Final = (
    "Say the host's port too, such as 3000:3000, or use expose: to keep it inside the networks; "
    "Opstwin publishes no random ports."
)


@dataclass(frozen=True, slots=True)
class _Mapping:
    host: range
    container: range
    protocol: str
    address: str


def read_ports(spot: Spot | None, replicas: int, *, shared: bool = False) -> tuple[Port, ...]:
    """The ports of `ports:`. A range of the host's ports with one container port is one port for each replica.

    With `shared` all replicas stand behind one port, as behind a Service of a cluster.
    """
    if spot is None or spot.is_null:
        return ()
    return tuple(port for item in spot.items() for port in _read_port(item, replicas, shared=shared))


def read_expose(spot: Spot | None) -> tuple[Port, ...]:
    """The ports of `expose:`: open to the networks of the service, not published."""
    if spot is None or spot.is_null:
        return ()
    return tuple(port for item in spot.items() for port in _read_exposed(item))


def _read_exposed(spot: Spot) -> Iterator[Port]:
    numbers, _, protocol = spot.raw().partition("/")
    for number in _span(numbers, spot):
        yield _inside(spot, number, protocol or "tcp")


def _inside(spot: Spot, number: int, protocol: str) -> Port:
    return spot.checked(lambda: Port(container=number, protocol=protocol))


def _read_port(spot: Spot, replicas: int, *, shared: bool) -> Iterator[Port]:
    mapping = _short(spot) if spot.is_single else _long(spot)
    own = replicas if not shared or len(mapping.host) != len(mapping.container) else 1
    for host, container in _pairs(mapping, spot, own):
        yield _port(spot, host, container, mapping)


def _port(spot: Spot, host: int, container: int, mapping: _Mapping) -> Port:
    return spot.checked(
        lambda: Port(host=host, container=container, protocol=mapping.protocol, address=mapping.address)
    )


def _pairs(mapping: _Mapping, spot: Spot, replicas: int) -> list[tuple[int, int]]:
    host, container = mapping.host, mapping.container
    if len(container) == 1 and len(host) == replicas:
        return [(host[0], container[0])]
    if replicas > 1:
        raise spot.fault(
            f"cannot be shared by {replicas} replicas",
            f"Give each replica its own: {host[0]}-{host[0] + replicas - 1}:{container[0]}.",
        )
    if len(host) != len(container):
        raise spot.fault("has ranges of different lengths", "Make both ranges equally long.")
    return list(zip(host, container, strict=True))


def _short(spot: Spot) -> _Mapping:
    match = _SHORT.fullmatch(spot.raw())
    if match is None:
        raise spot.fault("is not a port", "Write it like 8080:80, 8080:80/udp or 127.0.0.1:8080:80.")
    if match["host"] is None:
        raise spot.fault("is not published on a port of the host", _UNPUBLISHED)
    return _Mapping(
        host=_span(match["host"], spot),
        container=_span(match["container"], spot),
        protocol=match["protocol"] or "tcp",
        address=_address(match["address"], spot),
    )


def _long(spot: Spot) -> _Mapping:
    keys = spot.only(_LONG_KEYS, advice.PORT)
    if "target" not in keys:
        raise spot.fault("has no target", "Add target:, the container's port.")
    if "published" not in keys:
        raise spot.fault("is not published on a port of the host", _UNPUBLISHED)
    if "mode" in keys:
        keys["mode"].one_of(("ingress",), "Remove it: a plan is for one target.")
    return _Mapping(
        host=_span(keys["published"].raw(), keys["published"]),
        container=_span(str(keys["target"].whole()), keys["target"]),
        protocol=keys["protocol"].text() if "protocol" in keys else "tcp",
        address=_address(keys["host_ip"].text() if "host_ip" in keys else None, spot),
    )


def _address(text: str | None, spot: Spot) -> str:
    if text is None:
        return "0.0.0.0"  # noqa: S104 - what Compose publishes on
    return spot.checked(lambda: read_address(text, spot.name))


def _span(text: str, spot: Spot) -> range:
    match = _SPAN.fullmatch(text)
    if match is None:
        raise spot.fault("is not a port or a range of ports", "Write it like 8080 or 8080-8082.")
    first, last = int(match[1]), int(match[2] or match[1])
    if not first <= last < first + _MAX_SPAN:
        raise spot.fault(f"is not a range of 1 to {_MAX_SPAN} ports", "Write the lower port first.")
    return range(first, last + 1)
