"""Who asks: actors, scopes and the credentials that prove them."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import ClassVar


class ActorKind(StrEnum):
    """Only a person can decide on a plan."""

    PERSON = "person"
    AGENT = "agent"
    SCHEDULE = "schedule"


class Scope(StrEnum):
    """What a credential may be used for."""

    READ = "twin:read"
    PLAN = "twin:plan"
    APPLY = "twin:apply"
    EXEC = "twin:exec"
    ADMIN = "twin:admin"
    APPROVE = "plan:approve"


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who acts: `on_behalf_of` is the person an agent or a schedule acts for, `face` the way in (cli, http, mcp, …)."""

    kind: ActorKind
    id: str
    on_behalf_of: str | None = None
    face: str = "http"

    @property
    def human(self) -> str | None:
        """The person behind the actor, or None when there is none."""
        return self.id if self.kind is ActorKind.PERSON else self.on_behalf_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Somebody or something that may sign in: a person, or an agent acting for one."""

    INDEXED: ClassVar[tuple[str, ...]] = ("kind",)
    ORDER: ClassVar[str] = "id"

    id: str
    kind: ActorKind
    display_name: str
    scopes: frozenset[Scope]
    same_person_as: str | None = None
    on_behalf_of: str | None = None
    is_active: bool = True
    created_at: datetime
    version: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """A token or one-time login code; `id` is the SHA-256 of the secret, which is never stored."""

    INDEXED: ClassVar[tuple[str, ...]] = ("principal_id",)
    ORDER: ClassVar[str] = "id"

    id: str
    principal_id: str
    purpose: str
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    used_at: datetime | None = None
    version: int = 0
