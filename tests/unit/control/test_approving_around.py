"""Ways around a human's approval that lead through desired state, modes and mandates: each is closed."""

from dataclasses import replace
from datetime import timedelta

import pytest

from opstwin.control.approving import mandate_holds
from opstwin.control.desired import set_desired
from opstwin.control.modes import Setting, mandates, set_mode
from opstwin.domain.access import Actor, Principal, Scope
from opstwin.domain.approval import Approval
from opstwin.domain.healing import Mandate
from opstwin.domain.plan import Plan, PlanState, Risk
from opstwin.domain.resource import Desired
from opstwin.domain.target import Mode, Target
from opstwin.errors import Forbidden, NotApproved
from tests.unit.control.planning_bench import (
    ANNA,
    ANNA_TOO,
    BEN,
    LOCAL,
    RECONCILER,
    Bench,
    container,
    web,
)

WORKER = frozenset({Scope.READ, Scope.APPLY})
"""What somebody holds who may carry out what others approved."""


@pytest.fixture
async def bench() -> Bench:
    ready = await Bench().ready()
    await ready.deployed(web(2))
    return ready


async def limit(bench: Bench, name: str, scopes: frozenset[Scope] = WORKER) -> None:
    await bench.put(replace(await bench.ledger.need(Principal, name), scopes=scopes))


async def heal(bench: Bench, actor: Actor, subject: str = "local") -> Mandate:
    setting = Setting(mode=Mode.HEAL, reason="nights", expires_at=bench.clock.now() + timedelta(days=7))
    await set_mode(bench.ledger, subject, setting, actor)
    [mandate] = await mandates(bench.ledger, subject)
    return mandate


async def put(bench: Bench, name: str, actor: Actor, **fields: object) -> None:
    """Set the desired state directly."""
    record = await bench.ledger.need(Desired, container(name))
    spec = {**(record.spec or {}), **fields}
    await set_desired(bench.ledger, record.id, spec, if_revision=None, actor=actor)  # type: ignore[arg-type]


async def stopped_by(bench: Bench, actor: Actor, asker: Actor = RECONCILER) -> Plan:
    """The high-risk plan that follows when somebody sets all replicas to stop."""
    for name in ("web-1", "web-2"):
        await put(bench, name, actor, running=False)
    plan = await bench.planner.from_drift(LOCAL, None, asker)
    assert plan.risk is Risk.HIGH
    return plan


async def test_who_may_not_approve_cannot_let_anything_be_healed(bench: Bench) -> None:
    await limit(bench, "anna")
    for subject in ("local", container("web-1")):
        with pytest.raises(Forbidden, match="plan:approve"):
            await heal(bench, ANNA, subject)
    assert (await bench.ledger.need(Target, "local")).mode is Mode.PROPOSE
    assert await bench.ledger.all(Mandate) == []
    assert [row.outcome for row in await bench.audit("mode.set")] == ["refused", "refused"]
    await set_mode(bench.ledger, "local", Setting(mode=Mode.OBSERVE), ANNA)


async def test_who_may_not_approve_cannot_lift_the_mode_that_keeps_a_resource_from_being_healed(bench: Bench) -> None:
    await set_mode(bench.ledger, container("web-1"), Setting(mode=Mode.OBSERVE), BEN)
    await limit(bench, "anna")
    with pytest.raises(Forbidden, match="plan:approve"):
        await set_mode(bench.ledger, container("web-1"), Setting(mode=None), ANNA)


async def test_what_somebody_sets_directly_who_may_not_approve_is_not_healed_by_anothers_mandate(bench: Bench) -> None:
    mandate = await heal(bench, BEN)
    await limit(bench, "anna")
    await put(bench, "web-1", ANNA, memory_bytes=64 << 20)
    plan = await bench.planner.from_drift(LOCAL, None, RECONCILER)
    with pytest.raises(Forbidden, match="never approved by a person"):
        await bench.approver.approve_by_mandate(plan, mandate)
    assert await bench.approver.coverable(plan, mandate) == frozenset()


async def test_a_mandate_ends_when_its_giver_may_no_longer_approve(bench: Bench) -> None:
    mandate = await heal(bench, BEN)
    bench.world.remove("web-1")
    await bench.observer.discover(LOCAL)
    plan = await bench.planner.from_drift(LOCAL, None, RECONCILER)
    await limit(bench, "ben")
    with pytest.raises(Forbidden, match="ben, who gave it, may not approve"):
        await bench.approver.approve_by_mandate(plan, mandate)


