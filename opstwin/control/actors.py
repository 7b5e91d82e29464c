"""The hub's own actors: they look and they propose, and can decide on nothing."""

from typing import Final

from opstwin.domain.access import Actor, ActorKind

OBSERVER: Final = Actor(kind=ActorKind.SCHEDULE, id="observer", face="hub")
"""Looks at targets, follows their events and samples usage."""

RECONCILER: Final = Actor(kind=ActorKind.SCHEDULE, id="reconciler", face="hub")
"""Compares desired and observed, proposes plans, and heals where a person's mandate allows it."""

HUB: Final = Actor(kind=ActorKind.SCHEDULE, id="hub", face="hub")
"""Sets the hub up: its first person, and the targets of its configuration."""
