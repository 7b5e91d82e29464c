"""Which addresses may be asked, and for whom: the hub's network is not lent to whoever names an address.

Nobody's request goes to addresses that no component may have, nor to the hub's own port. What an AI client names
does not lead to the hub's own machine either, where services trust whoever is on it, unless the settings allow it.
Private networks stay open to all: the servers that people operate stand there, and all that is told of an answer is
its status and three plain words.
"""

import ipaddress
import socket
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from opstwin.errors import Forbidden, InvalidInput
from opstwin.settings import AllowedPlace

Ip = ipaddress.IPv4Address | ipaddress.IPv6Address

_METADATA: Final = frozenset(
    map(ipaddress.ip_address, ("fd00:ec2::254", "fd20:ce::254", "fd00:42::42", "100.100.100.200", "168.63.129.16"))
)
"""Metadata services of clouds outside the link-local ranges: Amazon EC2, Google and Scaleway over IPv6, Alibaba, and
Azure's platform address."""

_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")
"""The well-known prefix of RFC 6052: what is behind it is the IPv4 address in its last four bytes."""

_COMPATIBLE: Final = ipaddress.ip_network("::/96")
"""IPv4-compatible addresses (RFC 4291, 2.5.5.1), which nobody has any more."""


def on_this_machine(ip: Ip) -> bool:
    """Whether the address is one of this machine's own: only to those can a socket be bound."""
    family = socket.AF_INET if ip.version == 4 else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as trial:
            trial.bind((str(ip), 0))
    except OSError:
        return ip.is_loopback
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """What may be asked. `own_port` is where the hub listens; `allowed` is what AI clients may name on its machine."""

    own_port: int | None = None
    allowed: Sequence[AllowedPlace] = ()
    is_here: Callable[[Ip], bool] = on_this_machine

    def check(self, address: str, port: int, *, by_person: bool) -> None:
        """Return when the resolved `address` may be asked at `port`.

        Raises `InvalidInput` for what nobody may have asked, `Forbidden` for what only a person may.
        """
        forms = tuple(_forms(ipaddress.ip_address(address.partition("%")[0])))
        if any(map(_is_nobodys, forms)):
            raise _refused(f"{forms[-1]} is not an address that a component may have.")
        here = any(map(self.is_here, forms))
        if here and port == self.own_port:
            raise _refused(f"{forms[-1]} port {port} is the hub itself.")
        if here and not by_person and not self._is_allowed(forms, port):
            raise Forbidden(
                f"{forms[-1]} is on the hub's own machine, which an AI client may not have asked.",
                next_step="Let a person plan it, or ask an administrator to add the address and port to the setting "
                "allowed_agent_endpoints.",
            )

    def _is_allowed(self, forms: Sequence[Ip], port: int) -> bool:
        return any(ip in place.network and place.port in (None, port) for ip in forms for place in self.allowed)


def _forms(ip: Ip) -> Iterator[Ip]:
    """The address, and the IPv4 address that it leads to in other words."""
    yield ip
    if isinstance(ip, ipaddress.IPv4Address):
        return
    inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
    if ip in _NAT64 or (ip in _COMPATIBLE and not ip.is_loopback and not ip.is_unspecified):
        inner = ipaddress.IPv4Address(ip.packed[12:])
    if inner is not None:
        yield inner


def _is_nobodys(ip: Ip) -> bool:
    reserved = isinstance(ip, ipaddress.IPv4Address) and (ip.is_reserved or ip.packed[0] == 0)
    return ip.is_link_local or ip.is_multicast or ip.is_unspecified or reserved or ip in _METADATA


def is_nobodys(host: str) -> bool:
    """Whether `host` is an IP address that no component may have; a name is none."""
    try:
        return any(map(_is_nobodys, _forms(ipaddress.ip_address(host))))
    except ValueError:
        return False


def _refused(message: str) -> InvalidInput:
    return InvalidInput(message, field="endpoint", next_step="Give the address of the component itself.")
