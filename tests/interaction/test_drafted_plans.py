"""A plan that a conversation drafted says who filled in what nobody said, on every surface and in the record."""

from dataclasses import replace
from pathlib import Path

import pytest

from opstwin.agent.drafting.confidence import Calibrate
from opstwin.agent.drafting.drafter import Drafter
from opstwin.agent.drafting.service import Drafting
from opstwin.agent.models.scripted import ScriptedModel
from opstwin.domain.deployment import Deployment
from opstwin.domain.draft_origin import DraftOrigin, confidence_in
from opstwin.domain.plan import Origin, Plan, plan_digest
from tests.interaction.house import House
from tests.unit.agent.graph.test_drafted_deployments import DEPLOY, drafting, judging

FILE = "name: web\nimage: app:1\n"


@pytest.mark.req("S5.48")
async def test_a_plan_drafted_in_a_conversation_keeps_the_persons_words_and_who_filled_in_the_rest(
    tmp_path: Path,
) -> None:
    async with drafting(tmp_path, ScriptedModel(otherwise=judging())) as talks:
        heard = await talks.say(DEPLOY)
        plan = await talks.plan(heard.plan_id)
    [origin] = plan.drafts or ()
    assert (origin.workload, origin.source, origin.examples) == ("web", "model", ("dep_app",))
    assert 0.5 < origin.confidence <= 1
    assert (plan.request, plan.origin) == (DEPLOY, Origin.WORDS)
    assert plan_digest(replace(plan, drafts=(replace(origin, source="template"),))) != plan.digest


@pytest.mark.req("S5.48", "S5.61", "S5.72")
async def test_its_record_says_how_sure_the_model_was(tmp_path: Path) -> None:
    async with drafting(tmp_path, ScriptedModel(otherwise=judging())) as talks:
        heard = await talks.deployed(DEPLOY)
        plan = await talks.plan(heard.plan_id)
        made = await talks.house.services.ledger.all(Deployment)
    [record] = [item for item in made if item.service_name == "web"]
    assert record.ai_generated
    assert record.ai_confidence == (plan.drafts or ())[0].confidence


async def test_without_a_model_the_plan_says_template_and_the_record_has_no_confidence(tmp_path: Path) -> None:
    async with drafting(tmp_path, None) as talks:
        heard = await talks.deployed(DEPLOY)
        plan = await talks.plan(heard.plan_id)
        made = await talks.house.services.ledger.all(Deployment)
    assert [(item.source, item.examples) for item in plan.drafts or ()] == [("template", ("dep_app",))]
    assert [item.ai_confidence for item in made if item.service_name == "web"] == [None]


async def test_a_proposal_in_a_models_words_is_kept_under_the_persons(tmp_path: Path) -> None:
    words = "please put our little app on the air as web, app:1, twice"
    async with drafting(tmp_path, ScriptedModel(otherwise=judging())) as talks:
        plan = await talks.plan((await talks.say(words)).plan_id)
    assert (plan.request, plan.origin) == (words, Origin.FILE), "words that only a model can read are not asked again"


async def test_where_a_draft_filled_in_nothing_the_plan_names_none(tmp_path: Path) -> None:
    async with drafting(tmp_path, None) as talks:
        plan = await talks.plan((await talks.say("deploy app:1 as web with memory 64Mi and cpu 100m")).plan_id)
    assert not plan.drafts


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", ("a language model filled in what nobody said", "It rests on dep_app.")),
        ("ko", ("언어 모델이 채웠습니다", "참고한 배포: dep_app.")),
    ],
)
async def test_every_surface_shows_it(tmp_path: Path, language: str, words: tuple[str, ...]) -> None:
    async with drafting(tmp_path, ScriptedModel(otherwise=judging())) as talks:
        heard = await talks.say(DEPLOY)
        sure = f"{((await talks.plan(heard.plan_id)).drafts or ())[0].confidence:.0%}"
        async with talks.house.caller() as client:
            shown = (await client.get(f"/plans/{heard.plan_id}", language=language)).json()["lines"]
        cookie = await talks.house.session("owner")
        async with talks.house.caller(None, Cookie=cookie, **{"Accept-Language": language}) as browser:
            page = (await browser.http.get(f"/plans/{heard.plan_id}")).text
    for text in (*words, sure):
        assert text in "\n".join(shown)
        assert text in page


@pytest.mark.req("S5.48")
async def test_the_plan_and_its_card_and_the_answer_tell_one_confidence_also_when_outcomes_corrected_it(
    tmp_path: Path,
) -> None:
    async with drafting(tmp_path, ScriptedModel(otherwise=judging())) as talks:
        drafts = talks.house.services.drafts
        assert isinstance(drafts, Drafting)

        async def halved() -> Calibrate:
            return lambda counted: counted / 2

        drafter = Drafter(drafts.drafter.model, veil=talks.house.services.veil, calibrate=halved)
        corrected = replace(drafts, drafter=drafter)
        talks.talk.services = replace(talks.house.services, drafts=corrected)
        heard = await talks.say(DEPLOY)
        plan = await talks.plan(heard.plan_id)
    [origin] = plan.drafts or ()
    sure = f"{origin.confidence / 2:.0%}"
    assert f"{heard.card['confidence']:.0%}" == f"{origin.told:.0%}" == sure
    assert f"confidence {sure}" in heard.text
    assert f"Confidence {sure}." in "\n".join(map(str, heard.card["diff"]))
    assert f"{origin.confidence:.0%}" not in "\n".join([heard.text, *map(str, heard.card["diff"])])
    assert confidence_in(plan.drafts, "web") == origin.confidence, "outcomes are compared with what was counted"


@pytest.mark.parametrize(
    "more",
    [
        {"drafts": [{"workload": "web", "source": "model", "confidence": 1.0, "examples": []}]},
        {"behind": {"words": "the owner said so", "drafts": []}},
        {"request": "the owner said so"},
    ],
)
@pytest.mark.proves("G3")
async def test_nobody_outside_can_say_who_drafted_a_plan(tmp_path: Path, more: dict[str, object]) -> None:
    house = await House(tmp_path).furnish()
    for role in ("owner", "planner"):
        async with house.caller(role) as client:
            refused = await client.post("/plans", {"file": FILE, **more})
            assert refused.status_code == 422
            headers = {"X-Opstwin-Behind": "model", "X-Opstwin-Drafts": "model"}
            made = (await client.post("/plans", {"file": FILE}, **headers)).json()
        plan = await house.services.ledger.need(Plan, made["id"])
        assert (plan.drafts, plan.request) == ((), "workload file: web")


def test_no_tool_takes_a_draft_from_its_caller() -> None:
    from opstwin.tools.all_tools import REGISTRY

    assert not [tool.name for tool in REGISTRY if {"drafts", "behind"} & set(tool.input.model_fields)]


def test_the_line_of_a_draft_names_a_few_examples_and_hides_nothing() -> None:
    from opstwin.domain.draft_text import draft_lines

    origin = DraftOrigin(
        workload="web\u202e", source="cache", confidence=0.666, examples=tuple(f"dep_{n}" for n in range(7))
    )
    [line, empty] = draft_lines([origin])
    assert "⟦U+202E⟧" in line
    assert "67%" in line
    assert "dep_4 and 2 more" in line
    assert (empty, draft_lines(None), draft_lines(())) == ("", [], [])
