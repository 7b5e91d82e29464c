"""What pods use: from the metrics API where the cluster has it, else from each node's own summary."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from opstwin.clock import Clock
from opstwin.domain.values import ResourceId
from opstwin.errors import NotFound, TargetError
from opstwin.manifests.quantities import amount_of
from opstwin.targets.kubernetes.health import at
from opstwin.targets.kubernetes.listing import Denied, everything
from opstwin.targets.kubernetes.sending import Call, Sender
from opstwin.targets.ports import UsageReading

FRESH_S: Final = 5.0
"""One answer serves all who ask within this time: metrics-server measures every 15 s, a kubelet every 10 s."""

_METRICS: Final = "/apis/metrics.k8s.io/v1beta1/pods"
_NODES: Final = "/api/v1/nodes"
_SUMMARY_S: Final = 10.0
_NODES_AT_ONCE: Final = 8
Object = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Use:
    """What one pod uses."""

    at: datetime
    cpu_millicores: float
    memory_bytes: int


class Uses:
    """The use of every pod of one cluster, asked for at most once in a while."""

    def __init__(self, sender: Sender, clock: Clock) -> None:
        self._sender, self._clock = sender, clock
        self._held: dict[str, Use] = {}
        self._asked_s: float | None = None
        self._turn = asyncio.Lock()

    async def of(self, resource: ResourceId, pods: Sequence[str]) -> UsageReading:
        """What pods (`namespace/name`) use together.

        Raises `NotFound` when none of them is measured, and `TargetError` when the cluster does not say.
        """
        found = await self.of_many({resource: pods})
        if resource not in found:
            raise NotFound(
                f"The use of {resource} is not measured.",
                next_step="It takes a minute after a pod began; else see: opstwin targets test <target>",
            )
        return found[resource]

    async def of_many(self, pods: Mapping[ResourceId, Sequence[str]]) -> dict[ResourceId, UsageReading]:
        """The same for several at once, without those that are not measured. Raises `TargetError`."""
        held = await self.all()
        found = {resource: [held[name] for name in names if name in held] for resource, names in pods.items()}
        return {resource: _together(uses) for resource, uses in found.items() if uses}

    async def all(self) -> Mapping[str, Use]:
        """The use of every pod by `namespace/name`. Raises `TargetError`."""
        async with self._turn:
            now_s = self._clock.monotonic_s()
            if self._asked_s is None or now_s - self._asked_s >= FRESH_S:
                self._held = await self._measured()
                self._asked_s = now_s
        return self._held

    async def _measured(self) -> dict[str, Use]:
        try:
            found = await everything(self._sender, _METRICS)
        except (Denied, TargetError):
            return await self._summaries()
        return {name: use for item in found if (pair := _of_metrics(item)) for name, use in [pair]}

    async def _summaries(self) -> dict[str, Use]:
        try:
            nodes = await everything(self._sender, _NODES)
        except Denied:
            return {}
        slots = asyncio.Semaphore(_NODES_AT_ONCE)

        async def one(node: str) -> Object:
            async with slots:
                call = Call(method="GET", path=f"{_NODES}/{node}/proxy/stats/summary", deadline_s=_SUMMARY_S)
                answer = await self._sender.send(call)
            return answer.body if answer.ok else {}

        names = [str(at(node, "metadata", "name")) for node in nodes]
        answers = await asyncio.gather(*map(one, names), return_exceptions=True)
        found: dict[str, Use] = {}
        for answer in answers:
            if isinstance(answer, BaseException):
                if not isinstance(answer, TargetError):
                    raise answer
                continue  # a node that is away must not hide the others
            found |= dict(_of_summary(answer))
        return found


def _together(uses: Sequence[Use]) -> UsageReading:
    return UsageReading(
        at=max(item.at for item in uses), cpu_millicores=sum(item.cpu_millicores for item in uses),
        memory_bytes=sum(item.memory_bytes for item in uses),
    )  # fmt: skip


def _of_metrics(item: Object) -> tuple[str, Use] | None:
    """One pod of `metrics.k8s.io`: the sum over its containers."""
    moment = _moment(item.get("timestamp"))
    if moment is None:
        return None
    containers = [entry for entry in item.get("containers") or () if isinstance(entry, Mapping)]
    cpu = sum(float(amount_of(at(entry, "usage", "cpu")) or 0) for entry in containers)
    memory = sum(int(amount_of(at(entry, "usage", "memory")) or 0) for entry in containers)
    name = f"{at(item, 'metadata', 'namespace')}/{at(item, 'metadata', 'name')}"
    return (name, Use(moment, cpu * 1000, memory)) if memory > 0 else None


def _of_summary(summary: Object) -> Iterable[tuple[str, Use]]:
    """The pods of a kubelet's summary; CPU comes in nanocores. A pod that was not looked at twice yet has none of it,
    or zeros."""
    for pod in summary.get("pods") or ():
        moment = _moment(at(pod, "cpu", "time")) or _moment(at(pod, "memory", "time"))
        memory, cpu = at(pod, "memory", "workingSetBytes"), at(pod, "cpu", "usageNanoCores")
        if moment is not None and isinstance(memory, int) and memory > 0 and isinstance(cpu, int):
            name = f"{at(pod, 'podRef', 'namespace')}/{at(pod, 'podRef', 'name')}"
            yield name, Use(moment, cpu / 1_000_000, memory)


def _moment(value: Any) -> datetime | None:
    if not isinstance(value, str):
        return None
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        return None
    return found if found.tzinfo else None
