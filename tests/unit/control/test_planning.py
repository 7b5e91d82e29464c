"""What a plan from workloads holds."""

from dataclasses import replace

import pytest

from opstwin.domain.plan import Plan, PlanState, Risk, plan_digest, summary
from opstwin.domain.resource import Desired, WorkloadRecord
from opstwin.domain.target import Target
from opstwin.domain.workload import Mount, Resources
from opstwin.errors import Conflict, InvalidInput, NotFound, Unreachable
from opstwin.targets.sim.faults import Fault, FaultKind
from tests.unit.control.planning_bench import ANNA, LOCAL, Bench, change, container, needs, ops, published, web


@pytest.fixture
async def bench() -> Bench:
    return await Bench().ready()


async def test_a_new_workload_is_created_replica_by_replica_at_the_same_time(bench: Bench) -> None:
    plan = await bench.plan(web(2, networks=("front",), volumes=(Mount(path="/data", volume="data"),)))
    assert ops(plan) == {"network/front": "create", "volume/data": "create", "web-1": "create", "web-2": "create"}
    assert needs(plan, "web-1") == needs(plan, "web-2") == {"front", "data"}
    assert str(summary(plan.changes)) == "Plan: 4 to add, 0 to change, 0 to remove."
    assert plan.risk is Risk.LOW
    assert plan.state is PlanState.PENDING


async def test_a_plan_is_stored_sealed_and_audited_before_anybody_sees_it(bench: Bench) -> None:
    plan = await bench.plan(web())
    stored = await bench.ledger.need(Plan, plan.id)
    assert stored == plan
    assert plan_digest(stored) == stored.digest
    [row] = await bench.audit("plan.create")
    assert (row.subject, row.actor, row.digest) == (plan.id, ANNA, plan.digest)
    assert (stored.expires_at - stored.created_at).total_seconds() == 24 * 3600


async def test_planning_changes_neither_the_target_nor_what_is_desired(bench: Bench) -> None:
    before = bench.world.digest()
    await bench.plan(web())
    assert bench.world.digest() == before
    assert await bench.ledger.all(Desired) == []
    assert await bench.ledger.all(WorkloadRecord) == []


@pytest.mark.req("S1.1")
async def test_asking_for_what_is_there_already_makes_a_plan_without_changes(bench: Bench) -> None:
    await bench.deployed(web(ports=published(8080), networks=("front",)))
    effects = len(bench.world.effects)
    again = await bench.plan(web(ports=published(8080), networks=("front",)))
    assert again.changes == ()
    assert (again.risk, again.state) == (Risk.NONE, PlanState.APPLIED)
    assert again.notes[-1].startswith("No changes.")
    assert len(bench.world.effects) == effects


@pytest.mark.req("S1.21")
async def test_only_the_fields_that_differ_are_in_the_plan(bench: Bench) -> None:
    await bench.deployed(web(2, env={"A": "1"}, resources=Resources(memory_bytes=64 << 20)))
    plan = await bench.plan(web(2, env={"A": "1"}, resources=Resources(memory_bytes=128 << 20)))
    assert ops(plan) == {"web-1": "update", "web-2": "update"}
    for item in plan.changes:
        assert [(field.path, field.before, field.after) for field in item.fields] == [
            (("memory_bytes",), 64 << 20, 128 << 20)
        ]


@pytest.mark.req("S1.21")
async def test_a_replica_that_is_as_wanted_is_not_touched(bench: Bench) -> None:
    await bench.deployed(web(2))
    assert ops(await bench.plan(web(4))) == {"web-3": "create", "web-4": "create"}


async def test_a_field_that_cannot_change_in_place_makes_a_replace_that_says_which(bench: Bench) -> None:
    await bench.deployed(web(1))
    plan = await bench.plan(web(1, image="app:2", env={"A": "1"}))
    assert ops(plan) == {"web-1": "replace"}
    assert change(plan, "web-1").reasons[0] == "env.A, image cannot be changed in place"


