"""Requests and limits: from what is asked, what was used, what happened before, or a profile."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from math import ceil
from typing import Final

from opstwin.domain.deployment import Usage
from opstwin.domain.right_sizing import above_kill, above_peak
from opstwin.domain.values import Json
from opstwin.manifests.generating.amounts import MI, cpu_of, cpu_text, exact_memory_text, memory_of, memory_text
from opstwin.manifests.generating.images import Known, repository
from opstwin.manifests.generating.info import ContainerInfo
from opstwin.manifests.generating.options import GenerateOptions, PastDeployment
from opstwin.manifests.generating.results import Level, Notes

ENOUGH_SAMPLES: Final = 30
"""Fewer measurements say too little about a 95th percentile: it would be one of the highest two."""

RESERVED: Final = "reservation"
"""The source of a request that was asked for in so many words."""

LEAST_CPU: Final = 10.0
LEAST_MEMORY: Final = 16.0 * MI
"""Below these a container hardly starts."""

WEEK: Final = timedelta(days=7)
"""Before the newest record of a service: as far back as its measured use counts (`opstwin.control.predicting`)."""

OVER_P95: Final = 1.5
OVER_READING: Final = 1.2
"""Room of a memory limit above the 95th percentile, and of a request above one reading. What is given above a peak or a
limit that did not suffice is that of `opstwin.domain.right_sizing`."""

PROFILE_SIZES: Final = {"S": (100.0, 128.0 * MI, 512.0 * MI), "M": (250.0, 512.0 * MI, 1024.0 * MI),
                    "L": (1000.0, 2048.0 * MI, 4096.0 * MI)}  # fmt: skip
"""Requested millicores, requested bytes, limit in bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """What is requested and what is the limit, each with where it comes from; None where nothing is said."""

    cpu: float | None = None
    memory: float | None = None
    memory_limit: float | None = None
    cpu_source: str = ""
    memory_source: str = ""
    limit_source: str = ""


def resources_of(info: ContainerInfo, options: GenerateOptions, known: Known | None, notes: Notes) -> dict[str, Json]:
    """The field `resources` of the container; empty when nothing is known and no profile is wanted."""
    sizes = sizes_of(info, options, known)
    requests = _amounts(sizes.cpu, sizes.memory, info)
    limits = _limits(info, sizes)
    for name in requests:
        source = (sizes.cpu_source if name == "cpu" else sizes.memory_source) or options.asker(name)
        notes.why(f"resources.requests.{name}", requests[name], _code(source), source)
    for name in limits:
        source = options.asker(name) if _asked(info, name) else sizes.limit_source
        notes.why(f"resources.limits.{name}", limits[name], _limit_code(source), source)
    _notice(info, options, notes)
    if not requests:
        notes.find("no_requests", Level.ADVICE, "resources")
    elif "cpu" not in limits:
        notes.why("resources.limits", limits, "no_cpu_limit", "default")
    parts: dict[str, Json] = {"requests": {**requests}, "limits": {**limits}}
    return {key: value for key, value in parts.items() if value}


def sizes_of(info: ContainerInfo, options: GenerateOptions, known: Known | None) -> Sizes:
    """The best known figures: measured use, then history, then one reading, then the profile.

    A limit that was too small for the same image once is exceeded, whatever else is known.
    """
    sizes = _reserved(_base(info, options, known), info)
    return _above_failures(sizes, related(info, options))


def _reserved(sizes: Sizes, info: ContainerInfo) -> Sizes:
    """With what was asked for on a node in the place of any other request."""
    cpu, memory = info.pod.requested_cpu_millicores, info.pod.requested_memory_bytes
    if cpu is not None:
        sizes = replace(sizes, cpu=float(cpu), cpu_source=RESERVED)
    if memory is not None:
        sizes = replace(sizes, memory=float(memory), memory_source=RESERVED)
    return sizes


