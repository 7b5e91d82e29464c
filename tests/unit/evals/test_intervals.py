"""Statistics of evals, against published values and against what must hold of any of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opstwin.evals.intervals import bootstrap, detectable, holm, mcnemar, paired, wilson


@pytest.mark.parametrize(
    ("passed", "n", "low", "high"),
    # Newcombe (1998), Statistics in Medicine 17, table I, method 3.
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_the_interval_of_a_share_is_the_published_one(passed: int, n: int, low: float, high: float) -> None:
    found = wilson(passed, n)
    assert (round(found.low, 4), round(found.high, 4)) == (low, high)


@given(st.integers(0, 60), st.integers(0, 60))
def test_the_interval_of_a_share_holds_it_and_stays_between_0_and_1(passed: int, failed: int) -> None:
    found = wilson(passed, passed + failed)
    assert 0 <= found.low <= found.value <= found.high <= 1


@pytest.mark.parametrize(
    ("better", "worse", "p"), [(0, 0, 1.0), (5, 0, 0.0625), (6, 0, 0.03125), (8, 2, 0.109375), (2, 8, 0.109375)]
)
def test_two_arms_are_compared_exactly(better: int, worse: int, p: float) -> None:
    assert mcnemar(better, worse) == p


def test_only_scenarios_that_differ_count_in_a_comparison() -> None:
    found = paired([True, True, False, False, False], [True, False, True, True, False])
    assert (found.n, found.better, found.worse, found.difference) == (5, 2, 1, 0.2)


def test_several_comparisons_raise_each_others_probabilities() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx((0.03, 0.06, 0.06))
    assert holm([0.9, 0.8]) == (1.0, 1.0)
    assert holm([]) == ()


def test_the_least_difference_that_can_be_seen_falls_with_more_scenarios() -> None:
    few, many = detectable(16), detectable(64)
    assert few is not None
    assert many is not None
    assert many < few < 1
    # Six scenarios that all change are the fewest whose p is below 0.05: 2 / 2^6.
    assert (detectable(5), detectable(6)) == (None, pytest.approx(0.964, abs=0.001))


def test_stricter_levels_see_less() -> None:
    assert (detectable(32, 0.05 / 6) or 1) > (detectable(32, 0.05) or 1)


def test_the_interval_of_a_mean_holds_it_and_is_the_same_each_time() -> None:
    values = [0.1, 0.4, 0.4, 0.9, 0.2, 0.7]
    found = bootstrap(values)
    assert found.value == pytest.approx(0.45)
    assert found.low < found.value < found.high
    assert found == bootstrap(values)
    assert bootstrap([1.0] * 9).low == bootstrap([1.0] * 9).high == 1.0
    assert bootstrap([]).n == 0
