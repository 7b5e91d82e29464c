"""Drift: what is observed is not what is desired. It is explained, never written back into desired."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from opstwin.domain.diff import FieldChange
from opstwin.domain.resource import Desired, Health, Observed, Presence
from opstwin.domain.values import ResourceId, Spec, TargetId

Difference = Callable[[str, Spec, Spec], tuple[FieldChange, ...]]
"""Kind, what is wanted, what was found → what differs, as far as it can be compared (a renderer's `difference`)."""


class DriftKind(StrEnum):
    """How a resource differs. `extra` should not exist and does; `unknown` means that nobody can say."""

    MISSING = "missing"
    CHANGED = "changed"
    EXTRA = "extra"
    STOPPED = "stopped"
    UNHEALTHY = "unhealthy"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """One resource that is not as desired. `fields` go from desired (`before`) to observed (`after`).

    `lines` are the same for people, with secrets masked. `since` is when it was first seen so, None when it was never
    observed. `healing_paused` says that something kept changing it back, so that it is not healed for a while.
    """

    resource: ResourceId
    target: TargetId
    kind: DriftKind
    fields: tuple[FieldChange, ...] = ()
    lines: tuple[str, ...] = ()
    message: str
    since: datetime | None = None
    healing_paused: bool = False
    desired_revision: int = 0
    observed_revision: int = 0

    @property
    def over(self) -> tuple[str, ...]:
        """What differs, so that two drifts can be told to be about the same: fields (dotted), else the kind."""
        return tuple(".".join(item.path) for item in self.fields) or (f"({self.kind.value})",)


def drift_of(desired: Desired, observed: Observed | None, difference: Difference) -> Drift | None:
    """How `observed` differs from `desired`, None when it does not."""
    if observed is None or observed.presence is Presence.UNKNOWN:
        if observed is None and desired.spec is None:
            return None
        return _drift(desired, observed, DriftKind.UNKNOWN, "nobody can say whether it is there")
    if desired.spec is None:
        # A thing of the same name without Opstwin's mark is somebody else's, made after ours was removed.
        extra = observed.presence is Presence.PRESENT and observed.managed
        return _drift(desired, observed, DriftKind.EXTRA, "it should not exist, and does") if extra else None
    if observed.presence is Presence.ABSENT:
        return _drift(desired, observed, DriftKind.MISSING, "it should exist, and does not")
    return _differing(desired, observed, _fields(desired, observed.spec or {}, difference))


def _fields(desired: Desired, seen: Spec, difference: Difference) -> tuple[FieldChange, ...]:
    """What differs. Most resources are equal as they stand, and then nothing has to be brought into comparable form."""
    if desired.spec is None or desired.spec == seen:
        return ()
    return difference(desired.kind, desired.spec, seen)


def _differing(desired: Desired, observed: Observed, fields: tuple[FieldChange, ...]) -> Drift | None:
    if fields and {item.path for item in fields} == {("running",)} and fields[0].before:
        return _drift(desired, observed, DriftKind.STOPPED, "it should run, and is stopped", fields)
    if fields:
        names = ", ".join(".".join(item.path) for item in fields)
        return _drift(desired, observed, DriftKind.CHANGED, f"not as desired in {names}", fields)
    if observed.health is Health.UNHEALTHY:
        return _drift(desired, observed, DriftKind.UNHEALTHY, "it is as desired, but its health check fails")
    return None


def _drift(
    desired: Desired, observed: Observed | None, kind: DriftKind, why: str, fields: tuple[FieldChange, ...] = ()
) -> Drift:
    return Drift(
        resource=desired.id, target=desired.target, kind=kind, fields=fields, message=f"{desired.name}: {why}.",
        since=observed.observed_at if observed else None, desired_revision=desired.revision,
        observed_revision=observed.revision if observed else 0,
    )  # fmt: skip
