"""The port of a store of samples."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from opstwin.domain.series import Sample, Series, SeriesQuery


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """What a store holds now. `bytes` is an estimate of the room it takes.

    `raw_samples` is how many samples of one series are kept as they came, `kept_s` how long its minutes are.
    """

    series: int
    bytes: int
    oldest_at: datetime | None
    raw_samples: int
    kept_s: float


class SampleStore(Protocol):
    """Keeps samples for a stated time in bounded room. All implementations pass `tests/contract/test_sample_store.py`.

    Samples may come late or twice; those older than what is kept are dropped.
    """

    async def write(self, samples: Sequence[Sample]) -> None:
        """Take samples in. Makes room, where none is left, by letting go of what was not written to for longest."""
        ...

    async def read(self, query: SeriesQuery) -> tuple[Series, ...]:
        """One series for each resource asked for, in that order; one that was never measured is all gaps."""
        ...

    async def holding(self) -> Holding:
        """How much is held."""
        ...

    async def close(self) -> None:
        """Release everything; the store is not used afterwards."""
        ...
