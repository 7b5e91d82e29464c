"""A Compose file that is full of hostile text: its services are planned, its comments and notes reach nobody."""

import json
from pathlib import Path

import pytest

from opstwin.agent.models.scripted import ScriptedModel
from opstwin.domain.plan import Plan, PlanState
from tests.interaction.house import House
from tests.interaction.payloads import payloads
from tests.interaction.test_generating_drafts import with_model
from tests.interaction.test_injection import HOSTILE, Before
from tests.unit.agent.drafting.briefs import answer, everything_in


def hostile_file() -> str:
    """One service, with every payload in comments everywhere, in extension fields and in a name of nothing."""
    comments = [line for text in payloads() for line in _printable(text).splitlines() if line.strip()]
    head = "\n".join(f"# {line}" for line in comments)
    notes = json.dumps([_printable(text) for text in payloads()]).replace("$", "$$")
    return (
        f"{head}\nname: shop\nx-notes: {notes}\nservices:  # {comments[0]}\n  web:\n    # {comments[1]}\n"
        f"    image: app:1  # {comments[2]}\n    deploy:\n      replicas: 2  # {comments[3]}\n{head}\n"
    )


def _printable(text: str) -> str:
    return "".join(letter for letter in text if letter.isprintable() or letter == "\n")


@pytest.mark.proves("H1", "H2")
async def test_the_comments_of_a_compose_file_change_nothing_and_its_service_is_deployed(house: House) -> None:
    async with house.caller("planner") as agent, house.caller() as person:
        before = await Before.of(house)
        made = await agent.post("/plans", {"file": hostile_file()})
        assert made.status_code == 201, made.text
        await before.check(house)
        plan = await house.services.ledger.need(Plan, made.json()["id"])
        assert [change.name for change in plan.changes if change.kind == "container"] == ["web-1", "web-2"]
        assert not HOSTILE.search(str(plan.changes))
        decision = {"decision": "approve", "digest": plan.digest}
        assert (await person.post(f"/plans/{plan.id}:decide", decision)).status_code == 200
        await person.post(f"/plans/{plan.id}:apply")
    await house.work()
    assert (await house.services.ledger.need(Plan, plan.id)).state is PlanState.APPLIED
    assert {effect.resource.rpartition("/")[2] for effect in house.effects} >= {"web-1", "web-2"}
    assert not HOSTILE.search(str(house.world.containers()))


@pytest.mark.proves("H1", "J5")
async def test_a_model_that_drafts_a_compose_file_is_shown_none_of_its_comments(tmp_path: Path) -> None:
    house = await House(tmp_path).furnish()
    model = ScriptedModel([json.dumps(answer(workload="web", examples=[], probe=None, replicas=None))])
    with_model(house, model)
    async with house.caller() as person:
        found = await person.post("/manifests:generate", {"file": hostile_file()})
    assert found.status_code == 200, found.text
    assert found.json()["source"] == "model", found.json()["why"]
    assert not HOSTILE.search(everything_in(model.requests[0]))
    assert not HOSTILE.search(str([item["document"] for item in found.json()["manifests"]]))
