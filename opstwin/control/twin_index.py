"""The twin as it is asked about most: every resource with its drift, worked out once and again only when it changed."""

import asyncio
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Final, TypeVar

from opstwin.control.drivers import Readers
from opstwin.control.mirror import Mirror, Touches
from opstwin.domain.drift import Difference
from opstwin.domain.resource import Desired, Observed, WorkloadRecord
from opstwin.domain.standing import Standing, standing_of, standing_of_workload
from opstwin.domain.target import Target
from opstwin.domain.values import TargetId, resource_id
from opstwin.errors import InvalidInput
from opstwin.twin.store import TwinStore

R = TypeVar("R")
_MANY: Final = 500
"""From so many resources on they are worked out in a thread, so that nobody else waits for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Twin:
    """What was known at one moment; nothing of it changes. As long as the twin is the same, so is this object.

    `standings` are the resources that are there or should be, in the order of their ids; `by_id` also holds what is
    gone. `wholes` are the workloads, each as badly off as the worst of its resources; `workloads` are their records.
    """

    targets: tuple[Target, ...] = ()
    workloads: tuple[WorkloadRecord, ...] = ()
    standings: tuple[Standing, ...] = ()
    wholes: tuple[Standing, ...] = ()
    by_id: Mapping[str, Standing] = field(default_factory=dict)


class TwinIndex:
    """Answers with everything that was committed before it was asked, whoever committed it.

    A call costs one look at what was touched; those that come at the same time share one.
    """

    def __init__(self, store: TwinStore, readers: Readers) -> None:
        self._mirror = Mirror(store)
        self._work = _Work(self._mirror, readers)
        self._lock = asyncio.Lock()
        self._begun = 0
        self._twin = Twin()
        self._whole = False

    async def now(self) -> Twin:
        """The twin now. Raises `StoreError` when the store cannot be read."""
        ticket = self._begun
        async with self._lock:
            # A look that began after this call came in has seen all that this call has to see.
            if self._begun <= ticket or not self._whole:
                self._begun += 1
                await self._look()
            return self._twin

    async def _look(self) -> None:
        whole, self._whole = self._whole, False
        touches = await self._mirror.refresh()
        if touches is None or not whole:
            self._twin = await asyncio.to_thread(self._work.anew)
        elif sum(map(len, touches.values())) > _MANY:
            self._twin = await asyncio.to_thread(self._work.after, touches)
        elif touches:
            self._twin = self._work.after(touches)
        self._whole = True


class _Work:
    """What was worked out of the records. The index's lock keeps its callers apart."""

    def __init__(self, mirror: Mirror, readers: Readers) -> None:
        self._mirror = mirror
        self._readers = readers
        self._standings: dict[str, Standing] = {}
        self._wholes: dict[str, Standing] = {}
        self._parts: dict[str, dict[str, Standing]] = {}

    def anew(self) -> Twin:
        """Everything, whatever was worked out before."""
        self._standings, self._wholes, self._parts = {}, {}, {}
        ids = sorted({*self._mirror.of(Desired), *self._mirror.of(Observed)})
        return self._updated(ids, self._mirror.of(WorkloadRecord))

    def after(self, touches: Touches) -> Twin:
        """What was touched, and all of a target that was."""
        ids = {*touches.get(Desired, ()), *touches.get(Observed, ())}
        if targets := set(touches.get(Target, ())):
            ids |= {item.id for item in self._standings.values() if item.target in targets}
        return self._updated(ids, touches.get(WorkloadRecord, ()))

    def _updated(self, ids: Iterable[str], workloads: Collection[str]) -> Twin:
        renderers = _Differences(self._readers, self._mirror.of(Target))
        stale = set(workloads)
        for id in ids:
            stale |= self._replace(id, renderers)
        for id in stale:
            self._sum_up(id)
        return self._twin()

    def _replace(self, id: str, renderers: "_Differences") -> set[str]:
        """Work out one resource; returns the workloads that it belonged or belongs to."""
        desired, observed = self._mirror.of(Desired).get(id), self._mirror.of(Observed).get(id)
        known = desired or observed
        old = self._standings.get(id)
        new = standing_of(desired, observed, renderers.of(known.target)) if known else None
        if new is None:
            self._standings.pop(id, None)
        else:
            self._standings[id] = new
        owners = {_owner(item) for item in (old, new) if item is not None and item.workload is not None}
        for owner in owners:
            parts = self._parts.setdefault(owner, {})
            parts.pop(id, None)
            if new is not None and new.is_there and _owner(new) == owner:
                parts[id] = new
        return owners

    def _sum_up(self, id: str) -> None:
        record = self._mirror.of(WorkloadRecord).get(id)
        parts = self._parts.get(id, {})
        if record is None or (record.workload is None and not parts):
            self._wholes.pop(id, None)
        else:
            self._wholes[id] = standing_of_workload(record, [parts[key] for key in sorted(parts)])

    def _twin(self) -> Twin:
        return Twin(
            targets=_in_order(self._mirror.of(Target)), workloads=_in_order(self._mirror.of(WorkloadRecord)),
            standings=tuple(filter(attrgetter("is_there"), _in_order(self._standings))),
            wholes=_in_order(self._wholes), by_id=dict(self._standings),
        )  # fmt: skip


class _Differences:
    """How specs are compared on each target; found when it is first needed."""

    def __init__(self, readers: Readers, targets: Mapping[str, Target]) -> None:
        self._readers = readers
        self._targets = targets
        self._found: dict[TargetId, Difference | None] = {}

    def of(self, target: TargetId) -> Difference | None:
        """None for a target that is not known, or for whose kind no driver is installed: then nobody can tell drift."""
        if target not in self._found:
            self._found[target] = self._of(self._targets.get(target))
        return self._found[target]

    def _of(self, target: Target | None) -> Difference | None:
        if target is None:
            return None
        try:
            return self._readers.renderer(target).difference
        except InvalidInput:
            return None


def _owner(item: Standing) -> str:
    return resource_id(item.target, "workload", item.workload or "")


def _in_order(records: Mapping[str, R]) -> tuple[R, ...]:
    return tuple(map(records.__getitem__, sorted(records)))
