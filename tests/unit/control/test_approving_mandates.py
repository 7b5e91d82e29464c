"""Healing in the name of a person: what a mandate covers, and what it never does."""

from dataclasses import replace
from datetime import timedelta

import pytest

from opstwin.control.desired import set_desired
from opstwin.control.modes import Setting, mandates, set_mode
from opstwin.domain.access import Actor, ActorKind
from opstwin.domain.approval import Approval
from opstwin.domain.ask import Action
from opstwin.domain.healing import Mandate
from opstwin.domain.plan import Origin, Plan, PlanState, Risk
from opstwin.domain.resource import Desired
from opstwin.domain.target import Mode, Target
from opstwin.domain.values import ResourceId
from opstwin.errors import Forbidden, InvalidInput
from opstwin.twin.memory import MemoryStore
from tests.unit.control.planning_bench import ANNA, BEN, LOCAL, RECONCILER, ROBOT, Bench, Meanwhile, container, web


@pytest.fixture
async def bench() -> Bench:
    ready = await Bench().ready()
    await ready.deployed(web(2))
    return ready


async def heal(bench: Bench, subject: str = "local", actor: Actor = BEN, days: float = 7) -> Mandate:
    """Set mode heal and return the mandate."""
    setting = Setting(mode=Mode.HEAL, reason="nights", expires_at=bench.clock.now() + timedelta(days=days))
    await set_mode(bench.ledger, subject, setting, actor)
    [mandate] = await mandates(bench.ledger, subject)
    return mandate


async def drifted(bench: Bench) -> Plan:
    """A plan that brings a removed replica back."""
    bench.world.remove("web-1")
    await bench.observer.discover(LOCAL)
    return await bench.planner.from_drift(LOCAL, None, RECONCILER)


async def refused(bench: Bench, plan: Plan, mandate: Mandate) -> str:
    """Why the mandate does not cover the plan; nothing may have been approved."""
    before = len(await bench.ledger.all(Approval))
    with pytest.raises(Forbidden) as refusal:
        await bench.approver.approve_by_mandate(plan, mandate)
    assert len(await bench.ledger.all(Approval)) == before
    assert (await bench.ledger.need(Plan, plan.id)).state is plan.state
    return refusal.value.message


@pytest.mark.proves("K4")
async def test_a_mandate_approves_healing_with_a_row_bound_to_the_digest_and_to_the_person(bench: Bench) -> None:
    mandate = await heal(bench)
    plan = await drifted(bench)
    assert (await bench.approver.approve_by_mandate(plan, mandate)).state is PlanState.APPROVED
    row = (await bench.ledger.all(Approval, {"plan_id": plan.id}))[0]
    assert (row.digest, row.decided_by, row.mandate_id) == (plan.digest, BEN, mandate.id)
    entry = (await bench.audit("plan.approve"))[-1]
    assert (entry.actor, entry.details["mandate"], entry.digest) == (BEN, mandate.id, plan.digest)
    execution = await bench.applier.start(plan.id, RECONCILER)
    await bench.applier.run(execution.id)
    assert "web-1" in bench.world.containers()


async def test_it_does_not_cover_what_somebody_asked_for(bench: Bench) -> None:
    mandate = await heal(bench)
    plan = await bench.ask(Action.SCALE, replicas=3)
    assert "not healing" in await refused(bench, plan, mandate)
    disguised = replace(plan, origin=Origin.DRIFT)
    with pytest.raises(Forbidden):
        await bench.approver.approve_by_mandate(disguised, mandate)


async def test_it_does_not_cover_high_risk(bench: Bench) -> None:
    mandate = await heal(bench)
    for name in ("web-1", "web-2"):
        record = await bench.ledger.need(Desired, container(name))
        await set_desired(bench.ledger, record.id, {**(record.spec or {}), "running": False}, if_revision=1, actor=ANNA)
    plan = await bench.planner.from_drift(LOCAL, None, RECONCILER)
    assert plan.risk is Risk.HIGH
    await refused(bench, plan, mandate)


async def test_it_does_not_outlive_its_end(bench: Bench) -> None:
    mandate = await heal(bench, days=1)
    bench.later(days=1)
    await refused(bench, await drifted(bench), mandate)


