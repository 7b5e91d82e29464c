"""Faults on demand: which call fails, how, and how often."""

import os
import signal
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from pydantic import TypeAdapter, ValidationError

from opstwin.clock import Clock
from opstwin.errors import InvalidInput, Rejected, TargetError, Timeout, Unreachable


class FaultKind(StrEnum):
    """What goes wrong.

    `timeout`, `reject`, `unreachable`, `crash` and `kill` strike before anything is done; `timeout_after` (the reply
    is lost), `crash_after` and `kill_after` once the effect is made and kept. `crash` raises `Crash`; `kill` sends
    SIGKILL to this process. `hang` waits for the deadline, then times out. `stale` shows the state before the last
    change, `incomplete` breaks a discovery off half-way, `gap` makes a watch miss what happens until the next event.
    """

    TIMEOUT = "timeout"
    TIMEOUT_AFTER = "timeout_after"
    REJECT = "reject"
    UNREACHABLE = "unreachable"
    CRASH = "crash"
    CRASH_AFTER = "crash_after"
    KILL = "kill"
    KILL_AFTER = "kill_after"
    HANG = "hang"
    STALE = "stale"
    INCOMPLETE = "incomplete"
    GAP = "gap"


class Crash(BaseException):
    """The process dies here, as far as the code under test can tell: no handler for errors may catch it."""


_BELONGS: Final[Mapping[FaultKind, tuple[str, ...]]] = {
    FaultKind.STALE: ("discover", "observe"),
    FaultKind.INCOMPLETE: ("discover",),
    FaultKind.GAP: ("watch",),
}

READ_DEADLINE_S: Final = 10.0
"""How long a read that hangs keeps its caller waiting."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One fault: the `nth` call that matches (1 is the first) and the `times - 1` matching calls after it.

    `call` is a method of the ports (info, discover, observe, watch, logs, usage, apply, exec) or `*` for all of them;
    empty means where this kind belongs (a stale read at a read, most others at apply). `op` is a change's op and
    `resource` a resource id; None matches all. `times` None never ends.
    """

    kind: FaultKind
    call: str = ""
    op: str | None = None
    resource: str | None = None
    nth: int = 1
    times: int | None = 1


@dataclass(frozen=True, slots=True)
class Struck:
    """A fault that was met, by which call on what."""

    fault: Fault
    call: str
    resource: str | None


class FaultPlan:
    """The faults that a world has in store. `struck` lists those that were met."""

    def __init__(self, faults: Iterable[Fault] = ()) -> None:
        self._met: dict[Fault, int] = dict.fromkeys(faults, 0)
        self.struck: list[Struck] = []

    def add(self, fault: Fault) -> Fault:
        """Have one more fault in store, counting matching calls from now."""
        self._met[fault] = 0
        return fault

    def remove(self, fault: Fault) -> None:
        """Take a fault back."""
        self._met.pop(fault, None)

    def clear(self) -> None:
        """Take all faults back; `struck` stays."""
        self._met.clear()

    def due(self, call: str, resource: str | None = None, op: str | None = None) -> Fault | None:
        """The fault that strikes this call, if any. Every matching fault counts the call."""
        found: Fault | None = None
        for fault in [item for item in self._met if _matches(item, call, resource, op)]:
            self._met[fault] += 1
            after = self._met[fault] - fault.nth
            if found is None and after >= 0 and (fault.times is None or after < fault.times):
                found = fault
        if found is not None:
            self.struck.append(Struck(found, call, resource))
        return found


def faults_from(text: str) -> FaultPlan:
    """A plan from a JSON list of faults, such as `[{"kind": "kill_after", "nth": 3}]`. Raises `InvalidInput`."""
    try:
        return FaultPlan(TypeAdapter(list[Fault]).validate_json(text))
    except ValidationError as error:
        raise InvalidInput(
            f"The faults cannot be read: {error.errors()[0]['msg']}.",
            field="faults",
            next_step='Write a JSON list such as [{"kind": "timeout", "call": "apply", "nth": 2}].',
        ) from error


async def before(fault: Fault | None, clock: Clock, deadline_s: float = READ_DEADLINE_S) -> None:
    """Let a fault strike that comes before anything is done."""
    if fault is None:
        return
    if fault.kind is FaultKind.HANG:
        await clock.sleep(deadline_s)
        raise _timeout()
    _die(fault.kind, FaultKind.CRASH, FaultKind.KILL)
    error = _ERRORS.get(fault.kind)
    if error is not None:
        raise error()


def after(fault: Fault | None) -> None:
    """Let a fault strike that comes once the effect is made."""
    if fault is None:
        return
    _die(fault.kind, FaultKind.CRASH_AFTER, FaultKind.KILL_AFTER)
    if fault.kind is FaultKind.TIMEOUT_AFTER:
        raise _timeout()


def _matches(fault: Fault, call: str, resource: str | None, op: str | None) -> bool:
    calls = (fault.call,) if fault.call else _BELONGS.get(fault.kind, ("apply",))
    return (call in calls or "*" in calls) and fault.resource in (None, resource) and fault.op in (None, op)


def _die(kind: FaultKind, crash: FaultKind, kill: FaultKind) -> None:
    if kind is kill:
        os.kill(os.getpid(), signal.SIGKILL)
    if kind is crash:
        raise Crash(kind.value)


def _timeout() -> TargetError:
    return Timeout("The target did not answer in time.", next_step="Observe before trying again.")


def _unreachable() -> TargetError:
    return Unreachable("The target cannot be reached.", next_step="Check it: opstwin targets test")


def _rejected() -> TargetError:
    return Rejected("The target said no.", next_step="See opstwin targets test, then plan again.")


def _broken_off() -> TargetError:
    return Unreachable("The target broke off while it was listing.", next_step="Discover again: opstwin discover")


_ERRORS: Final = {
    FaultKind.TIMEOUT: _timeout,
    FaultKind.UNREACHABLE: _unreachable,
    FaultKind.REJECT: _rejected,
    FaultKind.INCOMPLETE: _broken_off,
}
