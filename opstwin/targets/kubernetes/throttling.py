"""How often CPU limits held pods back: the counters of each node's kubelet, summed up for what the pods belong to."""

import asyncio
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import aclosing
from typing import Any, Final

from opstwin.clock import Clock
from opstwin.domain.values import ResourceId
from opstwin.errors import LimitExceeded, TargetError
from opstwin.targets.kubernetes.health import at
from opstwin.targets.kubernetes.sightings import full_name
from opstwin.targets.kubernetes.streaming import Streams

FRESH_S: Final = 60.0
"""A kubelet's counters are long (some 100 KB a node), and nobody looks at single minutes of them."""

AWAY_S: Final = 300.0
"""Before a node that gave no counters is asked again: most often the account may not ask."""

_NODES_AT_ONCE: Final = 4
_IDLE_S: Final = 10.0
_COUNTER: Final = b"container_cpu_cfs_throttled_periods_total{"
"""k8s.io/kubernetes: cAdvisor's name for `nr_throttled` of a container's cgroup."""

_LABEL: Final = re.compile(rb'(container|namespace|pod)="([^"]{0,253})"')
_PAUSE: Final = (b"", b"POD")
"""The sum over a pod, and the container that holds its network: neither is one of its own."""

Object = Mapping[str, Any]


class HeldBack:
    """Counts for as long as the hub runs; the counters begin anew with it, as those of a container with the container.

    Pods come and go, so what they count is taken for what it rose since the last look, and never falls.
    """

    def __init__(self, streams: Streams, clock: Clock) -> None:
        self._streams, self._clock = streams, clock
        self._due_s: dict[str, float] = {}
        self._counts: dict[str, dict[str, int]] = {}
        self._last: dict[ResourceId, dict[str, int]] = {}
        self._totals: dict[ResourceId, int] = {}

    async def of(self, pods: Sequence[Object], members: Mapping[ResourceId, Sequence[str]]) -> Mapping[ResourceId, int]:
        """The count of each resource with CPU limits, by `members` (names of its pods); none of what nobody counts."""
        limited = {full_name(pod): str(at(pod, "spec", "nodeName") or "") for pod in pods if _is_limited(pod)}
        wanted = {item: [name for name in names if name in limited] for item, names in members.items()}
        nodes = {limited[name] for names in wanted.values() for name in names} - {""}
        await self._look(nodes)
        now = {name: count for node in nodes for name, count in self._counts.get(node, {}).items()}
        found = {item: self._added(item, {name: now[name] for name in names if name in now})
                 for item, names in wanted.items() if any(name in now for name in names)}  # fmt: skip
        for gone in self._last.keys() - members.keys():
            del self._last[gone], self._totals[gone]
        return found

    def _added(self, resource: ResourceId, now: Mapping[str, int]) -> int:
        before = self._last.get(resource)
        if before is not None:
            self._totals[resource] += sum(_rise(before.get(name), count) for name, count in now.items())
        self._totals.setdefault(resource, 0)
        self._last[resource] = dict(now)
        return self._totals[resource]

    async def _look(self, nodes: Iterable[str]) -> None:
        now_s = self._clock.monotonic_s()
        due = [node for node in nodes if self._due_s.get(node, now_s) <= now_s]
        slots = asyncio.Semaphore(_NODES_AT_ONCE)

        async def one(node: str) -> None:
            async with slots:
                try:
                    self._counts[node] = await self._read(node)
                    self._due_s[node] = now_s + FRESH_S
                except (TargetError, LimitExceeded):
                    self._counts.pop(node, None)
                    self._due_s[node] = now_s + AWAY_S

        await asyncio.gather(*map(one, due))

    async def _read(self, node: str) -> dict[str, int]:
        found: dict[str, int] = {}
        path = f"/api/v1/nodes/{node}/proxy/metrics/cadvisor"
        async with aclosing(self._streams.lines(path, {}, idle_s=_IDLE_S)) as lines:
            async for line in lines:
                if line.startswith(_COUNTER) and (counted := _counted(line)):
                    name, count = counted
                    found[name] = found.get(name, 0) + count
        return found


def _counted(line: bytes) -> tuple[str, int] | None:
    """The pod that a line is about, and its count; None for what is no container of its own."""
    labels, _, rest = line[len(_COUNTER) :].rpartition(b"} ")
    said = dict(_LABEL.findall(labels))
    if said.get(b"container", b"") in _PAUSE or not said.get(b"pod"):
        return None
    try:
        count = int(float(rest.split(b" ")[0]))
    except (ValueError, OverflowError):
        return None
    return f"{said.get(b'namespace', b'').decode()}/{said[b'pod'].decode()}", count


def _rise(before: int | None, now: int) -> int:
    """A pod that was not there before, or began anew, counted from 0."""
    return now - before if before is not None and now >= before else now


def _is_limited(pod: Object) -> bool:
    containers = at(pod, "spec", "containers")
    return any(at(item, "resources", "limits", "cpu") for item in containers or ())
