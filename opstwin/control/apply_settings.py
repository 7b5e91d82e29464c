"""How applying behaves, and what it needs of others."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from opstwin.control.verifying import Patience
from opstwin.domain.plan import Plan
from opstwin.domain.values import ResourceId


class Observing(Protocol):
    """Brings the twin's observed records up to date after an execution."""

    async def observe(self, resource_ids: Sequence[ResourceId]) -> object:
        """Look at these resources and store what is seen."""
        ...


class Recheck(Protocol):
    """Looks once more, at the last moment, at what the twin cannot know; see `ComponentPlanner.check_still`."""

    async def __call__(self, plan: Plan) -> None:
        """Return when the plan still fits. Raises `StalePlan` or `Unclear`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplySettings:
    """How applying behaves; times in seconds.

    `step_s`: deadline of one step at the target. `lease_s`: what the lease has beyond a step's deadline. `attempts`:
    tries of one step while the target cannot be reached. `give_up_s`: a target that stays away for so long, without one
    more step done, ends the execution. `parallel`: steps at the same time where the plan's order allows.
    """

    step_s: float = 120.0
    lease_s: float = 30.0
    attempts: int = 4
    give_up_s: float = 900.0
    parallel: int = 8
    patience: Patience = field(default_factory=Patience)
