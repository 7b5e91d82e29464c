"""What a workload should request: from its own use, or, where that is not known, from what is like it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from statistics import median
from typing import Final

from opstwin.control.ledger import Ledger
from opstwin.control.remembering import SHARED, Memory
from opstwin.control.usage import usage_of
from opstwin.domain.deployment import Deployment, Usage
from opstwin.domain.example import Example
from opstwin.domain.resource import Observed, Presence
from opstwin.domain.right_sizing import (
    LEAST_SAMPLES,
    MI,
    Advice,
    Measured,
    Silence,
    above_kill,
    cpu_of,
    memory_of,
    right_size,
)
from opstwin.domain.series import Metric, Selector, SeriesQuery
from opstwin.domain.similarity import Sought
from opstwin.domain.values import Json
from opstwin.errors import NotFound
from opstwin.metrics.ports import SampleStore

PERIOD: Final = timedelta(days=7)
"""How far back use counts."""

LOOKED_BACK: Final = 20
"""Deployments of the workload that are looked through for kills."""

NEIGHBOURS: Final = 5

_SCALERS: Final[Mapping[str, tuple[str, frozenset[str]]]] = {
    "horizontalpodautoscaler": ("scaleTargetRef", frozenset({"cpu"})),
    "verticalpodautoscaler": ("targetRef", frozenset({"cpu", "memory"})),
}
"""Kind → the field that names what it scales, and what of that is then its to decide."""


Where = Mapping[str, str | bool | None]


class Basis(StrEnum):
    """What a prediction stands on."""

    USE = "use"
    SIMILAR = "similar"


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """What to request, in millicores and bytes; there is never a CPU limit.

    On its own use, `samples` over `period_s` seconds count; else `examples` are the past deployments that it stands
    on. `owned` names what an autoscaler decides and is left as it is. `advice` is what its own use alone says.
    """

    name: str
    target: str
    cpu_request: int | None
    memory_limit: int | None
    basis: Basis
    samples: int
    period_s: float
    oom_events: int
    examples: tuple[str, ...]
    owned: tuple[str, ...]
    advice: Advice


@dataclass(frozen=True, slots=True)
class Predictor:
    """Reads the twin, the measurements and the memory; changes nothing."""

    ledger: Ledger
    samples: SampleStore
    memory: Memory

    async def advice(self, workload: str, target: str | None = None, tenant: str = SHARED) -> Advice:
        """What its own use says to a tenant; silent, with the reason, where that says nothing."""
        where = _where(workload, target)
        return _advised(await self._past(where, LOOKED_BACK, tenant), await self._seen(where, tenant))

    async def newest(self, workload: str, target: str | None, tenant: str) -> Deployment | None:
        """The last deployment of a workload by a tenant's people, or None."""
        return next(iter(await self._past(_where(workload, target), 1, tenant)), None)

    async def predict(self, name: str, target: str | None = None, tenant: str = SHARED) -> Prediction:
        """What it should request, by what a tenant's people deployed.

        Raises `NotFound` for a workload that was never deployed, or never by them.
        """
        where = _where(name, target)
        past = await self._past(where, LOOKED_BACK, tenant)
        if not past:
            raise NotFound(
                f"{name!r} was never deployed.", next_step="What was: opstwin history list",
                details={"kind": "deployment", "id": name},
            )  # fmt: skip
        seen = await self._seen(where, tenant)
        advice = _advised(past, seen)
        if advice.silent in (Silence.FEW, Silence.NONE):
            return await self._from_others(past, advice, tenant)
        return _from_use(past[0], advice)

    async def _past(self, where: Where, most: int, tenant: str) -> tuple[Deployment, ...]:
        return await self.memory.newest_of(tenant, where, most)

    async def _seen(self, where: Where, tenant: str) -> "_Seen":
        held = await self._past({**where, "success": True}, 1, tenant)
        if not held:
            return _Seen()
        newest, now = held[0], self.ledger.clock.now()
        week_at = now - PERIOD
        usage, since_at = None, week_at
        for since_at in (max(week_at, newest.deployed_at), week_at):
            usage = await self._usage(newest, since_at, now)
            if usage is not None and usage.samples >= LEAST_SAMPLES:
                break
        if newest.usage is not None and newest.usage.samples > (usage.samples if usage else 0):
            usage, since_at = newest.usage, max(week_at, newest.deployed_at)
        return _Seen(usage=usage, period_s=(now - since_at).total_seconds(), owned=await self._owned(newest))

    async def _usage(self, past: Deployment, since_at: datetime, now: datetime) -> Usage | None:
        seconds = max(1, round((now - since_at).total_seconds()))
        found = [
            await self.samples.pooled(
                SeriesQuery(
                    metric=metric, start_at=since_at, step_s=seconds, steps=1,
                    selector=Selector(target=past.target_cluster, labels=(("workload", past.service_name),)),
                )
            )
            for metric in (Metric.CPU_MILLICORES, Metric.MEMORY_BYTES)
        ]  # fmt: skip
        cpu, memory = found
        return usage_of(cpu, memory) if cpu is not None and memory is not None else None

    async def _owned(self, past: Deployment) -> frozenset[str]:
        """What an autoscaler decides, by the workload's own words or by what runs on the target."""
        owned: set[str] = set()
        scale = past.workload.autoscale if past.workload is not None else None
        if scale is not None:
            owned |= {"cpu"} if scale.memory_percent is None else {"cpu", "memory"}
        for kind, (reference, decides) in _SCALERS.items():
            async for item in self.ledger.each(Observed, {"target": past.target_cluster, "kind": kind}):
                if item.presence is Presence.PRESENT and _scaled(item, reference) == past.service_name:
                    owned |= decides
        return frozenset(owned)

    async def _from_others(self, past: Sequence[Deployment], advice: Advice, tenant: str) -> Prediction:
        own = past[0]
        sought = Sought(
            image=own.image_name, target=own.target_cluster, purpose=own.service_type, language=own.language
        )
        found = await self.memory.similar(sought, words=own.service_name, tenant=tenant, k=NEIGHBOURS, least=0.0)
        cpu = [(item.score, amount) for item in found if (amount := _cpu_of(item)) is not None]
        memory = [(item.score, amount) for item in found if (amount := _memory_of(item)) is not None]
        least = ceil_mi(advice_floor(past))
        return Prediction(
            name=own.service_name, target=own.target_cluster, basis=Basis.SIMILAR,
            cpu_request=None if "cpu" in advice.owned else _middle(cpu),
            memory_limit=None if "memory" in advice.owned else max(_middle(memory) or 0, least) or None,
            samples=advice.samples, period_s=advice.period_s, oom_events=advice.oom_events,
            examples=tuple(item.id for item in found), owned=tuple(sorted(advice.owned)), advice=advice,
        )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    usage: Usage | None = None
    period_s: float = 0.0
    owned: frozenset[str] = frozenset()


