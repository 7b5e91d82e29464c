"""Whether an AI client may have a host asked: only one that people brought in, so that a question carries nothing out.

A name, a path and even the question to a name server can carry words of a log to whoever owns the host. It is decided
before anything is resolved.
"""

import ipaddress
import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from opstwin.catalog.endpoint import Endpoint, endpoint_of
from opstwin.control.ledger import Ledger
from opstwin.domain.access import Actor, ActorKind
from opstwin.domain.plan import Origin, Plan, PlanState
from opstwin.domain.target import Target
from opstwin.errors import Forbidden, InvalidInput
from opstwin.settings import AllowedPlace
from opstwin.targets.reaching import is_nobodys

_APPROVED: Final = frozenset(
    {PlanState.APPROVED, PlanState.APPLYING, PlanState.APPLIED, PlanState.ROLLED_BACK, PlanState.FAILED}
)
"""States that a plan only comes to after a person approved it."""

_NETWORK: Final = ("tcp://", "http://", "https://")

COMPONENTS: Final = "components: "
"""How the request of a component's plan begins; the components file follows as JSON."""


@dataclass(frozen=True, slots=True)
class KnownHosts:
    """Hosts of targets, and of the components that a person planned or approved; `allowed` is the setting's."""

    ledger: Ledger
    allowed: Sequence[AllowedPlace] = ()

    async def check(self, url: str, asker: Actor, named: Collection[str] = ()) -> None:
        """Return when `asker` may have the host of `url` asked; `named` are hosts that the person behind it wrote.

        Addresses of the hub's own machine, and those that nobody may have asked, are left to the prober, which
        judges them. Raises `InvalidInput` for what is no address, and `Forbidden` for a host that nobody brought in.
        """
        if asker.kind is ActorKind.PERSON:
            return
        endpoint = endpoint_of(_without_path(url))
        if endpoint.is_loopback or is_nobodys(endpoint.host) or endpoint.host in named or self._allows(endpoint):
            return
        if not await self._is_known(endpoint.host):
            raise Forbidden(
                f"{endpoint.host} is not known to the hub, so an AI client may not have it asked.",
                next_step="A person plans it once: opstwin plan -f FILE. From then on AI clients may name it. In the "
                "chat a person may also write its address, with http:// before it. An IP "
                "address may also be listed in the setting allowed_agent_endpoints.",
                details={"field": "endpoint", "host": endpoint.host},
            )

    def _allows(self, endpoint: Endpoint) -> bool:
        try:
            ip = ipaddress.ip_address(endpoint.host)
        except ValueError:
            return False
        return any(ip in place.network and place.port in (None, endpoint.port) for place in self.allowed)

    async def _is_known(self, host: str) -> bool:
        async for target in self.ledger.each(Target):
            if target.agent_endpoint.startswith(_NETWORK) and host in _hosts(target.agent_endpoint):
                return True
        async for plan in self.ledger.each(Plan, {"origin": Origin.COMPONENT.value}):
            theirs = plan.requested_by.kind is ActorKind.PERSON or plan.state in _APPROVED
            if theirs and host in plan_hosts(plan):
                return True
        return False


def plan_hosts(plan: Plan) -> frozenset[str]:
    """The hosts of the endpoints that a component's plan was asked for with. Pure."""
    try:
        document = json.loads(plan.request.removeprefix(COMPONENTS))
        entries = document["components"].values()
    except (ValueError, KeyError, TypeError, AttributeError):
        return frozenset()
    named = (entry.get("endpoint") for entry in entries if isinstance(entry, dict))
    return frozenset(host for text in named if isinstance(text, str) for host in _hosts(text))


def _without_path(url: str) -> str:
    """What `endpoint_of` judges too: it refuses what cannot even be split."""
    try:
        parts = urlsplit(url) if "://" in url else None
    except ValueError:
        return url
    return url if parts is None else f"{parts.scheme}://{parts.netloc}"


def _hosts(address: str) -> Iterator[str]:
    """The host of an address in the one spelling; nothing where it has none."""
    try:
        yield endpoint_of(urlsplit(address).netloc if "://" in address else address).host
    except (InvalidInput, ValueError):
        return
