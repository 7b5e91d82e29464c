"""Measurements over time: samples, the question that is asked of them, and the series that answers it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from opstwin.domain.values import ResourceId


class Metric(StrEnum):
    """What is measured; the unit stands in the name."""

    CPU_MILLICORES = "cpu_millicores"
    MEMORY_BYTES = "memory_bytes"


class Aggregate(StrEnum):
    """How the samples of one step become one value."""

    MEAN = "mean"
    MAX = "max"
    MIN = "min"
    P95 = "p95"
    LAST = "last"


MAX_POINTS: Final = 500
"""Values of one series in an answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One measurement of one resource. What could not be measured has no sample: a gap is never a zero."""

    resource: ResourceId
    metric: Metric
    at: datetime
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesQuery:
    """From `start_at` on, `steps` values of `step_s` seconds each, for each of `resources` in that order."""

    metric: Metric
    resources: tuple[ResourceId, ...]
    start_at: datetime
    step_s: int
    steps: int
    aggregate: Aggregate = Aggregate.MEAN


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """A whole series in numbers. `approximate` says that `p95` is an upper bound: it stands on peaks of minutes."""

    samples: int
    min: float
    mean: float
    p95: float
    max: float
    last: float
    last_at: datetime
    approximate: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """The answer for one resource: a value for each step, None where there is no sample; no `statistics` without any.

    The value of step n is about `start_at + n · step_s` up to, and without, the next step.
    """

    resource: ResourceId
    values: tuple[float | None, ...]
    statistics: Statistics | None = None

    @property
    def gaps(self) -> int:
        """Steps without a sample."""
        return sum(value is None for value in self.values)
