"""What was deployed and what it used: the list of deployments, and the figures of the days after each."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import ceil
from typing import Final

from opstwin.control.actors import OBSERVER
from opstwin.control.ledger import Ledger
from opstwin.control.memory_kills import recount
from opstwin.control.usage import usage_of
from opstwin.domain.audit import AuditEntry
from opstwin.domain.deployment import Deployment
from opstwin.domain.series import Metric, Selector, SeriesQuery
from opstwin.errors import OpstwinError
from opstwin.logs import logger
from opstwin.metrics.ports import SampleStore
from opstwin.twin.store import MAX_PAGE, Page, Put, Query

PERIOD: Final = timedelta(days=7)
"""How long after a deployment its use is averaged (the seed's "7-day average")."""

RECENT: Final = timedelta(days=8)
"""Deployments whose figures are computed: the period, and a day in which a hub that was down can still do it."""

COUNT_S: Final = 60.0
"""Seconds between two counts of the kills."""

BACKFILL_S: Final = 3600.0
"""Seconds between two computations of the figures."""


@dataclass(frozen=True, slots=True)
class History:
    """Reads the deployments and keeps what was used after them."""

    ledger: Ledger
    store: SampleStore

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

    async def backfill(self) -> int:
        """Compute the use after each deployment of the last days; returns how many deployments changed.

        A deployment's period ends after seven days, or when the next one of its workload takes over. One that failed
        was rolled back, so its samples belong to the one before.
        """
        changed: list[Deployment] = []
        for deployment, end_at in _periods(await self._recent()):
            updated = await self._with_usage(deployment, min(end_at, self.ledger.clock.now()))
            changed += [updated] if updated != deployment else []
        for place in range(0, len(changed), MAX_PAGE):
            await self._write(changed[place : place + MAX_PAGE])
        return len(changed)

    async def run(self, count_interval_s: float = COUNT_S, backfill_interval_s: float = BACKFILL_S) -> None:
        """Count kills, and now and then compute the figures, until cancelled; failures are logged."""
        clock = self.ledger.clock
        due_s = clock.monotonic_s()
        while True:
            try:
                is_due = clock.monotonic_s() >= due_s
                await recount(self.ledger, clock.now() - RECENT, looking=is_due)
                if is_due:
                    due_s = clock.monotonic_s() + backfill_interval_s
                    await self.backfill()
            except OpstwinError as error:
                logger().warning("history_waits", code=error.code, reason=error.message)
            await clock.sleep(count_interval_s)

    async def _with_usage(self, deployment: Deployment, end_at: datetime) -> Deployment:
        cpu = await self.store.pooled(_question(deployment, Metric.CPU_MILLICORES, end_at))
        memory = await self.store.pooled(_question(deployment, Metric.MEMORY_BYTES, end_at))
        if cpu is None or memory is None:
            return deployment
        usage = usage_of(cpu, memory)
        # What is no longer kept in full is not computed anew from what is left of it.
        if deployment.usage is not None and deployment.usage.samples > usage.samples:
            return deployment
        held_back = await self._held_back(deployment, end_at)
        return replace(
            deployment, usage=usage, actual_cpu_millicores=usage.cpu_mean, actual_memory_bytes=usage.memory_mean,
            throttle_events=max(deployment.throttle_events, held_back),
        )  # fmt: skip

    async def _held_back(self, deployment: Deployment, end_at: datetime) -> int:
        """How often CPU limits held the workload's resources back, all together."""
        found = await self.store.read(_question(deployment, Metric.THROTTLED_PERIODS, end_at))
        return round(sum(item.statistics.rise for item in found if item.statistics is not None))

    async def _recent(self) -> list[Deployment]:
        """The deployments whose figures may still change, newest first."""
        limit_at = self.ledger.clock.now() - RECENT
        found: list[Deployment] = []
        after: str | None = None
        while True:
            page = await self.deployments(after=after, limit=MAX_PAGE)
            found += [item for item in page.items if item.deployed_at >= limit_at]
            if page.next is None or all(item.deployed_at < limit_at for item in page.items):
                return found
            after = page.next

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


def _question(deployment: Deployment, metric: Metric, end_at: datetime) -> SeriesQuery:
    """All of a workload's resources on its target, from its deployment up to a moment."""
    seconds = max(1, ceil((end_at - deployment.deployed_at).total_seconds()))
    return SeriesQuery(
        metric=metric, start_at=deployment.deployed_at, step_s=seconds, steps=1,
        selector=Selector(target=deployment.target_cluster, labels=(("workload", deployment.service_name),)),
    )  # fmt: skip
