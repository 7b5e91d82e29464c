"""The contract of a vector index, on every implementation."""

import math
import random
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from opstwin.errors import InvalidInput
from opstwin.knowledge.chroma import ChromaIndex
from opstwin.knowledge.exact import ExactIndex
from opstwin.knowledge.ports import Entry, Question, Vector, VectorIndex

INDEXES: dict[str, Callable[[Path], VectorIndex]] = {
    "exact": lambda _folder: ExactIndex(),
    "exact without numpy": lambda _folder: ExactIndex(plain=True),
    "chroma": lambda folder: ChromaIndex(folder / "index"),
}


@pytest.fixture(params=INDEXES)
async def index(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[VectorIndex]:
    made = INDEXES[request.param](tmp_path)
    yield made
    await made.close()


def entry(id: str, vector: Vector | None, tenant: str = "shop") -> Entry:
    return Entry(id=id, text="", image="", tenant=tenant, vector=vector)


def towards(vector: Vector | None, k: int = 5, tenant: str = "shop") -> Question:
    return Question(text="", k=k, tenant=tenant, vector=vector)


async def found(index: VectorIndex, question: Question) -> list[str]:
    return [hit.id for hit in await index.nearest(question)]


async def test_the_nearest_come_first_with_their_cosine(index: VectorIndex) -> None:
    await index.put([entry("far", [0.0, 1.0]), entry("near", [2.0, 0.0]), entry("between", [1.0, 1.0])])
    hits = await index.nearest(towards([5.0, 0.0]))
    assert [hit.id for hit in hits] == ["near", "between", "far"]
    assert [hit.score for hit in hits] == pytest.approx([1.0, math.sqrt(0.5), 0.0], abs=1e-5)


async def test_what_points_away_has_nothing_in_common_and_no_less(index: VectorIndex) -> None:
    await index.put([entry("opposite", [-1.0, 0.0])])
    [hit] = await index.nearest(towards([1.0, 0.0]))
    assert hit.score == 0.0


async def test_no_more_are_found_than_asked_for(index: VectorIndex) -> None:
    await index.put([entry(f"e{place}", [1.0, place / 10]) for place in range(8)])
    assert await found(index, towards([1.0, 0.0], k=3)) == ["e0", "e1", "e2"]


@pytest.mark.proves("H8")
async def test_a_tenant_finds_its_own_and_the_shared_ones_alone(index: VectorIndex) -> None:
    await index.put(
        [entry("mine", [1.0, 0.2]), entry("theirs", [1.0, 0.0], tenant="bank"), entry("shared", [1.0, 0.4], tenant="")]
    )
    assert await found(index, towards([1.0, 0.0])) == ["mine", "shared"]
    assert await found(index, towards([1.0, 0.0], tenant="bank")) == ["theirs", "shared"]
    assert await found(index, towards([1.0, 0.0], tenant="")) == ["shared"]


async def test_an_entry_that_is_put_again_is_replaced(index: VectorIndex) -> None:
    await index.put([entry("a", [1.0, 0.0]), entry("b", [0.7, 0.7])])
    await index.put([entry("a", [0.0, 1.0])])
    assert await found(index, towards([1.0, 0.0])) == ["b", "a"]
    assert await index.count() == 2


async def test_an_entry_that_changes_its_tenant_leaves_the_old_one(index: VectorIndex) -> None:
    await index.put([entry("a", [1.0, 0.0])])
    await index.put([entry("a", [1.0, 0.0], tenant="bank")])
    assert await found(index, towards([1.0, 0.0])) == []
    assert await index.count() == 1


async def test_what_is_removed_is_found_no_more(index: VectorIndex) -> None:
    await index.put([entry("a", [1.0, 0.0]), entry("b", [1.0, 0.1])])
    await index.remove(["a", "never there"])
    assert await found(index, towards([1.0, 0.0])) == ["b"]
    assert await index.holds(["a", "b", "c"]) == {"b"}


async def test_entries_and_questions_without_a_vector_have_no_part_in_it(index: VectorIndex) -> None:
    await index.put([entry("silent", None), entry("a", [1.0, 0.0])])
    assert await index.count() == 1
    assert await found(index, towards(None)) == []


async def test_an_empty_index_finds_nothing(index: VectorIndex) -> None:
    assert await found(index, towards([1.0, 0.0])) == []
    assert await index.count() == 0
    assert await index.holds([]) == frozenset()


async def test_vectors_of_another_length_are_refused_by_name(index: VectorIndex) -> None:
    await index.put([entry("a", [1.0, 0.0])])
    with pytest.raises(InvalidInput) as wrong:
        await index.nearest(towards([1.0, 0.0, 0.0]))
    assert wrong.value.field == "vector"
    with pytest.raises(InvalidInput):
        await index.put([entry("b", [1.0, 0.0, 0.0])])


async def test_a_vector_that_is_no_number_is_refused(index: VectorIndex) -> None:
    with pytest.raises(InvalidInput):
        await index.put([entry("a", [math.nan, 0.0])])


async def test_all_find_what_comparing_every_vector_finds(index: VectorIndex) -> None:
    rng = random.Random(3)
    vectors = {f"e{place}": [rng.gauss(0, 1) for _ in range(16)] for place in range(400)}
    await index.put([entry(id, vector) for id, vector in vectors.items()])
    hits = total = 0
    for _ in range(40):
        asked = [rng.gauss(0, 1) for _ in range(16)]
        true = sorted(vectors, key=lambda id: -_cosine(vectors[id], asked))[:5]
        hits += len({*true} & {*await found(index, towards(asked))})
        total += 5
    assert hits / total >= 0.99


def _cosine(one: Vector, other: Vector) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True)) / math.hypot(*one) / math.hypot(*other)