def related(info: ContainerInfo, options: GenerateOptions) -> tuple[PastDeployment, ...]:
    """Past deployments of the same image, the newest first."""
    name = repository(info.image)
    found = [past for past in options.history if repository(past.image) == name]
    # A sort keeps the order of those whose moment nobody knows.
    return tuple(sorted(found, key=_moment, reverse=True))


def _moment(past: PastDeployment) -> float:
    return past.deployed_at.timestamp() if past.deployed_at is not None else 0.0


def _base(info: ContainerInfo, options: GenerateOptions, known: Known | None) -> Sizes:
    usage = options.usage
    if usage is not None and usage.samples >= ENOUGH_SAMPLES:
        return _of_usage(usage, f"usage p95 {options.usage_days} days")
    past = _of_history(related(info, options))
    if past is not None:
        return _filled(past, _of_profile(options, known))
    reading = _of_reading(info)
    return _of_profile(options, known) if reading is None else _filled(reading, _of_profile(options, known))


def _of_usage(usage: Usage, source: str) -> Sizes:
    memory = max(usage.memory_p95, LEAST_MEMORY)
    return Sizes(
        cpu=max(usage.cpu_p95, LEAST_CPU),
        memory=memory,
        memory_limit=max(memory * OVER_P95, above_peak(usage.memory_max)),
        cpu_source=source,
        memory_source=source,
        limit_source=source,
    )


def _of_history(past: tuple[PastDeployment, ...]) -> Sizes | None:
    """The newest good deployment that was measured, and those of its service within the week before it.

    What was used most becomes what is requested: a quiet day shrinks nothing, and what a service has grown out of is
    forgotten after a week.
    """
    good = [row for row in past if row.success and not row.oom_events and _is_measured(row)]
    if not good:
        return None
    week = [row for row in good if _is_of_the_week(row, good[0])]
    by_cpu = max(week, key=lambda row: row.cpu_p95 or 0.0)
    by_memory = max(week, key=lambda row: row.memory_p95 or 0.0)
    cpu = by_cpu.cpu_p95 if by_cpu.cpu_p95 is not None else by_cpu.cpu_request
    memory = by_memory.memory_p95 if by_memory.memory_p95 is not None else by_memory.memory_request
    peak = max(week, key=lambda row: row.memory_max or 0.0)
    limits = (
        (float(good[0].memory_limit or 0), good[0]), ((memory or 0.0) * OVER_P95, by_memory),
        (above_peak(peak.memory_max or 0.0), peak),
    )  # fmt: skip
    limit, by_limit = max(limits, key=lambda found: found[0])
    return Sizes(
        cpu=None if cpu is None else max(float(cpu), LEAST_CPU),
        memory=None if memory is None else max(float(memory), LEAST_MEMORY),
        memory_limit=limit or None,
        cpu_source=f"history #{by_cpu.id}",
        memory_source=f"history #{by_memory.id}",
        limit_source=f"history #{by_limit.id}",
    )


def _is_of_the_week(row: PastDeployment, newest: PastDeployment) -> bool:
    if row is newest or row.deployed_at is None or newest.deployed_at is None:
        return row is newest
    return row.service == newest.service and newest.deployed_at - row.deployed_at <= WEEK


def _of_reading(info: ContainerInfo) -> Sizes | None:
    cpu = cpu_of(info.cpu_usage) if info.cpu_usage else None
    memory = memory_of(info.memory_usage) if info.memory_usage else None
    if cpu is None and memory is None:
        return None
    known_memory = None if memory is None else max(memory * OVER_READING, LEAST_MEMORY)
    return Sizes(
        cpu=None if cpu is None else max(cpu * OVER_READING, LEAST_CPU),
        memory=known_memory,
        memory_limit=None if known_memory is None else known_memory * 2,
        cpu_source="usage now",
        memory_source="usage now",
        limit_source="usage now",
    )


def _of_profile(options: GenerateOptions, known: Known | None) -> Sizes:
    if options.profile is None:
        return Sizes()
    cpu, memory, limit = PROFILE_SIZES[options.profile]
    floor = float(known.floor_bytes) if known is not None else 0.0
    source = f"profile {options.profile}"
    return Sizes(
        cpu=cpu,
        memory=max(memory, floor),
        memory_limit=max(limit, floor * 2),
        cpu_source=source,
        memory_source=source if memory >= floor else "image",
        limit_source=source if limit >= floor * 2 else "image",
    )


