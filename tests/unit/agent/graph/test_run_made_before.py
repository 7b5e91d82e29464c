"""A deployment to a cluster whose process dies when its run and plan are made: taken up again, there is one of each."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from opstwin.agent.conversing import Conversations
from opstwin.control.ledger import Ledger
from opstwin.domain.audit import AuditRow
from opstwin.domain.plan import Plan
from opstwin.domain.run import Run
from opstwin.targets.sim.faults import Crash
from opstwin.tools.all_tools import REGISTRY
from tests.crashing import Boundaries, MortalStore, crash
from tests.interaction.clustered import Clustered, clustered
from tests.interaction.planner_home import Talks, talking
from tests.unit.agent.graph.dying import dead_in_plan, died

DEPLOY = "deploy app:1 as shop with 2 replicas on prod"


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[Clustered]:
    async with clustered(tmp_path) as made:
        yield made


@dataclass
class DiesAt(Boundaries):
    """Dies the first time that it comes to the place of this name."""

    place: str = ""

    def cross(self, what: str) -> None:
        if what == self.place and what not in self.passed:
            self.passed.append(what)
            crash()


async def died_in_the_store(home: Clustered, place: str) -> None:
    """The conversation up to a place in what the hub stores."""
    ledger = home.house.services.ledger
    mortal = MortalStore(ledger.store, DiesAt(place=place))
    services = replace(home.house.services, ledger=Ledger(mortal, ledger.clock, ledger.ids))
    talk = Conversations(services=services, registry=REGISTRY)
    with pytest.raises(Crash):
        await Talks(home.house, talk).say(DEPLOY)
    await talk.close()


@pytest.mark.proves("A3")
@pytest.mark.parametrize("place", ["before run.plan", "after run.plan", "the step"])
async def test_a_run_whose_process_died_behind_its_plan_is_not_made_twice(
    tmp_path: Path, home: Clustered, place: str
) -> None:
    if place == "the step":
        await died(home.house, dead_in_plan(tmp_path), DEPLOY)
    else:
        await died_in_the_store(home, place)
    [before] = await home.house.services.ledger.all(Plan)
    async with talking(tmp_path, house=home.house) as again:
        heard = await again.go_on()
        state = await again.talk.state(again.thread, await again.person())
    ledger = home.house.services.ledger
    [plan], [run] = await ledger.all(Plan), await ledger.all(Run)
    assert (plan.id, plan.digest, run.plan_id) == (before.id, before.digest, before.id)
    assert (heard.ended.outcome, heard.plan_id, state.waits_for) == ("waiting", plan.id, plan.id)
    assert heard.card["reasons"], "what the draft stands on is shown as if nobody had died"
    assert len(run.stages) == 5
    assert run.artefacts
    assert [row.action for row in await ledger.all(AuditRow, {"subject": run.id})] == [
        "run.start", "run.draft", "run.plan"
    ]  # fmt: skip
    assert home.spy.told == []


async def test_a_plan_of_an_earlier_turn_with_the_same_words_is_not_taken_for_this_ones(
    tmp_path: Path, home: Clustered
) -> None:
    async with talking(tmp_path, house=home.house) as talks:
        first, second = await talks.say(DEPLOY), await talks.say(DEPLOY)
    assert first.plan_id != second.plan_id
    assert len(await home.house.services.ledger.all(Run)) == 2
