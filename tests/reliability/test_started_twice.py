"""Two starts of one plan, the second one falling into every gap of the first: one execution, and no refusal."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest

from opstwin.domain.audit import AuditRow
from opstwin.domain.execution import Execution
from opstwin.twin.memory import MemoryStore
from tests.rig import ANNA, BEN, Rig, app


@dataclass
class Gap(MemoryStore):
    """A store in which something else happens just before the `at`th call (1 is the first) after `arm`."""

    def __init__(self) -> None:
        super().__init__()
        self.left = 0
        self.calls = 0
        self.other: Callable[[], Awaitable[object]] | None = None

    def arm(self, at: int, other: Callable[[], Awaitable[object]]) -> None:
        self.left, self.calls, self.other = at, 0, other

    async def _pass(self) -> None:
        self.calls += 1
        if self.other is not None and self.calls == self.left:
            other, self.other = self.other, None
            calls = self.calls
            await other()
            self.calls = calls

    async def get(self, kind: Any, id: str) -> Any:
        await self._pass()
        return await super().get(kind, id)

    async def find(self, query: Any) -> Any:
        await self._pass()
        return await super().find(query)

    async def commit(self, commit: Any) -> Any:
        await self._pass()
        return await super().commit(commit)


async def started_with_gap(at: int) -> int:
    """Start a plan twice, the second time in gap `at` of the first; returns how many gaps there were."""
    store = Gap()
    rig = await Rig(store=store).ready()
    await rig.change_to(app())
    plan = await rig.approved(await rig.plan_workloads(app(image="app:2")))
    others: list[Execution] = []

    async def other() -> None:
        others.append(await rig.applier.start(plan.id, BEN))

    store.arm(at, other)
    mine = await rig.applier.start(plan.id, ANNA)
    gaps, store.other = store.calls, None
    assert [item.id for item in others] in ([mine.id], [])
    assert len(await rig.ledger.all(Execution, {"plan_id": plan.id})) == 1
    rows = await rig.ledger.all(AuditRow, {"action": "execution.start", "plan_id": plan.id})
    assert [row.outcome for row in rows] == ["ok"]
    return gaps


@pytest.mark.req("S1.1")
@pytest.mark.proves("B1")
async def test_a_start_that_is_overtaken_anywhere_joins_the_execution_of_the_other() -> None:
    gaps = await started_with_gap(0)
    assert gaps > 10
    for at in range(1, gaps + 1):
        await started_with_gap(at)
