"""Manifests whose open values a model filled in: over HTTP, in runs, kept answers, and a model that fails."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from opstwin.agent.drafting.drafter import Drafter
from opstwin.agent.drafting.service import Drafting
from opstwin.agent.models.opening import open_model
from opstwin.agent.models.port import LanguageModel, ModelRequest
from opstwin.agent.models.scripted import Fault, ScriptedModel
from opstwin.agent.models.scripted_client import client_of
from opstwin.agent.models.scripted_server import ScriptedServer
from opstwin.manifests.checks.checking import checked
from opstwin.server.app import create_app
from opstwin.settings import Settings
from tests.interaction.clustered import clustered
from tests.interaction.house import Client, House
from tests.unit.agent.drafting.briefs import CANARY, answer

API = f"name: api\nimage: acme/api:2.1\nports: [8080]\nenv: {{API_TOKEN: {CANARY}}}\n"
GOOD = json.dumps(answer(examples=[], probe=None))


def with_model(house: House, model: LanguageModel) -> None:
    """The same house, drafting with this model."""
    own = house.services.drafts
    assert isinstance(own, Drafting)
    drafts = replace(own, drafter=Drafter(model, veil=house.services.veil))
    house.services = replace(house.services, drafts=drafts)
    house.app = create_app(house.services, instruments=house.instruments, registry=house.registry)


def shown(request: ModelRequest) -> list[str]:
    """The ids of the examples in a prompt."""
    return re.findall(r"^### Example (\S+)$", request.examples, re.MULTILINE)


async def made(client: Client, **asked: Any) -> dict[str, Any]:
    answered = await client.post("/manifests:generate", {"file": API, **asked})
    assert answered.status_code == 200, answered.text
    return dict(answered.json())


def deployment(found: dict[str, Any]) -> dict[str, Any]:
    return dict(next(item["document"] for item in found["manifests"] if item["kind"] == "Deployment")["spec"])


@pytest.mark.req("S5.11", "S5.47", "S5.48")
async def test_what_a_model_fills_in_is_in_the_manifests_and_told(house: House) -> None:
    model = ScriptedModel(otherwise=lambda request: json.dumps(answer(examples=shown(request)[:1], probe=None)))
    with_model(house, model)
    async with house.caller() as client:
        found = await made(client)
    ids = shown(model.requests[0])
    assert 3 <= len(ids) <= 5
    assert (found["source"], found["why"], deployment(found)["replicas"]) == ("model", "", 2)
    assert deployment(found)["template"]["spec"]["containers"][0]["resources"]["limits"]["memory"] == "256Mi"
    assert 0 < found["confidence"] < 1
    assert found["cited"] == ids[:1]
    assert f"#{ids[0]}" in found["reasoning"]


@pytest.mark.req("S5.119", "S5.120")
@pytest.mark.proves("B6")
@pytest.mark.parametrize(("language", "said"), [("en", "does not answer"), ("ko", "응답하지 않습니다")])
async def test_a_model_that_answers_500_leaves_valid_manifests_of_the_template(
    house: House, language: str, said: str
) -> None:
    with_model(house, ScriptedModel(otherwise=Fault(status=500)))
    async with house.caller() as client:
        found = await made(client, language=language)
    assert found["source"] == "template"
    assert said in found["why"]
    assert not checked([item["document"] for item in found["manifests"]]).blocking
    assert deployment(found)["replicas"] == 1


@pytest.mark.req("S5.119")
async def test_without_a_model_the_template_says_so(house: House) -> None:
    async with house.caller() as client:
        found = await made(client)
    assert found["source"] == "template"
    assert "no language model is set up" in found["why"]


@pytest.mark.req("S5.91", "S5.G4")
@pytest.mark.proves("J1", "J5")
async def test_the_second_identical_request_asks_no_model_and_no_secret_is_on_the_wire(house: House) -> None:
    server = ScriptedServer([GOOD])
    place = {"kind": "compatible", "base_url": "http://127.0.0.1:1/v1", "model": "m"}
    settings = Settings(models={"providers": {"one": place}})  # type: ignore[arg-type]
    services = house.services
    async with client_of(server) as http:
        model = open_model(
            settings, services.ledger.clock, services.veil.over, ready=services.veil.ready, environ={}, http=http
        )
        with_model(house, model)
        async with house.caller() as client:
            first, second = await made(client), await made(client)
    assert (first["source"], second["source"], len(server.requests)) == ("model", "cache", 1)
    assert first["manifests"] == second["manifests"]
    assert CANARY.encode() not in server.requests[0].body
    assert b"API_TOKEN" in server.requests[0].body


@pytest.mark.parametrize(
    ("asked", "replicas"),
    [
        ({"file": None, "words": "deploy acme/api:2.1 as api with 1 replica"}, 1),
        ({"file": None, "words": "deploy acme/api:2.1 as api with 3 replicas"}, 3),
        ({"file": f"{API}replicas: 1\n"}, 1),
        ({"file": f"{API}replicas: 10\n"}, 10),
        ({}, 2),
    ],
)
async def test_a_number_of_replicas_that_was_said_stays(house: House, asked: dict[str, Any], replicas: int) -> None:
    model = ScriptedModel([GOOD, json.dumps(answer(examples=[], probe=None, replicas=None))])
    with_model(house, model)
    async with house.caller() as client:
        answered = await client.post("/manifests:generate", {"file": API} | asked)
    assert answered.status_code == 200, answered.text
    assert answered.json()["source"] == "model"
    assert deployment(answered.json())["replicas"] == replicas


async def test_a_profile_that_was_chosen_keeps_its_sizes(house: House) -> None:
    model = ScriptedModel([json.dumps(answer(examples=[], probe=None, memory=None))])
    with_model(house, model)
    async with house.caller() as client:
        found = await made(client, options={"profile": "M"})
    assert "null: replicas, probe, autoscale\n" in model.requests[0].messages[0].text
    assert deployment(found)["template"]["spec"]["containers"][0]["resources"]["requests"]["memory"] == "512Mi"


@pytest.mark.req("S5.119")
@pytest.mark.parametrize(("turn", "source", "replicas"), [(GOOD, "model", 2), (Fault(status=500), "template", 1)])
async def test_a_run_says_who_filled_it_in_and_what_that_took(
    tmp_path: Path, turn: str | Fault, source: str, replicas: int
) -> None:
    async with clustered(tmp_path) as home:
        with_model(home.house, ScriptedModel([turn]))
        async with home.house.caller() as client:
            run = (await client.post("/runs", {"file": API.partition("env:")[0], "target": "prod"})).json()
    stage = next(item for item in run["stages"] if item["name"] == "analysis")["details"]
    assert stage["source"] == source
    assert (stage["model"], bool(stage["why"])) == (("scripted", False) if source == "model" else ("rules", True))
    assert (stage["tokens"] > 0) == (source == "model")
    assert run["plan_id"]
    texts = next(item for item in run["stages"] if item["name"] == "generate")["details"]["artefacts"]
    [text] = [item["text"] for item in texts if item["kind"] == "Deployment"]
    assert f"replicas: {replicas}" in text
