"""Applying: effects happen once, in order, only with an approval, and are undone when they do not hold."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from opstwin.control.journal import Journal, LeaseLost
from opstwin.domain.access import Actor, ActorKind
from opstwin.domain.approval import Approval, Decision
from opstwin.domain.deployment import Deployment
from opstwin.domain.execution import Execution, ExecutionState, Phase, StepState
from opstwin.domain.plan import Origin, Plan, PlanState, Risk, plan_digest
from opstwin.domain.resource import Desired, Observed, WorkloadRecord
from opstwin.domain.target import Target
from opstwin.domain.workload import Mount, Resources
from opstwin.errors import Conflict, Forbidden, NotApproved, OpstwinError, StalePlan, Unreachable
from opstwin.targets.sim.faults import Fault, FaultKind
from tests.rig import ANNA, BEN, LOCAL, QUICK, ROBOT, Rig, app


@pytest.fixture
async def rig() -> Rig:
    return await Rig().ready()


@pytest.mark.req("S5.8", "S5.64", "S5.66")
async def test_an_approved_plan_is_applied_verified_and_recorded(rig: Rig) -> None:
    execution = await rig.carry_out(await rig.plan_workloads(app()))
    assert execution.state is ExecutionState.SUCCEEDED
    assert rig.running() == {"web-1": "app:1", "web-2": "app:1"}
    [began] = [row.at for row in await rig.audit() if row.action == "execution.verifying"]
    assert execution.finished_at is not None
    assert (execution.finished_at - began).total_seconds() >= QUICK.patience.hold_s
    plan = await rig.ledger.need(Plan, execution.plan_id)
    assert plan.state is PlanState.APPLIED
    [record] = await rig.ledger.all(Deployment)
    assert (record.success, record.outcome, record.service_name, record.replicas) == (True, "succeeded", "web", 2)


@pytest.mark.req("S1.22")
async def test_what_was_applied_is_observed_in_the_twin_when_the_execution_has_ended(rig: Rig) -> None:
    await rig.carry_out(await rig.plan_workloads(app()))
    execution = await rig.carry_out(await rig.plan_workloads(app(image="app:2")))
    for resource in ("local/container/web-1", "local/container/web-2"):
        observed, desired = await rig.ledger.need(Observed, resource), await rig.ledger.need(Desired, resource)
        assert observed.spec is not None
        assert desired.spec is not None
        assert observed.spec["image"] == desired.spec["image"] == "app:2"
        assert observed.observed_at > execution.started_at


@pytest.mark.req("S5.67", "S5.68", "S5.70")
async def test_the_record_of_a_deployment_says_what_was_asked_for_and_where(rig: Rig) -> None:
    sizes = Resources(cpu_millicores=250, memory_bytes=64 * 2**20)
    wish = app(image="postgres:16", replicas=3, resources=sizes, labels={"language": "go"})
    execution = await rig.carry_out(await rig.plan_workloads(wish))
    [record] = await rig.ledger.all(Deployment)
    assert (record.service_name, record.image_name, record.image_tag) == ("web", "postgres", "16")
    assert (record.service_type, record.language) == ("db", "go")
    assert (record.cpu_request, record.cpu_limit, record.replicas) == (250, 250, 3)
    assert (record.memory_request, record.memory_limit) == (64 * 2**20, 64 * 2**20)
    assert (record.target_cluster, record.deployed_at) == (LOCAL, execution.finished_at)


@pytest.mark.req("S5.63")
@pytest.mark.proves("G1")
async def test_nothing_happens_without_an_approval(rig: Rig) -> None:
    plan = await rig.plan_workloads(app())
    with pytest.raises(NotApproved) as refused:
        await rig.applier.start(plan.id, ANNA)
    assert f"opstwin approve {plan.id}" in refused.value.next_step
    assert rig.world.effects == ()
    assert [row.outcome for row in await rig.audit() if row.action == "execution.start"] == ["refused"]


@pytest.mark.proves("G1", "G5")
async def test_a_rejected_or_expired_or_used_approval_starts_nothing(rig: Rig) -> None:
    rejected = await rig.plan_workloads(app("one"))
    await rig.approver.decide(rejected.id, ANNA, "reject", "no", rejected.digest)
    with pytest.raises(NotApproved):
        await rig.applier.start(rejected.id, ANNA)
    late = await rig.approved(await rig.plan_workloads(app("two")))
    rig.clock.advance(7200)
    with pytest.raises(NotApproved, match="expired"):
        await rig.applier.start(late.id, ANNA)
    assert rig.world.effects == ()


@pytest.mark.proves("G2")
async def test_a_plan_changed_after_its_approval_does_not_run(rig: Rig) -> None:
    plan = await rig.approved(await rig.plan_workloads(app()))
    other = replace(plan.changes[0], after={**(plan.changes[0].after or {}), "image": "evil:1"})
    await rig.put(replace(plan, changes=(other, *plan.changes[1:])))
    with pytest.raises(StalePlan):
        await rig.applier.start(plan.id, ANNA)
    stored = await rig.ledger.need(Plan, plan.id)
    resealed = replace(stored, digest=plan_digest(stored), state=PlanState.APPROVED)
    await rig.put(resealed)
    with pytest.raises(NotApproved):
        await rig.applier.start(plan.id, ANNA)
    assert rig.world.effects == ()


@pytest.mark.proves("G2")
async def test_an_execution_whose_plan_was_changed_underneath_stops_before_any_effect(rig: Rig) -> None:
    plan = await rig.approved(await rig.plan_workloads(app()))
    execution = await rig.applier.start(plan.id, ANNA)
    stored = await rig.ledger.need(Plan, plan.id)
    await rig.put(replace(stored, changes=stored.changes[:1]))
    ended = await rig.applier.run(execution.id)
    assert ended.state is ExecutionState.NEEDS_HUMAN
    assert rig.world.effects == ()


@pytest.mark.proves("G5")
async def test_an_approval_row_forged_for_another_execution_does_not_count(rig: Rig) -> None:
    plan = await rig.approved(await rig.plan_workloads(app()))
    execution = await rig.applier.start(plan.id, ANNA)
    [row] = await rig.ledger.all(Approval)
    await rig.put(replace(row, used_by="exec_other"))
    ended = await rig.applier.run(execution.id)
    assert ended.state is ExecutionState.NEEDS_HUMAN
    assert rig.world.effects == ()


async def test_applying_twice_is_one_execution(rig: Rig) -> None:
    plan = await rig.approved(await rig.plan_workloads(app()))
    first, second = await asyncio.gather(rig.applier.start(plan.id, ANNA), rig.applier.start(plan.id, BEN))
    assert first.id == second.id
    await rig.applier.run(first.id)
    again = await rig.applier.start(plan.id, ANNA)
    assert again.id == first.id
    assert len(rig.world.effects) == len({effect.key for effect in rig.world.effects}) == 2


@pytest.mark.proves("C1", "C2")
async def test_of_two_approved_plans_for_the_same_resources_one_runs_and_the_other_is_stale(rig: Rig) -> None:
    await rig.change_to(app())
    one = await rig.approved(await rig.plan_workloads(app(image="app:2")))
    other = await rig.approved(await rig.plan_workloads(app(replicas=3)))
    results = await asyncio.gather(
        rig.applier.start(one.id, ANNA), rig.applier.start(other.id, ANNA), return_exceptions=True
    )
    started = [item for item in results if isinstance(item, Execution)]
    refused = [item for item in results if isinstance(item, OpstwinError)]
    assert len(started) == len(refused) == 1
    await rig.applier.run(started[0].id)
    loser = other if started[0].plan_id == one.id else one
    with pytest.raises(StalePlan) as stale:
        await rig.applier.start(loser.id, ANNA)
    assert "opstwin discover" in stale.value.next_step
    assert (await rig.ledger.need(Plan, loser.id)).state is PlanState.STALE


@pytest.mark.proves("C2")
async def test_a_world_that_moved_since_the_plan_voids_it(rig: Rig) -> None:
    await rig.change_to(app())
    plan = await rig.approved(await rig.plan_workloads(app(image="app:2")))
    rig.world.remove("web-2")
    await rig.observer.discover(LOCAL, ANNA)
    with pytest.raises(StalePlan, match="web-2"):
        await rig.applier.start(plan.id, ANNA)


async def test_nobody_is_asked_to_decide_on_a_plan_that_cannot_be_applied_any_more(rig: Rig) -> None:
    await rig.change_to(app())
    plan = await rig.plan_workloads(app(image="app:2"))
    with pytest.raises(NotApproved):
        await rig.applier.start(plan.id, ANNA)
    await rig.change_to(app(replicas=3))
    with pytest.raises(StalePlan, match="moved since plan"):
        await rig.applier.start(plan.id, ANNA)
    assert (await rig.ledger.need(Plan, plan.id)).state is PlanState.STALE


@pytest.mark.proves("C2")
async def test_a_world_that_moves_after_the_start_is_noticed_before_the_step(rig: Rig) -> None:
    await rig.change_to(app())
    before = rig.running()
    plan = await rig.approved(await rig.plan_workloads(app(image="app:2")))
    execution = await rig.applier.start(plan.id, ANNA)
    rig.world.edit("web-2", memory_bytes=64 * 1024 * 1024)
    ended = await rig.applier.run(execution.id)
    assert ended.state is ExecutionState.ROLLED_BACK
    assert rig.running() == before


@pytest.mark.req("S5.65")
async def test_a_bad_upgrade_is_rolled_back_to_the_previous_resources(rig: Rig) -> None:
    await rig.change_to(app())
    wanted = await rig.ledger.all(Desired)
    ended = await rig.carry_out(await rig.plan_workloads(app(image="app:bad")))
    assert ended.state is ExecutionState.ROLLED_BACK
    assert "unhealthy" in str((ended.error or {}).get("message"))
    assert rig.running() == {"web-1": "app:1", "web-2": "app:1"}
    assert [item.spec for item in await rig.ledger.all(Desired)] == [item.spec for item in wanted]
    record = await rig.ledger.need(WorkloadRecord, "local/workload/web")
    assert record.workload == app()
    [_, failed] = await rig.ledger.all(Deployment)
    assert (failed.success, failed.outcome) == (False, "rolled_back")
    assert (await rig.ledger.need(Plan, ended.plan_id)).state is PlanState.ROLLED_BACK


async def test_a_rolling_upgrade_stops_at_the_first_replica_that_is_not_healthy(rig: Rig) -> None:
    await rig.change_to(app(replicas=3))
    seen = len(rig.world.effects)
    await rig.carry_out(await rig.plan_workloads(app(image="app:bad", replicas=3)))
    touched = {effect.resource for effect in rig.world.effects[seen:]}
    assert len(touched) == 1


async def test_a_first_deployment_that_fails_leaves_nothing_behind(rig: Rig) -> None:
    empty = rig.running()
    ended = await rig.carry_out(await rig.plan_workloads(app(image="app:bad", networks=("front",))))
    assert ended.state is ExecutionState.ROLLED_BACK
    assert rig.running() == empty
    assert rig.world.state.networks == {}
    assert await rig.ledger.all(Desired) == []


DATA = Mount(path="/data", volume="web-data")


async def test_a_volume_that_may_have_been_written_to_outlives_the_roll_back_that_says_so(rig: Rig) -> None:
    empty = rig.running()
    ended = await rig.carry_out(await rig.plan_workloads(app(image="app:bad", volumes=(DATA,))))
    assert ended.state is ExecutionState.ROLLED_BACK
    assert rig.running() == empty
    assert "web-data" in rig.world.state.volumes
    error = ended.error or {}
    assert "unhealthy" in str(error["message"])
    assert "Volume web-data stays: something may have been written there." in str(error["message"])
    assert "by hand" in str(error["next_step"])
    [skipped] = [step for step in await rig.steps(ended) if step.state is StepState.SKIPPED]
    assert (skipped.phase, skipped.change.name) == (Phase.BACK, "web-data")
    # It is nobody's now, and used as it is when the cause is mended.
    assert await rig.ledger.all(Desired) == []
    again = await rig.carry_out(await rig.plan_workloads(app(volumes=(DATA,))))
    assert again.state is ExecutionState.SUCCEEDED
    assert "web-data" in rig.world.state.volumes


async def test_a_volume_that_nothing_was_started_with_goes_with_the_roll_back(rig: Rig) -> None:
    rig.world.faults.add(Fault(kind=FaultKind.REJECT, call="apply", nth=2))
    ended = await rig.carry_out(await rig.plan_workloads(app(replicas=1, volumes=(DATA,))))
    assert ended.state is ExecutionState.ROLLED_BACK
    assert "web-data" not in rig.world.state.volumes
    assert "stay" not in str((ended.error or {})["message"])


async def test_what_cannot_be_undone_without_losing_data_stops_and_asks(rig: Rig) -> None:
    data = Mount(path="/data", volume="db-data")
    await rig.change_to(app("db", volumes=(data,), replicas=1))
    await rig.change_to(app("web"))
    plan = await rig.planner.from_workloads(
        LOCAL,
        [app("web", image="app:bad")],
        request="t",
        origin=Origin.FILE,
        actor=ANNA,
        remove=["db"],
        with_volumes=True,
    )
    assert plan.risk is Risk.DESTRUCTIVE
    ended = await rig.carry_out(plan, BEN)
    assert ended.state is ExecutionState.NEEDS_HUMAN
    assert "db-data" in str((ended.error or {}).get("message"))
    assert rig.world.containers()["web-2"].spec["image"] == "app:1"


async def test_a_target_that_stays_away_leaves_the_execution_open_and_it_goes_on_later(rig: Rig) -> None:
    plan = await rig.approved(await rig.plan_workloads(app()))
    execution = await rig.applier.start(plan.id, ANNA)
    away = rig.world.faults.add(Fault(kind=FaultKind.UNREACHABLE, nth=1, times=None, call="*"))
    with pytest.raises(Unreachable):
        await rig.applier.run(execution.id)
    assert (await rig.ledger.need(Execution, execution.id)).state is ExecutionState.APPLYING
    rig.world.faults.remove(away)
    rig.clock.advance(60)
    ended = await rig.applier.run(execution.id)
    assert ended.state is ExecutionState.SUCCEEDED
    assert len(rig.world.effects) == 2


async def test_a_target_that_never_comes_back_ends_with_a_person(rig: Rig) -> None:
    plan = await rig.approved(await rig.plan_workloads(app()))
    execution = await rig.applier.start(plan.id, ANNA)
    rig.world.faults.add(Fault(kind=FaultKind.UNREACHABLE, nth=1, times=None, call="*"))
    with pytest.raises(Unreachable):
        await rig.applier.run(execution.id)
    rig.clock.advance(QUICK.give_up_s)
    ended = await rig.applier.run(execution.id)
    assert ended.state is ExecutionState.NEEDS_HUMAN


@pytest.mark.req("S1.G4")
@pytest.mark.proves("C3")
async def test_a_worker_that_lost_its_lease_can_neither_write_nor_act(rig: Rig) -> None:
    plan = await rig.approved(await rig.plan_workloads(app()))
    execution = await rig.applier.start(plan.id, ANNA)
    old = replace(rig.applier, owner="old")
    sleeping = await Journal.take(rig.ledger, await rig.ledger.need(Execution, execution.id), "old", 60)
    rig.clock.advance(61)
    ended = await rig.applier.run(execution.id)
    assert ended.state is ExecutionState.SUCCEEDED
    with pytest.raises(LeaseLost):
        await sleeping.renew(60)
    assert sleeping.execution.fence < ended.fence
    effects = len(rig.world.effects)
    assert (await old.run(execution.id)).state is ExecutionState.SUCCEEDED
    assert len(rig.world.effects) == effects


@pytest.mark.req("S1.G4")
async def test_two_workers_never_drive_one_execution_at_once(rig: Rig) -> None:
    plan = await rig.approved(await rig.plan_workloads(app()))
    execution = await rig.applier.start(plan.id, ANNA)
    other = replace(rig.applier, owner="worker-b")
    results = await asyncio.gather(rig.applier.run(execution.id), other.run(execution.id), return_exceptions=True)
    assert sum(isinstance(item, LeaseLost) for item in results) == 1
    assert len(rig.world.effects) == 2


@pytest.mark.proves("A7")
async def test_a_journal_of_an_unknown_format_is_refused_with_the_reason(rig: Rig) -> None:
    plan = await rig.approved(await rig.plan_workloads(app()))
    execution = await rig.applier.start(plan.id, ANNA)
    await rig.put(replace(execution, journal_format=99))
    ended = await rig.applier.run(execution.id)
    assert ended.state is ExecutionState.NEEDS_HUMAN
    assert "format 99" in str((ended.error or {}).get("message"))
    assert rig.world.effects == ()


async def test_a_cancelled_execution_is_undone(rig: Rig) -> None:
    plan = await rig.approved(await rig.plan_workloads(app()))
    execution = await rig.applier.start(plan.id, ANNA)
    await rig.applier.cancel(execution.id, BEN)
    ended = await rig.applier.run(execution.id)
    assert ended.state is ExecutionState.ROLLED_BACK
    assert rig.running() == {}
    with pytest.raises(Conflict):
        await rig.applier.cancel(execution.id, BEN)


async def test_an_unmanaged_container_that_takes_the_name_meanwhile_is_not_touched(rig: Rig) -> None:
    plan = await rig.approved(await rig.plan_workloads(app()))
    execution = await rig.applier.start(plan.id, ANNA)
    rig.world.run("web-2", "app:2")
    ended = await rig.applier.run(execution.id)
    assert ended.state is ExecutionState.ROLLED_BACK
    assert rig.running() == {"web-2": "app:2"}


@pytest.mark.proves("K4")
async def test_every_effect_has_an_intent_with_who_approval_and_digest_before_it(rig: Rig) -> None:
    await rig.change_to(app())
    await rig.carry_out(await rig.plan_workloads(app(image="app:bad")))
    await assert_effects_were_intended(rig)


@pytest.mark.proves("G3")
async def test_an_agent_can_neither_approve_nor_make_its_approval_count(rig: Rig) -> None:
    plan = await rig.plan_workloads(app(), actor=ROBOT)
    with pytest.raises(OpstwinError):
        await rig.approver.decide(plan.id, ROBOT, "approve", "me", plan.digest)
    approval = Approval(
        id="appr_forged", plan_id=plan.id, digest=plan.digest, decision=Decision.APPROVE, decided_by=ROBOT,
        decided_by_id="robot",
        decided_at=rig.clock.now(), expires_at=rig.clock.now() + timedelta(hours=1),
    )  # fmt: skip
    await rig.put(approval)
    with pytest.raises(NotApproved):
        await rig.applier.start(plan.id, ROBOT)
    schedule = Actor(kind=ActorKind.SCHEDULE, id="clock")
    with pytest.raises(OpstwinError):
        await rig.approver.decide(plan.id, schedule, "approve", "tick", plan.digest)
    assert rig.world.effects == ()


async def test_an_unchanged_request_is_a_plan_without_changes(rig: Rig) -> None:
    await rig.change_to(app())
    again = await rig.plan_workloads(app())
    assert again.changes == ()
    assert again.state is PlanState.APPLIED


async def test_steps_that_need_nothing_from_each_other_run_at_the_same_time(rig: Rig) -> None:
    rig.world.latency_s = 1.0
    await rig.carry_out(await rig.plan_workloads(app(replicas=4)))
    rows = [row.action for row in await rig.audit() if row.action.startswith("step.")]
    assert rows[:4] == ["step.intended"] * 4


async def assert_effects_were_intended(rig: Rig) -> None:
    """Every effect of the world has an intent in the audit, written first, with a person's approval of that digest."""
    rows = await rig.audit()
    approvals = {item.id: item for item in await rig.ledger.all(Approval)}
    intents = {str(row.details.get("key")): row for row in rows if row.action == "step.intended"}
    for effect in rig.world.effects:
        row = intents[effect.key]
        assert row.subject == effect.resource
        assert None not in (row.plan_id, row.digest, row.execution_id)
        for approval_id in str(row.approval_id).split(","):
            approval = approvals[approval_id]
            assert approval.digest == row.digest
            assert approval.decided_by.kind is ActorKind.PERSON
            assert approval.used_by == row.execution_id


@pytest.mark.req("S2.34")
async def test_a_target_that_is_switched_off_gets_no_execution(rig: Rig) -> None:
    plan = await rig.approved(await rig.plan_workloads(app()))
    target = await rig.ledger.need(Target, LOCAL)
    await rig.put(replace(target, is_active=False))
    with pytest.raises(Forbidden, match="switched off"):
        await rig.applier.start(plan.id, ANNA)
    assert rig.world.effects == ()
