"""How well and how fast past deployments are found.

`python -m benchmarks.retrieval` prints one JSON: R@1, R@3, R@5 and MRR of words, vectors and both on the labelled set,
and the time to find 5 among 10,000. `… vectors FOLDER` writes the vectors of the set anew, with the model of
sentence-transformers in the folder.
"""

import asyncio
import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks.measuring import figure
from opstwin.knowledge.cases import entry_of, text_of
from opstwin.knowledge.chroma import ChromaIndex
from opstwin.knowledge.embedding import SentenceEmbedder
from opstwin.knowledge.exact import ExactIndex
from opstwin.knowledge.lexical import Lexical
from opstwin.knowledge.ports import Entry, Hit, Question, Vector, VectorIndex
from opstwin.knowledge.retrieval import Shelf
from tests.unit.knowledge import labelled

VECTORS: Final = Path(__file__).parents[1] / "tests" / "unit" / "knowledge" / "vectors.json"
ENTRIES: Final = 10_000
SIZE: Final = 384
ASKED: Final = 100
K: Final = 5
SHOWN: Final = 3
"""Examples that a draft is shown, unless the settings say otherwise."""

Search = Callable[[str], Awaitable[list[Hit]]]


class StoredVectors:
    """An embedder that knows the texts of the labelled set alone."""

    def __init__(self) -> None:
        stored = json.loads(VECTORS.read_text(encoding="utf-8"))
        self.name = str(stored["made_by"])
        self._vectors: dict[str, Vector] = stored["vectors"]

    async def vectors(self, texts: Sequence[str]) -> list[Vector]:
        """One vector for each text."""
        return [self._vectors[text] for text in texts]


async def quality() -> dict[str, dict[str, float]]:
    """R@1, R@3, R@5 and MRR of each way on the labelled set."""
    embedder, cases = StoredVectors(), labelled.records()
    lexical, index = Lexical(), ExactIndex()
    lexical.put(entry_of(case) for case in cases)
    vectors = await embedder.vectors([text_of(case) for case in cases])
    await index.put([entry_of(case, vector) for case, vector in zip(cases, vectors, strict=True)])
    shelf, bare = Shelf(ExactIndex(), embedder), Shelf(ExactIndex())
    await shelf.put(cases)
    await bare.put(cases)

    async def by_words(text: str) -> list[Hit]:
        return lexical.nearest(text, labelled.TENANT, 10)

    async def by_vectors(text: str) -> list[Hit]:
        [vector] = await embedder.vectors([text])
        return await index.nearest(Question(text=text, k=10, tenant=labelled.TENANT, vector=vector))

    def of(kept: Shelf) -> Search:
        return lambda text: kept.nearest(Question(text=text, k=10, tenant=labelled.TENANT))

    ways = {"lexical": by_words, "vector": by_vectors, "hybrid": of(shelf), "hybrid_without_vectors": of(bare)}
    return {name: await _scored(way) for name, way in ways.items()}


async def _scored(search: Search) -> dict[str, float]:
    places: list[int | None] = []
    for question in labelled.questions():
        ids = [hit.id for hit in await search(question.text)]
        places.append(next((number for number, id in enumerate(ids, start=1) if id in question.answers), None))
    found = {f"r_at_{k}": [place is not None and place <= k for place in places] for k in (1, SHOWN, K)}
    reciprocal = [1 / place if place else 0.0 for place in places]
    return {name: round(statistics.mean(values), 3) for name, values in (found | {"mrr": reciprocal}).items()}


def clustered(count: int, seed: int = 7) -> list[Vector]:
    """Vectors as embeddings lie: in clusters, and not evenly in all directions."""
    rng = random.Random(seed)
    centres = [[rng.gauss(0, 1) for _ in range(SIZE)] for _ in range(200)]
    return [[value + rng.gauss(0, 0.6) for value in rng.choice(centres)] for _ in range(count)]


async def speed() -> dict[str, Any]:
    """Time to find 5 among 10,000, exact and with Chroma, and how many of the true five Chroma finds."""
    vectors = clustered(ENTRIES + ASKED)
    entries = [
        Entry(id=f"dep_{place}", text="", image="", tenant="hub", vector=vector)
        for place, vector in enumerate(vectors[:ENTRIES])
    ]
    asked = [Question(text="", k=K, tenant="hub", vector=vector) for vector in vectors[ENTRIES:]]
    exact = ExactIndex()
    with tempfile.TemporaryDirectory() as folder:
        chroma = ChromaIndex(Path(folder))
        await exact.put(entries)
        await chroma.put(entries)
        true, exact_s = await _timed(exact, asked)
        found, chroma_s = await _timed(chroma, asked)
        await chroma.close()
    hits = [len(set(one) & set(other)) / K for one, other in zip(true, found, strict=True)]
    return {
        "exact": figure(exact_s, limit="5 ms"),
        "chroma": figure(chroma_s, limit="10 ms", recall_at_5=round(statistics.mean(hits), 4)),
    }


async def _timed(index: VectorIndex, asked: Sequence[Question]) -> tuple[list[list[str]], list[float]]:
    found, times_s = [], []
    await index.nearest(asked[0])
    for question in asked:
        begin = time.perf_counter()
        hits = await index.nearest(question)
        times_s.append(time.perf_counter() - begin)
        found.append([hit.id for hit in hits])
    return found, times_s


async def all_figures() -> dict[str, object]:
    """All figures about retrieval."""
    return {"retrieval_quality": await quality(), "retrieval_speed": await speed()}


def write_vectors(folder: Path) -> None:
    """Store a vector for each text of the labelled set, one to a line."""
    texts = [text_of(case) for case in labelled.records()]
    texts += [question.text for question in labelled.questions()]
    embedder = SentenceEmbedder(folder)
    made = asyncio.run(embedder.vectors(texts))
    rows = [
        f"{json.dumps(text, ensure_ascii=False)}: {json.dumps([round(number, 4) for number in vector])}"
        for text, vector in zip(texts, made, strict=True)
    ]
    body = ",\n".join(dict.fromkeys(rows))
    VECTORS.write_text(f'{{"made_by": {json.dumps(embedder.name)}, "vectors": {{\n{body}\n}}}}\n', encoding="utf-8")


if __name__ == "__main__":
    if sys.argv[1:2] == ["vectors"]:
        write_vectors(Path(sys.argv[2]))
    else:
        print(json.dumps(asyncio.run(all_figures()), indent=2))
