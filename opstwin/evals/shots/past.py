"""The past of the house: what was deployed before the requests came, drawn from a seed. It never changes afterwards."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from opstwin.domain.deployment import Deployment, Usage, image_parts
from opstwin.domain.values import ExecutionId, PlanId, TargetId
from opstwin.domain.workload import HealthCheck, Port, Resources, Workload
from opstwin.evals.shots.scenarios import HOUSE, Lesson, Scenario, Truth
from opstwin.knowledge.cases import MI

OTHERS: Final = 48
"""Deployments of services that nobody asks for here: what the right ones must be found among."""

QUIET: Final = 0.6
"""Of the peak: what a service uses in a quiet week."""

BEFORE: Final = "docker.io/oldhouse"
_BEGAN_AT: Final = datetime(2026, 9, 1, tzinfo=UTC)
_SAMPLES: Final = 20_160
_TRADES: Final = (
    "coupon", "ticket", "recipe", "weather", "loyalty", "refund", "tax", "payroll", "forum", "wiki", "poll", "quiz",
    "fleet", "route", "menu", "tariff",
)  # fmt: skip
_TYPICAL: Final = {"node": (160, 130), "python": (230, 170), "go": (55, 80), "java": (620, 420)}
"""Peak in MiB and millicores at the 95th percentile that services of a language have in this house."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    """One deployment before it gets its number: what it had (MiB), what it used, and how it ended."""

    name: str
    image: str
    purpose: str
    language: str
    truth: Truth
    limit_mib: int
    success: bool = True
    ooms: int = 0


def past_of(scenarios: Sequence[Scenario], seed: int) -> tuple[Deployment, ...]:
    """All records, the oldest first. `scenarios` are those of the same draw; those without a past leave none."""
    chance = random.Random(f"past {seed}")  # noqa: S311 - a draw, not a secret
    stories = [list(_story(item)) for item in scenarios if item.has_past]
    stories += [[item] for item in _others(chance)]
    chance.shuffle(stories)
    kept = [item for story in stories for item in story]
    return tuple(_record(item, number, chance) for number, item in enumerate(kept))


def _story(scenario: Scenario) -> Iterator[_Kept]:
    """What happened to one service, the oldest first."""
    peak = scenario.truth.memory_mib
    held = _Kept(
        name=scenario.name, image=_older(scenario.image), purpose=scenario.purpose, language=scenario.language,
        truth=scenario.truth, limit_mib=round(peak * 1.25),
    )  # fmt: skip
    if scenario.lesson is Lesson.STARVED:
        yield replace(held, limit_mib=round(peak * 0.8), ooms=3)
    if scenario.lesson is Lesson.MOVED:
        held = replace(held, image=f"{BEFORE}/{held.image.rpartition('/')[2]}")
    yield held
    if scenario.lesson is Lesson.BROKEN:
        yield replace(held, limit_mib=round(peak * 0.5), success=False)
    if scenario.lesson is Lesson.QUIET:
        cpu = scenario.truth.cpu_millicores // 2
        quiet = replace(scenario.truth, memory_mib=round(peak * QUIET), cpu_millicores=cpu)
        yield replace(held, truth=quiet, limit_mib=round(peak * QUIET * 1.25))


def _older(image: str) -> str:
    return f"{image.rpartition(':')[0]}:1.9.0" if image.startswith(HOUSE) else image


def _others(chance: random.Random) -> Iterator[_Kept]:
    for number in range(OTHERS):
        language, purpose = chance.choice(sorted(_TYPICAL)), chance.choice(("web", "api", "worker"))
        memory, cpu = (round(amount * chance.uniform(0.6, 1.6)) for amount in _TYPICAL[language])
        name = f"{_TRADES[number % len(_TRADES)]}-{purpose}{number}"
        truth = Truth(memory_mib=memory, cpu_millicores=cpu, port=0 if purpose == "worker" else 8080, page="/healthz")
        ended = chance.random()
        yield _Kept(
            name=name, image=f"{HOUSE}/{name}-{language}:1.{number}.0", purpose=purpose, language=language, truth=truth,
            limit_mib=round(memory * (0.9 if ended > 0.9 else 1.3)), success=ended < 0.8, ooms=2 if ended > 0.9 else 0,
        )  # fmt: skip


def _record(kept: _Kept, number: int, chance: random.Random) -> Deployment:
    name, tag = image_parts(kept.image)
    memory = kept.limit_mib * MI
    return Deployment(
        id=f"dep_{number:03}", service_name=kept.name, image_name=name, image_tag=tag, service_type=kept.purpose,
        language=kept.language, cpu_request=kept.truth.cpu_millicores, memory_request=memory, memory_limit=memory,
        replicas=1, usage=_usage(kept) if kept.success else None, target_cluster=TargetId("prod"),
        deployed_at=_BEGAN_AT + timedelta(hours=10 * number + chance.randrange(9)), success=kept.success,
        outcome="succeeded" if kept.success else "rolled_back", oom_events=kept.ooms, plan_id=PlanId(f"plan_{number}"),
        execution_id=ExecutionId(f"exec_{number}"), workload=_workload(kept),
    )  # fmt: skip


def _usage(kept: _Kept) -> Usage:
    """What it used; one that was killed for memory never got beyond its limit."""
    peak, cpu = min(kept.truth.memory_mib, kept.limit_mib) * MI, kept.truth.cpu_millicores
    return Usage(
        samples=_SAMPLES, cpu_mean=cpu * 0.5, cpu_p50=cpu * 0.4, cpu_p95=float(cpu), cpu_max=cpu * 1.6,
        memory_mean=peak * 0.72, memory_p50=peak * 0.7, memory_p95=peak * 0.95, memory_max=float(peak),
    )  # fmt: skip


def _workload(kept: _Kept) -> Workload:
    port, page = kept.truth.port, kept.truth.page
    check = HealthCheck(command=("wget", "-q", "-O", "/dev/null", f"http://127.0.0.1:{port}{page}")) if page else None
    return Workload(
        name=kept.name, image=kept.image, ports=(Port(container=port),) if port else (),
        health=check if port else None, resources=Resources(memory_bytes=kept.limit_mib * MI),
    )  # fmt: skip
