"""Which ports of the host containers hold, and where two of them clash."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_address

from opstwin.domain.values import ResourceId, Spec


@dataclass(frozen=True, slots=True)
class Claim:
    """One port of the host: taken once for an address, or for all addresses."""

    protocol: str
    port: int
    address: str

    def overlaps(self, other: "Claim") -> bool:
        """Whether both cannot be held at the same time."""
        same_port = (self.protocol, self.port) == (other.protocol, other.port)
        return same_port and (self.address == other.address or _is_any(self.address) or _is_any(other.address))


def claims(spec: Spec | None) -> Iterator[Claim]:
    """The ports that a running container with this spec holds; one that does not run holds none."""
    ports = (spec or {}).get("ports")
    if spec is None or spec.get("running") is False or not isinstance(ports, list):
        return
    for port in ports:
        number = port.get("host") if isinstance(port, dict) else None
        if isinstance(port, dict) and isinstance(number, int):
            yield Claim(str(port.get("protocol") or "tcp"), number, str(port.get("address") or ""))


class Held:
    """Who holds which port, found by number."""

    def __init__(self, specs: Iterable[tuple[ResourceId, Spec | None]]) -> None:
        self._by_number: dict[tuple[str, int], list[tuple[Claim, ResourceId]]] = defaultdict(list)
        for holder, spec in specs:
            for claim in claims(spec):
                self._by_number[claim.protocol, claim.port].append((claim, holder))

    def holders(self, claim: Claim) -> list[ResourceId]:
        """Everybody whose claim overlaps."""
        return [holder for held, holder in self._by_number[claim.protocol, claim.port] if held.overlaps(claim)]


def clash(
    wanted: Mapping[ResourceId, Spec], around: Mapping[ResourceId, Spec]
) -> tuple[ResourceId, Claim, ResourceId] | None:
    """The first of `wanted` that cannot have a port because another of `wanted` or of `around` holds it."""
    held = Held([*wanted.items(), *((key, spec) for key, spec in around.items() if key not in wanted)])
    for resource, spec in wanted.items():
        for claim in claims(spec):
            others = [holder for holder in held.holders(claim) if holder != resource]
            if others:
                return resource, claim, others[0]
    return None


def _is_any(address: str) -> bool:
    """An address that is none counts as all of them: better a clash too many than one too few."""
    try:
        return ip_address(address).is_unspecified
    except ValueError:
        return True
