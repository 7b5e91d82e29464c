"""A worker whose target is away says so once, and goes on when it is back."""

from opstwin.control.working import Worker
from opstwin.domain.event import Event
from opstwin.domain.execution import Execution, ExecutionState
from opstwin.targets.sim.faults import Fault, FaultKind
from tests.rig import ANNA, Rig, app


async def said(rig: Rig) -> list[str]:
    return [event.message for event in await rig.ledger.all(Event) if event.type == "execution.waiting"]


async def test_an_execution_that_waits_for_its_target_says_so_once() -> None:
    rig = await Rig().ready()
    plan = await rig.approved(await rig.plan_workloads(app()))
    execution = await rig.applier.start(plan.id, ANNA)
    worker = Worker(rig.ledger, rig.applier)
    away = rig.world.faults.add(Fault(kind=FaultKind.UNREACHABLE, nth=1, times=None, call="*"))
    for _ in range(3):
        await worker.settle()
        rig.clock.advance(60)
    assert len(await said(rig)) == 1
    assert (await said(rig))[0].endswith("It goes on as soon as local answers.")
    rig.world.faults.remove(away)
    await worker.settle()
    assert (await rig.ledger.need(Execution, execution.id)).state is ExecutionState.SUCCEEDED
    assert len(await said(rig)) == 1
