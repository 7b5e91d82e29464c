"""Measurements over time: samples, the question that is asked of them, and the series that answers it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from opstwin.domain.values import ResourceId


class Metric(StrEnum):
    """Its unit is in the name."""

    CPU_MILLICORES = "cpu_millicores"
    MEMORY_BYTES = "memory_bytes"
    THROTTLED_PERIODS = "throttled_periods"


COUNTERS: Final = frozenset({Metric.THROTTLED_PERIODS})
"""Metrics that only rise, and begin anew at 0 when what is measured starts anew."""


class Aggregate(StrEnum):
    """`rate`: a counter's rise per second."""

    MEAN = "mean"
    MAX = "max"
    MIN = "min"
    SUM = "sum"
    P50 = "p50"
    P95 = "p95"
    P99 = "p99"
    LAST = "last"
    RATE = "rate"


MAX_POINTS: Final = 500
"""Values of one series in an answer."""

Labels = tuple[tuple[str, str], ...]
"""Names with their values, in the order of the names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One measurement of one resource, kept to the millisecond.

    What could not be measured has no sample: a gap is never a zero, and a value that is no finite number is not kept.
    `labels` tell more of the series, such as the workload that the resource belongs to.
    """

    resource: ResourceId
    metric: str
    at: datetime
    value: float
    labels: Labels = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Selector:
    """Which resources, when they are not named: those on a target, of a kind, with all of these labels; empty: any."""

    target: str = ""
    kind: str = ""
    labels: Labels = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesQuery:
    """From `start_at` on, `steps` values of `step_s` seconds each, for each of `resources` in that order.

    With a `selector`, `resources` is empty, and those are told of which the store knows series, in the order of their
    ids.
    """

    metric: str
    resources: tuple[ResourceId, ...] = ()
    selector: Selector | None = None
    start_at: datetime
    step_s: int
    steps: int
    aggregate: Aggregate = Aggregate.MEAN


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """A whole series in numbers. `approximate` says that `p50` stands on means of minutes or hours, and that `p95` is
    an upper bound: it stands on their peaks. `rise` is by how much a counter rose."""

    samples: int
    min: float
    mean: float
    p50: float
    p95: float
    max: float
    last: float
    last_at: datetime
    rise: float = 0.0
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
