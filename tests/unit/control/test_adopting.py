"""Taking over a container that Opstwin did not make."""

from dataclasses import replace

import pytest

from opstwin.control.adopting import adopt
from opstwin.control.drift import explain
from opstwin.domain.ask import Action
from opstwin.domain.plan import Risk
from opstwin.domain.resource import Desired, Observed, WorkloadRecord
from opstwin.domain.values import Json, ResourceId
from opstwin.domain.workload import Resources
from opstwin.errors import Conflict, Forbidden, InvalidInput, NotFound, Unreachable
from opstwin.twin.memory import MemoryStore
from opstwin.twin.store import TwinStore
from tests.unit.control.planning_bench import (
    ANNA,
    LOCAL,
    RECONCILER,
    ROBOT,
    Bench,
    Meanwhile,
    change,
    container,
    ops,
    web,
)

FIELDS: dict[str, Json] = {
    "env": {"A": "1"},
    "ports": [{"container": 80, "host": 8080}],
    "mounts": [{"path": "/data", "volume": "old-data"}],
    "networks": ["old-net"],
    "memory_bytes": 64 << 20,
    "restart": "always",
    "labels": {"team": "shop"},
}


async def with_stranger(name: str = "legacy_db", store: TwinStore | None = None, **fields: Json) -> Bench:
    """A container made by hand, seen."""
    bench = await Bench(store=store or MemoryStore()).ready()
    bench.world.network("old-net")
    bench.world.run(name, "app:1", **fields)
    await bench.observer.discover(LOCAL)
    return bench


@pytest.fixture
async def bench() -> Bench:
    return await with_stranger(**FIELDS)


ID = container("legacy_db")


async def test_an_adopted_container_is_desired_as_it_is_and_untouched(bench: Bench) -> None:
    before = bench.world.digest()
    record = await adopt(bench.ledger, ID, ANNA, reason="we run it now")
    assert bench.world.digest() == before
    assert (record.id, record.workload, record.set_by, record.revision) == (ID, "legacy-db", ANNA, 1)
    assert await explain(bench.ledger, bench.places, LOCAL) == ()
    written = await bench.ledger.need(WorkloadRecord, ResourceId("local/workload/legacy-db"))
    assert written.workload is not None
    assert (written.workload.image, written.workload.replicas) == ("app:1", 1)
    assert written.workload.env == {"A": "1"}
    [row] = await bench.audit("resource.adopt")
    assert (row.actor, row.subject, row.outcome, row.reason) == (ANNA, ID, "ok", "we run it now")


async def test_planning_the_adopted_workload_as_it_is_changes_nothing(bench: Bench) -> None:
    await adopt(bench.ledger, ID, ANNA)
    written = await bench.ledger.need(WorkloadRecord, ResourceId("local/workload/legacy-db"))
    assert written.workload is not None
    assert (await bench.plan(written.workload)).changes == ()


async def test_an_adopted_container_is_changed_under_its_own_name(bench: Bench) -> None:
    await adopt(bench.ledger, ID, ANNA)
    plan = await bench.ask(Action.UPGRADE, "legacy-db", image="app:2")
    assert ops(plan) == {"legacy_db": "replace"}
    assert plan.risk is Risk.HIGH
    assert any("not made by Opstwin" in reason for reason in change(plan, "legacy_db").reasons)
    await bench.carry_out(plan)
    assert {name: item.spec["image"] for name, item in bench.world.containers().items()} == {"legacy_db": "app:2"}


async def test_an_adopted_workload_grows_beside_its_first_container() -> None:
    bench = await with_stranger("box")
    await adopt(bench.ledger, container("box"), ANNA)
    plan = await bench.ask(Action.SCALE, "box", replicas=2)
    assert ops(plan) == {"box-2": "create"}
    await bench.carry_out(plan)
    gone = await bench.ask(Action.DELETE, "box")
    assert ops(gone) == {"box": "delete", "box-2": "delete"}


async def test_what_an_adopted_container_uses_but_opstwin_did_not_make_stays(bench: Bench) -> None:
    await adopt(bench.ledger, ID, ANNA)
    plan = await bench.ask(Action.DELETE, "legacy-db", with_volumes=True)
    assert ops(plan) == {"legacy_db": "delete"}


async def test_only_a_person_adopts(bench: Bench) -> None:
    for actor in (ROBOT, RECONCILER):
        with pytest.raises(Forbidden):
            await adopt(bench.ledger, ID, actor)
    assert await bench.ledger.all(Desired) == []
    assert [row.outcome for row in await bench.audit("resource.adopt")] == ["refused", "refused"]


