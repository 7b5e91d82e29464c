"""How sure one may be of a draft: counted from how similar deployments ended and from the checks, never claimed.

    confidence = (1 + Σ similarity · outcome) / (2 + Σ similarity) · checks

`outcome` is 1 for a deployment that held, ½ for one that held and ran out of memory, 0 for one that did not hold. The
fraction is the mean of a Beta distribution that knew nothing before (Laplace's rule of succession): ½ without any
neighbour, and nearer to their rate of success the more there are and the more similar they are. `checks` is 1 when they
find nothing, and multiplied by 0.95 for each warning (four at most), by 0.9 for each repair, and by 0.3 when the draft
could not be applied as it is.
"""

from collections.abc import Callable, Sequence
from typing import Final

from opstwin.agent.drafting.checking import Verdict
from opstwin.domain.example import Example

HELD: Final = 1.0
STARVED: Final = 0.5
FAILED: Final = 0.0
WARNING: Final = 0.95
MOST_WARNINGS: Final = 4
REPAIR: Final = 0.9
BLOCKED: Final = 0.3

Calibrate = Callable[[float], float]
"""A counted confidence → the rate at which drafts of that confidence held (see `calibration`)."""


def as_counted(confidence: float) -> float:
    """No calibration."""
    return confidence


def confidence_of(
    examples: Sequence[Example], verdict: Verdict, rounds: int = 0, calibrate: Calibrate = as_counted
) -> float:
    """The confidence of a draft, from 0 to 1, with two digits."""
    counted = rate_of(examples) * _checks(verdict, rounds)
    return round(min(1.0, max(0.0, calibrate(counted))), 2)


def rate_of(examples: Sequence[Example]) -> float:
    """How often what is similar held, with ½ where nothing is known."""
    weight = sum(item.score for item in examples)
    return (1 + sum(item.score * _outcome(item) for item in examples)) / (2 + weight)


def _outcome(example: Example) -> float:
    if not example.success:
        return FAILED
    return STARVED if example.oom_events else HELD


def _checks(verdict: Verdict, rounds: int) -> float:
    warned: float = WARNING ** min(verdict.warnings, MOST_WARNINGS)
    repaired: float = REPAIR**rounds
    return warned * repaired * (BLOCKED if verdict.errors else 1.0)
