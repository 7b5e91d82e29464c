"""Executions that an earlier version left in flight: gone on with and ended right, or refused with the reason."""

import json
import sqlite3
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from opstwin.clock import VirtualClock
from opstwin.domain.audit import AuditRow
from opstwin.domain.deployment import Deployment
from opstwin.domain.event import Event
from opstwin.domain.execution import Execution, ExecutionState
from opstwin.domain.plan import Plan, PlanState
from opstwin.targets.sim.world import World
from opstwin.twin.opening import open_store
from opstwin.twin.store import TwinStore
from tests.reliability.accounting import account_for, account_for_hub
from tests.reliability.hubs import running
from tests.reliability.record import FOLDER, OLD_SCHEMA, POINTS, History, file_name, leaves, read_history, read_world
from tests.rig import Rig, SimPlaces

LATER_S = 600
PLAN_STATES = {"succeeded": PlanState.APPLIED, "rolled_back": PlanState.ROLLED_BACK, "needs_human": PlanState.FAILED}


def history(name: str) -> History:
    return read_history((FOLDER / name).read_text(encoding="utf-8"))


async def loaded(kept: History, store: TwinStore) -> Rig:
    """The version of today on what was left, ten minutes later."""
    clock = VirtualClock(kept.at + timedelta(seconds=LATER_S))
    world = World(clock=clock)
    world.restore(kept.world)
    await kept.put_into(store)
    return Rig(store=store, clock=clock, world=world, seed=77, places=SimPlaces({"local": world}, clock))


async def execution_of(rig: Rig, kept: History) -> Execution:
    [id] = [item.id for item in kept.records if isinstance(item, Execution) and item.finished_at is None]
    return await rig.ledger.need(Execution, id)


@pytest.mark.proves("A7")
@pytest.mark.parametrize("point", POINTS, ids=lambda point: file_name(*point).removesuffix(".json"))
async def test_an_execution_left_in_flight_by_an_earlier_version_is_ended_right(
    point: tuple[str, str, int], tmp_path: Path
) -> None:
    kept = history(file_name(*point))
    store = await open_store(f"sqlite:///{tmp_path / 'twin.db'}")
    rig = await loaded(kept, store)
    seen = len(rig.world.effects)
    left = await execution_of(rig, kept)
    assert left.state.value == kept.state
    assert tuple(await rig.audit()) == kept.audit
    await rig.worker.settle()
    ended = await execution_of(rig, kept)
    assert (ended.state.value, leaves(rig.world)) == (kept.ends, kept.leaves), ended.error
    plan = await rig.ledger.need(Plan, ended.plan_id)
    assert plan.state is PLAN_STATES[kept.ends]
    assert [item.outcome for item in await rig.ledger.all(Deployment) if item.plan_id == plan.id][-1] == kept.ends
    if kept.state == ExecutionState.ROLLING_BACK:
        moves = await rig.ledger.all(Event, {"execution_id": ended.id})
        assert {item.details["phase"] for item in moves if item.type == "execution.step"} == {"back"}
    assert all(effect.fence > left.fence for effect in rig.world.effects[seen:])
    await account_for(rig.world.effects, rig.ledger)
    await store.close()


@pytest.mark.proves("A7")
async def test_a_journal_of_a_newer_version_is_refused_with_the_reason_and_nothing_is_done() -> None:
    kept = history("newer-journal.json")
    store = await open_store("memory://")
    rig = await loaded(kept, store)
    before = rig.world.effects
    await rig.worker.settle()
    ended = await execution_of(rig, kept)
    assert (ended.state, rig.world.effects) == (ExecutionState.NEEDS_HUMAN, before)
    assert ended.error is not None
    assert "journal format 2" in str(ended.error["message"])
    assert "opstwin drift" in str(ended.error["next_step"])
    assert (await rig.ledger.need(Plan, ended.plan_id)).state is PlanState.FAILED
    [row] = await rig.ledger.all(AuditRow, {"action": "execution.needs_human"})
    assert "journal format 2" in row.reason


def old_database(folder: Path, endpoint: str) -> dict[str, Any]:
    """A database as an earlier version left it, and what was beside it."""
    dump = (FOLDER / f"schema-{OLD_SCHEMA}.sql").read_text(encoding="utf-8")
    with closing(sqlite3.connect(folder / "twin.db")) as file:
        file.executescript(dump.replace("'sim://local'", f"'{endpoint}'"))
    beside: dict[str, Any] = json.loads((FOLDER / f"schema-{OLD_SCHEMA}.world.json").read_text(encoding="utf-8"))
    return beside


@pytest.mark.proves("A7")
async def test_an_execution_in_a_database_of_an_older_schema_is_migrated_and_ended_right(tmp_path: Path) -> None:
    beside = old_database(tmp_path, "sim://local")
    clock = VirtualClock(datetime.fromisoformat(beside["at"]) + timedelta(seconds=LATER_S))
    world = World(clock=clock)
    world.restore(read_world(beside["world"]))
    store = await open_store(f"sqlite:///{tmp_path / 'twin.db'}")
    rig = Rig(store=store, clock=clock, world=world, seed=77, places=SimPlaces({"local": world}, clock))
    [open_one] = await rig.ledger.all(Execution, {"state": "applying"})
    await rig.worker.settle()
    assert (await rig.ledger.need(Execution, open_one.id)).state is ExecutionState.SUCCEEDED
    assert leaves(world) == beside["leaves"]
    await account_for(world.effects, rig.ledger)
    await store.close()


@pytest.mark.proves("A7")
def test_a_hub_that_is_started_on_an_older_database_ends_what_was_in_flight(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    beside = old_database(tmp_path / "data", f"sim://{tmp_path / 'world.json'}")
    World(tmp_path / "world.json").restore(read_world(beside["world"]))
    with running(tmp_path, sim=False) as hub:
        [last] = hub.get("/executions?limit=1")["items"]
        assert hub.ended(last["id"])["state"] == "succeeded"
        assert leaves(hub.world) == beside["leaves"]
        assert hub.post("/audit:verify").status == 200
        account_for_hub(hub)
