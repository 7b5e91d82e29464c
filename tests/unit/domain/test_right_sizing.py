"""What a workload should request, from what it used."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opstwin.domain.deployment import Usage
from opstwin.domain.right_sizing import LEAST_SAMPLES, MI, Measured, Silence, right_size

USAGE = Usage(
    samples=1000, cpu_mean=50, cpu_p50=45, cpu_p95=119.2, cpu_max=900, memory_mean=90 * MI, memory_p50=88 * MI,
    memory_p95=120 * MI, memory_max=200 * MI,
)  # fmt: skip


@pytest.mark.req("S5.40")
def test_the_request_is_the_95th_percentile_and_memory_the_peak_and_15_percent() -> None:
    advice = right_size(Measured(usage=USAGE, period_s=604_800))
    assert (advice.cpu_request, advice.memory_limit) == (120, 230 * MI)
    assert (advice.samples, advice.period_s, advice.factor, advice.silent) == (1000, 604_800, 1.15, None)


@pytest.mark.req("S5.41")
def test_after_a_kill_for_memory_it_is_the_peak_and_25_percent() -> None:
    advice = right_size(Measured(usage=USAGE, oom_events=1))
    assert (advice.memory_limit, advice.factor, advice.oom_events) == (250 * MI, 1.25, 1)


def test_after_a_kill_the_limit_counts_as_the_peak_that_the_kernel_did_not_let_happen() -> None:
    advice = right_size(Measured(usage=USAGE, oom_events=1, killed_at_bytes=256 * MI))
    assert advice.memory_limit == 320 * MI


@pytest.mark.parametrize("samples", [1, LEAST_SAMPLES - 1])
def test_fewer_than_100_measurements_tell_nothing_and_that_is_said(samples: int) -> None:
    advice = right_size(Measured(usage=replace(USAGE, samples=samples)))
    assert (advice.cpu_request, advice.memory_limit, advice.silent) == (None, None, Silence.FEW)
    assert advice.samples == samples


def test_100_measurements_are_enough() -> None:
    assert right_size(Measured(usage=replace(USAGE, samples=LEAST_SAMPLES))).silent is None


def test_nothing_measured_tells_nothing() -> None:
    assert right_size(Measured(usage=None)).silent is Silence.NONE
    assert right_size(Measured(usage=replace(USAGE, samples=0))).silent is Silence.NONE


def test_what_an_autoscaler_owns_is_left_alone() -> None:
    horizontal = right_size(Measured(usage=USAGE, owned=frozenset({"cpu"})))
    assert (horizontal.cpu_request, horizontal.memory_limit) == (None, 230 * MI)
    both = right_size(Measured(usage=USAGE, owned=frozenset({"cpu", "memory"})))
    assert (both.cpu_request, both.memory_limit, both.silent) == (None, None, Silence.OWNED)


@given(st.floats(0, 64_000), st.floats(1, 2**45), st.integers(0, 5), st.integers(0, 2**45))
def test_the_limit_is_never_below_what_was_needed(cpu: float, memory: float, kills: int, killed_at: int) -> None:
    usage = replace(USAGE, cpu_p95=cpu, memory_max=memory)
    advice = right_size(Measured(usage=usage, oom_events=kills, killed_at_bytes=killed_at))
    assert advice.cpu_request is not None
    assert advice.memory_limit is not None
    assert advice.cpu_request >= max(1, cpu)
    assert advice.memory_limit >= memory
    assert not kills or advice.memory_limit > killed_at
    assert advice.memory_limit % MI == 0
