"""How risky a plan is, seen with what is around it."""

import pytest

from opstwin.domain.access import Actor
from opstwin.domain.ask import Action
from opstwin.domain.plan import Plan, Risk
from opstwin.domain.workload import HealthCheck, Mount
from tests.unit.control.planning_bench import ANNA, ANNA_TOO, BEN, ROBOT, Bench, change, web

TEN = tuple(web(2, name=f"w{number}") for number in range(5))


@pytest.fixture
async def bench() -> Bench:
    return await Bench().ready()


async def shrink(bench: Bench, name: str, actor: Actor) -> Plan:
    """Take one of two replicas away: a small change by itself."""
    return await bench.ask(Action.SCALE, name, actor, replicas=1)


@pytest.mark.proves("G6")
async def test_many_small_removals_of_one_human_are_high_risk_together(bench: Bench) -> None:
    await bench.deployed(*TEN)
    plans = [await shrink(bench, f"w{number}", actor) for number, actor in enumerate((ANNA, ROBOT, ANNA_TOO, ANNA))]
    assert [plan.risk for plan in plans] == [Risk.LOW] * 4
    last = await shrink(bench, "w4", ROBOT)
    assert last.risk is Risk.HIGH
    assert all(item.risk is Risk.LOW for item in last.changes)
    assert any("removes 5 of 10" in note for note in last.notes)


@pytest.mark.proves("G6")
async def test_removals_that_were_carried_out_count_like_those_that_wait(bench: Bench) -> None:
    await bench.deployed(*TEN)
    for number in range(4):
        await bench.carry_out(await shrink(bench, f"w{number}", ANNA), approver=ANNA)
    assert (await shrink(bench, "w4", ANNA)).risk is Risk.HIGH


async def test_removals_of_others_and_of_earlier_hours_do_not_count(bench: Bench) -> None:
    await bench.deployed(*TEN)
    for number in range(4):
        await shrink(bench, f"w{number}", ANNA)
    assert (await shrink(bench, "w4", BEN)).risk is Risk.LOW
    bench.later(minutes=61)
    assert (await shrink(bench, "w4", ANNA)).risk is Risk.LOW


async def test_a_rejected_plan_and_the_same_plan_again_do_not_count(bench: Bench) -> None:
    await bench.deployed(*TEN)
    for number in range(4):
        plan = await shrink(bench, f"w{number}", ANNA)
        await bench.approver.decide(plan.id, BEN, "reject", "no")
    for _ in range(5):
        plan = await shrink(bench, "w4", ANNA)
    assert plan.risk is Risk.LOW


async def test_a_plan_that_removes_nothing_is_not_raised_by_earlier_removals(bench: Bench) -> None:
    await bench.deployed(*TEN)
    for number in range(5):
        await shrink(bench, f"w{number}", ANNA)
    assert (await bench.ask(Action.SCALE, "w0", replicas=3)).risk is Risk.LOW


async def test_removing_one_replica_is_low_and_the_last_one_high(bench: Bench) -> None:
    await bench.deployed(web(3), web(3, name="api"))
    assert (await bench.ask(Action.SCALE, replicas=2)).risk is Risk.LOW
    gone = await bench.ask(Action.DELETE)
    assert gone.risk is Risk.HIGH
    assert "nothing of this workload keeps running" in change(gone, "web-1").reasons


async def test_the_last_replica_seen_running_counts_and_one_that_is_gone_does_not(bench: Bench) -> None:
    await bench.deployed(web(2))
    bench.world.remove("web-1")
    await bench.observer.discover("local")
    plan = await bench.ask(Action.SCALE, replicas=1)
    assert change(plan, "web-2").risk is Risk.LOW, "web-1 is made again in the same plan"


@pytest.mark.proves("E7")
async def test_a_path_of_the_host_is_high_risk_and_says_why(bench: Bench) -> None:
    plan = await bench.plan(web(1, volumes=(Mount(path="/host", host_path="/etc"),)))
    assert plan.risk is Risk.HIGH
    assert change(plan, "web-1").reasons == ("it gains access to files of the host",)


async def test_a_high_risk_plan_says_that_somebody_else_must_approve(bench: Bench) -> None:
    await bench.deployed(web(1))
    plan = await bench.ask(Action.DELETE)
    assert any("somebody other than the requester must approve" in note for note in plan.notes)
    korean = await bench.ask(Action.DELETE, language="ko")
    assert any("다른 사람이 승인해야 합니다" in note for note in korean.notes)


async def test_stopping_all_that_runs_of_a_workload_is_high_risk_and_stopping_nothing_is_not() -> None:
    from tests.rig import Rig, app

    rig = await Rig().ready()
    await rig.change_to(app())
    assert (await rig.plan("stop web")).risk is Risk.HIGH
    assert (await rig.plan("restart web")).risk is Risk.LOW


async def test_replacing_an_adopted_container_names_the_settings_that_would_be_lost() -> None:
    from dataclasses import replace

    from opstwin.control.adopting import adopt
    from opstwin.domain.resource import Observed
    from tests.rig import ANNA, LOCAL, Rig

    rig = await Rig().ready()
    rig.world.run("old", "app:1")
    await rig.observer.discover(LOCAL, ANNA)
    await adopt(rig.ledger, "local/container/old", ANNA)
    seen = await rig.ledger.need(Observed, "local/container/old")
    await rig.put(replace(seen, facts={**seen.facts, "not_in_spec": ["shm_size", "devices"]}))
    plan = await rig.plan("upgrade old to app:2")
    assert plan.risk is Risk.HIGH
    assert any("shm_size, devices" in reason for reason in plan.changes[0].reasons)


@pytest.mark.parametrize("where", ["command", "entrypoint", "health"])
async def test_a_shell_that_begins_with_what_nobody_is_shown_is_high_risk_wherever_a_workload_has_it(
    bench: Bench, where: str
) -> None:
    words = ("sh", "-c", "$API_TOKEN")
    fields = {where: HealthCheck(command=words) if where == "health" else words}
    plan = await bench.plan(web(1, env={"API_TOKEN": "reboot"}, **fields))
    assert plan.risk is Risk.HIGH
    assert "the value of API_TOKEN is not shown" in change(plan, "web-1").reasons[0]
    assert (await bench.plan(web(1, env={"API_TOKEN": "reboot"}))).risk is Risk.LOW