@pytest.mark.parametrize("how", ["taken back", "over", "scope", "account"])
async def test_an_approval_by_mandate_counts_only_while_the_mandate_holds(bench: Bench, how: str) -> None:
    mandate = await heal(bench, BEN)
    bench.world.remove("web-1")
    await bench.observer.discover(LOCAL)
    plan = await bench.planner.from_drift(LOCAL, None, RECONCILER)
    await bench.approver.approve_by_mandate(plan, mandate)
    [approval] = await bench.ledger.all(Approval, {"plan_id": plan.id})
    assert await mandate_holds(bench.ledger, approval, plan, bench.clock.now())
    if how == "taken back":
        await set_mode(bench.ledger, "local", Setting(mode=Mode.PROPOSE), ANNA)
    elif how == "over":
        bench.later(days=7)
    elif how == "scope":
        await limit(bench, "ben")
    else:
        await bench.put(replace(await bench.ledger.need(Principal, "ben"), is_active=False))
    assert not await mandate_holds(bench.ledger, approval, plan, bench.clock.now())
    assert await mandate_holds(bench.ledger, replace(approval, mandate_id=None), plan, bench.clock.now())


@pytest.mark.parametrize("setter", [ANNA, ANNA_TOO])
async def test_nobody_approves_high_risk_that_he_asked_for_through_desired_state(bench: Bench, setter: Actor) -> None:
    plan = await stopped_by(bench, setter)
    assert plan.requested_by == RECONCILER
    assert {name for change in plan.changes for name in change.asked_by} >= {setter.id}
    for account in (ANNA, ANNA_TOO):
        with pytest.raises(Forbidden, match="somebody other"):
            await bench.approver.decide(plan.id, account, "approve", "")
    assert (await bench.approver.decide(plan.id, BEN, "approve", "")).state is PlanState.APPROVED
    assert await bench.applier.start(plan.id, BEN)


async def test_each_of_several_who_set_desired_state_counts_as_a_requester(bench: Bench) -> None:
    await put(bench, "web-1", ANNA, running=False)
    await put(bench, "web-2", BEN, running=False)
    plan = await bench.planner.from_drift(LOCAL, None, RECONCILER)
    for account in (ANNA, BEN):
        with pytest.raises(Forbidden, match="somebody other"):
            await bench.approver.decide(plan.id, account, "approve", "")


async def test_setting_something_on_top_does_not_hide_who_set_the_rest(bench: Bench) -> None:
    for name in ("web-1", "web-2"):
        await put(bench, name, ANNA, running=False)
        await put(bench, name, BEN, memory_bytes=64 << 20)
    plan = await bench.planner.from_drift(LOCAL, None, RECONCILER)
    assert plan.risk is Risk.HIGH
    for account in (ANNA, BEN):
        with pytest.raises(Forbidden, match="somebody other"):
            await bench.approver.decide(plan.id, account, "approve", "")


async def test_what_was_applied_no_longer_counts_against_who_set_it(bench: Bench) -> None:
    for name in ("web-1", "web-2"):
        await put(bench, name, ANNA, memory_bytes=64 << 20)
    await bench.carry_out(await bench.planner.from_drift(LOCAL, None, RECONCILER), approver=BEN)
    plan = await stopped_by(bench, BEN)
    assert (await bench.approver.decide(plan.id, ANNA, "approve", "")).state is PlanState.APPROVED


async def test_an_approval_written_past_the_check_does_not_count_either(bench: Bench) -> None:
    plan = await stopped_by(bench, ANNA)
    await bench.approver.decide(plan.id, BEN, "approve", "")
    [given] = await bench.ledger.all(Approval, {"plan_id": plan.id})
    await bench.put(replace(given, decided_by=ANNA, decided_by_id="anna"))
    with pytest.raises(NotApproved):
        await bench.applier.start(plan.id, BEN)


async def test_who_asks_for_a_plan_that_waits_gets_one_of_his_own(bench: Bench) -> None:
    waiting = await stopped_by(bench, ANNA)
    mine = await bench.planner.from_drift(LOCAL, None, BEN)
    assert mine.id != waiting.id
    with pytest.raises(Forbidden, match="somebody other"):
        await bench.approver.decide(mine.id, BEN, "approve", "")
    assert (await bench.planner.from_drift(LOCAL, None, BEN)).id == mine.id
    assert (await bench.planner.from_drift(LOCAL, None, RECONCILER)).id == waiting.id
