"""Faults on demand: which request goes wrong, how, and how often."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from opstwin.targets.sim.kube.asking import Ask
from opstwin.targets.sim.kube.failures import ApiFailure, too_many


class FaultKind(StrEnum):
    """What goes wrong.

    `hang` never answers; `drop` breaks the connection before anything is done and `drop_after` once the effect is
    made; `expired` refuses the token (401), `throttle` answers 429 with Retry-After, `internal` 500, `unavailable` 503
    (each before anything is done); `internal_after` answers 500 once the effect is made; `cut` ends a stream at once.
    """

    HANG = "hang"
    DROP = "drop"
    DROP_AFTER = "drop_after"
    EXPIRED = "expired"
    THROTTLE = "throttle"
    INTERNAL = "internal"
    INTERNAL_AFTER = "internal_after"
    UNAVAILABLE = "unavailable"
    CUT = "cut"


AFTER: Final = (FaultKind.DROP_AFTER, FaultKind.INTERNAL_AFTER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One fault: the `nth` request that matches (1 is the first) and the `times - 1` matching ones after it.

    `method` is an HTTP method, or WATCH for watches; "" matches all. `path` is a regular expression to be found in the
    path. `times` None never ends. `retry_after_s` belongs to `throttle`.
    """

    kind: FaultKind
    method: str = ""
    path: str = ""
    nth: int = 1
    times: int | None = 1
    retry_after_s: int = 1


@dataclass(frozen=True, slots=True)
class Struck:
    """A fault that was met, and by which request."""

    fault: Fault
    method: str
    path: str


class FaultPlan:
    """The faults in store. `struck` lists those that were met."""

    def __init__(self, faults: Iterable[Fault] = ()) -> None:
        self._met: dict[Fault, int] = dict.fromkeys(faults, 0)
        self.struck: list[Struck] = []

    def add(self, fault: Fault) -> Fault:
        """Have one more fault in store, counting matching requests from now."""
        self._met[fault] = 0
        return fault

    def remove(self, fault: Fault) -> None:
        """Take a fault back."""
        self._met.pop(fault, None)

    def clear(self) -> None:
        """Take all faults back; `struck` stays."""
        self._met.clear()

    def due(self, ask: Ask) -> Fault | None:
        """The fault that strikes this request, if any. Every matching fault counts the request."""
        method = "WATCH" if ask.flag("watch") else ask.method
        found: Fault | None = None
        for fault in [one for one in self._met if one.method in ("", method) and re.search(one.path, ask.path)]:
            self._met[fault] += 1
            after = self._met[fault] - fault.nth
            if found is None and after >= 0 and (fault.times is None or after < fault.times):
                found = fault
        if found is not None:
            self.struck.append(Struck(found, method, ask.path))
        return found


def refusal(fault: Fault) -> ApiFailure | None:
    """What the server answers because of a fault; None for faults that are no answer."""
    if fault.kind is FaultKind.THROTTLE:
        return too_many(
            "the server has received too many requests and has asked us to try again later", fault.retry_after_s
        )
    if fault.kind is FaultKind.EXPIRED:
        return ApiFailure(401, "Unauthorized", "Unauthorized")
    if fault.kind in (FaultKind.INTERNAL, FaultKind.INTERNAL_AFTER):
        return ApiFailure(500, "InternalError", "Internal error occurred: etcdserver: request timed out")
    if fault.kind is FaultKind.UNAVAILABLE:
        return ApiFailure(503, "ServiceUnavailable", "the server is currently unable to handle the request")
    return None
