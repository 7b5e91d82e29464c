"""From what a target shows to the observed record: what is a new revision, and what is not worth writing. Pure."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from opstwin.domain.diff import same
from opstwin.domain.resource import Health, Observed, Presence
from opstwin.domain.values import Json, ResourceId, Spec, TargetId
from opstwin.errors import NotFound
from opstwin.targets.ports import Sighting

REFRESH: Final = timedelta(seconds=60)
"""How old `observed_at` may become while nothing else changes: younger rows are not rewritten for their time alone."""


def parts_of(resource: ResourceId) -> tuple[TargetId, str, str]:
    """Target, kind and name of `target/kind/name`; raises `NotFound` for what is no resource id."""
    target, kind, name = (*resource.split("/", 2), "", "")[:3]
    if not (target and kind and name):
        raise NotFound(
            f"{resource[:200]!r} is not a resource id.",
            next_step="Write it as target/kind/name; see them with: opstwin get",
        )
    return TargetId(target), kind, name


def recorded(old: Observed | None, seen: Sighting, at: datetime) -> Observed:
    """The record of `seen`. What could not be seen keeps what was known of it, and the time it was last known."""
    if seen.presence is Presence.UNKNOWN:
        return unknown(old, seen.resource, at)
    target, kind, name = parts_of(seen.resource)
    present = seen.presence is Presence.PRESENT
    fresh = Observed(
        id=seen.resource, target=target, kind=kind, name=name, presence=seen.presence,
        spec=seen.spec if present else None, facts=seen.facts if present else {},
        health=seen.health if present else Health.NONE, managed=seen.managed and present, observed_at=at,
    )  # fmt: skip
    if old is None:
        return fresh
    return replace(fresh, revision=old.revision + _moved(old, fresh), version=old.version)


def unknown(old: Observed | None, resource: ResourceId, at: datetime) -> Observed:
    """`old` as no longer certain. `observed_at` stays: it is since when nothing is known."""
    if old is None:
        target, kind, name = parts_of(resource)
        return Observed(
            id=resource, target=target, kind=kind, name=name, presence=Presence.UNKNOWN, health=Health.UNKNOWN,
            observed_at=at,
        )  # fmt: skip
    if old.presence is Presence.UNKNOWN:
        return old
    return replace(old, presence=Presence.UNKNOWN, health=Health.UNKNOWN, revision=old.revision + 1)


def absent(old: Observed, at: datetime) -> Observed:
    """`old` as gone, by positive evidence."""
    gone = Sighting(resource=old.id, kind=old.kind, name=old.name, presence=Presence.ABSENT)
    return recorded(old, gone, at)


def worth_writing(old: Observed | None, new: Observed) -> bool:
    """Whether `new` says more than `old`: anything but its time, or a time that has become too old."""
    if old is None or content_differs(old, new):
        return True
    return not timedelta(0) <= new.observed_at - old.observed_at < REFRESH


def content_differs(old: Observed, new: Observed) -> bool:
    """Whether anything but the time differs."""
    return (
        old.revision != new.revision
        or (old.presence, old.health, old.managed) != (new.presence, new.health, new.managed)
        or not same(dict(old.facts), dict(new.facts))
    )


def _moved(old: Observed, new: Observed) -> bool:
    return (
        old.presence is not new.presence
        or not same(_as_json(old.spec), _as_json(new.spec))
        or not same(old.facts.get("id"), new.facts.get("id"))
    )


def looks_other(old: Observed | None, new: Observed) -> bool:
    """Whether people would call it changed: coming back from unknown as it was before is not a change."""
    if old is None or old.presence is not Presence.UNKNOWN or new.presence is Presence.UNKNOWN:
        return old is None or old.revision != new.revision
    return not same(_as_json(old.spec), _as_json(new.spec)) or not same(old.facts.get("id"), new.facts.get("id"))


def _as_json(spec: Spec | None) -> Json:
    return None if spec is None else dict(spec)