async def test_an_approval_by_mandate_ends_with_the_mandate(bench: Bench) -> None:
    mandate = await heal(bench, days=0.01)
    plan = await drifted(bench)
    await bench.approver.approve_by_mandate(plan, mandate)
    [row] = await bench.ledger.all(Approval, {"plan_id": plan.id})
    assert row.expires_at == mandate.expires_at


async def test_it_counts_no_more_once_it_is_taken_back(bench: Bench) -> None:
    mandate = await heal(bench)
    plan = await drifted(bench)
    await set_mode(bench.ledger, "local", Setting(mode=Mode.PROPOSE), ANNA)
    assert await mandates(bench.ledger, "local") == []
    await refused(bench, plan, mandate)


async def test_a_mandate_taken_back_at_the_very_moment_does_not_count() -> None:
    store = Meanwhile(MemoryStore())
    bench = await Bench(store=store).ready()
    await bench.deployed(web(2))
    mandate = await heal(bench)
    plan = await drifted(bench)

    async def take_back() -> None:
        await set_mode(bench.ledger, "local", Setting(mode=Mode.OBSERVE), ANNA)

    store.next = take_back
    await refused(bench, plan, mandate)


async def test_it_ends_with_the_account_of_who_gave_it(bench: Bench) -> None:
    mandate = await heal(bench)
    await bench.put(replace(bench.principal("ben"), is_active=False, version=1))
    await refused(bench, await drifted(bench), mandate)


async def test_it_covers_its_own_resource_and_target_alone(bench: Bench) -> None:
    other = await heal(bench, container("web-2"))
    plan = await drifted(bench)
    await refused(bench, plan, other)
    mine = await heal(bench, container("web-1"))
    assert (await bench.approver.approve_by_mandate(plan, mine)).state is PlanState.APPROVED


async def test_an_agent_that_tries_to_set_desired_state_ends_no_healing(bench: Bench) -> None:
    mandate = await heal(bench)
    record = await bench.ledger.need(Desired, container("web-1"))
    with pytest.raises(Forbidden, match="only a person"):
        await set_desired(
            bench.ledger, record.id, {**(record.spec or {}), "restart": "no"}, if_revision=None, actor=ROBOT
        )
    plan = await drifted(bench)
    assert (await bench.approver.approve_by_mandate(plan, mandate)).state is PlanState.APPROVED


async def test_what_a_person_set_directly_is_healed(bench: Bench) -> None:
    mandate = await heal(bench)
    record = await bench.ledger.need(Desired, container("web-1"))
    spec = {**(record.spec or {}), "memory_bytes": 64 << 20}
    await set_desired(bench.ledger, record.id, spec, if_revision=None, actor=ANNA)
    plan = await bench.planner.from_drift(LOCAL, None, RECONCILER)
    assert (await bench.approver.approve_by_mandate(plan, mandate)).state is PlanState.APPROVED


async def test_it_does_not_cover_a_plan_that_is_not_back_to_what_is_desired_now(bench: Bench) -> None:
    mandate = await heal(bench)
    plan = await drifted(bench)
    record = await bench.ledger.need(Desired, container("web-1"))
    spec = {**(record.spec or {}), "memory_bytes": 64 << 20}
    await set_desired(bench.ledger, record.id, spec, if_revision=None, actor=ANNA)
    assert "not brought back" in await refused(bench, plan, mandate)


@pytest.mark.parametrize("actor", [ROBOT, RECONCILER, Actor(kind=ActorKind.PERSON, id="robot")])
async def test_only_a_person_gives_a_mandate_or_changes_a_mode(bench: Bench, actor: Actor) -> None:
    for setting in (Setting(mode=Mode.OBSERVE), Setting(mode=Mode.HEAL, reason="x", expires_at=bench.clock.now())):
        with pytest.raises(Forbidden):
            await set_mode(bench.ledger, "local", setting, actor)
    assert await bench.ledger.all(Mandate) == []
    assert {row.outcome for row in await bench.audit("mode.set")} == {"refused"}


@pytest.mark.parametrize(
    ("reason", "days", "field"),
    [("", 7, "reason"), (" ", 7, "reason"), ("x", 31, "expires_at"), ("x", 0, "expires_at")],
)
async def test_a_mandate_needs_a_reason_and_an_end_within_thirty_days(
    bench: Bench, reason: str, days: int, field: str
) -> None:
    setting = Setting(mode=Mode.HEAL, reason=reason, expires_at=bench.clock.now() + timedelta(days=days))
    with pytest.raises(InvalidInput) as refusal:
        await set_mode(bench.ledger, "local", setting, ANNA)
    assert refusal.value.field == field
    assert (await bench.ledger.need(Target, "local")).mode is Mode.PROPOSE


