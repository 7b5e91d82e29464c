"""Setting the desired state of one resource directly."""

import asyncio
from dataclasses import replace

import pytest

from opstwin.control.adopting import adopt
from opstwin.control.desired import set_desired
from opstwin.control.drift import explain
from opstwin.domain.access import Actor, ActorKind, Principal, Scope
from opstwin.domain.ask import Action
from opstwin.domain.drift import DriftKind
from opstwin.domain.resource import Desired, Observed, Presence
from opstwin.domain.values import Json
from opstwin.errors import Conflict, Forbidden, InvalidInput, NotFound, Unreachable
from opstwin.targets.sim.faults import Fault, FaultKind
from opstwin.twin.memory import MemoryStore
from tests.unit.control.planning_bench import (
    ANNA,
    BEN,
    LOCAL,
    RECONCILER,
    ROBOT,
    Bench,
    InTurns,
    container,
    ops,
    web,
)


@pytest.fixture
async def bench() -> Bench:
    return await Bench().ready()


async def put(bench: Bench, spec: dict[str, Json] | None, revision: int | None = None, actor: Actor = ANNA) -> Desired:
    return await set_desired(bench.ledger, container("box"), spec, if_revision=revision, actor=actor)


async def test_setting_desired_changes_the_twin_and_touches_no_target(bench: Bench) -> None:
    before = bench.world.digest()
    record = await put(bench, {"image": "app:1"}, 0)
    assert (record.revision, record.set_by, record.plan_id, record.workload) == (1, ANNA, None, None)
    assert record.spec is not None
    assert record.spec["running"] is True
    assert bench.world.digest() == before
    [row] = await bench.audit("desired.set")
    assert (row.actor, row.subject, row.details["revision"]) == (ANNA, container("box"), 1)


async def test_each_change_is_a_revision_and_the_same_again_is_none(bench: Bench) -> None:
    await put(bench, {"image": "app:1"})
    assert (await put(bench, {"image": "app:2"}, 1)).revision == 2
    assert (await put(bench, {"image": "app:2"}, 2)).revision == 2
    gone = await put(bench, None, 2)
    assert (gone.revision, gone.spec) == (3, None)


async def test_a_change_on_another_revision_is_refused_and_audited(bench: Bench) -> None:
    await put(bench, {"image": "app:1"})
    for revision in (0, 2):
        with pytest.raises(Conflict, match="is at desired revision 1") as refused:
            await put(bench, {"image": "app:2"}, revision)
        assert refused.value.details["revision"] == 1
    assert [row.outcome for row in await bench.audit("desired.set")] == ["ok", "refused", "refused"]


@pytest.mark.proves("C4")
async def test_of_a_hundred_writers_that_repeat_on_conflict_none_is_lost() -> None:
    bench = await Bench(store=InTurns(MemoryStore())).ready()
    await put(bench, {"image": "app:1"})

    async def add_one(number: int) -> None:
        while True:
            current = await bench.ledger.need(Desired, container("box"))
            env = dict((current.spec or {}).get("env") or {})  # type: ignore[call-overload]
            try:
                await put(bench, {"image": "app:1", "env": {**env, f"N{number}": "1"}}, current.revision)
            except Conflict:
                continue
            return

    await asyncio.gather(*map(add_one, range(100)))
    final = await bench.ledger.need(Desired, container("box"))
    assert final.revision == 101
    assert (final.spec or {})["env"] == {f"N{number}": "1" for number in range(100)}


