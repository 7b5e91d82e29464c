"""Retrieval by words, vectors and known fields together."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from benchmarks.retrieval import StoredVectors, quality
from opstwin.domain.deployment import Deployment
from opstwin.errors import ModelError, StoreError
from opstwin.knowledge.cases import Case
from opstwin.knowledge.exact import ExactIndex
from opstwin.knowledge.ports import Entry, Hit, Question, Vector
from opstwin.knowledge.retrieval import Shelf
from tests.unit.knowledge import labelled


class Breaking(ExactIndex):
    """An index that can be broken, and loses everything then."""

    broken = False

    async def put(self, entries: Sequence[Entry]) -> None:
        await self._try()
        await super().put(entries)

    async def remove(self, ids: Sequence[str]) -> None:
        await self._try()
        await super().remove(ids)

    async def nearest(self, question: Question) -> list[Hit]:
        await self._try()
        return await super().nearest(question)

    async def holds(self, ids: Collection[str]) -> frozenset[str]:
        await self._try()
        return await super().holds(ids)

    async def _try(self) -> None:
        if self.broken:
            raise StoreError("The index cannot be used.", next_step="Build it again.")


class Absent:
    """An embedder whose model is not there, until it is."""

    name = "absent"

    def __init__(self) -> None:
        self.there = False
        self.asked = 0

    async def vectors(self, texts: Sequence[str]) -> list[Vector]:
        if not self.there:
            raise ModelError("There is no model.", next_step="Get one.")
        self.asked += len(texts)
        return [(1.0, float(len(text))) for text in texts]


def case(id: str, tenant: str = "shop", **fields: object) -> Case:
    past = labelled.records()[-1].deployment
    given: dict[str, object] = {
        "service_name": "thing",
        "image_name": "house/thing",
        "service_type": "",
        "language": "",
    }
    blank = replace(past, id=id, workload=None, image_tag="1")
    return Case(deployment=replace(blank, **{**given, **fields}), tenant=tenant)  # type: ignore[arg-type]


async def shelf(*cases: Case) -> Shelf:
    made = Shelf(ExactIndex())
    await made.put(cases)
    return made


def asked(text: str = "", tenant: str = "shop", **fields: str) -> Question:
    return Question(text=text, k=5, tenant=tenant, **fields)  # type: ignore[arg-type]


async def found(kept: Shelf, question: Question) -> list[str]:
    return [hit.id for hit in await kept.nearest(question)]


@pytest.mark.req("S5.37")
async def test_on_the_labelled_set_both_together_are_better_than_words_or_vectors_alone() -> None:
    assert len(labelled.records()) >= 120
    assert len(labelled.questions()) >= 60
    figures = await quality()
    for measure in ("r_at_1", "r_at_5", "mrr"):
        best = max(figures["lexical"][measure], figures["vector"][measure])
        assert figures["hybrid"][measure] > best, (measure, figures)
    assert figures["hybrid"]["r_at_5"] >= 0.95
    assert figures["hybrid_without_vectors"]["mrr"] > figures["lexical"]["mrr"]


@pytest.mark.req("S5.50")
@pytest.mark.parametrize("text", ["a python web site", "파이썬 웹 사이트"])
async def test_the_first_answer_to_a_python_web_question_is_a_python_web_service(text: str) -> None:
    kept = Shelf(ExactIndex(), None)
    await kept.put(labelled.records())
    first = kept.get((await kept.nearest(Question(text=text, k=5, tenant="hub")))[0].id)
    assert first is not None
    assert (first.deployment.language, first.deployment.service_type) == ("python", "web")


@pytest.mark.req("S5.50")
async def test_the_same_image_purpose_language_and_target_come_before_fewer_of_them() -> None:
    kept = await shelf(
        case("all", image_name="shop/api", service_type="api", language="go"),
        case("image", image_name="shop/api"),
        case("purpose", service_type="api"),
        case("nothing", target_cluster="elsewhere"),
    )
    question = asked(image="shop/api", purpose="api", language="go", target="prod")
    hits = await kept.nearest(question)
    assert [hit.id for hit in hits] == ["all", "image", "purpose"]
    assert hits[0].score == 1.0


async def test_what_held_comes_before_what_ran_out_of_memory_and_that_before_what_failed() -> None:
    kept = await shelf(
        case("failed", image_name="shop/api", success=False),
        case("starved", image_name="shop/api", oom_events=2),
        case("held", image_name="shop/api"),
    )
    assert await found(kept, asked(image="shop/api")) == ["held", "starved", "failed"]
    assert await found(kept, asked("shop")) == ["held", "starved", "failed"]


@pytest.mark.proves("H8")
async def test_a_tenants_past_is_its_own_by_words_fields_and_vectors() -> None:
    kept = Shelf(ExactIndex(), StoredVectors())
    own = [replace(item, tenant="bank") for item in labelled.records() if not item.curated]
    await kept.put([*own, *(item for item in labelled.records() if item.curated)])
    for question in labelled.questions():
        hits = await kept.nearest(Question(text=question.text, k=20, tenant="shop", image="postgres", purpose="db"))
        assert hits
        assert all(hit.id.startswith("curated-") for hit in hits)


async def test_without_the_model_words_and_fields_do_it_and_the_reason_is_told() -> None:
    embedder = Absent()
    kept = Shelf(ExactIndex(), embedder)
    await kept.put([case("a", service_name="zebra")])
    assert await found(kept, asked("zebra")) == ["a"]
    assert kept.without_vectors == "There is no model. Get one."


async def test_while_the_index_cannot_be_used_words_do_it_and_what_it_lost_is_put_into_it_again() -> None:
    index, embedder = Breaking(), Absent()
    embedder.there = True
    kept = Shelf(index, embedder)
    await kept.put([case("one")])
    index.broken = True
    assert await found(kept, asked("thing")) == ["one"]
    await kept.put([case("two")])
    await kept.remove(["nothing"])
    assert sorted(await found(kept, asked("thing"))) == ["one", "two"]
    assert "The index cannot be used." in kept.without_vectors
    await ExactIndex.remove(index, ["one"])
    index.broken = False
    assert sorted(await found(kept, asked("thing"))) == ["one", "two"]
    assert kept.without_vectors == ""
    assert await index.holds(["one", "two"]) == {"one", "two"}


async def test_no_text_is_embedded_twice() -> None:
    embedder = Absent()
    embedder.there = True
    index = ExactIndex()
    await Shelf(index, embedder).put([case("a"), case("b")])
    assert embedder.asked == 2
    await Shelf(index, embedder).put([case("a"), case("b"), case("c")])
    assert embedder.asked == 3


async def test_what_is_taken_out_is_found_by_no_way() -> None:
    embedder = Absent()
    embedder.there = True
    index = ExactIndex()
    kept = Shelf(index, embedder)
    await kept.put([case("a", service_name="zebra", image_name="shop/api")])
    await kept.remove(["a", "unknown"])
    assert await found(kept, asked("zebra", image="shop/api")) == []
    assert await index.count() == 0


async def test_what_became_of_a_deployment_since_counts() -> None:
    kept = await shelf(case("a", image_name="shop/api"), case("b", image_name="shop/api"))
    first = kept.get("a")
    assert first is not None
    later: Deployment = replace(first.deployment, oom_events=3)
    assert kept.renew(later) is not None
    assert kept.renew(later) is None
    assert await found(kept, asked(image="shop/api")) == ["b", "a"]


async def test_of_equals_the_newest_comes_first() -> None:
    past = labelled.records()[-1].deployment.deployed_at
    kept = await shelf(
        case("old", image_name="shop/api", deployed_at=past),
        case("new", image_name="shop/api", deployed_at=past + timedelta(days=1)),
    )
    assert await found(kept, asked(image="shop/api")) == ["new", "old"]
