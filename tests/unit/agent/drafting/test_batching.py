"""Several drafts with few requests: each part of the answer is checked alone, and what fails is drafted alone."""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from opstwin.agent.drafting.batching import draft_many
from opstwin.agent.drafting.briefs import DraftBrief, Source
from opstwin.agent.drafting.drafter import Drafter
from opstwin.agent.drafting.tokens import tokens_in
from opstwin.agent.models.port import ModelRequest
from opstwin.agent.models.scripted import ScriptedModel
from opstwin.domain.workload import Resources
from opstwin.errors import ModelError
from opstwin.prompts.loading import prompts
from tests.unit.agent.drafting.briefs import API, BROKEN, CANARY, HELD, Answering, answer, brief_of, down, everything_in


def ten(**more: Any) -> list[DraftBrief]:
    return [brief_of(replace(API, name=f"api-{n}"), **more) for n in range(10)]


class Answerer(ScriptedModel):
    """Answers every request for what it asks, each part as `change` leaves it."""

    def __init__(self, change: Callable[[dict[str, Any]], Any] = lambda part: part) -> None:
        super().__init__(otherwise=self.answered)
        self.change = change

    @property
    def asked(self) -> list[ModelRequest]:
        return self.requests

    def answered(self, request: ModelRequest) -> str:
        names = re.findall(r"^## Workload (\S+)$", request.messages[0].text, re.MULTILINE)
        parts = [answer(workload=name) for name in names]
        several = request.schema is not None and "drafts" in str(request.schema.get("properties"))
        return json.dumps({"drafts": [self.change(part) for part in parts]} if several else parts[0])


def names_of(requests: Sequence[ModelRequest]) -> list[int]:
    return [item.messages[0].text.count("## Workload ") for item in requests]


@pytest.mark.req("S5.93")
async def test_ten_containers_take_at_most_two_requests() -> None:
    model = Answerer()
    drafts = await draft_many(Drafter(model), ten())
    assert len(model.asked) <= 2
    assert [item.workload.name for item in drafts] == [f"api-{n}" for n in range(10)]
    assert {item.source for item in drafts} == {Source.MODEL}
    assert sum(len(item.replies) for item in drafts) == len(model.asked), "each answer is metered once"


@pytest.mark.req("S5.93")
async def test_ten_large_containers_take_two_requests() -> None:
    env = {f"VARIABLE_{n}": "![x](a value full of marks) " * 4 for n in range(40)}
    model = Answerer()
    drafts = await draft_many(
        Drafter(model), [brief_of(replace(item.base, env=env), words="deploy it " * 160) for item in ten()]
    )
    assert {item.source for item in drafts} == {Source.MODEL}
    assert len(model.asked) == 2
    most = prompts("agent")["several"].budget
    assert all(tokens_in(item.messages[0].text) <= most for item in model.asked)


@pytest.mark.req("S5.93")
@pytest.mark.parametrize(
    "spoilt",
    [{"memory": "1Mi"}, {"memory": 5}, {"image": "x"}, {"examples": ["dep_9"]}, {"workload": "api-4"}, {"probe": 1}],
    ids=str,
)
async def test_a_part_that_fails_is_drafted_alone_and_the_others_stand(spoilt: dict[str, Any]) -> None:
    model = Answerer(lambda part: part | spoilt if part["workload"] == "api-3" else part)
    drafts = await draft_many(Drafter(model), ten())
    assert {item.source for item in drafts} == {Source.MODEL}
    alone = 2 if "workload" in spoilt else 1
    assert names_of(model.asked) == [10, *[1] * alone]


@pytest.mark.parametrize("reply", ["no", "[]", '{"drafts": 1}', '{"drafts": [], "more": 1}', '{"drafts": [1, null]}'])
async def test_an_answer_that_cannot_be_taken_apart_makes_each_go_alone(reply: str) -> None:
    briefs = ten()[:3]
    singles = [answer(workload=item.base.name) for item in briefs]
    model = Answering([reply, *singles])
    drafts = await draft_many(Drafter(model), briefs)
    assert [item.source for item in drafts] == [Source.MODEL] * 3
    assert len(model.asked) == 4


async def test_a_model_that_is_down_is_asked_once_for_all() -> None:
    model = Answering([down("timeout")])
    drafts = await draft_many(Drafter(model), ten())
    assert {item.source for item in drafts} == {Source.TEMPLATE}
    assert all("took too long" in item.why for item in drafts)
    assert len(model.asked) == 1