def _filled(first: Sizes, other: Sizes) -> Sizes:
    """`first` with what it leaves open taken from `other`."""
    if first.cpu is None:
        first = replace(first, cpu=other.cpu, cpu_source=other.cpu_source)
    if first.memory is None:
        first = replace(first, memory=other.memory, memory_source=other.memory_source)
    if first.memory_limit is None:
        first = replace(first, memory_limit=other.memory_limit, limit_source=other.limit_source)
    return first


def _above_failures(sizes: Sizes, past: tuple[PastDeployment, ...]) -> Sizes:
    """The limit raised above every one under which the image ran out of memory."""
    for row in (row for row in past if row.oom_events):
        failed = float(row.memory_limit or sizes.memory_limit or 0)
        if failed and failed >= (sizes.memory_limit or 0):
            sizes = replace(sizes, memory_limit=_next_above(failed, past), limit_source=f"history #{row.id}")
    return sizes


def _next_above(failed: float, past: tuple[PastDeployment, ...]) -> float:
    """A limit that held where the image got more, or what is given after a kill; always above the one that failed."""
    held = [
        float(row.memory_limit)
        for row in past
        if row.success and not row.oom_events and row.memory_limit and row.memory_limit > failed
    ]
    return max(min([*held, above_kill(failed)]), failed + 4 * MI)


def _amounts(cpu: float | None, memory: float | None, info: ContainerInfo) -> dict[str, Json]:
    asked = info.resources
    if cpu is None and asked.cpu_millicores is not None:
        cpu = float(asked.cpu_millicores)
    if memory is None and asked.memory_bytes is not None:
        memory = float(asked.memory_bytes)
    found: dict[str, Json] = {}
    if cpu is not None:
        found["cpu"] = cpu_text(min([ceil(cpu), *_given(asked.cpu_millicores)]))
    if memory is not None:
        tight = asked.memory_bytes is not None and memory >= asked.memory_bytes
        found["memory"] = exact_memory_text(asked.memory_bytes or 0) if tight else memory_text(memory)
    return found


def _limits(info: ContainerInfo, sizes: Sizes) -> dict[str, Json]:
    asked = info.resources
    found: dict[str, Json] = {}
    if asked.cpu_millicores is not None:
        found["cpu"] = cpu_text(asked.cpu_millicores)
    if asked.memory_bytes is not None:
        found["memory"] = exact_memory_text(asked.memory_bytes)
    elif sizes.memory_limit is not None:
        found["memory"] = memory_text(max(sizes.memory_limit, sizes.memory or 0))
    return found


def _notice(info: ContainerInfo, options: GenerateOptions, notes: Notes) -> None:
    asked = info.resources.memory_bytes
    for row in related(info, options):
        if asked is not None and row.oom_events and row.memory_limit is not None and row.memory_limit >= asked:
            limit = exact_memory_text(row.memory_limit)
            notes.find("oom_before", Level.ADVICE, "resources.memory_bytes", id=row.id, limit=limit)
    if options.usage is not None and options.usage.samples < ENOUGH_SAMPLES:
        notes.find("few_samples", Level.ADVICE, "usage", count=options.usage.samples, least=ENOUGH_SAMPLES)


def _is_measured(row: PastDeployment) -> bool:
    return row.cpu_p95 is not None or row.memory_p95 is not None or row.memory_limit is not None


def _asked(info: ContainerInfo, name: str) -> bool:
    asked = info.resources.cpu_millicores if name == "cpu" else info.resources.memory_bytes
    return asked is not None


def _code(source: str) -> str:
    return f"size_{source.partition(' ')[0]}"


def _limit_code(source: str) -> str:
    return f"limit_{source.partition(' ')[0]}"


def _given(amount: int | None) -> Iterator[int]:
    if amount is not None:
        yield amount
