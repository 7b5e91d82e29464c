"""Measuring what runs, again and again, into the sample store; a target that is away is asked less and less often.

A target that tells of all at once is asked once a round, any other once for each resource, many at the same time.
"""

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from opstwin.control.drivers import Readers
from opstwin.control.ledger import Ledger
from opstwin.control.retrying import Breakers
from opstwin.control.sightings import parts_of
from opstwin.domain.kinds import RUNS, has_output
from opstwin.domain.resource import Desired, Health, Observed, Presence
from opstwin.domain.series import Labels, Metric, Sample
from opstwin.domain.target import Target
from opstwin.domain.values import ResourceId, TargetId
from opstwin.errors import InvalidInput, NotFound, OpstwinError, TargetError, Timeout, Unreachable
from opstwin.logs import logger
from opstwin.metrics.ports import SampleStore
from opstwin.targets.ports import Reader, UsageOfMany, UsageReading

AT_ONCE: Final = 26
"""Resources of one target that are measured at the same time; an engine has threads for more, which stay free."""

DECIMALS: Final = 3
"""Of millicores: what is finer is noise of the moment, and costs room."""

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
        clock = self.ledger.clock
        due_s = clock.monotonic_s()
        try:
            while True:
                await self._begin(running, interval_s)
                # What beginning takes is not added to the interval; rounds that were missed are not made up for.
                due_s = max(due_s + interval_s, clock.monotonic_s())
                await clock.sleep(due_s - clock.monotonic_s())
        finally:
            for task in running.values():
                task.cancel()
            await asyncio.gather(*running.values(), return_exceptions=True)

    async def once(self, interval_s: float = 0.0) -> int:
        """Measure every active target once; returns how many resources were measured."""
        targets = [target async for target in self.ledger.each(Target) if target.is_active]
        return sum(await asyncio.gather(*(self._measure_target(target, interval_s) for target in targets)))

    async def take(self, resources: Sequence[ResourceId]) -> int:
        """Measure those of these resources that run; returns how many could be measured."""
        by_target: dict[TargetId, dict[ResourceId, Labels]] = {}
        for resource in resources:
            seen = await self.ledger.get(Observed, resource)
            if seen is not None and _runs(seen):
                desired = await self.ledger.get(Desired, resource)
                labels = _labels(desired) if desired is not None else ()
                by_target.setdefault(parts_of(resource)[0], {})[resource] = labels
        taken = 0
        for target_id, wanted in by_target.items():
            target = await self.ledger.get(Target, target_id)
            if target is not None and target.is_active:
                measured, _ = await self._measure(target, wanted)
                taken += measured
        return taken

    async def measured(self, target: TargetId) -> list[ResourceId]:
        """What of a target is measured: managed, of a kind that runs, there, and running when last seen."""
        return sorted(await self._measured(target))

    async def _measured(self, target: TargetId) -> Mapping[ResourceId, Labels]:
        found: dict[ResourceId, Labels] = {}
        for kind in filter(has_output, sorted(RUNS)):
            where = {"target": target, "kind": kind}
            wanted = {item.id: _labels(item) async for item in self.ledger.each(Desired, where) if item.spec}
            if wanted:
                seen = self.ledger.each(Observed, where)
                found |= {item.id: wanted[item.id] async for item in seen if item.id in wanted and _runs(item)}
        return found

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
            taken, away = await self._measure(target, await self._measured(target.id))
        except OpstwinError as error:
            logger().warning("sampling_waits", target=target.id, code=error.code, reason=error.message)
            return 0
        absence.failures = absence.failures + 1 if away else 0
        if away:
            pause_s = min(LONGEST_PAUSE_S, interval_s * 2.0 ** min(absence.failures, 16))
            absence.due_s = self.ledger.clock.monotonic_s() + pause_s
        return taken

    async def _measure(self, target: Target, resources: Mapping[ResourceId, Labels]) -> tuple[int, bool]:
        """How many were measured, and whether the target is away."""
        if not resources:
            return 0, False
        try:
            reader = self.readers.reader(target)
        except InvalidInput:
            return 0, False
        found, away = await usage_readings(reader, list(resources))
        now = self.ledger.clock.now()
        await self.store.write(
            [
                Sample(resource=resource, metric=metric, at=now, value=value, labels=resources[resource])
                for resource, reading in found.items()
                for metric, value in _values(reading)
            ]
        )
        return len(found), away


async def usage_readings(
    reader: Reader, resources: Sequence[ResourceId], at_once: int = AT_ONCE
) -> tuple[Mapping[ResourceId, UsageReading], bool]:
    """What could be measured, and whether the target is away: the first sign of that ends the round."""
    if isinstance(reader, UsageOfMany):
        try:
            return await reader.usage_of_many(resources), False
        except (Unreachable, Timeout):
            return {}, True
        except TargetError as error:
            logger().debug("no_sample", code=error.code)
            return {}, False
    return await _one_by_one(reader, resources, at_once)


async def _one_by_one(
    reader: Reader, resources: Iterable[ResourceId], at_once: int
) -> tuple[Mapping[ResourceId, UsageReading], bool]:
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


def _values(reading: UsageReading) -> Iterator[tuple[Metric, float]]:
    yield Metric.CPU_MILLICORES, round(reading.cpu_millicores, DECIMALS)
    yield Metric.MEMORY_BYTES, float(reading.memory_bytes)
    if reading.throttled_periods is not None:
        yield Metric.THROTTLED_PERIODS, float(reading.throttled_periods)


def _labels(desired: Desired) -> Labels:
    return (("workload", desired.workload),) if desired.workload else ()


def _runs(seen: Observed) -> bool:
    if seen.presence is not Presence.PRESENT or seen.health is Health.STOPPED:
        return False
    return seen.facts.get("state") not in ("restarting", "created", "exited", "dead")
