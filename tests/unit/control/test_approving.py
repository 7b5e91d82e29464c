"""Decisions on plans: whose, on what, how often, and what is kept of them."""

import asyncio
from dataclasses import fields, replace
from datetime import timedelta

import pytest

from opstwin.domain.access import Actor, ActorKind
from opstwin.domain.approval import SOLO, TWO_PERSON, Approval, Decision, Rule
from opstwin.domain.ask import Action
from opstwin.domain.audit import AuditEntry, AuditRow, verify_chain
from opstwin.domain.execution import Execution
from opstwin.domain.plan import Plan, PlanState, Risk
from opstwin.domain.values import Digest, TargetId
from opstwin.errors import Conflict, Forbidden, NotApproved, NotFound, RequestError, StalePlan
from opstwin.twin.memory import MemoryStore
from opstwin.twin.store import Put
from tests.unit.control.planning_bench import ANNA, ANNA_TOO, BEN, RECONCILER, ROBOT, Bench, InTurns, web


@pytest.fixture
async def bench() -> Bench:
    return await Bench().ready()


@pytest.fixture
async def plan(bench: Bench) -> Plan:
    """A low-risk plan that Anna asked for."""
    return await bench.plan(web(1))


async def high(bench: Bench, actor: Actor = ANNA) -> Plan:
    """A high-risk plan."""
    await bench.deployed(web(1))
    plan = await bench.ask(Action.DELETE, actor=actor)
    assert plan.risk is Risk.HIGH
    return plan


async def approvals(bench: Bench) -> list[Approval]:
    return await bench.ledger.all(Approval)


@pytest.mark.proves("K4")
async def test_an_approval_is_bound_to_the_digest_and_says_who_why_and_until_when(bench: Bench, plan: Plan) -> None:
    decided = await bench.approver.decide(plan.id, BEN, "approve", "tested on staging", plan.digest)
    assert decided.state is PlanState.APPROVED
    assert await bench.ledger.need(Plan, plan.id) == decided
    [row] = await approvals(bench)
    assert (row.plan_id, row.digest, row.decision) == (plan.id, plan.digest, Decision.APPROVE)
    assert (row.decided_by, row.reason, row.used_by) == (BEN, "tested on staging", None)
    assert row.expires_at - row.decided_at == timedelta(seconds=TWO_PERSON[Risk.LOW].expires_s)
    [entry] = await bench.audit("plan.approve")
    assert (entry.actor, entry.plan_id, entry.digest) == (BEN, plan.id, plan.digest)
    assert (entry.approval_id, entry.reason, entry.outcome) == (row.id, "tested on staging", "ok")


@pytest.mark.parametrize("word", ["reject", "Approve", "approve ", "yes", "ok", "", None, True, 1, ["approve"]])
async def test_anything_but_exactly_approve_is_a_reject(bench: Bench, plan: Plan, word: object) -> None:
    assert (await bench.approver.decide(plan.id, BEN, word, "no")).state is PlanState.REJECTED
    [row] = await approvals(bench)
    assert row.decision is Decision.REJECT
    with pytest.raises(NotApproved):
        await bench.applier.start(plan.id, BEN)


@pytest.mark.proves("G2")
@pytest.mark.parametrize("field", ["request", "changes", "target", "base", "risk", "workloads", "expires_at"])
async def test_a_plan_whose_content_was_changed_is_not_approved(bench: Bench, plan: Plan, field: str) -> None:
    await bench.ledger.commit([Put(mutated(plan, field))], [entry_for(plan)])
    with pytest.raises(StalePlan):
        await bench.approver.decide(plan.id, BEN, "approve", "", plan.digest)
    assert await approvals(bench) == []


