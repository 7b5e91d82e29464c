"""Statistics of evals: how sure a share is, whether two arms differ, and what difference could have been seen. Pure.

The unit is the scenario: its trials are not independent of each other, so they count together.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import comb, sqrt
from typing import Final

Z: Final = 1.959964
"""Of the normal distribution, for 95 %."""

LEVEL: Final = 0.05
POWER: Final = 0.8
RESAMPLES: Final = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A value and its 95 % interval, from `n` scenarios."""

    value: float
    low: float
    high: float
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Paired:
    """Two arms on the same scenarios: in how many the second did `better` or `worse` than the first.

    `difference` is that of their shares, `p` McNemar's exact probability (two-sided). `detectable` is the least true
    difference that would be seen in 8 of 10 such comparisons, if no scenario did worse; None when none would be.
    """

    n: int
    better: int
    worse: int
    difference: float
    p: float
    detectable: float | None


def wilson(passed: int, n: int) -> Estimate:
    """The share `passed` of `n`, with Wilson's interval; (0, 1) of nothing."""
    if n == 0:
        return Estimate(value=0.0, low=0.0, high=1.0, n=0)
    share, square = passed / n, Z * Z
    middle = (share + square / (2 * n)) / (1 + square / n)
    half = Z * sqrt(share * (1 - share) / n + square / (4 * n * n)) / (1 + square / n)
    # At the ends the bounds are 0 and 1 exactly; floating point is off by a hair.
    low, high = (0.0 if passed == 0 else middle - half), (1.0 if passed == n else middle + half)
    return Estimate(value=share, low=low, high=high, n=n)


def bootstrap(values: Sequence[float], seed: str = "bootstrap") -> Estimate:
    """The mean of one value for each scenario, with the interval of drawing the scenarios anew."""
    n = len(values)
    if n == 0:
        return Estimate(value=0.0, low=0.0, high=0.0, n=0)
    chance = random.Random(seed)  # noqa: S311 - a draw, not a secret
    means = sorted(sum(chance.choices(values, k=n)) / n for _ in range(RESAMPLES))
    low, high = means[int(RESAMPLES * LEVEL / 2)], means[int(RESAMPLES * (1 - LEVEL / 2)) - 1]
    return Estimate(value=sum(values) / n, low=low, high=high, n=n)


def mcnemar(better: int, worse: int) -> float:
    """How likely a difference as large is by chance where both arms are alike (exact, two-sided)."""
    n = better + worse
    ways = sum(comb(n, number) for number in range(min(better, worse) + 1))
    return min(1.0, float(2 * ways / 2**n))


def paired(first: Sequence[bool], second: Sequence[bool], level: float = LEVEL) -> Paired:
    """Compares two arms, scenario by scenario; `level` is that of one of several comparisons where there are more."""
    better = sum(not one and other for one, other in zip(first, second, strict=True))
    worse = sum(one and not other for one, other in zip(first, second, strict=True))
    n = len(first)
    return Paired(
        n=n, better=better, worse=worse, difference=(better - worse) / n if n else 0.0, p=mcnemar(better, worse),
        detectable=detectable(n, level),
    )  # fmt: skip


def holm(values: Sequence[float]) -> tuple[float, ...]:
    """Probabilities of several comparisons, raised so that all of them together are wrong once in twenty (Holm)."""
    order = sorted(range(len(values)), key=lambda place: values[place])
    found, so_far = [0.0] * len(values), 0.0
    for rank, place in enumerate(order):
        so_far = max(so_far, min(1.0, values[place] * (len(values) - rank)))
        found[place] = so_far
    return tuple(found)


def detectable(n: int, level: float = LEVEL, power: float = POWER) -> float | None:
    """The least difference of two shares that `n` scenarios show with that power; see `Paired`."""
    needed = next((count for count in range(1, n + 1) if mcnemar(count, 0) <= level), None)
    if needed is None:
        return None
    return _least(lambda share: _at_least(needed, n, share) >= power)


def _least(holds: Callable[[float], bool]) -> float:
    """The least share, in steps of a thousandth, for which something holds that holds for every larger one."""
    low, high = 0, 1000
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle / 1000) else (middle + 1, high)
    return low / 1000


def _at_least(count: int, n: int, share: float) -> float:
    return sum(comb(n, hits) * share**hits * (1 - share) ** (n - hits) for hits in range(count, n + 1))