async def test_a_mode_is_kept_for_a_target_or_for_one_resource(bench: Bench) -> None:
    await set_mode(bench.ledger, "local", Setting(mode=Mode.OBSERVE), ANNA)
    assert (await bench.ledger.need(Target, "local")).mode is Mode.OBSERVE
    resource: ResourceId = container("web-1")
    await heal(bench, resource)
    assert (await bench.ledger.need(Desired, resource)).mode is Mode.HEAL
    await set_mode(bench.ledger, resource, Setting(mode=None), ANNA)
    assert (await bench.ledger.need(Desired, resource)).mode is None
    assert await mandates(bench.ledger, resource) == []
    with pytest.raises(InvalidInput):
        await set_mode(bench.ledger, "local", Setting(mode=None), ANNA)


async def test_a_new_mandate_takes_the_place_of_the_old_one(bench: Bench) -> None:
    first = await heal(bench)
    second = await heal(bench, actor=ANNA)
    assert second.id != first.id
    assert (await bench.ledger.need(Mandate, first.id)).revoked_at is not None


@pytest.mark.proves("G1", "G3")
async def test_a_person_who_sets_more_does_not_make_the_wish_of_who_may_not_approve_their_own() -> None:
    from datetime import timedelta

    from opstwin.control.desired import set_desired
    from opstwin.control.modes import Setting, set_mode
    from opstwin.control.reconciling import Reconciler
    from opstwin.domain.access import Principal, Scope
    from opstwin.domain.resource import Desired as Wanted
    from opstwin.domain.target import Mode
    from tests.rig import ANNA as OWNER
    from tests.rig import BEN as OTHER
    from tests.rig import Rig, app

    rig = await Rig().ready()
    await rig.change_to(app(replicas=1))
    week = rig.clock.now() + timedelta(days=7)
    await set_mode(rig.ledger, "local", Setting(mode=Mode.HEAL, reason="keep it up", expires_at=week), OWNER)
    reconciler = Reconciler(rig.ledger, rig.observer, rig.planner, rig.approver, rig.applier, rig.breakers)
    other = await rig.ledger.need(Principal, OTHER.id)
    await rig.put(replace(other, scopes=frozenset({Scope.READ, Scope.APPLY})))
    for actor, fields in ((OTHER, {"image": "app:2"}), (OWNER, {"memory_bytes": 64 * 2**20})):
        found = await rig.ledger.need(Wanted, "local/container/web-1")
        spec = {**(found.spec or {}), **fields}
        await set_desired(rig.ledger, found.id, spec, if_revision=found.revision, actor=actor)
        [tick] = (await reconciler.tick()).targets
        assert tick.healed == ()
        assert tick.proposed
    assert rig.running() == {"web-1": "app:1"}


@pytest.mark.proves("G5")
async def test_a_mandate_taken_back_after_its_approval_starts_nothing() -> None:
    from dataclasses import replace as altered
    from datetime import timedelta

    from opstwin.control.modes import Setting, set_mode
    from opstwin.domain.healing import Mandate as Standing
    from opstwin.domain.target import Mode
    from opstwin.errors import NotApproved
    from tests.rig import ANNA as OWNER
    from tests.rig import Rig, app

    rig = await Rig().ready()
    await rig.change_to(app(replicas=1))
    week = rig.clock.now() + timedelta(days=7)
    await set_mode(rig.ledger, "local", Setting(mode=Mode.HEAL, reason="keep it up", expires_at=week), OWNER)
    rig.world.remove("web-1")
    await rig.observer.discover("local", OWNER)
    plan = await rig.planner.from_drift("local", None, OWNER)
    [mandate] = await rig.ledger.all(Standing)
    await rig.approver.approve_by_mandate(plan, mandate)
    await rig.put(altered(mandate, revoked_at=rig.clock.now()))
    seen = len(rig.world.effects)
    with pytest.raises(NotApproved, match="taken back"):
        await rig.applier.start(plan.id, OWNER)
    assert len(rig.world.effects) == seen
