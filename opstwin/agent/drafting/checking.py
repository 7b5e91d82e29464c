"""Whether a draft can be offered: what was measured, what failed before, and what the manifests' checks find."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from opstwin.agent.drafting.bases import drafted_in
from opstwin.agent.drafting.briefs import DraftBrief
from opstwin.domain.workload import Workload
from opstwin.manifests.checks.checking import checked
from opstwin.manifests.checks.findings import Report
from opstwin.manifests.generating.amounts import MI, exact_memory_text, memory_text
from opstwin.manifests.generating.generator import Request, generated
from opstwin.manifests.generating.images import repository
from opstwin.manifests.generating.info import ContainerInfo, info_of_workload
from opstwin.manifests.generating.resources import ENOUGH_SAMPLES
from opstwin.manifests.generating.results import Generated
from opstwin.manifests.yaml_text import text_of

LEAST_MEMORY: Final = 16 * MI
MOST_MEMORY: Final = 256 * 1024 * MI
LEAST_CPU: Final = 10
MOST_CPU: Final = 64_000
"""What a model may propose at all: below, hardly anything starts; above, somebody must say it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A draft, what is generated from it for a cluster (None elsewhere), and what the checks say to that."""

    workload: Workload
    generated: Generated | None = None
    report: Report | None = None
    manifests: str | None = None

    @property
    def errors(self) -> int:
        """What keeps a plan from being offered."""
        return len(self.report.blocking) if self.report is not None else 0

    @property
    def warnings(self) -> int:
        """What a human should weigh."""
        return len(self.report.risks) if self.report is not None else 0


async def verdict_on(brief: DraftBrief, workload: Workload) -> Verdict:
    """The workload as it would run. Raises `InvalidInput` naming the field for what the cluster cannot be told."""
    if brief.served is None:
        return Verdict(workload=workload)
    # Generating and checking costs some ten milliseconds, which must not hold up everybody else.
    return await asyncio.to_thread(_made, brief, workload)


def faults_of(brief: DraftBrief, verdict: Verdict, base: Verdict) -> tuple[str, ...]:
    """What is wrong with a proposal and was not wrong with the base: one sentence each, for whoever repairs it."""
    return (*_sizes(brief, verdict.workload), *_found(verdict, base))


def _made(brief: DraftBrief, workload: Workload) -> Verdict:
    assert brief.served is not None
    info = _with_sighting(info_of_workload(workload), brief.info)
    options = replace(brief.options, drafted=drafted_in(brief.base, workload))
    request = Request(containers=(info,), namespace=brief.namespace, served=brief.served, options=options)
    result = generated(request)
    release = ".".join(map(str, brief.served.release))
    report = checked([item.document for item in result.manifests], version=release, policy=brief.rules)
    text = text_of(list(result.manifests), language="ko" if brief.language == "ko" else "en")
    return Verdict(workload=workload, generated=result, report=report, manifests=text)


def _with_sighting(info: ContainerInfo, seen: ContainerInfo | None) -> ContainerInfo:
    """With what a sighting knows of the same image and no workload says."""
    if seen is None or seen.image != info.image:
        return info
    return replace(
        info, user=seen.user, writes=seen.writes, cpu_usage=seen.cpu_usage, memory_usage=seen.memory_usage,
        ports=info.ports or seen.ports, kept_running=seen.kept_running,
    )  # fmt: skip


def _sizes(brief: DraftBrief, workload: Workload) -> Iterator[str]:
    memory, cpu = workload.resources.memory_bytes, workload.resources.cpu_millicores
    if memory is not None and brief.base.resources.memory_bytes is None:
        yield from _memory(brief, memory)
    if cpu is not None and brief.base.resources.cpu_millicores is None and not LEAST_CPU <= cpu <= MOST_CPU:
        yield f"cpu must be {LEAST_CPU}m to {MOST_CPU}m."


def _memory(brief: DraftBrief, memory: int) -> Iterator[str]:
    if not LEAST_MEMORY <= memory <= MOST_MEMORY:
        yield f"memory must be {memory_text(LEAST_MEMORY)} to {memory_text(MOST_MEMORY)}."
    usage = brief.options.usage
    if usage is not None and usage.samples >= ENOUGH_SAMPLES and memory < usage.memory_max:
        yield f"memory is below the measured peak of {memory_text(usage.memory_max)}."
    name = repository(brief.base.image)
    for past in brief.examples:
        limit = past.memory_limit
        if limit is not None and past.oom_events and repository(past.image) == name and memory <= limit:
            yield f"memory must be above {exact_memory_text(limit)}: with that, {past.id} ran out of memory."


def _found(verdict: Verdict, base: Verdict) -> Iterator[str]:
    known = {(item.rule, item.subject, item.path) for item in base.report.blocking} if base.report else set()
    for item in verdict.report.blocking if verdict.report else ():
        if (item.rule, item.subject, item.path) not in known:
            yield f"{item.rule}: {item.message} {item.fix}"
    lost = {(item.code, item.field) for item in base.generated.unsupported} if base.generated else set()
    for finding in verdict.generated.unsupported if verdict.generated else ():
        if (finding.code, finding.field) not in lost:
            yield f"{finding.field}: {finding.text} {finding.next_step}"
