"""Measuring what runs, again and again, into the sample store; a target that is away is asked less and less often."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from opstwin.control.drivers import Readers
from opstwin.control.ledger import Ledger
from opstwin.control.retrying import Breakers
from opstwin.control.sightings import parts_of
from opstwin.domain.resource import Desired, Health, Observed, Presence
from opstwin.domain.series import Metric, Sample
from opstwin.domain.target import Target
from opstwin.domain.values import ResourceId, TargetId
from opstwin.errors import InvalidInput, NotFound, OpstwinError, TargetError, Timeout, Unreachable
from opstwin.logs import logger
from opstwin.metrics.ports import SampleStore
from opstwin.targets.ports import Reader, UsageReading

AT_ONCE: Final = 8
"""Containers of one target that are measured at the same time; an engine has threads for more, which stay free."""

LONGEST_PAUSE_S: Final = 300.0
"""How long a target that stays away is left alone at most."""


@dataclass(slots=True)
class _Absence:
    """How often in a row a target was away, and when it is asked again."""

    failures: int = 0
    due_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Sampler:
    """Measures CPU and memory of what Opstwin manages and what runs. Reads only."""

    ledger: Ledger
    readers: Readers
    breakers: Breakers
    store: SampleStore
    _absences: dict[TargetId, _Absence] = field(default_factory=dict)

    async def run(self, interval_s: float) -> None:
        """Measure every `interval_s` seconds until cancelled; a slow target holds up only itself."""
        running: dict[TargetId, asyncio.Task[int]] = {}
        try:
            while True:
                await self._begin(running, interval_s)
                await self.ledger.clock.sleep(interval_s)
        finally:
            for task in running.values():
                task.cancel()
            await asyncio.gather(*running.values(), return_exceptions=True)

    async def once(self, interval_s: float = 0.0) -> int:
        """Measure every active target once; returns how many containers were measured."""
        targets = [target async for target in self.ledger.each(Target) if target.is_active]
        return sum(await asyncio.gather(*(self._measure_target(target, interval_s) for target in targets)))

    async def take(self, resources: Sequence[ResourceId]) -> int:
        """Measure those of these containers that run; returns how many could be measured."""
        by_target: dict[TargetId, list[ResourceId]] = {}
        for resource in resources:
            seen = await self.ledger.get(Observed, resource)
            if seen is not None and _runs(seen):
                by_target.setdefault(parts_of(resource)[0], []).append(resource)
        taken = 0
        for target_id, wanted in by_target.items():
            target = await self.ledger.get(Target, target_id)
            if target is not None and target.is_active:
                measured, _ = await self._measure(target, wanted)
                taken += measured
        return taken

    async def measured(self, target: TargetId) -> list[ResourceId]:
        """The containers of a target that are measured: managed, there, and running when last seen."""
        wanted = {
            item.id async for item in self.ledger.each(Desired, {"target": target, "kind": "container"}) if item.spec
        }
        seen = self.ledger.each(Observed, {"target": target, "kind": "container"})
        return sorted([item.id async for item in seen if item.id in wanted and _runs(item)])

    async def _begin(self, running: dict[TargetId, asyncio.Task[int]], interval_s: float) -> None:
        try:
            targets = [target async for target in self.ledger.each(Target) if target.is_active]
        except OpstwinError as error:
            logger().warning("sampling_waits", code=error.code, reason=error.message)
            return
        for target in targets:
            before = running.get(target.id)
            if before is None or before.done():
                running[target.id] = asyncio.create_task(self._measure_target(target, interval_s))

    async def _measure_target(self, target: Target, interval_s: float) -> int:
        absence = self._absences.setdefault(target.id, _Absence())
        if self.breakers.is_open(target.id) or self.ledger.clock.monotonic_s() < absence.due_s:
            return 0
        try:
            taken, away = await self._measure(target, await self.measured(target.id))
        except OpstwinError as error:
            logger().warning("sampling_waits", target=target.id, code=error.code, reason=error.message)
            return 0
        absence.failures = absence.failures + 1 if away else 0
        if away:
            pause_s = min(LONGEST_PAUSE_S, interval_s * 2.0 ** min(absence.failures, 16))
            absence.due_s = self.ledger.clock.monotonic_s() + pause_s
        return taken

    async def _measure(self, target: Target, resources: Sequence[ResourceId]) -> tuple[int, bool]:
        """How many were measured, and whether the target is away."""
        if not resources:
            return 0, False
        try:
            reader = self.readers.reader(target)
        except InvalidInput:
            return 0, False
        found, away = await usage_readings(reader, resources)
        now = self.ledger.clock.now()
        samples = [
            Sample(resource=resource, metric=metric, at=now, value=value)
            for resource, reading in found.items()
            for metric, value in (
                (Metric.CPU_MILLICORES, reading.cpu_millicores), (Metric.MEMORY_BYTES, float(reading.memory_bytes)),
            )
        ]  # fmt: skip
        await self.store.write(samples)
        return len(found), away


async def usage_readings(
    reader: Reader, resources: Iterable[ResourceId], at_once: int = AT_ONCE
) -> tuple[dict[ResourceId, UsageReading], bool]:
    """What could be measured, and whether the target is away: the first sign of that ends the round."""
    slots = asyncio.Semaphore(at_once)
    found: dict[ResourceId, UsageReading] = {}
    away = False

    async def one(resource: ResourceId) -> None:
        nonlocal away
        async with slots:
            if away:
                return
            try:
                found[resource] = await reader.usage(resource)
            except (Unreachable, Timeout):
                away = True
            except (NotFound, TargetError) as error:
                logger().debug("no_sample", resource=resource, code=error.code)

    await asyncio.gather(*map(one, resources))
    return found, away


def _runs(seen: Observed) -> bool:
    if seen.presence is not Presence.PRESENT or seen.health is Health.STOPPED:
        return False
    return seen.facts.get("state") not in ("restarting", "created", "exited", "dead")
