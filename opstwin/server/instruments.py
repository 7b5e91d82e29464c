"""What `/metrics` shows: requests, calls to targets, deployments, plans, drift, breakers and open streams.

Labels come from fixed sets (route templates, methods, states, target ids), so that no caller can make new series.
"""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics
from prometheus_client.exposition import generate_latest

from opstwin.control.ledger import Ledger
from opstwin.control.retrying import BreakerState
from opstwin.domain.event import Event
from opstwin.twin.store import Query

MEDIA_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
BUCKETS_S: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
BACKENDS: Final[Mapping[str, str]] = {"docker": "docker", "kubernetes": "k8s", "sim": "sim", "host": "host"}
METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
RESULTS: Final = {
    "execution.succeeded": "success",
    "execution.rolled_back": "rolled_back",
    "execution.needs_human": "failure",
}
"""Event type → how a deployment ended."""

STATES: Final = {
    "plan.pending": "pending",
    "plan.approved": "approved",
    "plan.rejected": "rejected",
    "plan.applied": "applied",
    "execution.started": "applying",
    "execution.succeeded": "applied",
    "execution.rolled_back": "rolled_back",
    "execution.needs_human": "failed",
}
"""Event type → the state that a plan reached with it."""

_BREAKER_NUMBERS: Final = {BreakerState.CLOSED: 0, BreakerState.HALF_OPEN: 1, BreakerState.OPEN: 2}


class Instruments:
    """The hub's metrics. Each hub has its own, so that several can live in one process."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        own = self.registry
        self._requests = Histogram(
            "http_request_duration_seconds", "Time to answer.", ["method", "route", "status"], registry=own,
            buckets=BUCKETS_S,
        )  # fmt: skip
        self._calls = {
            backend: Counter(f"{prefix}_api_calls", f"Calls to {backend}.", ["operation", "outcome"], registry=own)
            for backend, prefix in BACKENDS.items()
        }
        self._deployments = Counter("deployments", "Finished executions.", ["result"], registry=own)
        self._plans = Counter("opstwin_plans", "Plans that reached a state.", ["state"], registry=own)
        self._drift = Gauge("opstwin_drift_resources", "Resources that are not as desired.", ["target"], registry=own)
        self._breakers = Gauge(
            "opstwin_breaker_state", "0 closed, 1 half open, 2 open.", ["target"], registry=own
        )  # fmt: skip
        self._streams = Gauge("sse_connections", "Open event streams.", registry=own)
        self._seen: dict[str, str] = {}
        self._looking = asyncio.Lock()
        for result in RESULTS.values():
            self._deployments.labels(result)
        for state in STATES.values():
            self._plans.labels(state)

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """One answered request; `route` is the template of its path."""
        known = method if method in METHODS else "other"
        self._requests.labels(known, route, str(status)).observe(seconds)

    def on_call(self, backend: str, operation: str, outcome: str) -> None:
        """One call to a target's API; drivers report it. `outcome` is `ok` or the code of the error."""
        counter = self._calls.get(backend)
        if counter is not None:
            counter.labels(operation, outcome).inc()

    @contextmanager
    def stream(self) -> Iterator[None]:
        """An open stream, for as long as it is open."""
        self._streams.inc()
        try:
            yield
        finally:
            self._streams.dec()

    def drift(self, by_target: Mapping[str, int]) -> None:
        """How many resources of each target are not as desired now."""
        self._drift.clear()
        for target, count in by_target.items():
            self._drift.labels(target).set(count)

    def breakers(self, states: Mapping[str, BreakerState]) -> None:
        """Where the circuit breaker of each target stands."""
        self._breakers.clear()
        for target, state in states.items():
            self._breakers.labels(target).set(_BREAKER_NUMBERS[state])

    async def catch_up(self, ledger: Ledger) -> None:
        """Count what happened to plans and executions since the last look, from the events of the twin."""
        async with self._looking:
            for type, state in STATES.items():
                count = await self._new(ledger, type)
                self._plans.labels(state).inc(count)
                if type in RESULTS:
                    self._deployments.labels(RESULTS[type]).inc(count)

    def text(self) -> bytes:
        """Everything in Prometheus' text form."""
        return generate_latest(self.registry)

    async def _new(self, ledger: Ledger, type: str) -> int:
        count = 0
        while True:
            page = await ledger.store.find(Query(Event, {"type": type}, after=self._seen.get(type), limit=1000))
            count += len(page.items)
            if page.items:
                self._seen[type] = str(page.items[-1].seq)
            if page.next is None:
                return count