async def test_replicas_are_replaced_one_after_the_other(bench: Bench) -> None:
    await bench.deployed(web(12))
    plan = await bench.plan(web(12, image="app:2"))
    assert needs(plan, "web-1") == set()
    for number in range(2, 13):
        assert needs(plan, f"web-{number}") == {f"web-{number - 1}"}


async def test_new_replicas_come_before_running_ones_are_touched_and_old_ones_go_last(bench: Bench) -> None:
    await bench.deployed(web(2))
    grown = await bench.plan(web(4, image="app:2"))
    assert needs(grown, "web-3") == needs(grown, "web-4") == set()
    assert needs(grown, "web-1") == {"web-3", "web-4"}
    assert needs(grown, "web-2") == {"web-1"}
    shrunk = await bench.plan(web(1, image="app:2"))
    assert ops(shrunk) == {"web-1": "replace", "web-2": "delete"}
    assert needs(shrunk, "web-2") == {"web-1"}


async def test_scaling_down_removes_the_highest_numbers(bench: Bench) -> None:
    await bench.deployed(web(4))
    assert ops(await bench.plan(web(2))) == {"web-3": "delete", "web-4": "delete"}


async def test_a_workload_comes_up_after_those_it_needs_and_leaves_before_them(bench: Bench) -> None:
    both = (web(1, name="api", needs=("db",)), web(2, name="db"))
    plan = await bench.plan(*both)
    assert needs(plan, "api-1") == {"db-1", "db-2"}
    assert [item.name for item in plan.changes][-1] == "api-1"
    await bench.carry_out(plan)
    gone = await bench.plan(remove=("api", "db"))
    assert needs(gone, "db-1") == needs(gone, "db-2") == {"api-1"}


async def test_needs_in_a_circle_are_refused_by_name(bench: Bench) -> None:
    with pytest.raises(InvalidInput) as refused:
        await bench.plan(web(name="a", needs=("b",)), web(name="b", needs=("c",)), web(name="c", needs=("a",)))
    assert refused.value.field == "needs"
    assert all(name in refused.value.message for name in "abc")


async def test_a_need_that_is_not_there_is_refused_by_name(bench: Bench) -> None:
    with pytest.raises(InvalidInput, match="web needs db, which is not on local") as refused:
        await bench.plan(web(needs=("db",)))
    assert refused.value.field == "needs"


async def test_a_workload_that_another_needs_cannot_be_removed_alone(bench: Bench) -> None:
    await bench.deployed(web(1, name="api", needs=("db",)), web(1, name="db"))
    with pytest.raises(InvalidInput, match="api needs db, which this would remove"):
        await bench.plan(remove=("db",))


@pytest.mark.req("S1.2")
async def test_a_container_that_opstwin_did_not_make_is_never_overwritten(bench: Bench) -> None:
    bench.world.run("web-1", "app:1")
    await bench.observer.discover(LOCAL)
    before = bench.world.digest()
    with pytest.raises(Conflict) as refused:
        await bench.plan(web(1, image="app:2"))
    assert "opstwin adopt local/container/web-1" in refused.value.next_step
    assert refused.value.details["field"] == "name"
    assert bench.world.digest() == before
    assert await bench.ledger.all(Plan) == []


@pytest.mark.req("S1.2")
async def test_a_foreign_container_is_seen_at_plan_time_even_when_it_was_never_discovered(bench: Bench) -> None:
    bench.world.run("web-1", "app:1")
    with pytest.raises(Conflict, match="Opstwin did not make it"):
        await bench.plan(web(1))


async def test_a_stranger_under_the_name_of_a_container_that_was_deleted_is_not_ours(bench: Bench) -> None:
    await bench.deployed(web(1))
    await bench.deployed(remove=("web",))
    bench.world.run("web-1", "app:2")
    await bench.observer.discover(LOCAL)
    with pytest.raises(Conflict, match="Opstwin did not make it"):
        await bench.plan(web(1))


async def test_nothing_is_planned_on_unknown(bench: Bench) -> None:
    await bench.deployed(web(2))
    await bench.blind(container("web-2"))
    bench.world.faults.add(Fault(kind=FaultKind.UNREACHABLE, call="observe", times=None))
    for wanted in (web(3), web(1), web(2, image="app:2")):
        with pytest.raises(Unreachable) as refused:
            await bench.plan(wanted)
        assert "Cannot tell whether web-2" in refused.value.message
        assert "opstwin discover local" in refused.value.next_step
    with pytest.raises(Unreachable, match="Cannot tell"):
        await bench.plan(remove=("web",))


