"""Whether a confidence of 0.8 comes true eight times in ten: from finished deployments, in bins."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from opstwin.agent.drafting.confidence import Calibrate, as_counted
from opstwin.control.ledger import Ledger
from opstwin.domain.deployment import Deployment
from opstwin.twin.store import MAX_PAGE, Query

BINS: Final = 10
ENOUGH: Final = 50
"""Outcomes below which a correction would follow chance."""

Outcome = tuple[float, bool]
"""The confidence that a draft had, and whether it held."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """The drafts whose confidence was from `low` up to `high`: how many, their mean confidence, and how many held."""

    low: float
    high: float
    count: int
    confidence: float
    held: float


def outcomes_of(deployments: Iterable[Deployment]) -> tuple[Outcome, ...]:
    """What came of drafts of a model, from the history."""
    return tuple((item.ai_confidence, item.success) for item in deployments if item.ai_confidence is not None)


class Calibration:
    """The correction that the records teach; learned anew when there is a newer record."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._newest = ""
        self._learned: Calibrate = as_counted

    async def __call__(self) -> Calibrate:
        """The correction now, from the newest records. Raises `StoreError` when they cannot be read."""
        newest = await self._ledger.store.find(Query(Deployment, limit=1, newest_first=True))
        id = newest.items[0].id if newest.items else ""
        if id != self._newest:
            page = await self._ledger.store.find(Query(Deployment, limit=MAX_PAGE, newest_first=True))
            self._learned, self._newest = calibrated(outcomes_of(page.items)), id
        return self._learned


def bins_of(outcomes: Sequence[Outcome], count: int = BINS) -> tuple[Bin, ...]:
    """The bins that hold any outcome, the lowest confidence first."""
    held: dict[int, list[Outcome]] = {}
    for item in outcomes:
        held.setdefault(min(count - 1, int(item[0] * count)), []).append(item)
    return tuple(
        Bin(
            low=place / count, high=(place + 1) / count, count=len(items),
            confidence=sum(confidence for confidence, _ in items) / len(items),
            held=sum(success for _, success in items) / len(items),
        )
        for place, items in sorted(held.items())
    )  # fmt: skip


def calibration_error(outcomes: Sequence[Outcome], count: int = BINS) -> float:
    """The expected calibration error: how far confidence and rate of success are apart, from 0 to 1; 0 of nothing."""
    return sum(
        item.count * abs(item.confidence - item.held) for item in bins_of(outcomes, count)
    ) / max(1, len(outcomes))  # fmt: skip


def calibrated(outcomes: Sequence[Outcome]) -> Calibrate:
    """A correction learned from outcomes: never lower for a higher confidence, and none from too few outcomes.

    Neighbouring bins whose rates fall instead of rising are pooled (isotonic regression).
    """
    if len(outcomes) < ENOUGH:
        return as_counted
    pools: list[tuple[float, float, int]] = []
    for item in bins_of(outcomes):
        high, held, count = item.high, item.held, item.count
        while pools and pools[-1][1] > held:
            _, before, more = pools.pop()
            held, count = (held * count + before * more) / (count + more), count + more
        pools.append((high, held, count))

    def corrected(confidence: float) -> float:
        return next((held for high, held, _ in pools if confidence < high), pools[-1][1])

    return corrected
