"""What was deployed and what it used: the list of deployments, usage samples and their averages."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from opstwin.control.actors import OBSERVER
from opstwin.control.drivers import Readers
from opstwin.control.ledger import Ledger
from opstwin.control.memory_kills import recount
from opstwin.control.sampling import usage_readings
from opstwin.control.usage import usage_of
from opstwin.domain.audit import AuditEntry
from opstwin.domain.deployment import Deployment, UsageSample
from opstwin.domain.resource import Desired, Health, Observed, Presence
from opstwin.domain.target import Target
from opstwin.errors import InvalidInput, OpstwinError
from opstwin.logs import logger
from opstwin.twin.store import MAX_PAGE, Page, Put, Query, Remove

PERIOD: Final = timedelta(days=7)
"""How long after a deployment its use is averaged (the seed's "7-day average")."""

RETENTION: Final = timedelta(days=8)
"""How long samples are kept: the period, and a day in which a hub that was down can still compute it."""

BACKFILL_S: Final = 3600.0
"""Seconds between two computations of the averages."""

AT_ONCE: Final = 16
"""Containers of one target that are sampled at the same time."""


@dataclass(frozen=True, slots=True)
class History:
    """Reads the deployments and keeps what was used after them."""

    ledger: Ledger
    readers: Readers

    async def deployments(
        self,
        *,
        workload: str | None = None,
        target: str | None = None,
        success: bool | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Page[Deployment]:
        """A page of finished deployments, newest first; raises `InvalidInput` for a cursor that is none."""
        wanted: dict[str, str | bool | None] = {
            "service_name": workload,
            "target_cluster": target,
            "success": success,
        }
        where = {key: value for key, value in wanted.items() if value is not None}
        return await self.ledger.store.find(Query(Deployment, where, after=after, limit=limit, newest_first=True))

    async def sample(self) -> int:
        """Measure every running container of a workload on every active target once; returns how many samples.

        What cannot be measured now is left out: a gap in the samples, never a zero.
        """
        targets = [target async for target in self.ledger.each(Target) if target.is_active]
        taken = await asyncio.gather(*(self._sample_target(target) for target in targets))
        samples = [sample for group in taken for sample in group]
        for place in range(0, len(samples), MAX_PAGE):
            await self.ledger.commit([Put(sample) for sample in samples[place : place + MAX_PAGE]])
        return len(samples)

    async def prune(self) -> int:
        """Drop samples older than the retention; returns how many."""
        dropped = 0
        while True:
            page = await self.ledger.store.find(Query(UsageSample, limit=MAX_PAGE))
            limit_at = self.ledger.clock.now() - RETENTION
            old = [sample for sample in page.items if sample.at < limit_at]
            if not old:
                return dropped
            await self.ledger.commit([Remove(sample) for sample in old])
            dropped += len(old)

    async def backfill(self) -> int:
        """Compute the use after each deployment of the last days; returns how many deployments changed.

        A deployment's period ends after seven days, or when the next one of its workload takes over. One that failed
        was rolled back, so its samples belong to the one before.
        """
        samples: dict[tuple[str, str], list[UsageSample]] = {}
        changed: list[Deployment] = []
        for deployment, end_at in _periods(await self._recent()):
            key = deployment.service_name, deployment.target_cluster
            if key not in samples:
                samples[key] = await self._samples(*key)
            mine = [item for item in samples[key] if deployment.deployed_at <= item.at < end_at]
            updated = _with_usage(deployment, mine)
            changed += [updated] if updated != deployment else []
        for place in range(0, len(changed), MAX_PAGE):
            await self._write(changed[place : place + MAX_PAGE])
        return len(changed)

    async def run(self, sample_interval_s: float, backfill_interval_s: float = BACKFILL_S) -> None:
        """Sample and count kills, now and then average and prune, until cancelled; failures are logged."""
        clock = self.ledger.clock
        due_s = clock.monotonic_s()
        while True:
            try:
                await self.sample()
                await recount(self.ledger, clock.now() - RETENTION)
                if clock.monotonic_s() >= due_s:
                    due_s = clock.monotonic_s() + backfill_interval_s
                    await self.backfill()
                    await self.prune()
            except OpstwinError as error:
                logger().warning("history_waits", code=error.code, reason=error.message)
            await clock.sleep(sample_interval_s)

    async def _sample_target(self, target: Target) -> list[UsageSample]:
        running = {
            item.id
            async for item in self.ledger.each(Observed, {"target": target.id, "kind": "container"})
            if item.presence is Presence.PRESENT and item.health is not Health.STOPPED
        }
        desired = [item async for item in self.ledger.each(Desired, {"target": target.id, "kind": "container"})]
        wanted = [item for item in desired if item.workload and item.id in running]
        if not wanted:
            return []
        try:
            reader = self.readers.reader(target)
        except InvalidInput:
            return []
        readings, _ = await usage_readings(reader, [item.id for item in wanted], AT_ONCE)
        return [
            UsageSample(
                id=f"{item.id}@{readings[item.id].at.isoformat()}", resource=item.id, target=target.id,
                workload=item.workload or "", at=readings[item.id].at,
                cpu_millicores=readings[item.id].cpu_millicores, memory_bytes=readings[item.id].memory_bytes,
            )
            for item in wanted if item.id in readings
        ]  # fmt: skip

    async def _recent(self) -> list[Deployment]:
        """The deployments whose samples are still there, newest first."""
        limit_at = self.ledger.clock.now() - RETENTION
        found: list[Deployment] = []
        after: str | None = None
        while True:
            page = await self.deployments(after=after, limit=MAX_PAGE)
            found += [item for item in page.items if item.deployed_at >= limit_at]
            if page.next is None or all(item.deployed_at < limit_at for item in page.items):
                return found
            after = page.next

    async def _samples(self, workload: str, target: str) -> list[UsageSample]:
        return await self.ledger.all(UsageSample, {"workload": workload, "target": target})

    async def _write(self, changed: Sequence[Deployment]) -> None:
        entry = AuditEntry(
            action="deployment.usage", subject="history", actor=OBSERVER, details={"deployments": len(changed)}
        )
        await self.ledger.commit([Put(item) for item in changed], [entry])


def _periods(newest_first: Sequence[Deployment]) -> Iterator[tuple[Deployment, datetime]]:
    """Each successful deployment with the end of its period."""
    next_at: dict[tuple[str, str], datetime] = {}
    for item in newest_first:
        if not item.success:
            continue
        key = item.service_name, item.target_cluster
        end_at = item.deployed_at + PERIOD
        yield item, min(end_at, next_at.get(key, end_at))
        next_at[key] = item.deployed_at


def _with_usage(deployment: Deployment, samples: Sequence[UsageSample]) -> Deployment:
    usage = usage_of(samples)
    if usage is None or (deployment.usage is not None and deployment.usage.samples > usage.samples):
        return deployment
    return replace(deployment, usage=usage, actual_cpu_millicores=usage.cpu_mean, actual_memory_bytes=usage.memory_mean)
