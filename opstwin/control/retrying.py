"""Trying again, politely: growing pauses with full jitter, and a circuit breaker per target.

One call has one owner of its retries: a `Retry` used inside another `Retry` makes a single attempt, so that tries never
multiply. Only what left nothing half-done is tried again: reads after `Unreachable` or `Timeout`. Writers' outcomes are
judged by `opstwin.control.applying`, which observes before it repeats.
"""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol, TypeVar

from opstwin.clock import Clock
from opstwin.domain.values import TargetId
from opstwin.errors import TargetError, Timeout, Unreachable

T = TypeVar("T")

BASE_S: Final = 0.2
"""The longest first pause."""

CAP_S: Final = 10.0
"""The longest pause of all: above it a person notices the wait, below it a restarting engine is not hurried."""

ATTEMPTS: Final = 4
"""Tries of one read, the first included: at most 1.4 s of pauses together."""

FAILURES: Final = 5
"""Failures in a row after which calls to a target stop."""

COOL_DOWN_S: Final = 30.0
"""How long calls stop before one probe is let through."""

PROBE_S: Final = 2.0
"""When to ask again while a probe is under way: by then it has usually been answered."""

_OWNED: ContextVar[bool] = ContextVar("opstwin_retry_owned", default=False)


class BreakerState(StrEnum):
    """`half_open` lets one probe through; its outcome closes or opens the breaker again."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Chance(Protocol):
    """Where jitter comes from; `random.Random` is one."""

    def uniform(self, a: float, b: float, /) -> float:
        """A number from `a` to `b`."""
        ...


class Backoff:
    """Pauses that grow: attempt n waits a random time up to `base_s · 2ⁿ`, at most `cap_s` (full jitter)."""

    def __init__(self, clock: Clock, random: Chance, *, base_s: float = BASE_S, cap_s: float = CAP_S) -> None:
        self._clock, self._random, self._base_s, self._cap_s = clock, random, base_s, cap_s

    def longest_s(self, attempt: int) -> float:
        """The longest pause after `attempt` (0 is the first)."""
        doublings = min(max(attempt, 0), 32)
        return float(min(self._cap_s, self._base_s * 2**doublings))

    async def pause(self, attempt: int) -> None:
        """Wait after `attempt` (0 is the first) failed."""
        await self._clock.sleep(self._random.uniform(0, self.longest_s(attempt)))


@dataclass(slots=True)
class _Breaker:
    failures: int = 0
    opened_s: float | None = None
    probe_s: float | None = None


class Breakers:
    """One circuit breaker per target, in this process: it opens after `failures` failures in a row.

    While open, `check` refuses at once. After `cool_down_s` one caller is let through to probe; a probe that never
    reports back gives way to another after the same time.
    """

    def __init__(self, clock: Clock, *, failures: int = FAILURES, cool_down_s: float = COOL_DOWN_S) -> None:
        self._clock, self._failures, self._cool_down_s = clock, failures, cool_down_s
        self._by_target: dict[str, _Breaker] = {}

    def check(self, target_id: TargetId) -> None:
        """Return when a call may be made; raises `Unreachable` with `retry_after_s` while the breaker is open."""
        breaker = self._by_target.get(target_id)
        if breaker is None or breaker.opened_s is None:
            return
        wait_s = self._wait_s(breaker)
        if wait_s > 0:
            again_s = wait_s if breaker.probe_s is None else min(wait_s, PROBE_S)
            raise Unreachable(
                f"Target {target_id} failed {breaker.failures} times in a row; calls to it are paused.",
                next_step=f"See why: opstwin targets test {target_id}",
                details={"target": target_id, "failures": breaker.failures, "breaker": self.state(target_id).value},
                retry_after_s=round(again_s, 3),
            )
        breaker.probe_s = self._clock.monotonic_s()

    def record(self, target_id: TargetId, ok: bool) -> None:
        """Tell how a call ended. An answer that says no is still an answer: `ok` is about reaching the target."""
        breaker = self._by_target.setdefault(target_id, _Breaker())
        if ok:
            breaker.failures, breaker.opened_s, breaker.probe_s = 0, None, None
            return
        breaker.failures += 1
        if breaker.failures >= self._failures:
            breaker.opened_s, breaker.probe_s = self._clock.monotonic_s(), None

    def state(self, target_id: TargetId) -> BreakerState:
        """Where the breaker of a target stands now; asking does not use up the probe."""
        breaker = self._by_target.get(target_id)
        if breaker is None or breaker.opened_s is None:
            return BreakerState.CLOSED
        cooled = self._clock.monotonic_s() - breaker.opened_s >= self._cool_down_s
        return BreakerState.HALF_OPEN if cooled else BreakerState.OPEN

    def is_open(self, target_id: TargetId) -> bool:
        """Whether a call made now would be refused."""
        breaker = self._by_target.get(target_id)
        return breaker is not None and breaker.opened_s is not None and self._wait_s(breaker) > 0

    def states(self) -> dict[str, BreakerState]:
        """The breaker of every target that was ever called, for metrics."""
        return {key: self.state(TargetId(key)) for key in self._by_target}

    def _wait_s(self, breaker: _Breaker) -> float:
        since = breaker.opened_s if breaker.probe_s is None else breaker.probe_s
        assert since is not None
        return since + self._cool_down_s - self._clock.monotonic_s()


class Retry:
    """Calls a target under its breaker, again after growing pauses when it could not be reached."""

    def __init__(self, breakers: Breakers, backoff: Backoff, *, attempts: int = ATTEMPTS) -> None:
        self._breakers, self._backoff, self._attempts = breakers, backoff, attempts

    async def read(self, target_id: TargetId, call: Callable[[], Awaitable[T]]) -> T:
        """What `call` returns. Raises `Unreachable` at once while the breaker is open, else `call`'s last error."""
        if _OWNED.get():
            return await call()
        with _owner():
            for attempt in range(self._attempts - 1):
                self._breakers.check(target_id)
                try:
                    return await self._once(target_id, call)
                except (Unreachable, Timeout):
                    await self._backoff.pause(attempt)
            self._breakers.check(target_id)
            return await self._once(target_id, call)

    async def _once(self, target_id: TargetId, call: Callable[[], Awaitable[T]]) -> T:
        try:
            answer = await call()
        except TargetError as error:
            self._breakers.record(target_id, ok=not isinstance(error, Unreachable | Timeout))
            raise
        self._breakers.record(target_id, ok=True)
        return answer


@contextmanager
def _owner() -> Iterator[None]:
    token = _OWNED.set(True)
    try:
        yield
    finally:
        _OWNED.reset(token)