@pytest.mark.proves("G2")
@pytest.mark.parametrize("field", ["request", "changes", "target", "base", "risk", "workloads", "expires_at"])
async def test_a_plan_changed_after_its_approval_does_not_run(bench: Bench, plan: Plan, field: str) -> None:
    approved = await bench.approver.decide(plan.id, BEN, "approve", "", plan.digest)
    await bench.target("other")
    await bench.ledger.commit([Put(mutated(approved, field))], [entry_for(plan)])
    with pytest.raises(RequestError):
        await bench.applier.start(plan.id, BEN)
    assert await bench.ledger.all(Execution) == []
    assert bench.world.containers() == {}


@pytest.mark.proves("G2")
async def test_a_decision_on_another_digest_is_refused(bench: Bench, plan: Plan) -> None:
    with pytest.raises(StalePlan) as refused:
        await bench.approver.decide(plan.id, BEN, "approve", "", "sha256:" + "0" * 64)
    assert f"opstwin show {plan.id}" in refused.value.next_step
    assert await approvals(bench) == []


@pytest.mark.parametrize("actor", [ROBOT, RECONCILER])
@pytest.mark.parametrize("word", ["approve", "reject"])
async def test_only_a_person_decides(bench: Bench, plan: Plan, actor: Actor, word: str) -> None:
    with pytest.raises(Forbidden, match="person"):
        await bench.approver.decide(plan.id, actor, word, "")
    assert await approvals(bench) == []


async def test_an_agent_that_calls_itself_a_person_is_found_out(bench: Bench, plan: Plan) -> None:
    for liar in ("robot", "nobody"):
        with pytest.raises(Forbidden):
            await bench.approver.decide(plan.id, Actor(kind=ActorKind.PERSON, id=liar), "approve", "")


async def test_an_agent_or_a_schedule_with_a_persons_account_does_not_decide(bench: Bench, plan: Plan) -> None:
    for kind in (ActorKind.AGENT, ActorKind.SCHEDULE):
        with pytest.raises(Forbidden):
            await bench.approver.decide(plan.id, Actor(kind=kind, id="ben"), "reject", "")


async def test_a_person_whose_account_was_switched_off_does_not_decide(bench: Bench, plan: Plan) -> None:
    await bench.put(replace(bench.principal("ben"), is_active=False, version=1))
    with pytest.raises(Forbidden):
        await bench.approver.decide(plan.id, BEN, "approve", "")


@pytest.mark.proves("G4")
@pytest.mark.parametrize("actor", [ANNA, ANNA_TOO])
@pytest.mark.parametrize("requester", [ANNA, ANNA_TOO, ROBOT])
async def test_nobody_approves_their_own_high_risk_plan_with_any_account(
    bench: Bench, requester: Actor, actor: Actor
) -> None:
    plan = await high(bench, requester)
    with pytest.raises(Forbidden, match="somebody other than its requester"):
        await bench.approver.decide(plan.id, actor, "approve", "")
    assert (await bench.ledger.need(Plan, plan.id)).state is PlanState.PENDING
    assert (await bench.approver.decide(plan.id, BEN, "approve", "")).state is PlanState.APPROVED


async def test_the_requester_may_reject_a_high_risk_plan(bench: Bench) -> None:
    plan = await high(bench)
    assert (await bench.approver.decide(plan.id, ANNA, "reject", "changed my mind")).state is PlanState.REJECTED


async def test_a_hub_with_one_operator_lets_them_decide_on_everything() -> None:
    bench = await Bench(policy=SOLO).ready()
    plan = await high(bench)
    assert not any("somebody other" in note for note in plan.notes)
    assert (await bench.approver.decide(plan.id, ANNA, "approve", "")).state is PlanState.APPROVED


async def test_where_two_are_needed_one_person_with_two_accounts_is_one() -> None:
    two = {**TWO_PERSON, Risk.LOW: Rule(approvals=2, self_approval=True, expires_s=600)}
    bench = await Bench(policy=two).ready()
    plan = await bench.plan(web(1))
    assert (await bench.approver.decide(plan.id, ANNA, "approve", "")).state is PlanState.PENDING
    with pytest.raises(Conflict, match="decided on plan"):
        await bench.approver.decide(plan.id, ANNA_TOO, "approve", "")
    assert (await bench.approver.decide(plan.id, BEN, "approve", "")).state is PlanState.APPROVED


