"""Trying again: growing pauses with jitter, one owner of the retries, and a breaker per target."""

import random
from dataclasses import dataclass, field

import pytest

from opstwin.clock import VirtualClock
from opstwin.control.retrying import Backoff, Breakers, BreakerState, Retry
from opstwin.domain.values import TargetId
from opstwin.errors import Rejected, TargetError, Timeout, Unreachable

A, B = TargetId("a"), TargetId("b")


@dataclass
class Sleeps(VirtualClock):
    """A virtual clock that remembers how long it was asked to wait."""

    waited: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    async def sleep(self, seconds: float) -> None:
        self.waited.append(seconds)
        await super().sleep(seconds)


@dataclass
class Always:
    """Chance that always gives the same share of what is possible."""

    share: float

    def uniform(self, a: float, b: float, /) -> float:
        return a + (b - a) * self.share


@dataclass
class Flaky:
    """A call that fails so often before it answers."""

    failures: int
    error: TargetError = field(default_factory=lambda: Unreachable("away"))
    calls: int = 0

    async def __call__(self) -> str:
        self.calls += 1
        if self.calls <= self.failures:
            raise self.error
        return "answer"


@pytest.fixture
def clock() -> Sleeps:
    return Sleeps()


def retry(clock: VirtualClock, breakers: Breakers | None = None, *, share: float = 1.0, attempts: int = 4) -> Retry:
    return Retry(breakers or Breakers(clock), Backoff(clock, Always(share)), attempts=attempts)


@pytest.mark.req("S5.116")
async def test_a_call_is_tried_again_after_pauses_that_grow_twofold_up_to_a_cap(clock: Sleeps) -> None:
    call = Flaky(7)
    assert await retry(clock, Breakers(clock, failures=99), attempts=8).read(A, call) == "answer"
    assert clock.waited == [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10.0]


@pytest.mark.req("S5.116")
async def test_pauses_are_spread_over_all_of_their_length(clock: Sleeps) -> None:
    backoff = Backoff(clock, random.Random(1))
    for _ in range(400):
        await backoff.pause(3)
    assert all(0 <= waited <= 1.6 for waited in clock.waited)
    assert min(clock.waited) < 0.1
    assert max(clock.waited) > 1.5
    assert 0.7 < sum(clock.waited) / 400 < 0.9


async def test_a_pause_is_bounded_for_any_attempt(clock: Sleeps) -> None:
    backoff = Backoff(clock, Always(1.0), cap_s=10.0)
    assert [backoff.longest_s(attempt) for attempt in (-1, 0, 31, 10**9)] == [0.2, 0.2, 10.0, 10.0]


@pytest.mark.parametrize("error", [Unreachable("away"), Timeout("late")])
async def test_the_last_error_is_raised_when_all_tries_fail(clock: Sleeps, error: TargetError) -> None:
    call = Flaky(99, error)
    with pytest.raises(type(error)):
        await retry(clock).read(A, call)
    assert call.calls == 4
    assert len(clock.waited) == 3


async def test_a_refusal_is_not_tried_again_and_counts_as_an_answer(clock: Sleeps) -> None:
    breakers = Breakers(clock, failures=1)
    call = Flaky(1, Rejected("no"))
    with pytest.raises(Rejected):
        await retry(clock, breakers).read(A, call)
    assert call.calls == 1
    assert breakers.state(A) is BreakerState.CLOSED


async def test_a_call_within_a_call_is_retried_by_the_outer_one_alone(clock: Sleeps) -> None:
    inner = Flaky(99)
    breakers = Breakers(clock, failures=99)
    retries = retry(clock, breakers)
    with pytest.raises(Unreachable):
        await retries.read(A, lambda: retries.read(A, inner))
    assert inner.calls == 4
    with pytest.raises(Unreachable):
        await retries.read(A, inner)
    assert inner.calls == 8


@pytest.mark.req("S5.117")
async def test_after_n_failures_in_a_row_calls_stop_at_once_and_say_how_long(clock: Sleeps) -> None:
    breakers = Breakers(clock, failures=3, cool_down_s=30)
    call = Flaky(99)
    with pytest.raises(Unreachable):
        await retry(clock, breakers, share=0, attempts=3).read(A, call)
    assert breakers.state(A) is BreakerState.OPEN
    clock.advance(10)
    with pytest.raises(Unreachable) as refused:
        await retry(clock, breakers).read(A, call)
    assert call.calls == 3
    assert refused.value.retry_after_s == 20
    assert "opstwin targets test a" in refused.value.next_step


@pytest.mark.req("S5.117")
async def test_a_breaker_that_opens_during_the_tries_ends_them(clock: Sleeps) -> None:
    call = Flaky(99)
    with pytest.raises(Unreachable):
        await retry(clock, Breakers(clock, failures=2), attempts=9).read(A, call)
    assert call.calls == 2


@pytest.mark.req("S5.117")
def test_a_success_between_failures_starts_the_count_anew() -> None:
    breakers = Breakers(VirtualClock(), failures=2)
    for ok in (False, True, False):
        breakers.record(A, ok=ok)
    assert breakers.state(A) is BreakerState.CLOSED
    breakers.check(A)


@pytest.mark.req("S5.117")
def test_after_the_cool_down_one_probe_is_let_through_and_closes_the_breaker() -> None:
    clock = VirtualClock()
    breakers = opened(clock)
    clock.advance(30)
    assert breakers.state(A) is BreakerState.HALF_OPEN
    breakers.check(A)
    with pytest.raises(Unreachable):
        breakers.check(A)
    breakers.record(A, ok=True)
    assert breakers.state(A) is BreakerState.CLOSED
    breakers.check(A)


@pytest.mark.req("S5.117")
def test_a_probe_that_fails_opens_the_breaker_for_another_cool_down() -> None:
    clock = VirtualClock()
    breakers = opened(clock)
    clock.advance(30)
    breakers.check(A)
    breakers.record(A, ok=False)
    clock.advance(29)
    with pytest.raises(Unreachable):
        breakers.check(A)
    clock.advance(1)
    breakers.check(A)


def test_a_probe_that_never_reports_back_gives_way_to_another() -> None:
    clock = VirtualClock()
    breakers = opened(clock)
    clock.advance(30)
    breakers.check(A)
    clock.advance(29)
    with pytest.raises(Unreachable):
        breakers.check(A)
    clock.advance(1)
    breakers.check(A)


def test_asking_for_the_state_does_not_use_up_the_probe() -> None:
    clock = VirtualClock()
    breakers = opened(clock)
    clock.advance(30)
    assert breakers.states() == {"a": BreakerState.HALF_OPEN}
    assert not breakers.is_open(A)
    breakers.check(A)
    assert breakers.is_open(A)


@pytest.mark.req("S5.117")
def test_each_target_has_a_breaker_of_its_own() -> None:
    breakers = opened(VirtualClock())
    breakers.check(B)
    assert breakers.state(B) is BreakerState.CLOSED
    assert breakers.is_open(A)
    assert not breakers.is_open(B)


def test_the_wall_clock_going_back_does_not_keep_a_breaker_open() -> None:
    clock = VirtualClock()
    breakers = opened(clock)
    clock.set_back(7200)
    clock.advance(30)
    breakers.check(A)


def opened(clock: VirtualClock) -> Breakers:
    breakers = Breakers(clock, failures=2, cool_down_s=30)
    for _ in range(2):
        breakers.record(A, ok=False)
    return breakers
