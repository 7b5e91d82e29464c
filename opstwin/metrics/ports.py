"""The ports: a store of samples, a place that answers in PromQL, and a place that takes samples over."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from opstwin.domain.series import Sample, Series, SeriesQuery, Statistics


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """What a store holds now. `bytes` is the room it takes, in memory an estimate.

    Samples of one series are kept as they came for `raw_s` seconds, or, where that is 0, the newest `raw_samples` of
    them; minutes for `minutes_s` seconds, and anything at all for `kept_s`.
    """

    series: int
    bytes: int
    oldest_at: datetime | None
    raw_samples: int = 0
    raw_s: float = 0.0
    minutes_s: float
    kept_s: float


class SampleStore(Protocol):
    """Keeps samples for a stated time in bounded room. All implementations pass `tests/contract/test_sample_store.py`.

    Samples may come late or twice; those older than what is kept are dropped.
    """

    async def write(self, samples: Sequence[Sample]) -> None:
        """Take samples in. Makes room, where none is left, by letting go of what is oldest."""
        ...

    async def read(self, query: SeriesQuery) -> tuple[Series, ...]:
        """One series for each resource asked for, in that order; one that was never measured is all gaps."""
        ...

    async def pooled(self, query: SeriesQuery) -> Statistics | None:
        """The samples of all resources asked for as one; None without any."""
        ...

    async def holding(self) -> Holding:
        """How much is held."""
        ...

    async def close(self) -> None:
        """Release everything; the store is not used afterwards."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PromSeries:
    """One series of a PromQL answer: its labels (`__name__` among them), moments, and values."""

    labels: Mapping[str, str]
    at: tuple[datetime, ...]
    values: tuple[float, ...]


class PromQuery(Protocol):
    """Answers PromQL. Both raise `InvalidInput` for an expression that is none, and `Unreachable`, `Timeout` or
    `Rejected` when there is no answer."""

    async def instant(self, expression: str, at: datetime) -> tuple[PromSeries, ...]:
        """The value of each series at one moment."""
        ...

    async def range(
        self, expression: str, start_at: datetime, end_at: datetime, step_s: float
    ) -> tuple[PromSeries, ...]:
        """The values of each series from the first moment to the last, one each `step_s` seconds."""
        ...


class SampleSink(Protocol):
    """Takes samples over to somewhere else."""

    async def send(self, samples: Sequence[Sample]) -> None:
        """Hand samples over. Raises `Unreachable` or `Timeout` when trying again helps, `Rejected` when it does not."""
        ...
