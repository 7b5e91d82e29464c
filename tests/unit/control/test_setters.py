"""What people set directly, without a plan: plans name those whose wish they carry, and say whose they leave out."""

from dataclasses import replace

import pytest

from opstwin.control.adopting import adopt
from opstwin.control.desired import set_desired
from opstwin.domain.access import Actor
from opstwin.domain.ask import Action
from opstwin.domain.audit import AuditEntry
from opstwin.domain.plan import Plan, Risk, setters
from opstwin.domain.plan_text import plan_lines
from opstwin.domain.resource import Desired
from opstwin.domain.values import Json, Spec
from opstwin.twin.store import Put
from tests.unit.control.planning_bench import ANNA, BEN, LOCAL, RECONCILER, ROBOT, Bench, container, web

LEFT = "local/container/web-1: memory_bytes as set directly by ben is not part of this plan."


@pytest.fixture
async def bench() -> Bench:
    ready = await Bench().ready()
    await ready.deployed(web(1))
    return ready


async def put(bench: Bench, actor: Actor, **fields: object) -> None:
    record = await bench.ledger.need(Desired, container("web-1"))
    spec = {**(record.spec or {}), **fields}
    await set_desired(bench.ledger, record.id, spec, if_revision=None, actor=actor)  # type: ignore[arg-type]


def told(plan: Plan) -> str:
    return "\n".join(plan_lines(plan))


async def test_a_plan_asked_for_by_one_says_who_set_what_it_brings_about(bench: Bench) -> None:
    await put(bench, BEN, memory_bytes=64 << 20)
    await put(bench, ANNA, restart="always")
    for plan in (await bench.ask(Action.RESTART), await bench.planner.from_drift(LOCAL, None, RECONCILER)):
        assert setters(plan) == ("anna", "ben")
        assert "What should be was set directly, without a plan, by anna, ben." in told(plan)


async def test_a_plan_of_which_nobody_set_anything_directly_names_nobody(bench: Bench) -> None:
    plan = await bench.ask(Action.RESTART)
    assert setters(plan) == ()
    assert "directly" not in told(plan)


async def test_a_plan_that_leaves_out_what_somebody_set_directly_says_so(bench: Bench) -> None:
    await put(bench, BEN, memory_bytes=64 << 20)
    plan = await bench.ask(Action.SET_ENV, env={"A": "b"})
    assert LEFT in plan.notes
    assert setters(plan) == ()
    await bench.carry_out(await bench.planner.from_drift(LOCAL, None, RECONCILER))
    assert not [note for note in (await bench.ask(Action.RESTART)).notes if "directly" in note]


async def test_what_was_adopted_is_nobodys_wish_that_a_plan_could_leave_out(bench: Bench) -> None:
    bench.world.run("box", "app:1")
    await bench.observer.discover(LOCAL)
    await adopt(bench.ledger, container("box"), ANNA)
    plan = await bench.ask(Action.SET_ENV, "box", env={"A": "b"})
    assert plan.changes
    assert not [note for note in plan.notes if "directly" in note]


async def wished(bench: Bench, actor: Actor = ROBOT, audited: bool = True, **fields: Json) -> None:
    """A desired state as versions before this one let an agent set it."""
    record = await bench.ledger.need(Desired, container("web-1"))
    spec: Spec = {**(record.spec or {}), **fields}
    wish = replace(record, spec=spec, revision=record.revision + 1, set_by=actor, plan_id=None)
    action = "desired.set" if audited else "test.put"
    entry = AuditEntry(action=action, subject=wish.id, actor=actor, details={"revision": wish.revision})
    await bench.ledger.commit([Put(wish)], [entry])


@pytest.mark.proves("H1")
@pytest.mark.parametrize("audited", [True, False])
async def test_what_an_agent_set_before_it_had_to_plan_makes_a_tainted_plan_of_high_risk_that_names_it(
    bench: Bench, audited: bool
) -> None:
    await wished(bench, audited=audited, restart="always")
    drift = await bench.planner.from_drift(LOCAL, None, RECONCILER)
    asked = await bench.ask(Action.RESTART)
    for plan in (drift, asked):
        assert [change.resource for change in plan.changes] == [container("web-1")]
        assert (plan.tainted, plan.risk, setters(plan)) == (True, Risk.HIGH, ("anna", "robot"))
    assert "by anna, robot" in told(drift)


async def test_an_agents_wish_stays_one_when_a_person_sets_more(bench: Bench) -> None:
    await wished(bench, restart="always")
    await put(bench, BEN, memory_bytes=64 << 20)
    plan = await bench.planner.from_drift(LOCAL, None, RECONCILER)
    assert (plan.tainted, plan.risk, setters(plan)) == (True, Risk.HIGH, ("anna", "ben", "robot"))


async def test_what_people_set_and_what_leaves_an_agents_wish_out_is_not_tainted(bench: Bench) -> None:
    await wished(bench, BEN, restart="always")
    assert not (await bench.planner.from_drift(LOCAL, None, RECONCILER)).tainted
    await wished(bench, restart="no")
    plan = await bench.ask(Action.SET_ENV, env={"A": "b"})
    assert plan.changes
    assert (plan.tainted, setters(plan)) == (False, ())