@pytest.mark.proves("G5")
async def test_a_decision_is_taken_once_and_a_replay_says_who_took_it(bench: Bench, plan: Plan) -> None:
    await bench.approver.decide(plan.id, BEN, "approve", "")
    for actor in (ANNA, BEN):
        with pytest.raises(Conflict, match="approved already by ben"):
            await bench.approver.decide(plan.id, actor, "approve", "")
    assert len(await approvals(bench)) == 1


@pytest.mark.parametrize("actor", [ANNA, BEN])
async def test_an_approved_plan_that_has_not_started_can_still_be_rejected(
    bench: Bench, plan: Plan, actor: Actor
) -> None:
    await bench.approver.decide(plan.id, BEN, "approve", "")
    assert (await bench.approver.decide(plan.id, actor, "reject", "not today")).state is PlanState.REJECTED
    with pytest.raises(NotApproved, match="rejected"):
        await bench.applier.start(plan.id, BEN)
    for word in ("approve", "reject"):
        with pytest.raises(Conflict, match="rejected already"):
            await bench.approver.decide(plan.id, BEN, word, "")


async def test_a_plan_that_has_started_is_not_rejected_any_more(bench: Bench, plan: Plan) -> None:
    await bench.approver.decide(plan.id, BEN, "approve", "")
    await bench.applier.start(plan.id, BEN)
    with pytest.raises(Conflict, match="applying already"):
        await bench.approver.decide(plan.id, ANNA, "reject", "")


@pytest.mark.proves("G5")
async def test_an_old_plan_is_not_decided_on(bench: Bench, plan: Plan) -> None:
    bench.later(hours=24)
    with pytest.raises(StalePlan, match="too old"):
        await bench.approver.decide(plan.id, BEN, "approve", "")
    assert await bench.approver.waiting() == []


@pytest.mark.proves("G5")
async def test_an_approval_that_expired_no_longer_counts_and_may_be_given_again(bench: Bench, plan: Plan) -> None:
    await bench.approver.decide(plan.id, BEN, "approve", "")
    bench.later(seconds=TWO_PERSON[Risk.LOW].expires_s)
    with pytest.raises(NotApproved):
        await bench.applier.start(plan.id, BEN)
    assert (await bench.approver.decide(plan.id, BEN, "approve", "")).state is PlanState.APPROVED
    assert (await bench.applier.start(plan.id, BEN)).plan_id == plan.id


@pytest.mark.proves("G5")
async def test_an_approval_of_one_plan_does_not_let_another_run(bench: Bench, plan: Plan) -> None:
    other = await bench.plan(web(1, name="api"))
    await bench.approver.decide(plan.id, BEN, "approve", "", plan.digest)
    with pytest.raises(NotApproved):
        await bench.applier.start(other.id, BEN)
    [mine] = await approvals(bench)
    forged = replace(mine, id="appr_forged", plan_id=other.id, version=0)  # type: ignore[arg-type]
    await bench.ledger.commit([Put(forged)], [entry_for(other)])
    with pytest.raises(NotApproved):
        await bench.applier.start(other.id, BEN)
    assert await bench.ledger.all(Execution) == []


async def test_a_plan_that_does_not_exist_is_not_found(bench: Bench) -> None:
    with pytest.raises(NotFound):
        await bench.approver.decide("plan_nothing", BEN, "approve", "")


@pytest.mark.proves("K4")
async def test_a_refused_attempt_is_audited_with_who_tried_and_why_not(bench: Bench, plan: Plan) -> None:
    with pytest.raises(Forbidden):
        await bench.approver.decide(plan.id, ROBOT, "approve", "please")
    [row] = await bench.audit("plan.approve")
    assert (row.outcome, row.actor, row.plan_id, row.reason) == ("refused", ROBOT, plan.id, "please")
    assert row.details["code"] == "forbidden"
    assert row.approval_id is None


