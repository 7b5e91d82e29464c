"""A day in the life of a target: whatever was done to it, by whom and however it went, is accounted for."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from opstwin.control.modes import Setting, set_mode
from opstwin.control.reconciling import Reconciler
from opstwin.domain.approval import Approval
from opstwin.domain.execution import ExecutionState
from opstwin.domain.plan import Plan
from opstwin.domain.target import Mode
from opstwin.domain.workload import Mount
from opstwin.targets.sim.faults import Fault, FaultKind
from opstwin.targets.sim.state import Effect
from tests.reliability.accounting import account_for, account_for_hub
from tests.reliability.hubs import Hub, until
from tests.rig import ANNA, BEN, LOCAL, ROBOT, Rig, app

SUCCEEDED, ROLLED_BACK = ExecutionState.SUCCEEDED, ExecutionState.ROLLED_BACK


async def a_day() -> Rig:
    """Deploy, a bad upgrade, drift healed, scaling, faults, an agent's plan, a cancelled one, a roll-back, a delete."""
    rig = await Rig().ready()
    data = Mount(path="/data", volume="web-data")
    assert (await rig.change_to(app(volumes=(data,)), app("api", replicas=1))).state is SUCCEEDED
    assert (await rig.change_to(app(image="app:bad", volumes=(data,)))).state is ROLLED_BACK
    await heal(rig)
    rig.world.faults.add(Fault(kind=FaultKind.TIMEOUT_AFTER, nth=1))
    rig.world.faults.add(Fault(kind=FaultKind.HANG, nth=2, call="apply"))
    assert (await rig.change("scale web to 4")).state is SUCCEEDED
    assert (await by_the_robot(rig)).state is SUCCEEDED
    stopped = await rig.applier.start((await rig.approved(await rig.plan("scale web to 1"), BEN)).id, ANNA)
    await rig.applier.cancel(stopped.id, BEN)
    assert (await rig.applier.run(stopped.id)).state is ROLLED_BACK
    back = await rig.planner.rollback("local/workload/web", ANNA)
    assert (await rig.carry_out(back, BEN)).state is SUCCEEDED
    removal = await rig.planner.from_workloads(
        LOCAL, (), request="t", origin=back.origin, actor=ANNA, remove=("web", "api"), with_volumes=True
    )
    assert (await rig.carry_out(removal, BEN)).state is SUCCEEDED
    assert rig.running() == {}
    return rig


async def heal(rig: Rig) -> None:
    """Drift, healed by the reconciler under a person's mandate."""
    given = Setting(mode=Mode.HEAL, reason="keep it up", expires_at=rig.clock.now() + timedelta(days=1))
    await set_mode(rig.ledger, LOCAL, given, BEN)
    rig.world.remove("web-2")
    loop = Reconciler(rig.ledger, rig.observer, rig.planner, rig.approver, rig.applier, rig.breakers)
    [ticked] = (await loop.tick(LOCAL)).targets
    assert len(ticked.healed) == 1
    assert "web-2" in rig.world.containers()


async def by_the_robot(rig: Rig):  # type: ignore[no-untyped-def]
    """An agent asks and applies; a person who is not its owner approves."""
    plan = await rig.plan("upgrade web to app:2", ROBOT)
    await rig.approved(plan, BEN)
    execution = await rig.applier.start(plan.id, ROBOT)
    return await rig.applier.run(execution.id)


@pytest.mark.proves("K4")
async def test_after_a_day_of_everything_each_effect_has_who_for_whom_by_which_approval_and_what_came_of_it() -> None:
    rig = await a_day()
    ops = {effect.op for effect in rig.world.effects}
    assert ops == {"create", "replace", "delete"}
    await account_for(rig.world.effects, rig.ledger)


def repeated(effects: list[Effect]) -> list[Effect]:
    return [*effects, effects[-1]]


def by_nobody(effects: list[Effect]) -> list[Effect]:
    return [*effects, replace(effects[0], key="exec_nobody.0")]


def too_early(effects: list[Effect]) -> list[Effect]:
    return [replace(effects[0], at=effects[0].at - timedelta(hours=1)), *effects[1:]]


def elsewhere(effects: list[Effect]) -> list[Effect]:
    return [replace(effects[0], resource="local/container/other"), *effects[1:]]


@pytest.mark.parametrize("alter", [repeated, by_nobody, too_early, elsewhere])
async def test_an_effect_that_nobody_intended_is_noticed(alter: Callable[[list[Effect]], list[Effect]]) -> None:
    rig = await a_day()
    with pytest.raises(AssertionError):
        await account_for(alter(list(rig.world.effects)), rig.ledger)


@pytest.mark.parametrize("field", ["decided_by", "used_by", "digest"])
async def test_an_approval_that_does_not_fit_is_noticed(field: str) -> None:
    rig = await a_day()
    plan = [item for item in await rig.ledger.all(Plan) if item.execution_id][-1]
    [approval] = await rig.ledger.all(Approval, {"plan_id": plan.id})
    await rig.put(replace(approval, **{field: ROBOT if field == "decided_by" else "other"}))  # type: ignore[arg-type]
    with pytest.raises(AssertionError):
        await account_for(rig.world.effects, rig.ledger)


@pytest.mark.proves("K4")
def test_after_a_day_of_everything_on_a_hub_process_each_effect_is_accounted_for(hub: Hub) -> None:
    hub.change("deploy nginx:1.27 as web with 2 replicas")
    hub.ok("targets", "mode", "local", "heal", "-m", "keep it up")
    hub.change("deploy redis:7 as cache")
    hub.change("upgrade web to nginx:1.28")
    until(lambda: settled(hub))
    hub.world.remove("web-2")
    until(lambda: "web-2" in hub.world.containers())
    until(lambda: settled(hub))
    hub.change("scale web to 3")
    hub.change("delete cache")
    assert {effect.op for effect in hub.world.effects} == {"create", "replace", "delete"}
    rows = hub.get("/audit?limit=1000")["items"]
    assert {row["actor"]["kind"] for row in rows if row["action"] == "step.intended"} == {"person", "schedule"}
    account_for_hub(hub)


def settled(hub: Hub) -> bool:
    """Whether nothing is under way."""
    states = {item["state"] for item in hub.get("/executions")["items"]}
    return states <= {"succeeded", "rolled_back"}