@pytest.mark.proves("E7")
@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"image": "app:1", "privileged": True}, "privileged"),
        ({"image": "app:1", "network_mode": "host"}, "network_mode"),
        ({"image": "app:1", "cap_add": ["ALL"]}, "cap_add"),
        ({"image": "app:1", "pid": "host"}, "pid"),
        ({"image": "app:1", "networks": ["host"]}, "networks"),
        ({"image": "app:1", "mounts": [{"path": "/x", "host_path": "../etc"}]}, "volumes.host_path"),
        ({"image": "app:1", "mounts": [{"path": "/x", "volume": "a", "propagation": "shared"}]}, "propagation"),
        ({"image": "app:1", "memory_bytes": 1024}, "resources.memory_bytes"),
        ({"image": "app:1", "memory_bytes": "64Mi"}, "memory_bytes"),
        ({"image": "app:1", "cpu_millicores": True}, "cpu_millicores"),
        ({"image": "-x"}, "image"),
        ({}, "image"),
        ({"image": "app:1", "env": {"A": 1}}, "env"),
        ({"image": "app:1", "env": ["A=1"]}, "env"),
        ({"image": "app:1", "secret_env": {"A": "hunter2"}}, "secret_env"),
        ({"image": "app:1", "command": "sh -c x"}, "command"),
        ({"image": "app:1", "ports": [{"container": 80, "host": 70000}]}, "ports.host"),
        ({"image": "app:1", "ports": [{"container": 80, "host": 80, "address": "evil"}]}, "ports.address"),
        ({"image": "app:1", "restart": "maybe"}, "restart"),
        ({"image": "app:1", "running": "yes"}, "running"),
        ({"image": "app:1", "health": {"command": ["/ok"], "interval_s": "1s"}}, "health.interval_s"),
        ({"image": "app:1", "health": []}, "health"),
        ({"image": "app:1", "labels": {"io.opstwin.fence": "9"}}, "labels"),
    ],
)
async def test_a_spec_that_is_not_sound_is_refused_by_field(bench: Bench, spec: dict[str, Json], field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        await put(bench, spec)
    assert refused.value.field == field
    assert refused.value.next_step
    assert "hunter2" not in str(refused.value)
    assert await bench.ledger.all(Desired) == []


@pytest.mark.parametrize("id", ["", "local", "local/container", "local/container/", "local/image/app:1", "local/pod/x"])
async def test_an_id_that_names_no_resource_is_refused(bench: Bench, id: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        await set_desired(bench.ledger, id, {"image": "app:1"}, if_revision=None, actor=ANNA)
    assert refused.value.field == "id"


@pytest.mark.parametrize("name", ["../x", "a b", "A", "a--b", "x\ny", "$(x)"])
async def test_a_name_that_is_not_safe_is_refused(bench: Bench, name: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        await set_desired(bench.ledger, f"local/container/{name}", {"image": "app:1"}, if_revision=None, actor=ANNA)
    assert refused.value.field == "name"


async def test_an_unknown_target_and_a_removal_of_nothing_are_not_found(bench: Bench) -> None:
    with pytest.raises(NotFound):
        await set_desired(bench.ledger, "nowhere/container/x", {"image": "app:1"}, if_revision=None, actor=ANNA)
    with pytest.raises(NotFound):
        await put(bench, None)


@pytest.mark.req("S1.2")
async def test_a_container_that_is_not_ours_cannot_be_taken_through_its_desired_state(bench: Bench) -> None:
    bench.world.run("box", "app:1")
    await bench.observer.discover(LOCAL)
    with pytest.raises(Conflict) as refused:
        await put(bench, {"image": "app:2"})
    assert "opstwin adopt local/container/box" in refused.value.next_step
    assert await bench.ledger.all(Desired) == []


async def looked(bench: Bench, spec: dict[str, Json] | None, name: str = "box") -> Desired:
    """Set it as the hub does: with a look at what nobody has seen."""
    return await set_desired(
        bench.ledger, container(name), spec, if_revision=None, actor=ANNA, observer=bench.observer
    )  # fmt: skip


async def test_a_container_that_nobody_has_seen_yet_is_looked_for_first(bench: Bench) -> None:
    bench.world.run("box", "app:1")
    with pytest.raises(Conflict) as refused:
        await looked(bench, {"image": "app:2"})
    assert "opstwin adopt local/container/box" in refused.value.next_step
    assert await bench.ledger.all(Desired) == []
    await looked(bench, {"image": "app:2"}, "other")
    seen = await bench.ledger.need(Observed, container("other"))
    assert seen.presence is Presence.ABSENT
    assert [item.kind for item in await explain(bench.ledger, bench.places, LOCAL)] == [DriftKind.MISSING]


async def test_a_new_name_is_not_taken_while_nobody_can_say_what_is_there(bench: Bench) -> None:
    bench.world.faults.add(Fault(kind=FaultKind.UNREACHABLE, call="*", times=None))
    for _ in range(2):
        with pytest.raises(Unreachable, match="Cannot tell"):
            await looked(bench, {"image": "app:1"})
    assert await bench.ledger.all(Desired) == []


async def test_a_container_that_came_after_its_name_was_desired_stays_somebody_elses(bench: Bench) -> None:
    await looked(bench, {"image": "app:2"})
    bench.world.run("box", "app:1")
    await bench.observer.discover(LOCAL)
    plan = await bench.planner.from_drift(LOCAL, None, ANNA)
    assert plan.changes == ()
    assert any("Opstwin did not make it" in note for note in plan.notes)
    for spec in ({"image": "app:1"}, None):
        with pytest.raises(Conflict, match="did not make it"):
            await looked(bench, spec)  # type: ignore[arg-type]


async def test_a_volume_that_came_after_its_name_was_desired_is_never_removed(bench: Bench) -> None:
    volume = "local/volume/data"
    await set_desired(bench.ledger, volume, {}, if_revision=0, actor=ANNA)
    bench.world.volume("data")
    await bench.observer.discover(LOCAL)
    record = await bench.ledger.need(Desired, volume)
    await bench.put(replace(record, spec=None, revision=2))
    assert (await bench.planner.from_drift(LOCAL, None, ANNA)).changes == ()
    await bench.put(replace(record, version=2, revision=3, spec={"driver": "other", "labels": {}}))
    assert (await bench.planner.from_drift(LOCAL, None, ANNA)).changes == ()


async def test_what_was_adopted_is_ours_and_what_took_its_name_is_not(bench: Bench) -> None:
    bench.world.run("box", "app:1")
    await bench.observer.discover(LOCAL)
    await adopt(bench.ledger, container("box"), ANNA)
    record = await bench.ledger.need(Desired, container("box"))
    spec = {**(record.spec or {}), "image": "app:2"}
    await looked(bench, spec)
    assert ops(await bench.planner.from_drift(LOCAL, None, ANNA)) == {"box": "replace"}
    bench.world.remove("box")
    bench.world.run("box", "app:1")
    await bench.observer.discover(LOCAL)
    assert (await bench.planner.from_drift(LOCAL, None, ANNA)).changes == ()
    with pytest.raises(Conflict, match="did not make it"):
        await bench.ask(Action.UPGRADE, "box", image="app:2")


@pytest.mark.parametrize("scopes", [frozenset(Scope) - {Scope.APPROVE}, frozenset({Scope.READ})])
async def test_an_agent_sets_nothing_directly_and_is_told_to_make_a_plan(
    bench: Bench, scopes: frozenset[Scope]
) -> None:
    agent = await bench.ledger.need(Principal, "robot")
    await bench.put(replace(agent, scopes=scopes))
    for actor in (ROBOT, RECONCILER, Actor(kind=ActorKind.AGENT, id="nobody")):
        with pytest.raises(Forbidden, match="only a person") as refused:
            await put(bench, {"image": "app:2"}, actor=actor)
        assert "plan_create" in refused.value.next_step
    assert await bench.ledger.get(Desired, container("box")) is None
    assert [row.outcome for row in await bench.audit("desired.set")] == ["refused"] * 3


async def test_volumes_and_networks_have_a_desired_state_too(bench: Bench) -> None:
    for kind in ("volume", "network"):
        record = await set_desired(bench.ledger, f"local/{kind}/data", {}, if_revision=0, actor=BEN)
        assert record.spec == {"driver": "local" if kind == "volume" else "bridge", "labels": {}}
        with pytest.raises(InvalidInput):
            await set_desired(bench.ledger, f"local/{kind}/data", {"size": 1}, if_revision=None, actor=BEN)


async def test_a_replica_of_a_workload_stays_its_replica(bench: Bench) -> None:
    await bench.deployed(web(1))
    record = await bench.ledger.need(Desired, container("web-1"))
    spec = {**(record.spec or {}), "memory_bytes": 64 << 20}
    new = await set_desired(bench.ledger, record.id, spec, if_revision=record.revision, actor=ANNA)
    assert (new.workload, new.plan_id, new.revision) == ("web", None, 2)