async def test_what_is_ours_already_is_not_adopted_again(bench: Bench) -> None:
    await adopt(bench.ledger, ID, ANNA)
    with pytest.raises(Conflict, match="Opstwin's already"):
        await adopt(bench.ledger, ID, ANNA)


async def test_what_is_unknown_gone_or_was_never_seen_is_not_adopted(bench: Bench) -> None:
    with pytest.raises(NotFound):
        await adopt(bench.ledger, container("nothing"), ANNA)
    await bench.blind(ID)
    with pytest.raises(Unreachable):
        await adopt(bench.ledger, ID, ANNA)
    bench.world.remove("legacy_db")
    await bench.observer.discover(LOCAL)
    with pytest.raises(Conflict, match="no longer there"):
        await adopt(bench.ledger, ID, ANNA)


async def test_a_container_that_changes_while_it_is_adopted_is_not_adopted() -> None:
    store = Meanwhile(MemoryStore())
    bench = await with_stranger(store=store)

    async def change_it() -> None:
        bench.world.edit("legacy_db", memory_bytes=32 << 20)
        await bench.observer.discover(LOCAL)

    store.next = change_it
    with pytest.raises(Conflict):
        await adopt(bench.ledger, ID, ANNA)
    assert await bench.ledger.all(Desired) == []


async def test_a_name_that_is_taken_needs_another(bench: Bench) -> None:
    await bench.deployed(web(1, name="legacy-db"))
    with pytest.raises(Conflict, match="There is a workload legacy-db"):
        await adopt(bench.ledger, ID, ANNA)
    assert (await adopt(bench.ledger, ID, ANNA, name="old-db")).workload == "old-db"


@pytest.mark.parametrize("name", ["A", "a b", "../x", "a--b"])
async def test_a_name_that_is_not_usable_is_refused(bench: Bench, name: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        await adopt(bench.ledger, ID, ANNA, name=name)
    assert refused.value.field == "name"


async def test_another_workload_does_not_take_an_adopted_container_for_its_replica() -> None:
    bench = await with_stranger("web-1")
    await adopt(bench.ledger, container("web-1"), ANNA)
    with pytest.raises(Conflict, match="belongs to workload web-1"):
        await bench.plan(web(1))


async def test_a_container_on_the_network_of_the_host_is_refused_by_field() -> None:
    bench = await with_stranger("box")
    found = await bench.ledger.need(Observed, container("box"))
    await bench.put(replace(found, spec={**(found.spec or {}), "networks": ["host"]}))
    with pytest.raises(InvalidInput, match="box cannot be adopted as it is") as refused:
        await adopt(bench.ledger, container("box"), ANNA)
    assert refused.value.field == "networks"


async def test_a_secret_that_was_masked_when_seen_is_never_written_back() -> None:
    bench = await with_stranger("box", env={"DB_PASSWORD": "hunter2", "URL": "pg://a:***@db"})
    await adopt(bench.ledger, container("box"), ANNA)
    assert ops(await bench.ask(Action.UPGRADE, "box", image="app:2")) == {"box": "replace"}
    assert ops(await bench.ask(Action.SET_RESOURCES, "box", resources=Resources(memory_bytes=128 << 20))) == {
        "box": "update"
    }
    with pytest.raises(InvalidInput, match="DB_PASSWORD, URL was never read") as refused:
        await bench.ask(Action.SCALE, "box", replicas=2)
    assert refused.value.field == "env"
    bench.world.remove("box")
    await bench.observer.discover(LOCAL)
    healing = await bench.planner.from_drift(LOCAL, None, RECONCILER)
    assert healing.changes == ()
    assert any("DB_PASSWORD" in note for note in healing.notes)


async def test_replacing_what_held_a_masked_secret_says_that_it_cannot_be_brought_back() -> None:
    bench = await with_stranger("box", env={"DB_PASSWORD": "hunter2"})
    await adopt(bench.ledger, container("box"), ANNA)
    plan = await bench.plan(web(1, name="box", secret_env={"DB_PASSWORD": "env:DB_PASSWORD"}))
    assert ops(plan) == {"box": "replace"}
    assert any("DB_PASSWORD is not known here" in reason for reason in change(plan, "box").reasons)
    assert plan.risk is Risk.HIGH
