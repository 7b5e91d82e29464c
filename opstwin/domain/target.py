"""A place that runs things, and how it is reached."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import ClassVar, Final
from urllib.parse import urlsplit

from opstwin.domain.names import checked_name, checked_text
from opstwin.domain.values import TargetId
from opstwin.errors import InvalidInput

BACKENDS: Final = ("docker", "kubernetes", "sim", "host")
CONNECTIONS: Final = ("direct", "frp")
AUTH_METHODS: Final = ("none", "api_key", "mtls")
_SCHEMES: Final = ("unix", "tcp", "http", "https", "sim", "kubeconfig", "host")


class Mode(StrEnum):
    """What the reconciler may do about drift."""

    OBSERVE = "observe"
    PROPOSE = "propose"
    HEAL = "heal"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One target with the fields of the Unified Agent API's `Cluster` row, plus how it is reconciled.

    `identity` is what the target called itself when first seen (for Docker the engine id); a different answer later
    means another machine answers at the same address.
    """

    INDEXED: ClassVar[tuple[str, ...]] = ("backend_type", "is_active", "is_default")
    ORDER: ClassVar[str] = "id"

    id: TargetId
    display_name: str
    backend_type: str
    agent_endpoint: str
    connection_type: str = "direct"
    auth_method: str = "none"
    is_default: bool = False
    is_active: bool = True
    mode: Mode = Mode.PROPOSE
    identity: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)
    created_at: datetime
    version: int = 0

    def __post_init__(self) -> None:
        checked_name(self.id, "id")
        checked_text(self.display_name, "display_name", 128)
        if not self.display_name.strip():
            raise InvalidInput(
                "display_name is empty.",
                field="display_name",
                next_step="Give the target a name people know.",
            )
        _one_of("backend_type", self.backend_type, BACKENDS)
        _one_of("connection_type", self.connection_type, CONNECTIONS)
        _one_of("auth_method", self.auth_method, AUTH_METHODS)
        _check_endpoint(self.agent_endpoint)


def _one_of(name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise InvalidInput(
            f"{name} {value[:40]!r} is not known.", field=name, next_step=f"Use one of: {', '.join(allowed)}."
        )


def _check_endpoint(endpoint: str) -> None:
    checked_text(endpoint, "agent_endpoint", 2048)
    try:
        parts = urlsplit(endpoint)
        well_formed = parts.scheme in _SCHEMES and bool(parts.netloc or parts.path.startswith("/"))
        _ = parts.port
    except ValueError:
        well_formed = False
    if not well_formed:
        raise InvalidInput(
            f"agent_endpoint {endpoint[:80]!r} is not an address.",
            field="agent_endpoint",
            next_step="Use for example unix:///var/run/docker.sock or http://docker-agent:8081.",
        )