async def test_without_a_model_every_draft_is_the_template() -> None:
    drafts = await draft_many(Drafter(None), ten())
    assert {item.source for item in drafts} == {Source.TEMPLATE}


async def test_different_policies_and_equal_names_are_not_asked_for_together() -> None:
    model = Answerer()
    briefs = [*ten()[:2], *ten(policy="another")[2:4], *ten()[:2]]
    drafts = await draft_many(Drafter(model), briefs)
    assert names_of(model.asked) == [2, 2, 2]
    assert [item.workload.name for item in drafts] == ["api-0", "api-1", "api-2", "api-3", "api-0", "api-1"]


async def test_a_policy_that_cannot_be_sent_leaves_the_templates() -> None:
    model = Answering([])
    drafts = await draft_many(Drafter(model), ten(policy="word " * 3000))
    assert all("Shorten policy.md" in item.why for item in drafts)


async def test_one_brief_goes_alone_and_one_that_is_closed_costs_nothing() -> None:
    closed = replace(
        API, name="closed", resources=Resources(cpu_millicores=100, memory_bytes=2**28), replicas=2, ports=()
    )
    model = Answering([answer()])
    drafts = await draft_many(Drafter(model), [brief_of(closed), brief_of()])
    assert [item.source for item in drafts] == [Source.TEMPLATE, Source.MODEL]
    assert len(model.asked) == 1
    assert "Draft each of these" not in model.asked[0].messages[0].text


async def test_an_example_of_a_neighbour_may_be_cited_and_counts_for_nobodys_confidence() -> None:
    one, other = brief_of(replace(API, name="one"), examples=()), brief_of(replace(API, name="two"), examples=(HELD,))
    model = Answerer()
    drafts = await draft_many(Drafter(model), [one, other])
    alone = await Drafter(Answering([answer(workload="one", examples=[])])).draft(one)
    assert drafts[0].examples == ("dep_1",)
    assert drafts[0].confidence == alone.confidence
    assert drafts[1].confidence > drafts[0].confidence


@pytest.mark.req("S5.G4")
async def test_secrets_of_no_container_leave_with_the_others() -> None:
    model = Answerer()
    briefs = [replace(item, base=replace(item.base, env={"API_KEY": CANARY})) for item in ten(examples=(BROKEN,))]
    await draft_many(Drafter(model), briefs)
    assert all("hunter2" not in everything_in(item) for item in model.asked)


async def test_a_failure_while_drafting_alone_stays_with_that_one() -> None:
    briefs = ten()[:2]
    good = {"drafts": [answer(workload="api-0")]}
    drafts = await draft_many(Drafter(Answering([good, ModelError("gone")])), briefs)
    assert [item.source for item in drafts] == [Source.MODEL, Source.TEMPLATE]


class Keeping(Answerer):
    """The same, keeping its answers."""

    forgotten: int = 0

    async def forget(self, request: ModelRequest) -> None:
        assert request in self.asked
        self.forgotten += 1


@pytest.mark.parametrize(("spoilt", "forgotten"), [({"memory": "1Mi"}, 1), ({}, 0)])
async def test_an_answer_for_many_is_kept_only_when_every_part_holds(spoilt: dict[str, Any], forgotten: int) -> None:
    model = Keeping(lambda part: part | spoilt if part["workload"] == "api-3" else part)
    await draft_many(Drafter(model), ten())
    assert model.forgotten == forgotten


class Late:
    """A veil that knows its secret only once it was asked to get ready."""

    known = False

    async def ready(self) -> None:
        self.known = True

    def over(self, text: str) -> str:
        return text.replace("a-known-word", "…") if self.known else text


@pytest.mark.req("S5.G4")
@pytest.mark.parametrize("count", [1, 3])
async def test_the_veil_is_ready_before_anything_is_written(count: int) -> None:
    model = Answerer()
    await draft_many(Drafter(model, veil=Late()), [replace(item, words="a-known-word") for item in ten()[:count]])
    assert model.asked
    alone = Answering([answer()])
    await Drafter(alone, veil=Late()).draft(brief_of(words="a-known-word"))
    assert all("a-known-word" not in everything_in(item) for item in (*model.asked, *alone.asked))
