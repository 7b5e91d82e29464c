"""What a model is told about a container of the twin, shown over HTTP; and drafts of a hub without any model."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from opstwin.agent.drafting.drafter import Drafter
from opstwin.agent.drafting.service import Drafting, WorkloadAsked
from opstwin.agent.models.port import ModelReply, ModelRequest, Tokens
from opstwin.agent.models.scripted import ScriptedModel
from opstwin.control.drafts import DraftAsked, Filled
from opstwin.control.generating import Learned, Part, Wish
from opstwin.domain.audit import AuditEntry
from opstwin.domain.deployment import Deployment
from opstwin.domain.resource import Observed
from opstwin.domain.target import Target
from opstwin.domain.workload import Autoscale, Port, Workload
from opstwin.errors import InvalidInput
from opstwin.manifests.generating.info import ContainerInfo
from opstwin.manifests.generating.options import GenerateOptions
from opstwin.twin.store import Put
from tests.interaction.clustered import clustered
from tests.interaction.house import HUB, Client, House
from tests.unit.agent.drafting.briefs import CANARY, Answering, Reply, answer, down, everything_in

WORDS = "deploy app:1 as web with 2 replicas on port 8080"


async def running(house: House, client: Client, words: str = WORDS) -> None:
    plan = await client.approved(words)
    await client.post(f"/plans/{plan['id']}:apply")
    await house.work()


async def prompt(client: Client, source: str = "web", **asked: str) -> dict[str, Any]:
    answered = await client.get("/ai/prompt", source=source, **asked)
    assert answered.status_code == 200, answered.text
    return dict(answered.json())


async def copies(house: House, count: int) -> None:
    """The newest deployment, as often as asked."""
    ledger = house.services.ledger
    [past] = await ledger.all(Deployment)
    rows = [Put(replace(past, id=f"dep_copy{n}", version=0)) for n in range(count)]
    await ledger.commit(rows, [AuditEntry(action="test.copy", subject="history", actor=HUB)])


def drafting(house: House, *replies: Reply) -> tuple[Drafting, Answering]:
    """The drafting of this hub with a model that gives these replies."""
    own = house.services.drafts
    assert isinstance(own, Drafting)
    model = Answering(list(replies))
    return replace(own, drafter=Drafter(model, veil=house.services.veil)), model


API = ContainerInfo(name="api", image="acme/api:2.1", ports=(8080,))


def asked(*infos: ContainerInfo, **more: Any) -> DraftAsked:
    wish = Wish(parts=tuple(Part(info=info) for info in infos or (API,)), release="1.29", **more)
    return DraftAsked(wish=wish, learned=Learned(), words="deploy it")


@pytest.mark.req("S5.10", "S5.51")
@pytest.mark.parametrize(("setting", "heads"), [(3, 3), (5, 5)])
async def test_the_prompt_of_a_container_holds_three_to_five_examples(tmp_path: Path, setting: int, heads: int) -> None:
    house = await House(tmp_path, settings={"draft_examples": setting}).furnish()
    async with house.caller() as client:
        await running(house, client)
        fresh = await prompt(client)
        await copies(house, 6)
        found = await prompt(client)
    assert 3 <= len(re.findall("^### Example ", fresh["examples"], re.MULTILINE)) <= heads
    assert 3 <= len(re.findall("^### Example ", found["examples"], re.MULTILINE)) <= heads


@pytest.mark.req("S5.10")
async def test_the_prompt_tells_role_policy_format_container_and_request(house: House) -> None:
    async with house.caller() as client:
        await running(house, client)
        found = await prompt(client, words="keep it small", language="ko")
    assert found["source"] == "local/workload/web"
    assert found["system"].startswith("You are an expert in Kubernetes")
    assert '"additionalProperties":false' in found["system"]
    assert 'image: "app:1"' in found["user"]
    assert "> keep it small" in found["user"]
    assert "in Korean" in found["user"]
    assert found["tokens"] < found["budget"]
    assert found["versions"].startswith("role.")


@pytest.mark.req("S5.53")
async def test_what_is_written_into_the_policy_file_is_in_the_next_prompt(house: House) -> None:
    async with house.caller() as client:
        await running(house, client)
        assert "POLICY-CANARY" not in (await prompt(client))["system"]
        (house.folder / "policy.md").write_text("POLICY-CANARY\n")
        found = await prompt(client)
    assert "POLICY-CANARY" in found["system"]
    assert found["policy"] == str(house.folder / "policy.md")


@pytest.mark.req("S5.G4")
@pytest.mark.proves("J1", "J5")
async def test_secrets_of_the_twin_are_in_no_prompt(house: House) -> None:
    async with house.caller() as client:
        await running(house, client, f"{WORDS} env API_TOKEN={CANARY}")
        ledger = house.services.ledger
        seen = await ledger.need(Observed, "local/container/web-1")
        leaked = {**(seen.spec or {}), "labels": {"note": f"the word is {CANARY}"}, "command": ["run", CANARY]}
        await ledger.commit([Put(replace(seen, spec=leaked))], [])
        texts = [
            json.dumps(await prompt(client, source=name)) for name in ("web", "local/container/web-1")
        ]  # fmt: skip
    assert all(CANARY not in text for text in texts)
    assert all("API_TOKEN" in text for text in texts)


async def test_the_same_container_has_the_same_prompt_so_that_an_answer_can_be_kept(house: House) -> None:
    async with house.caller() as client:
        await running(house, client)
        assert await prompt(client) == await prompt(client)


class Priced(ScriptedModel):
    """Answers that cost what they say."""

    async def complete(self, request: ModelRequest) -> ModelReply:
        reply = self._next(request)
        assert isinstance(reply, ModelReply)
        return reply


@pytest.mark.parametrize(("prices", "cost"), [((0.01, 0.02), 0.03), ((0.01, None), None), ((None, 0.02), None)])
async def test_a_sum_with_an_unknown_price_is_unknown(
    house: House, prices: tuple[float | None, float | None], cost: float | None
) -> None:
    tokens, text = Tokens(input=100, output=20), json.dumps(answer(examples=[]))
    said = [ModelReply(text=t, cost_usd=price, tokens=tokens) for t, price in zip(("no", text), prices, strict=True)]
    drafts = replace(drafting(house)[0], drafter=Drafter(Priced(said)))
    found = await drafts.filled(asked())
    assert found.tokens == 240
    assert found.cost_usd == (None if cost is None else pytest.approx(cost))


async def test_what_is_not_there_has_no_prompt(house: House) -> None:
    async with house.caller() as client:
        answered = await client.get("/ai/prompt", source="nothing")
    assert answered.status_code == 404


async def test_a_policy_that_cannot_be_used_is_said_where_the_prompt_is_asked_for(house: House) -> None:
    async with house.caller() as client:
        await running(house, client)
        (house.folder / "policy.md").write_text("word " * 4000)
        answered = await client.get("/ai/prompt", source="web")
    assert answered.status_code == 422
    assert "policy.md" in answered.json()["next_step"]


@pytest.mark.req("S5.119", "S5.120")
async def test_a_hub_without_a_model_leaves_the_wish_as_it_is_and_says_why(house: House) -> None:
    assert house.services.drafts is not None
    found = await house.services.drafts.filled(asked())
    assert found.wish.parts[0].info == API
    assert found.source == "template"
    assert "no language model is set up" in found.why
    assert (found.tokens, found.cost_usd, found.model) == (0, 0.0, "")
    assert found.confidence == found.notes[0].confidence > 0


async def test_what_a_model_fills_in_is_in_the_wish(house: House) -> None:
    drafts, _ = drafting(house, answer(examples=[]))
    found = await drafts.filled(asked())
    info = found.wish.parts[0].info
    assert found.source == "model"
    assert (info.replicas, info.resources.memory_bytes) == (2, 2**28)
    assert replace(info, resources=API.resources, replicas=1, health=None) == API
    assert (found.notes[0].why, found.model) == ("", "scripted")


async def test_options_that_were_chosen_are_not_filled_in(house: House) -> None:
    scale = {"minimum": 1, "maximum": 3, "cpu_percent": 50}
    drafts, model = drafting(house, *[answer(examples=[], autoscale=scale, replicas=None)] * 3)
    found = await drafts.filled(asked(options=GenerateOptions(autoscale=Autoscale(maximum=9))))
    assert found.source == "template"
    assert "autoscale" not in model.asked[0].messages[0].text.partition("Open fields")[2].splitlines()[0]


async def test_a_task_that_ends_gets_neither_replicas_nor_probes(house: House) -> None:
    drafts, model = drafting(house, answer(examples=[], replicas=None, probe=None))
    await drafts.filled(asked(options=GenerateOptions(schedule="0 3 * * *")))
    assert "null: memory, cpu\n" in model.asked[0].messages[0].text


@pytest.mark.req("S5.119", "S5.120")
async def test_a_model_that_is_down_leaves_the_template(house: House) -> None:
    drafts, _ = drafting(house, down())
    found = await drafts.filled(replace(asked(), language="ko"))
    assert found.source == "template"
    assert "언어 모델이 응답하지 않습니다" in found.why


async def test_a_policy_that_cannot_be_read_sends_nothing(house: House) -> None:
    (house.folder / "policy.md").write_bytes(b"\xff")
    drafts, model = drafting(house)
    found = await drafts.filled(asked())
    assert not model.asked
    assert "policy" in found.why
    with pytest.raises(InvalidInput):
        await drafts.prompt(asked())


@pytest.mark.req("S5.93")
async def test_ten_containers_of_a_file_take_at_most_two_requests(house: House) -> None:
    infos = [replace(API, name=f"api-{n}", env_vars={"API_KEY": CANARY}) for n in range(10)]
    parts = [answer(workload=info.name, examples=[]) for info in infos]
    drafts, model = drafting(house, {"drafts": parts})
    found = await drafts.filled(asked(*infos))
    assert isinstance(found, Filled)
    assert {note.source for note in found.notes} == {"model"}
    assert len(model.asked) <= 2
    assert CANARY not in everything_in(model.asked[0])


WEB = Workload(name="api", image="app:1", ports=(Port(container=80),))


async def place(house: House) -> Target:
    return await house.services.ledger.need(Target, "local")


async def test_a_workload_on_an_engine_is_drafted_without_manifests(house: House) -> None:
    drafts, model = drafting(house, answer(examples=[], probe=None))
    asked = WorkloadAsked(
        words="deploy app:1 as api", base=WEB, target=await place(house), said=frozenset({"cpu"})
    )  # fmt: skip
    found = await drafts.workload(asked)
    assert "null: memory, replicas\n" in model.asked[0].messages[0].text
    assert (found.source, found.manifests, found.workload.replicas) == ("model", None, 2)
    assert "It shall run on: `sim`" in model.asked[0].messages[0].text


async def test_a_workload_on_a_cluster_is_drafted_with_manifests_for_its_release(tmp_path: Path) -> None:
    async with clustered(tmp_path, "1.20") as home:
        drafts, model = drafting(home.house, answer(examples=[], probe=None))
        target = await home.house.services.ledger.need(Target, "prod")
        found = await drafts.workload(WorkloadAsked(words="deploy app:1 as api", base=WEB, target=target))
    assert found.manifests is not None
    assert "kind: Deployment" in found.manifests
    assert "`kubernetes 1.20`" in model.asked[0].messages[0].text


async def test_a_workload_that_runs_keeps_its_replicas_and_is_shown_as_it_is_now(house: House) -> None:
    drafts, model = drafting(house, answer(examples=[], probe=None, replicas=None))
    found = await drafts.workload(
        WorkloadAsked(
            words="upgrade api to app:2", base=replace(WEB, image="app:2"), current=WEB, target=await place(house)
        )
    )
    assert found.workload.replicas == 1
    assert 'runs_now_with: {"image": "app:1"}' in model.asked[0].messages[0].text


async def test_a_workload_without_a_policy_that_can_be_read_is_the_template(house: House) -> None:
    (house.folder / "policy.md").write_bytes(b"\xff")
    drafts, model = drafting(house)
    found = await drafts.workload(WorkloadAsked(words="w", base=WEB, target=await place(house)))
    assert (found.source, found.workload, model.asked) == ("template", WEB, [])
    assert "policy" in found.why
