"""A component's plan that was withdrawn was not made: the same call again is refused again, with and without a kill."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Unpack

import pytest

from opstwin.agent.checkpoints import FILE, sqlite
from opstwin.agent.models.scripted import ScriptedModel, call, calling
from opstwin.catalog.loading import load
from opstwin.control.component_planning import ComponentPlanner, Given
from opstwin.control.planning import About, Planner
from opstwin.domain.access import Actor
from opstwin.domain.plan import Op, Plan, PlanState
from opstwin.domain.values import Json
from opstwin.domain.workload import Workload
from opstwin.errors import Forbidden
from opstwin.targets.scripted_prober import REFUSED
from tests.crashing import crash
from tests.interaction.house import House
from tests.interaction.planner_home import talking
from tests.unit.agent.graph.dying import died
from tests.unit.agent.graph.test_taken_up_again import COMPONENTS, CONTROLLER

WORDS = f"bring the network up at {CONTROLLER}"
PROPOSAL = calling(call("plan_create", file=COMPONENTS))
REFUSAL = "must stay as it is"


@dataclass
class Straying:
    """A planner whose first plans come out with something removed."""

    house: House
    left: int = 99

    async def from_workloads(self, target_id: str, workloads: Sequence[Workload], **about: Unpack[About]) -> Plan:
        planner: Planner = self.house.services.planner
        plan = await planner.from_workloads(target_id, workloads, **about)
        self.left -= 1
        if self.left < 0:
            return plan
        first, *others = plan.changes
        return replace(plan, changes=(replace(first, op=Op.DELETE), *others))


class Mortal(ComponentPlanner):
    """Its process dies when a plan was withdrawn, before that is told."""

    async def plan(
        self, request: Mapping[str, Json], endpoint: str | None, target: str | None, actor: Actor,
        **given: Unpack[Given],
    ) -> Plan:  # fmt: skip
        try:
            return await super().plan(request, endpoint, target, actor, **given)
        except Forbidden:
            crash()
            raise


def planning(house: House, times: int = 99, kind: type[ComponentPlanner] = ComponentPlanner) -> House:
    """The house, whose first plans for components are withdrawn."""
    house.prober.answers[f"{CONTROLLER}/health"] = REFUSED
    services = house.services
    planner = kind(services.ledger, house.prober, Straying(house, times), load())
    house.services = replace(services, component_planner=planner)
    return house


@pytest.fixture
async def house(tmp_path: Path) -> House:
    return await House(tmp_path).furnish()


async def states(house: House) -> list[PlanState]:
    return [plan.state for plan in await house.services.ledger.all(Plan)]


@pytest.mark.proves("A3")
async def test_the_same_call_again_is_refused_again_and_no_withdrawn_plan_is_shown(
    tmp_path: Path, house: House
) -> None:
    model = ScriptedModel([PROPOSAL, PROPOSAL, "It cannot be done."])
    async with talking(tmp_path, model, house=planning(house)) as talks:
        heard = await talks.say(WORDS)
    assert (heard.plan_id, heard.ended.outcome) == ("", "answered"), heard.text
    assert [REFUSAL in str(request.messages) for request in model.requests] == [False, True, True]
    assert await states(house) == [PlanState.STALE, PlanState.STALE]


async def test_the_same_call_again_is_planned_where_nothing_is_in_the_way_any_more(
    tmp_path: Path, house: House
) -> None:
    model = ScriptedModel([PROPOSAL, PROPOSAL])
    async with talking(tmp_path, model, house=planning(house, times=1)) as talks:
        heard = await talks.say(WORDS)
        made = await talks.plan(heard.plan_id)
    assert (made.state, heard.ended.outcome) == (PlanState.PENDING, "waiting")
    assert sorted(await states(house)) == [PlanState.PENDING, PlanState.STALE]


@pytest.mark.proves("A3")
async def test_what_was_withdrawn_before_a_kill_is_refused_after_it(tmp_path: Path, house: House) -> None:
    planning(house, kind=Mortal)
    await died(house, lambda: sqlite(tmp_path / FILE), WORDS, ScriptedModel([PROPOSAL]))
    assert await states(house) == [PlanState.STALE]
    model = ScriptedModel(["It cannot be done."])
    async with talking(tmp_path, model, house=planning(house)) as talks:
        heard = await talks.go_on()
    assert (heard.plan_id, heard.ended.outcome) == ("", "answered"), heard.text
    assert REFUSAL in str(model.requests[0].messages)
