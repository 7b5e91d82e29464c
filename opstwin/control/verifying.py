"""Does the target show what the plan promised, and does it stay healthy for the hold time?"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from opstwin.clock import Clock
from opstwin.domain.plan import Change, Op
from opstwin.domain.resource import Health, Presence
from opstwin.domain.values import Json, ResourceId, Spec
from opstwin.errors import StalePlan, Unreachable, Unverified
from opstwin.manifests.patience import hold_s as until_probed_s
from opstwin.manifests.patience import untold_s
from opstwin.targets.ports import Reader, Renderer, Sighting

_AT_ONCE: Final = 16
"""Observations made at the same time during verification."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long verification waits, in seconds.

    `hold_s`: all must be healthy this long without a restart, where anything has a health. `timeout_s`: and that must
    begin to hold within this time, plus what the health checks themselves need for a first verdict. `poll_s`: between
    two looks.
    """

    hold_s: float = 3.0
    timeout_s: float = 60.0
    poll_s: float = 0.25


class Standing(StrEnum):
    """How one look compares with the promise."""

    GOOD = "good"
    WAIT = "wait"
    BAD = "bad"
    UNKNOWN = "unknown"


def judge(change: Change, seen: Sighting, renderer: Renderer, *, want_health: bool = True) -> tuple[Standing, str]:
    """Whether `seen` is what `change` promised, and if not, why in words."""
    if seen.presence is Presence.UNKNOWN:
        return Standing.UNKNOWN, f"{seen.resource} cannot be seen: {seen.error}"
    if change.after is None:
        gone = seen.presence is Presence.ABSENT
        return (Standing.GOOD, "") if gone else (Standing.WAIT, f"{seen.resource} is still there")
    if seen.presence is Presence.ABSENT or seen.spec is None:
        return Standing.BAD, f"{seen.resource} is not there"
    differing = differences(change.kind, seen.spec, change.after, renderer)
    if differing:
        return _judge_difference(change, seen, differing)
    return _judge_health(change.after, seen) if want_health else (Standing.GOOD, "")


def differences(kind: str, seen: Spec, wanted: Spec, renderer: Renderer) -> tuple[str, ...]:
    """The dotted paths in which two specs of one kind differ, as far as they can be compared."""
    return tuple(".".join(change.path) for change in renderer.difference(kind, wanted, seen))


def _judge_difference(change: Change, seen: Sighting, differing: Sequence[str]) -> tuple[Standing, str]:
    if list(differing) == ["running"] and change.after is not None and change.after.get("running"):
        return Standing.BAD, f"{seen.resource} stopped with exit code {seen.facts.get('exit_code')}"
    return Standing.BAD, f"{seen.resource} differs from the plan in {', '.join(differing[:5])}"


def _judge_health(wanted: Spec, seen: Sighting) -> tuple[Standing, str]:
    if seen.health is Health.UNHEALTHY:
        return Standing.BAD, f"{seen.resource} is unhealthy{_why(seen)}"
    # A manifest that asks for nothing that runs (no replicas, suspended, a task that ended) says so by itself.
    if seen.health is Health.STOPPED and "apiVersion" not in wanted and wanted.get("running", True):
        return Standing.BAD, f"{seen.resource} stopped with exit code {seen.facts.get('exit_code')}"
    if seen.health in (Health.STARTING, Health.UNKNOWN):
        return Standing.WAIT, f"{seen.resource} is {seen.health.value}{_why(seen)}"
    return Standing.GOOD, ""


def _why(seen: Sighting) -> str:
    """What the target says about it, in its own words."""
    said = seen.facts.get("why")
    return f": {said[:500].rstrip('.')}" if isinstance(said, str) and said else ""


def allowance_s(changes: Sequence[Change], renderer: Renderer) -> float:
    """How long the slowest among `changes` may take to a first verdict, in seconds."""
    return max((renderer.verdict_s(item.kind, item.after) for item in changes if item.after is not None), default=0.0)


def _untold_s(changes: Sequence[Change]) -> float:
    return max((untold_s(item.kind, item.after) for item in changes if item.after is not None), default=0.0)


@dataclass(slots=True)
class _Steady:
    """Since when all has been good without a restart, and why not for longer."""

    why: str = ""
    since_s: float | None = None
    restarts: dict[ResourceId, Json] = field(default_factory=dict)

    def for_s(self, standing: Standing, seen: Sequence[Sighting], now_s: float) -> float:
        """For how long by this look; below zero for what is not good."""
        counted = {item.resource: item.facts.get("restart_count") for item in seen}
        if standing is not Standing.GOOD:
            self.since_s = None
            return -1.0
        if self.since_s is not None and counted != self.restarts:
            names = [item for item, count in counted.items() if count != self.restarts[item]]
            self.since_s, self.why = None, f"{', '.join(names[:5])} is restarted again and again"
        if self.since_s is None:
            self.since_s, self.restarts = now_s, counted
        return now_s - self.since_s


@dataclass(frozen=True, slots=True)
class Verifier:
    """Looks at a target until a set of changes is proved or disproved."""

    clock: Clock
    reader: Reader
    renderer: Renderer
    patience: Patience

    async def hold(
        self, changes: Sequence[Change], keep: Callable[[], Awaitable[None]], *, want_health: bool = True
    ) -> None:
        """Return once everything is as promised and stays so for the hold time; `keep` is called at every look.

        Raises `Unverified` (with the reason) when it is not, and `Unreachable` when the target did not say.
        """
        hold_s = self._hold_s(changes) if want_health else 0.0
        allowed_s = self.patience.timeout_s + allowance_s(changes, self.renderer) + hold_s + _untold_s(changes)
        deadline_s = self.clock.monotonic_s() + allowed_s
        steady, known = _Steady(), dict[ResourceId, Sighting]()
        while True:
            await keep()
            seen = await self._look(changes, known)
            pairs = zip(changes, seen, strict=True)
            known |= {item.resource: item for change, item in pairs if self._stays(change, item)}
            standing, why = self._worst(changes, seen, want_health=want_health)
            now_s = self.clock.monotonic_s()
            if steady.for_s(standing, seen, now_s) >= (hold_s if _may_fail(changes, seen) else 0.0):
                return
            _give_up(standing, why or steady.why, late=now_s >= deadline_s)
            await self.clock.sleep(self.patience.poll_s)

    def _hold_s(self, changes: Sequence[Change]) -> float:
        """How long all must stay healthy: at least until a check that may end a container has spoken."""
        probed = (until_probed_s(item.kind, item.after) for item in changes if item.after is not None)
        return max([self.patience.hold_s, *probed])

    def _stays(self, change: Change, seen: Sighting) -> bool:
        """Whether one look is enough: it has no health, and is there as promised."""
        good = judge(change, seen, self.renderer)[0] is Standing.GOOD
        return good and change.after is not None and seen.health is Health.NONE

    async def _look(self, changes: Sequence[Change], known: Mapping[ResourceId, Sighting]) -> list[Sighting]:
        """A new look at all but those that are `known` to stay as they are."""
        slots = asyncio.Semaphore(_AT_ONCE)

        async def one(change: Change) -> Sighting:
            if change.resource in known:
                return known[change.resource]
            async with slots:
                return await self.reader.observe(change.resource)

        return list(await asyncio.gather(*map(one, changes)))

    def _worst(self, changes: Sequence[Change], seen: Sequence[Sighting], *, want_health: bool) -> tuple[Standing, str]:
        verdicts = [
            judge(change, item, self.renderer, want_health=want_health)
            for change, item in zip(changes, seen, strict=True)
        ]
        order = (Standing.BAD, Standing.UNKNOWN, Standing.WAIT)
        found = [verdict for standing in order for verdict in verdicts if verdict[0] is standing]
        return found[0] if found else (Standing.GOOD, "")


def _may_fail(changes: Sequence[Change], seen: Sequence[Sighting]) -> bool:
    """Whether there is anything to wait for: what has no health is as it was put, and stays so by itself."""
    return any(item.health is not Health.NONE for item in seen) or any(change.after is None for change in changes)


def _give_up(standing: Standing, why: str, *, late: bool) -> None:
    if standing is Standing.BAD:
        raise Unverified(f"Verification failed: {why}.", next_step="Mend the cause, then plan again: opstwin plan …")
    if late and standing is Standing.UNKNOWN:
        raise Unreachable(f"Verification cannot go on: {why}.", next_step="Check the target: opstwin targets test")
    if late:
        raise Unverified(
            f"Verification took too long: {why}.", next_step="Mend the cause, then plan again: opstwin plan …"
        )


def check_base(change: Change, spec: Spec | None, renderer: Renderer) -> None:
    """Raise `StalePlan` unless what is there is what the plan was made for; a command needs it to be there."""
    expected = change.before
    if change.command is not None and spec is not None:
        return
    if spec is None and expected is None and change.command is None:
        return
    if spec is None and change.op is Op.DELETE:
        return
    if spec is None or expected is None or differences(change.kind, spec, expected, renderer):
        raise StalePlan(
            f"{change.resource} is no longer what the plan was made for.",
            next_step="Look again and make a new plan: opstwin discover, then opstwin plan …",
            details={"moved": [change.resource]},
        )