def _where(name: str, target: str | None) -> Where:
    return {"service_name": name, **({"target_cluster": target} if target else {})}


def _advised(past: Sequence[Deployment], seen: _Seen) -> Advice:
    kills = unanswered(past)
    return right_size(
        Measured(
            usage=seen.usage, period_s=seen.period_s, owned=seen.owned,
            oom_events=sum(item.oom_events for item in kills),
            killed_at_bytes=max((item.memory_limit or 0 for item in kills), default=0),
        )
    )  # fmt: skip


def unanswered(newest_first: Sequence[Deployment]) -> tuple[Deployment, ...]:
    """The deployments that were killed for memory, up to one that held, was measured, and was not. Pure."""
    found: list[Deployment] = []
    for item in newest_first:
        if item.oom_events:
            found.append(item)
        elif item.success and item.usage is not None and item.usage.samples >= LEAST_SAMPLES:
            break
    return tuple(found)


def advice_floor(past: Sequence[Deployment]) -> float:
    """Bytes below which a limit was shown to be too little: the highest at which it was killed, and more."""
    return above_kill(max((item.memory_limit or 0 for item in unanswered(past)), default=0))


def ceil_mi(amount: float) -> int:
    """Whole mebibytes, rounded up."""
    return -int(-amount // MI) * MI


def _from_use(own: Deployment, advice: Advice) -> Prediction:
    return Prediction(
        name=own.service_name, target=own.target_cluster, cpu_request=advice.cpu_request,
        memory_limit=advice.memory_limit, basis=Basis.USE, samples=advice.samples, period_s=advice.period_s,
        oom_events=advice.oom_events, examples=(), owned=tuple(sorted(advice.owned)), advice=advice,
    )  # fmt: skip


def _cpu_of(item: Example) -> int | None:
    if item.usage is not None and item.usage.samples >= LEAST_SAMPLES:
        return cpu_of(item.usage)
    return item.cpu_request


def _memory_of(item: Example) -> int | None:
    if item.usage is None or item.usage.samples < LEAST_SAMPLES:
        known = item.memory_limit or 0
        return ceil_mi(above_kill(known) if item.oom_events else known) or None
    killed_at = item.memory_limit or 0
    return memory_of(item.usage, Measured(usage=item.usage, oom_events=item.oom_events, killed_at_bytes=killed_at))


def _middle(weighted: Sequence[tuple[float, int]]) -> int | None:
    """The median of the amounts of those most alike; those half as much alike as the best do not count."""
    best = max((score for score, _ in weighted), default=0.0)
    return round(median([amount for score, amount in weighted if score * 2 >= best])) if weighted else None


def _scaled(item: Observed, reference: str) -> str:
    spec = item.spec or {}
    inner = spec.get("spec")
    named: Json = inner.get(reference) if isinstance(inner, dict) else None
    return str(named.get("name")) if isinstance(named, dict) else ""