async def test_what_was_unknown_and_can_be_seen_again_is_looked_at_before_planning(bench: Bench) -> None:
    await bench.deployed(web(2))
    await bench.blind(container("web-2"))
    assert (await bench.plan(web(2))).changes == ()


async def test_a_new_container_on_a_target_that_does_not_answer_is_not_planned(bench: Bench) -> None:
    bench.world.faults.add(Fault(kind=FaultKind.TIMEOUT, call="observe", times=None))
    with pytest.raises(Unreachable, match="Cannot tell whether web-1, web-2 are there"):
        await bench.plan(web(2))


async def test_a_port_of_the_host_that_another_container_holds_is_refused_with_its_name(bench: Bench) -> None:
    bench.world.run("legacy", "app:1", ports=[{"container": 80, "host": 8081}])
    await bench.observer.discover(LOCAL)
    with pytest.raises(InvalidInput, match="Port 8081 for web-2 is taken by container legacy") as refused:
        await bench.plan(web(2, ports=published(8080)))
    assert refused.value.field == "ports"
    assert refused.value.details["holder"] == "local/container/legacy"


async def test_two_workloads_that_want_one_port_are_refused(bench: Bench) -> None:
    with pytest.raises(InvalidInput, match="Port 8081"):
        await bench.plan(web(2, ports=published(8080)), web(1, name="api", ports=published(8081)))


async def test_the_same_port_on_other_addresses_or_protocols_is_free(bench: Bench) -> None:
    plan = await bench.plan(
        web(1, name="a", ports=published(53, address="127.0.0.1")),
        web(1, name="b", ports=published(53, address="127.0.0.2")),
        web(1, name="c", ports=published(53, protocol="udp")),
    )
    assert set(ops(plan)) == {"a-1", "b-1", "c-1"}


async def test_a_stopped_container_holds_no_port(bench: Bench) -> None:
    await bench.deployed(web(1, ports=published(8080), running=False))
    assert ops(await bench.plan(web(1, name="api", ports=published(8080)))) == {"api-1": "create"}


async def test_ports_that_move_up_are_freed_before_they_are_taken(bench: Bench) -> None:
    await bench.deployed(web(3, ports=published(8080)))
    plan = await bench.plan(web(3, ports=published(8081)))
    assert needs(plan, "web-3") == set()
    assert needs(plan, "web-2") == {"web-3"}
    assert needs(plan, "web-1") == {"web-2"}
    await bench.carry_out(plan)


async def test_a_port_is_handed_from_a_workload_that_leaves_to_one_that_comes(bench: Bench) -> None:
    await bench.deployed(web(1, ports=published(8080)))
    plan = await bench.plan(web(1, name="api", ports=published(8080)), remove=("web",))
    assert needs(plan, "api-1") == {"web-1"}
    await bench.carry_out(plan)


async def test_ports_that_would_change_places_are_refused(bench: Bench) -> None:
    await bench.deployed(web(1, name="a", ports=published(81)), web(1, name="b", ports=published(82)))
    with pytest.raises(InvalidInput):
        await bench.plan(web(1, name="a", ports=published(82)), web(1, name="b", ports=published(81)))


async def test_a_port_without_an_inner_end_leads_to_the_one_the_image_exposes(bench: Bench) -> None:
    plan = await bench.plan(web(1, ports=published(8080, container=None)))  # type: ignore[arg-type]
    assert change(plan, "web-1").after["ports"][0]["container"] == 80  # type: ignore[index, call-overload]
    assert plan.workloads[0].workload is not None
    assert plan.workloads[0].workload.ports[0].container == 80


async def test_an_image_that_is_not_on_the_target_is_said(bench: Bench) -> None:
    plan = await bench.plan(web(1, image="other:3"))
    assert any("other:3 is not on local yet" in note for note in plan.notes)


