"""Deploying in a conversation: what was said stays, what was not is drafted, and the plan says from where it is."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from opstwin.agent.drafting.drafter import Drafter
from opstwin.agent.drafting.service import Drafting
from opstwin.agent.models.port import ModelReply, ModelRequest
from opstwin.agent.models.scripted import ScriptedModel, call, calling
from opstwin.domain.access import Actor, ActorKind
from opstwin.domain.audit import AuditEntry
from opstwin.domain.deployment import Deployment
from opstwin.domain.plan import Plan
from opstwin.domain.values import ExecutionId, PlanId, TargetId
from opstwin.domain.workload import Workload
from opstwin.twin.store import Put
from tests.interaction.house import House
from tests.interaction.planner_home import Talks, talking

MI = 1024 * 1024
DEPLOY = "deploy app:1 as web with 2 replicas"
REASON = "It is a small web server, like dep_app."


def answer(**fields: object) -> str:
    """What a model drafts."""
    empty: dict[str, Any] = dict.fromkeys(("cpu", "replicas", "probe", "autoscale"))
    whole = {**empty, "workload": "web", "memory": "256Mi", "reasoning": REASON, "examples": ["dep_app"], **fields}
    return json.dumps(whole)


def judging(**fields: object) -> Callable[[ModelRequest], ModelReply]:
    """A model that proposes the deployment, and drafts it so."""

    def said(request: ModelRequest) -> ModelReply:
        if request.purpose == "draft":
            return ModelReply(text=answer(**fields))
        return calling(call("plan_create", words=DEPLOY))

    return said


async def remember(house: House, **fields: Any) -> None:
    """A deployment of the same image that held, with a limit."""
    actor = Actor(kind=ActorKind.PERSON, id="owner", face="test")
    record = Deployment(
        id="dep_app", service_name="shop", image_name="app", image_tag="1", replicas=1, success=True,
        target_cluster=TargetId("local"), deployed_at=house.clock.now(), outcome="succeeded", plan_id=PlanId("plan_0"),
        execution_id=ExecutionId("exec_0"), workload=Workload(name="shop", image="app:1"),
        **{"memory_limit": 300 * MI, **fields},
    )  # fmt: skip
    await house.services.ledger.commit(
        [Put(record)], [AuditEntry(action="test.put", subject="dep_app", actor=actor)]
    )  # fmt: skip


@asynccontextmanager
async def drafting(folder: Path, model: ScriptedModel | None, **record: Any) -> AsyncIterator[Talks]:
    house = await House(folder).furnish()
    await remember(house, **record)
    drafts = house.services.drafts
    assert isinstance(drafts, Drafting)
    drafter = Drafter(model, veil=house.services.veil)
    house.services = replace(house.services, drafts=replace(drafts, drafter=drafter))
    async with talking(folder, model, house=house) as talks:
        yield talks


def planned(plan: Plan) -> Workload:
    workload = plan.workloads[0].workload
    assert workload is not None
    return workload


async def test_a_model_fills_in_what_was_not_said_and_the_card_says_why(tmp_path: Path) -> None:
    async with drafting(tmp_path, ScriptedModel(otherwise=judging())) as talks:
        heard = await talks.say(DEPLOY)
        workload = planned(await talks.plan(heard.plan_id))
        assert not talks.house.effects
    assert heard.steps == ["understand", "retrieve", "converse", "draft", "check", "plan", "await_approval"]
    assert (workload.replicas, workload.resources.memory_bytes) == (2, 256 * MI)
    assert (heard.card["source"], [item["id"] for item in heard.card["examples"]]) == ("model", ["dep_app"])
    assert REASON in heard.card["reasons"]
    assert 0.5 < heard.card["confidence"] <= 1
    assert "a language model filled that in (model)" in heard.text


async def test_what_the_person_said_stays_whatever_a_model_drafts(tmp_path: Path) -> None:
    model = ScriptedModel(otherwise=judging(replicas=9))
    async with drafting(tmp_path, model) as talks:
        heard = await talks.say(DEPLOY)
        workload = planned(await talks.plan(heard.plan_id))
    assert workload.replicas == 2
    assert heard.card["source"] == "template"
    assert heard.card["why"]


async def test_without_a_model_the_records_of_the_same_image_say_the_limits_and_the_answer_says_so(
    tmp_path: Path,
) -> None:
    async with drafting(tmp_path, None) as talks:
        heard = await talks.say(DEPLOY)
        workload = planned(await talks.plan(heard.plan_id))
    assert (workload.replicas, workload.resources.memory_bytes) == (2, 300 * MI)
    assert (heard.card["source"], [item["id"] for item in heard.card["examples"]]) == ("template", ["dep_app"])
    assert "the records of similar deployments did (template)" in heard.text
    assert "No language model was used" in heard.text


async def test_a_limit_under_which_the_image_ran_out_of_memory_is_exceeded(tmp_path: Path) -> None:
    async with drafting(tmp_path, None, oom_events=2) as talks:
        workload = planned(await talks.plan((await talks.say(DEPLOY)).plan_id))
    assert (workload.resources.memory_bytes or 0) > 300 * MI


async def test_a_limit_that_was_said_is_not_drafted(tmp_path: Path) -> None:
    async with drafting(tmp_path, None) as talks:
        heard = await talks.say("deploy app:1 as web with memory 64Mi")
        assert planned(await talks.plan(heard.plan_id)).resources.memory_bytes == 64 * MI


@pytest.mark.parametrize("model", [ScriptedModel(otherwise=judging()), None], ids=["model", "none"])
async def test_asking_why_names_the_drafts_reasons_and_changes_nothing(
    tmp_path: Path, model: ScriptedModel | None
) -> None:
    async with drafting(tmp_path, model) as talks:
        first = await talks.say(DEPLOY)
        before = await talks.plan(first.plan_id)
        talks.talk.model = None
        heard = await talks.say("why 256 MiB?" if model else "why 300 MiB?")
        assert "dep_app" in heard.text
        assert "stands in the request" in (await talks.say("why 2?")).text
        assert await talks.plan(first.plan_id) == before


async def test_a_secret_in_the_words_is_planned_with_the_draft_and_never_kept(tmp_path: Path) -> None:
    async with drafting(tmp_path, None) as talks:
        heard = await talks.say("deploy app:1 as web with env PASSWORD=hunter2hunter2")
        workload = planned(await talks.plan(heard.plan_id))
    assert workload.env == {"PASSWORD": "hunter2hunter2"}
    assert workload.resources.memory_bytes == 300 * MI
    assert "hunter2" not in str(heard.events)
    for file in tmp_path.glob("conversations.db*"):
        assert b"hunter2" not in file.read_bytes()
