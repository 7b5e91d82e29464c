"""Standing permission to heal, and the guard that stops a fight."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import ClassVar, Final

from opstwin.domain.access import Actor
from opstwin.domain.plan import Plan, Risk
from opstwin.domain.values import ResourceId, TargetId

MAX_FLIPS: Final = 3
"""Heals of the same within the window before the reconciler pauses: a fourth would be a fight."""

MAX_HEALS: Final = 12
"""Heals of one resource within the window, whatever they put back: more often than every 50 seconds is no healing."""

FLIP_WINDOW: Final = timedelta(minutes=10)

FIRST_PAUSE: Final = timedelta(minutes=10)
LONGEST_PAUSE: Final = timedelta(hours=6)
"""How long healing is paused for the first time, and at most. The first is as long as the window, so that only what
happens after a pause counts."""


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
class Heal:
    """One heal of one resource, and what it put back: see `Drift.over`."""

    at: datetime
    over: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class HealRecord:
    """When and over what one resource was healed, and whether healing is paused because it is changed back each time.

    `contested` is what the last pause was about, `rounds` how many pauses in a row were about it. `paused_until` is
    when healing is tried again; None while `paused` means that only a person lets it go on.
    """

    INDEXED: ClassVar[tuple[str, ...]] = ("target", "paused")
    ORDER: ClassVar[str] = "id"

    id: ResourceId
    target: TargetId
    heals: tuple[Heal, ...] = ()
    paused: bool = False
    paused_at: datetime | None = None
    paused_until: datetime | None = None
    contested: tuple[str, ...] = ()
    rounds: int = 0
    version: int = 0

    def recent(self, now: datetime) -> tuple[Heal, ...]:
        """The heals within the window."""
        return tuple(heal for heal in self.heals if now - heal.at < FLIP_WINDOW)

    def recent_over(self, over: Collection[str], now: datetime) -> tuple[Heal, ...]:
        """The heals within the window that put back some of the same."""
        return tuple(heal for heal in self.recent(now) if not set(over).isdisjoint(heal.over))

    def fought_over(self, over: Collection[str], now: datetime) -> tuple[str, ...]:
        """What of a drift's `over` is a fight: it was put back too often within the window. Empty for other drift.

        What a pause was about is a fight again as soon as it differs once more within the window after it was healed.
        """
        allowed = {item: 1 if self.rounds and item in self.contested else MAX_FLIPS for item in over}
        again = tuple(item for item in over if len(self.recent_over((item,), now)) >= allowed[item])
        return again or (tuple(over) if len(self.recent(now)) >= MAX_HEALS else ())

    def healed(self, over: tuple[str, ...], now: datetime) -> "HealRecord":
        """This record with one more heal. After a quiet window an earlier fight counts no more."""
        quiet = self.paused_until is None or now - self.paused_until >= FLIP_WINDOW
        calm = replace(self, contested=(), rounds=0) if quiet and not self.recent(now) else self
        return replace(calm, heals=(*self.recent(now), Heal(at=now, over=over)))

    def pausing(self, over: tuple[str, ...], now: datetime) -> "HealRecord":
        """This record with healing paused for a fight over `over`: each pause in a row is twice as long."""
        goes_on = self.rounds > 0 and not set(over).isdisjoint(self.contested)
        rounds = self.rounds + 1 if goes_on else 1
        contested = tuple(sorted({*over, *(self.contested if goes_on else ())}))
        until = now + min(FIRST_PAUSE * 2 ** min(rounds - 1, 16), LONGEST_PAUSE)
        return replace(self, paused=True, paused_at=now, paused_until=until, contested=contested, rounds=rounds)
