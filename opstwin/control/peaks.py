"""Whether a plan gives a workload less than what it was measured to need: notes with the figures, for who decides."""

from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Final

from opstwin.control.application_records import limits_of
from opstwin.control.ledger import Ledger
from opstwin.control.predicting import LOOKED_BACK, PERIOD, unanswered
from opstwin.control.remembering import Memory
from opstwin.control.usage import usage_of
from opstwin.control.wording import worded
from opstwin.domain.deployment import Deployment, Usage
from opstwin.domain.kinds import runs
from opstwin.domain.plan import Change, WorkloadChange
from opstwin.domain.right_sizing import LEAST_SAMPLES, MI, Measured, memory_of
from opstwin.domain.series import Metric, Selector, SeriesQuery
from opstwin.metrics.ports import SampleStore
from opstwin.twin.store import Query

FAR_BELOW: Final = 0.5
"""Of the 95th percentile: with a CPU limit below half of it, one measurement in twenty was at more than twice that."""

MOST: Final = 20
"""Workloads of a plan that are looked at: nobody reads more notes, and each costs a query."""

MOST_LIVE: Final = 5
"""Workloads whose newest measurements are read, where their records do not have them yet."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a plan lets a workload have; None where it sets no limit. CPU in millicores, memory in bytes."""

    name: str
    cpu: int | None
    memory: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedFor:
    """Where a plan is for, who asked for it (an account, None for nobody), and the language of its notes."""

    target: str
    person: str | None
    language: str


@dataclass(frozen=True, slots=True)
class Peaks:
    """Reads the past of workloads, and with a sample store their last days; changes nothing.

    With a `memory` the past is that of the asker's own organisation.
    """

    ledger: Ledger
    samples: SampleStore | None = None
    memory: Memory | None = None

    async def notes(
        self, subject: PlannedFor, workloads: Sequence[WorkloadChange], changes: Sequence[Change]
    ) -> tuple[str, ...]:
        """One note for each limit that is below what the workload needed, with the figures."""
        wanted = list(asked_in(workloads, changes))[:MOST]
        return tuple([note async for note in self._all(subject, wanted)])

    async def _all(self, subject: PlannedFor, wanted: Sequence[Asked]) -> AsyncIterator[str]:
        live = MOST_LIVE
        for asked in wanted:
            past = await self._past(asked.name, subject)
            usage = _measured(past)
            if past and usage is None and live > 0:
                live -= 1
                usage = await self._lately(asked.name, subject.target)
            for note in below(asked, usage, past, subject.language):
                yield note

    async def _past(self, name: str, subject: PlannedFor) -> Sequence[Deployment]:
        where: dict[str, str | bool | None] = {"service_name": name, "target_cluster": subject.target}
        if self.memory is not None:
            return await self.memory.newest_of(self.memory.tenant_of(subject.person), where, LOOKED_BACK)
        query = Query(Deployment, where, limit=LOOKED_BACK, newest_first=True)
        return (await self.ledger.store.find(query)).items

    async def _lately(self, name: str, target: str) -> Usage | None:
        """What was measured within the last days, where that is enough."""
        if self.samples is None:
            return None
        seconds = round(PERIOD.total_seconds())
        start_at = self.ledger.clock.now() - PERIOD
        selector = Selector(target=target, labels=(("workload", name),))
        cpu, memory = [
            await self.samples.pooled(
                SeriesQuery(metric=metric, start_at=start_at, step_s=seconds, steps=1, selector=selector)
            )
            for metric in (Metric.CPU_MILLICORES, Metric.MEMORY_BYTES)
        ]
        usage = usage_of(cpu, memory) if cpu is not None and memory is not None else None
        return usage if usage is not None and usage.samples >= LEAST_SAMPLES else None


def asked_in(workloads: Sequence[WorkloadChange], changes: Sequence[Change]) -> Iterator[Asked]:
    """The limits that a plan sets: of Workloads, and of what manifests run. Pure."""
    for item in workloads:
        sizes = item.workload.resources if item.workload is not None and item.workload.running else None
        if sizes is not None and (sizes.cpu_millicores or sizes.memory_bytes):
            yield Asked(item.name, sizes.cpu_millicores, sizes.memory_bytes)
    told = {item.name for item in workloads}
    for change in changes:
        manifest = change.after or {}
        if change.workload and change.workload not in told and runs(change.kind) and "apiVersion" in manifest:
            told.add(change.workload)
            cpu, memory = limits_of(manifest)
            if cpu or memory:
                yield Asked(change.workload, cpu, memory)


def below(asked: Asked, usage: Usage | None, past: Sequence[Deployment], language: str) -> Iterator[str]:
    """What is told of limits that are below what was needed. Pure."""
    kills = unanswered(past)
    killed_at = max((item.memory_limit or 0 for item in kills), default=0)
    if asked.memory and killed_at >= asked.memory:
        yield worded("below_kill", language, name=asked.name, asked=_mi(asked.memory), killed=_mi(killed_at))
    elif asked.memory and usage is not None and usage.memory_max > asked.memory:
        advised = memory_of(usage, Measured(usage=usage))
        yield worded(
            "below_peak", language, name=asked.name, asked=_mi(asked.memory), peak=_mi(usage.memory_max),
            samples=usage.samples, advised=_mi(advised),
        )  # fmt: skip
    if asked.cpu and usage is not None and asked.cpu < usage.cpu_p95 * FAR_BELOW:
        yield worded(
            "below_p95", language, name=asked.name, asked=f"{asked.cpu}m", p95=f"{ceil(usage.cpu_p95)}m",
            samples=usage.samples,
        )  # fmt: skip


def _measured(newest_first: Sequence[Deployment]) -> Usage | None:
    """The use that was measured last, of a deployment that held, over enough measurements."""
    known = (item.usage for item in newest_first if item.success and item.usage is not None)
    return next((usage for usage in known if usage.samples >= LEAST_SAMPLES), None)


def _mi(amount: float) -> str:
    return f"{ceil(amount / MI)} MiB"