async def test_waiting_lists_what_is_pending_oldest_first(bench: Bench, plan: Plan) -> None:
    second = await bench.plan(web(1, name="api"))
    third = await bench.plan(web(1, name="db"))
    await bench.approver.decide(second.id, BEN, "reject", "no")
    assert [item.id for item in await bench.approver.waiting()] == [plan.id, third.id]


@pytest.mark.slow
@pytest.mark.proves("C5")
async def test_of_fifty_decisions_at_once_one_counts_and_a_reject_outweighs_an_approval() -> None:
    for round_number in range(200):
        bench = await Bench(store=InTurns(MemoryStore()), seed=round_number).ready()
        plan = await bench.plan(web(1))
        words = ["approve", "reject"] * 25
        actors = [BEN, ANNA, BEN, ANNA, ANNA_TOO]
        attempts = [
            bench.approver.decide(plan.id, actors[(number + round_number) % 5], word, "why")
            for number, word in enumerate(words)
        ]
        results = await asyncio.gather(*attempts, return_exceptions=True)
        won = [item for item in results if isinstance(item, Plan)]
        assert all(isinstance(item, Conflict) for item in results if not isinstance(item, Plan))
        rows = [row.decision for row in await approvals(bench)]
        assert len(won) == len(rows)
        assert rows in ([Decision.REJECT], [Decision.APPROVE, Decision.REJECT])
        assert (await bench.ledger.need(Plan, plan.id)).state is PlanState.REJECTED
        same = await bench.plan(web(1))
        approving = [bench.approver.decide(same.id, actor, "approve", "") for actor in actors * 5]
        taken = await asyncio.gather(*approving, return_exceptions=True)
        assert len([item for item in taken if isinstance(item, Plan)]) == 1


@pytest.mark.proves("C5")
async def test_many_starts_use_an_approval_once() -> None:
    bench = await Bench(store=InTurns(MemoryStore())).ready()
    plan = await bench.plan(web(1))
    await bench.approver.decide(plan.id, BEN, "approve", "")
    starts = await asyncio.gather(*(bench.applier.start(plan.id, BEN) for _ in range(20)), return_exceptions=True)
    ids = {item.id for item in starts if isinstance(item, Execution)}
    assert len(ids) == 1
    [row] = await approvals(bench)
    assert {row.used_by} == ids
    assert len(await bench.ledger.all(Execution)) == 1


async def test_the_audit_chain_holds_after_decisions_and_refusals(bench: Bench, plan: Plan) -> None:
    with pytest.raises(Forbidden):
        await bench.approver.decide(plan.id, ROBOT, "approve", "")
    await bench.approver.decide(plan.id, BEN, "approve", "")
    rows = await bench.ledger.all(AuditRow)
    assert verify_chain(rows)[0] == len(rows)


def mutated(plan: Plan, field: str) -> Plan:
    """`plan` with one field changed, and its digest left as it was."""
    assert field in {item.name for item in fields(Plan)}
    change = plan.changes[0]
    values: dict[str, object] = {
        "request": plan.request + "!",
        "changes": (replace(change, after={**(change.after or {}), "image": "evil:1"}), *plan.changes[1:]),
        "target": TargetId("other"),
        "base": (),
        "risk": Risk.NONE,
        "workloads": (),
        "expires_at": plan.expires_at + timedelta(days=1),
    }
    assert values[field] != getattr(plan, field)
    changed = replace(plan, **{field: values[field]})  # type: ignore[arg-type]
    assert changed.digest == Digest(plan.digest)
    return changed


def entry_for(plan: Plan) -> AuditEntry:
    return AuditEntry(action="test.tamper", subject=plan.id, actor=ANNA)
