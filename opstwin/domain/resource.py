"""Resources: what should be (desired) and what the last observation saw (observed), kept apart."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import ClassVar

from opstwin.domain.access import Actor, ActorKind
from opstwin.domain.target import Mode
from opstwin.domain.values import Json, PlanId, ResourceId, Spec, TargetId
from opstwin.domain.workload import Workload


class Presence(StrEnum):
    """`unknown` is never treated as `absent`."""

    PRESENT = "present"
    ABSENT = "absent"
    UNKNOWN = "unknown"


class Health(StrEnum):
    """How a resource does. `none` is for resources that have no health, such as volumes."""

    HEALTHY = "healthy"
    STARTING = "starting"
    UNHEALTHY = "unhealthy"
    STOPPED = "stopped"
    UNKNOWN = "unknown"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Desired:
    """What should be. `spec` None says that the resource should not exist.

    `revision` grows by one with every change of `spec`. `set_by` and `plan_id` say who decided it: only what a person
    set, or an approved plan brought, may be healed without a new approval.
    """

    INDEXED: ClassVar[tuple[str, ...]] = ("target", "kind", "workload")
    ORDER: ClassVar[str] = "id"

    id: ResourceId
    target: TargetId
    kind: str
    name: str
    workload: str | None = None
    spec: Spec | None
    mode: Mode | None = None
    revision: int = 1
    set_by: Actor
    plan_id: PlanId | None = None
    set_at: datetime
    version: int = 0

    @property
    def is_ours(self) -> bool:
        """Whether a person or a plan brought it. What an agent set, as earlier versions let it, is a wish."""
        return self.plan_id is not None or self.set_by.kind is ActorKind.PERSON


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """What the last observation saw.

    `revision` grows by one when `presence`, `spec` or the resource's identity (`facts["id"]`) changes, not when only
    `health`, other facts or `observed_at` do. `managed` says that the target itself carries Opstwin's mark.
    """

    INDEXED: ClassVar[tuple[str, ...]] = ("target", "kind", "presence", "health", "managed")
    ORDER: ClassVar[str] = "id"

    id: ResourceId
    target: TargetId
    kind: str
    name: str
    presence: Presence
    spec: Spec | None = None
    facts: Mapping[str, Json] = field(default_factory=dict)
    health: Health = Health.NONE
    managed: bool = False
    revision: int = 1
    observed_at: datetime
    version: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One resource uses another: `relation` is `mounts`, `joins`, `runs` or `part-of`."""

    INDEXED: ClassVar[tuple[str, ...]] = ("source", "destination", "relation")
    ORDER: ClassVar[str] = "id"

    id: str
    source: ResourceId
    relation: str
    destination: ResourceId
    version: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkloadRecord:
    """The Workload behind a set of resources on one target; `id` is `target/workload/name`.

    `workload` None says that it was taken down.
    """

    INDEXED: ClassVar[tuple[str, ...]] = ("target", "name")
    ORDER: ClassVar[str] = "id"

    id: ResourceId
    target: TargetId
    name: str
    workload: Workload | None
    revision: int = 1
    set_by: Actor
    plan_id: PlanId | None = None
    set_at: datetime
    version: int = 0
