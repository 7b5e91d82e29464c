"""How one resource stands: both its sides, what differs, and what of it needs attention. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from opstwin.domain.drift import Difference, Drift, DriftKind, drift_of
from opstwin.domain.kinds import runs
from opstwin.domain.resource import Desired, Health, Observed, Presence, WorkloadRecord
from opstwin.domain.values import Json, ResourceId, TargetId

LOOPING: Final = 3
"""Restarts from which on a container that began again lately counts as restarting, in whatever state it is seen."""

LATELY: Final = timedelta(minutes=10)
"""Docker waits at most a minute between two restarts of a loop; a container that ran for ten is through."""


_SAID_BY_HEALTH: Final = frozenset({DriftKind.UNHEALTHY, DriftKind.UNKNOWN})
"""Drift that is no more than an ail of its own: what is there differs in nothing that a plan would change."""

_WORST_FIRST: Final = (Health.UNHEALTHY, Health.UNKNOWN, Health.STOPPED, Health.STARTING, Health.HEALTHY)


class Ail(StrEnum):
    """Why a resource needs attention, the most urgent first."""

    UNHEALTHY = "unhealthy"
    RESTARTING = "restarting"
    DRIFTED = "drifted"
    UNKNOWN = "unknown"
    STALE = "stale"


AILS: Final = tuple(Ail)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One resource. `managed` says that Opstwin wants something of it.

    `state` is what the target calls it (running, exited, …), or present, absent, unknown. `ails` holds what does not
    depend on the hour. `restarts` is None where the target does not say. `looping_at` is when it began, for one that
    was restarted `LOOPING` times or more. `is_there` says that it exists, should exist, or may exist.
    """

    id: ResourceId
    target: TargetId
    kind: str
    name: str
    workload: str | None
    managed: bool
    is_there: bool
    desired: Desired | None
    observed: Observed | None
    drift: Drift | None
    state: str
    health: str
    image: str
    restarts: int | None
    looping_at: datetime | None
    seen_at: datetime | None
    ails: tuple[Ail, ...]

    def ails_at(self, now: datetime, stale_before: datetime) -> tuple[Ail, ...]:
        """All that needs attention now; what was last seen before `stale_before` is stale."""
        stale = self.seen_at is not None and self.seen_at < stale_before
        if self.looping_at is None and not stale:
            return self.ails
        looping = self.looping_at is not None and now - self.looping_at < LATELY
        more = {*self.ails, *([Ail.RESTARTING] if looping else ()), *([Ail.STALE] if stale else ())}
        return tuple(ail for ail in AILS if ail in more)


def standing_of(desired: Desired | None, observed: Observed | None, difference: Difference | None) -> Standing | None:
    """How a resource stands, None when neither side is known. Without `difference` nothing is said about drift."""
    known = desired or observed
    if known is None:
        return None
    drift = drift_of(desired, observed, difference) if desired is not None and difference is not None else None
    facts = observed.facts if observed else {}
    restarts = _whole(facts.get("restart_count"))
    state, health = _state(observed), observed.health.value if observed else Health.UNKNOWN.value
    managed = desired is not None and desired.spec is not None
    return Standing(
        id=known.id, target=known.target, kind=known.kind, name=known.name,
        workload=desired.workload if desired else None, managed=managed,
        is_there=managed or (observed is not None and observed.presence is not Presence.ABSENT),
        desired=desired, observed=observed, drift=drift, state=state, health=health, image=_image(desired, observed),
        restarts=restarts, looping_at=_moment(facts.get("started_at")) if (restarts or 0) >= LOOPING else None,
        seen_at=observed.observed_at if observed else None, ails=_ails(state, health, drift),
    )  # fmt: skip


def standing_of_workload(record: WorkloadRecord, parts: Sequence[Standing]) -> Standing:
    """How a workload stands as a whole: as badly as the worst of its resources, and last seen with the oldest of them.

    `state` is how many of its containers run, of how many.
    """
    runners = [item for item in parts if runs(item.kind)]
    running = sum(_ready(item) for item in runners)
    asked = record.workload.replicas if record.workload else 0
    drifts = [item.drift for item in parts if item.drift is not None]
    seen = [item.seen_at for item in parts if item.seen_at is not None]
    looping = [item.looping_at for item in parts if item.looping_at is not None]
    ails = {ail for item in parts for ail in item.ails}
    return Standing(
        id=record.id, target=record.target, kind="workload", name=record.name, workload=record.name,
        managed=record.workload is not None, is_there=True, desired=None, observed=None,
        drift=drifts[0] if drifts else None, state=f"{running}/{asked}", health=_worst(runners),
        image=record.workload.image if record.workload else "", restarts=None,
        looping_at=max(looping, default=None), seen_at=min(seen, default=None),
        ails=tuple(ail for ail in AILS if ail in ails),
    )  # fmt: skip


def _ready(item: Standing) -> int:
    """How many containers run of it: one that runs is one; what makes pods says how many are ready, as `2/3`."""
    ready = item.observed.facts.get("ready") if item.observed else None
    if isinstance(ready, str) and ready.partition("/")[0].isdecimal():
        return int(ready.partition("/")[0])
    return int(item.state == "running")


def _worst(runners: Sequence[Standing]) -> str:
    found = {item.health for item in runners}
    return next((health.value for health in _WORST_FIRST if health.value in found), Health.NONE.value)


def _ails(state: str, health: str, drift: Drift | None) -> tuple[Ail, ...]:
    found = {
        Ail.UNHEALTHY: health == Health.UNHEALTHY.value,
        Ail.RESTARTING: state == "restarting",
        Ail.DRIFTED: drift is not None and drift.kind not in _SAID_BY_HEALTH,
        Ail.UNKNOWN: state == Presence.UNKNOWN.value,
    }
    return tuple(ail for ail, holds in found.items() if holds)


def _state(observed: Observed | None) -> str:
    if observed is None:
        return Presence.UNKNOWN.value
    if observed.presence is not Presence.PRESENT:
        return observed.presence.value
    said = observed.facts.get("state")
    return said if isinstance(said, str) and said else Presence.PRESENT.value


def _image(desired: Desired | None, observed: Observed | None) -> str:
    images = observed.facts.get("images") if observed else None
    if isinstance(images, list) and images:
        return ", ".join(map(str, images[:3]))
    for side in (observed, desired):
        image = (side.spec or {}).get("image") if side else None
        if isinstance(image, str):
            return image
    return ""


def _whole(value: Json) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _moment(value: Json) -> datetime | None:
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return moment if moment.tzinfo else None