async def test_removing_a_workload_keeps_its_volumes_and_removes_its_network(bench: Bench) -> None:
    mount = (Mount(path="/data", volume="data"),)
    await bench.deployed(web(1, volumes=mount, networks=("back",)))
    plan = await bench.plan(remove=("web",))
    assert ops(plan) == {"web-1": "delete", "network/back": "delete"}
    assert needs(plan, "back") == {"web-1"}
    assert "Volume data and its data are kept." in plan.notes
    assert plan.risk is Risk.HIGH


async def test_removing_volumes_too_is_destructive(bench: Bench) -> None:
    await bench.deployed(web(1, volumes=(Mount(path="/data", volume="data"),)))
    plan = await bench.plan(remove=("web",), with_volumes=True)
    assert ops(plan) == {"web-1": "delete", "volume/data": "delete"}
    assert needs(plan, "data") == {"web-1"}
    assert plan.risk is Risk.DESTRUCTIVE


async def test_a_shared_volume_or_network_stays_with_those_that_still_use_it(bench: Bench) -> None:
    shared = {"volumes": (Mount(path="/data", volume="data"),), "networks": ("back",)}
    await bench.deployed(web(1, **shared), web(1, name="api", **shared))
    plan = await bench.plan(remove=("web",), with_volumes=True)
    assert ops(plan) == {"web-1": "delete"}
    assert any("Volume data is kept: api-1 still uses it" in note for note in plan.notes)


async def test_a_volume_that_opstwin_did_not_make_is_used_and_never_removed(bench: Bench) -> None:
    bench.world.volume("old-data")
    await bench.observer.discover(LOCAL)
    plan = await bench.plan(web(1, volumes=(Mount(path="/data", volume="old-data"),)))
    assert ops(plan) == {"web-1": "create"}
    assert any("old-data is there already and was not made by Opstwin" in note for note in plan.notes)
    await bench.carry_out(plan)
    assert ops(await bench.plan(remove=("web",), with_volumes=True)) == {"web-1": "delete"}


async def test_removing_what_is_not_there_names_the_nearest(bench: Bench) -> None:
    await bench.deployed(web(1))
    with pytest.raises(NotFound, match="Did you mean web"):
        await bench.plan(remove=("wep",))


async def test_a_workload_named_twice_is_refused(bench: Bench) -> None:
    with pytest.raises(InvalidInput, match="web is named twice"):
        await bench.plan(web(1), web(2))


async def test_an_unknown_or_inactive_target_is_refused(bench: Bench) -> None:
    with pytest.raises(NotFound, match="nowhere"):
        await bench.plan(web(), target="nowhere")
    target = await bench.target("edge")
    await bench.put(replace(await bench.ledger.need(Target, target.id), is_active=False))
    with pytest.raises(InvalidInput, match="edge is switched off"):
        await bench.plan(web(), target="edge")


async def test_a_plan_stands_on_the_revisions_it_was_made_for(bench: Bench) -> None:
    await bench.deployed(web(1))
    plan = await bench.plan(web(2, image="app:2"))
    base = {item.resource: (item.desired_revision, item.observed_revision) for item in plan.base}
    desired = await bench.ledger.need(Desired, container("web-1"))
    assert base[container("web-1")][0] == desired.revision == 1
    assert base[container("web-1")][1] > 0
    assert base[container("web-2")][0] == 0
    assert base["local/workload/web"] == (1, 0)


async def test_what_is_as_wanted_by_chance_still_needs_an_approval_to_become_desired(bench: Bench) -> None:
    await bench.deployed(web(1, resources=Resources(memory_bytes=64 << 20)))
    bench.world.edit("web-1", memory_bytes=128 << 20)
    await bench.observer.discover(LOCAL)
    plan = await bench.plan(web(1, resources=Resources(memory_bytes=128 << 20)))
    assert plan.state is PlanState.PENDING
    assert ops(plan) == {"web-1": "update"}
    assert change(plan, "web-1").fields == ()
    await bench.carry_out(plan)
    desired = await bench.ledger.need(Desired, container("web-1"))
    assert desired.spec is not None
    assert desired.spec["memory_bytes"] == 128 << 20
