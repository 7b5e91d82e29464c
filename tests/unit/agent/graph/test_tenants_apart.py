"""Two organisations talk with one hub: nothing that one deployed or said reaches the other's drafts, cards or model."""

from dataclasses import replace
from pathlib import Path

import pytest

from opstwin.agent.drafting.drafter import Drafter
from opstwin.agent.drafting.service import Drafting
from opstwin.agent.models.port import ModelReply, ModelRequest
from opstwin.agent.models.scripted import ScriptedModel, call, calling
from opstwin.domain.audit import AuditEntry
from opstwin.domain.deployment import Deployment
from opstwin.twin.store import Put
from tests.interaction.house import HUB, House
from tests.interaction.planner_home import Talks, talking
from tests.unit.agent.graph.test_drafted_deployments import MI, answer, planned

TENANTS = {"knowledge": {"tenants": {"shop": ["owner"], "bank": ["operator"]}}}
OURS = "deploy app:1 as web with 2 replicas"
API = "deploy app:1 as api with 2 replicas"
SAID = "remember that our launch is called bluebird"


@pytest.fixture
async def house(tmp_path: Path) -> House:
    """A hub in which the shop deployed app:1, with a limit that nobody else can know."""
    made = await House(tmp_path, settings=TENANTS).furnish()
    async with talking(tmp_path, house=made) as talks:
        await talks.deployed(OURS)
    [record] = await made.services.ledger.all(Deployment)
    entry = AuditEntry(action="test.put", subject=record.id, actor=HUB)
    await made.services.ledger.commit([Put(replace(record, memory_limit=333 * MI))], [entry])
    return made


def with_model(house: House, model: ScriptedModel | None) -> House:
    drafts = house.services.drafts
    assert isinstance(drafts, Drafting)
    house.services = replace(house.services, drafts=replace(drafts, drafter=Drafter(model, veil=house.services.veil)))
    return house


def deploying(request: ModelRequest) -> ModelReply:
    """Proposes what was asked, and drafts it."""
    if request.purpose == "draft":
        return ModelReply(text=answer(workload="api", examples=[]))
    return calling(call("plan_create", words=API))


def texts(request: ModelRequest) -> str:
    """All that a request says."""
    return str((request.system, request.examples, request.messages))


async def asked(talks: Talks, role: str) -> tuple[list[str], int | None]:
    """The examples on the card of a deployment of the same image, and the limit that it was given."""
    heard = await talks.say(API, thread=f"{role}:t9", role=role)
    workload = planned(await talks.plan(heard.plan_id))
    return [item["id"] for item in heard.card["examples"]], workload.resources.memory_bytes


@pytest.mark.proves("H8")
async def test_a_limit_is_learned_from_the_records_of_the_own_organisation_alone(house: House, tmp_path: Path) -> None:
    async with talking(tmp_path, house=with_model(house, None)) as talks:
        [record] = await house.services.ledger.all(Deployment)
        own, limit = await asked(talks, "owner")
        assert (record.id in own, limit) == (True, 333 * MI)
        others, none = await asked(talks, "operator")
    assert record.id not in others
    assert none is None


@pytest.mark.proves("H8")
@pytest.mark.parametrize(("role", "sees"), [("owner", True), ("operator", False)])
async def test_a_model_is_shown_the_past_of_the_own_organisation_alone(
    house: House, tmp_path: Path, role: str, sees: bool
) -> None:
    [record] = await house.services.ledger.all(Deployment)
    model = ScriptedModel(otherwise=deploying)
    async with talking(tmp_path, model, house=with_model(house, model)) as talks:
        examples, _ = await asked(talks, role)
    chat = "\n".join(texts(item) for item in model.requests if item.purpose != "draft")
    drafts = "\n".join(texts(item) for item in model.requests if item.purpose == "draft")
    assert chat
    assert drafts
    assert (record.id in chat, record.id in drafts, record.id in examples) == (sees, sees, sees)


@pytest.mark.proves("H8")
async def test_what_was_said_in_one_thread_is_in_no_other_not_even_of_the_same_person(
    house: House, tmp_path: Path
) -> None:
    model = ScriptedModel(["Noted.", "Hello.", "Hello."])
    async with talking(tmp_path, model, house=house) as talks:
        await talks.say(SAID, thread="owner:t1")
        await talks.say("what do you know of our launch?", thread="owner:t2")
        await talks.say("what do you know of our launch?", thread="operator:t1", role="operator")
    assert ["bluebird" in texts(item) for item in model.requests] == [True, False, False]
