"""Conversations that earlier versions left waiting, decided or starting.

Those of the version before go on to the end that they would have had; those whose plan's digest was counted another
way then are refused with a reason. None is mis-resumed.
"""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from opstwin.agent.conversing import Conversations
from opstwin.clock import VirtualClock
from opstwin.domain.execution import Execution, Step
from opstwin.domain.plan import Plan, PlanState
from opstwin.domain.resource import Observed
from opstwin.domain.values import ResourceId
from opstwin.errors import Conflict, StalePlan
from opstwin.targets.sim.world import World
from opstwin.tools.all_tools import REGISTRY
from opstwin.twin.opening import open_store
from tests.interaction.house import HUB, House
from tests.interaction.planner_home import Talks, talking
from tests.reliability.conversation_record import DEPLOY, FOLDER, POINTS, TWIN, WORLD, restored

LATER = timedelta(seconds=120)
REFUSED = sorted(FOLDER.glob("schema-0007--*.json"))
"""What stands in these digests of plans was not what stands in those of today."""

GOES_ON = sorted(FOLDER.glob("schema-0008--*.json"))


@asynccontextmanager
async def taken_up(history: Path, folder: Path) -> AsyncIterator[Talks]:
    """The hub of today on what was left, two minutes later."""
    kept = json.loads(history.read_text(encoding="utf-8"))
    restored(kept, folder)
    store = await open_store(f"sqlite:///{folder / TWIN}")
    clock = VirtualClock(datetime.fromisoformat(kept["at"]) + LATER)
    house = House(folder, store=store, clock=clock, world=World(folder / WORLD, clock=clock), seed=9)
    for role in ("owner", "operator"):
        house.tokens[role] = (await house.services.people.issue_token(role, HUB)).secret
    await house.hub.worker.recover(sole=True)
    await house.services.observer.discover("local")
    talk = Conversations(services=house.services, registry=REGISTRY)
    try:
        yield Talks(house, talk)
    finally:
        await talk.close()
        await store.close()


SAID = {"approved": "Nothing was done. Ask again for a new one.", "starting": "Plan again: opstwin plan"}
"""What a person hears of a plan whose digest the version of before counted another way."""


@pytest.mark.proves("A7")
@pytest.mark.parametrize("history", REFUSED, ids=lambda path: path.stem)
async def test_a_plan_whose_digest_an_earlier_version_counted_otherwise_is_refused_with_the_next_step_and_never_applied(
    tmp_path: Path, history: Path
) -> None:
    async with taken_up(history, tmp_path) as talks:
        [plan] = await talks.house.services.ledger.all(Plan)
        if plan.state is PlanState.PENDING:
            assert (await talks.go_on()).waits is not None
            with pytest.raises(StalePlan, match="no longer matches its digest") as refused:
                await talks.decide(plan.id)
            assert refused.value.next_step.startswith("Plan again")
        else:
            assert SAID[history.stem.partition("--")[2]] in (await talks.go_on()).text
            assert not (await talks.go_on()).tools
        assert not talks.house.effects
        assert (await talks.say("deploy app:1 as api")).ended.outcome == "waiting"


@pytest.mark.proves("A7")
async def test_one_that_this_version_cannot_take_up_is_refused_with_the_next_step_and_applies_nothing(
    tmp_path: Path,
) -> None:
    history = next(path for path in REFUSED if path.stem.endswith("approved"))
    async with taken_up(history, tmp_path) as talks:
        [plan] = await talks.house.services.ledger.all(Plan)
        graph = (await talks.talk.open())._graph
        assert graph is not None
        config = {"configurable": {"thread_id": talks.thread}}
        await graph.aupdate_state(config, {"schema": 0}, as_node="plan")  # type: ignore[arg-type]
        with pytest.raises(Conflict, match="another version") as refused:
            await talks.go_on()
        assert f"opstwin show {plan.id}" in refused.value.next_step
        assert not await talks.house.services.ledger.all(Execution)
        assert not talks.house.effects
        assert (await talks.plan(plan.id)).state is PlanState.APPROVED


@dataclass(frozen=True)
class End:
    """What stands there at the end: what is managed, executions by how they ended, and what was done to the target."""

    managed: dict[ResourceId, str]
    executions: list[tuple[str, str]]
    effects: list[str]


async def end_of(talks: Talks) -> End:
    ledger = talks.house.services.ledger
    seen = {item.id: item.presence.value for item in await ledger.all(Observed) if item.managed}
    done = [(str(item.plan_id), item.state.value) for item in await ledger.all(Execution)]
    return End(seen, done, sorted(f"{item.op} {item.resource}" for item in talks.house.effects))


@pytest.mark.proves("A7")
@pytest.mark.parametrize("history", GOES_ON, ids=lambda path: path.stem)
async def test_one_of_the_version_before_goes_on_to_the_end_that_it_would_have_had_with_one_effect(
    tmp_path: Path, history: Path
) -> None:
    (tmp_path / "then").mkdir()
    async with talking(tmp_path / "then") as fresh:
        await fresh.deployed(DEPLOY)
        usual = await end_of(fresh)
    async with taken_up(history, tmp_path) as talks:
        [plan] = await talks.house.services.ledger.all(Plan)
        if plan.state is PlanState.PENDING:
            waiting = await talks.go_on()
            assert (waiting.ended.outcome, waiting.waits and waiting.waits.plan_id) == ("waiting", plan.id)
            assert not talks.house.effects
            await talks.decide(plan.id)
        heard = await talks.go_on()
        assert heard.ended.outcome == "applied", heard.text
        end = await end_of(talks)
        assert (end.managed, end.effects) == (usual.managed, usual.effects)
        assert end.executions == [(plan.id, "succeeded")]
        done = await talks.house.services.ledger.all(Step)
        assert len(done) == len({item.key for item in done}) == len(plan.changes)
        assert (await talks.go_on()).ended.outcome == "applied", "going on once more does nothing more"
        assert await end_of(talks) == end


@pytest.mark.parametrize("version", ["schema-0007", "schema-0008"])
def test_every_point_was_recorded_of_the_earlier_versions(version: str) -> None:
    found = sorted(FOLDER.glob(f"{version}--*.json"))
    assert {path.stem.partition("--")[2] for path in found} == set(POINTS)
    assert all(DEPLOY in path.read_text(encoding="utf-8") for path in found)
