"""What a model filled in stands in the record of the deployment, and the operator's rules hold for what it drafts."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from opstwin.agent.drafting.calibration import ENOUGH, Calibration, outcomes_of
from opstwin.agent.drafting.service import Drafting
from opstwin.agent.models.port import ModelReply, Tokens
from opstwin.agent.models.scripted import Fault, ScriptedModel
from opstwin.domain.audit import AuditEntry
from opstwin.domain.deployment import Deployment
from opstwin.domain.plan import Plan, plan_digest
from opstwin.twin.store import Put
from tests.interaction.clustered import Clustered, clustered
from tests.interaction.house import HUB, Client
from tests.interaction.run_frames import stage
from tests.interaction.test_generating_drafts import with_model
from tests.unit.agent.drafting.briefs import answer

WEB = "name: web\nimage: app:1\nports: [80]\n"
ANSWER = json.dumps(answer(workload="web", examples=[], probe=None))
RULES = "rules:\n  - name: few\n    match: {kinds: [Deployment]}\n    expression: object.spec.replicas < 2\n"


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[Clustered]:
    async with clustered(tmp_path) as made:
        yield made


async def run_of(client: Client, **asked: Any) -> dict[str, Any]:
    answered = await client.post("/runs", {"file": WEB, "target": "prod", **asked})
    assert answered.status_code == 201, answered.text
    return dict(answered.json())


async def carried_out(home: Clustered, client: Client, run: dict[str, Any]) -> Deployment:
    digest = stage(run, "review")["details"]["digest"]
    await client.post(f"/plans/{run['plan_id']}:decide", {"decision": "approve", "digest": digest})
    await client.post(f"/plans/{run['plan_id']}:apply")
    await home.house.work()
    [record] = await home.house.services.ledger.all(Deployment)
    return record


@pytest.mark.req("S5.30", "S5.48", "S5.61", "S5.72")
async def test_a_deployment_that_a_model_drafted_says_so_and_how_sure_it_was(home: Clustered) -> None:
    priced = ModelReply(text=ANSWER, model="gpt-x", cost_usd=0.25, tokens=Tokens(input=100, output=20))
    with_model(home.house, Priced([priced]))
    async with home.house.caller() as client:
        run = await run_of(client)
        record = await carried_out(home, client, run)
    told = stage(run, "analysis")["details"]
    assert (told["model"], told["tokens"], told["cost"]) == ("gpt-x", 120, 0.25)
    assert record.ai_generated
    assert record.ai_confidence == told["confidence"]
    assert outcomes_of([record]) == ((told["confidence"], True),)


class Priced(ScriptedModel):
    """Answers that cost what they say."""

    async def complete(self, request: Any) -> ModelReply:
        reply = self._next(request)
        assert isinstance(reply, ModelReply)
        return reply


@pytest.mark.req("S5.72")
async def test_a_deployment_of_the_template_has_no_confidence_of_a_model(home: Clustered) -> None:
    with_model(home.house, ScriptedModel([Fault(status=500)]))
    async with home.house.caller() as client:
        record = await carried_out(home, client, await run_of(client))
    assert (record.ai_generated, record.ai_confidence) == (False, None)


async def test_who_drafted_a_plan_is_part_of_what_is_approved(home: Clustered) -> None:
    with_model(home.house, ScriptedModel([ANSWER]))
    async with home.house.caller() as client:
        plan = await home.house.services.ledger.need(Plan, (await run_of(client))["plan_id"])
    assert [(item.workload, item.source) for item in plan.drafts or ()] == [("web", "model")]
    assert plan_digest(plan) == plan.digest != plan_digest(replace(plan, drafts=()))


@pytest.mark.req("S5.48")
async def test_confidences_are_corrected_by_the_records_once_there_are_enough(home: Clustered) -> None:
    with_model(home.house, ScriptedModel([ANSWER]))
    ledger = home.house.services.ledger
    async with home.house.caller() as client:
        record = await carried_out(home, client, await run_of(client))
    calibration = Calibration(ledger)
    assert (await calibration())(0.7) == 0.7
    noted = AuditEntry(action="test", subject="dep", actor=HUB)
    failed = replace(record, success=False, ai_confidence=0.7, version=0)
    await ledger.commit([Put(replace(failed, id=f"dep_z{n:03}")) for n in range(ENOUGH)], [noted])
    assert (await calibration())(0.7) < 0.1


@pytest.mark.req("S5.48")
async def test_the_drafts_of_a_hub_are_calibrated(home: Clustered) -> None:
    own = home.house.hub.services.drafts
    assert isinstance(own, Drafting)
    assert isinstance(own.drafter.calibrate, Calibration)


@pytest.mark.parametrize(("language", "words"), [("en", "a language model proposed"), ("ko", "언어 모델이 제안")])
async def test_a_value_that_a_model_proposed_is_not_told_as_asked_for(
    home: Clustered, language: str, words: str
) -> None:
    with_model(home.house, ScriptedModel([ANSWER]))
    async with home.house.caller() as client:
        asked = {"file": WEB, "target": "prod", "language": language}
        found = (await client.post("/manifests:generate", asked)).json()
    [made] = [item for item in found["manifests"] if item["kind"] == "Deployment"]
    sources = {item["path"].rpartition(".")[2]: item["source"] for item in made["decisions"]}
    assert sources["replicas"] == "draft"
    assert [item["source"] for item in made["decisions"] if item["path"].endswith("limits.memory")] == ["draft"]
    assert words in made["text"]
    assert "[request]" not in made["text"]


async def test_an_operators_rule_holds_for_drafts_and_for_plans(tmp_path: Path) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text(RULES)
    async with clustered(tmp_path, manifest_policy=rules) as home:
        model = ScriptedModel([ANSWER, ANSWER, ANSWER])
        with_model(home.house, model)
        async with home.house.caller() as client:
            run = await run_of(client)
            many = await run_of(client, file=f"{WEB}replicas: 3\n")
    assert "policy/few" in model.requests[1].messages[-1].text
    assert stage(run, "analysis")["details"]["source"] == "template"
    assert run["plan_id"]
    assert not many["plan_id"]
    assert stage(many, "review")["status"] == "failed"
    assert "The rule few is not kept." in json.dumps(stage(many, "review"))
