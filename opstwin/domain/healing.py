"""Standing permission to heal, and the guard that stops a fight."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar, Final

from opstwin.domain.access import Actor
from opstwin.domain.plan import Plan, Risk
from opstwin.domain.values import ResourceId, TargetId

MAX_FLIPS: Final = 3
"""Heals of one resource within the window before the reconciler stops and asks."""

FLIP_WINDOW: Final = timedelta(minutes=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mandate:
    """A person's standing approval to heal a target (or one resource) back to what was approved before.

    It never covers more than low risk and it expires; each use still writes an approval row bound to one digest.
    """

    INDEXED: ClassVar[tuple[str, ...]] = ("target", "resource")
    ORDER: ClassVar[str] = "position"

    id: str
    target: TargetId
    resource: ResourceId | None = None
    given_by: Actor
    reason: str
    given_at: datetime
    expires_at: datetime
    revoked_at: datetime | None = None
    version: int = 0

    def covers(self, plan: Plan, now: datetime) -> bool:
        """Whether this mandate allows `plan` now."""
        return (
            self.revoked_at is None
            and self.given_at <= now < self.expires_at
            and plan.target == self.target
            and plan.risk.rank <= Risk.LOW.rank
            and not plan.tainted
            and all(self.resource in (None, change.resource) for change in plan.changes)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class HealRecord:
    """When one resource was healed, and whether healing is paused because something else keeps changing it back."""

    INDEXED: ClassVar[tuple[str, ...]] = ("target", "paused")
    ORDER: ClassVar[str] = "id"

    id: ResourceId
    target: TargetId
    healed_at: tuple[datetime, ...] = ()
    paused: bool = False
    paused_at: datetime | None = None
    version: int = 0

    def recent(self, now: datetime) -> tuple[datetime, ...]:
        """The heals within the window."""
        return tuple(moment for moment in self.healed_at if now - moment < FLIP_WINDOW)
