"""Which past deployments are like what is asked for: by words, by vectors, and by what is known of them, together."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from opstwin.domain.deployment import Deployment
from opstwin.domain.similarity import IMAGE, LANGUAGE, PURPOSE, TARGET, Sought, similarity
from opstwin.errors import ModelError, StoreError
from opstwin.knowledge.cases import Case, entry_of, lesson, text_of
from opstwin.knowledge.lexical import Lexical
from opstwin.knowledge.ports import Embedder, Hit, Question, Vector, VectorIndex
from opstwin.knowledge.words import language_in, purpose_in

KNOWN: Final = 0.53
WORDS: Final = 0.41
MEANING: Final = 0.06
"""What likeness of known fields (`domain.similarity`), of words and of vectors count; together 1.

Measured with `python -m benchmarks.retrieval` on the labelled set; without vectors the first two share their part.
Vectors count little: a model that knows English alone is of little use for Korean, and more weight made it worse.
"""

POOL: Final = 60
"""How many of the nearest by each way are compared in full."""

_BATCH: Final = 64


@dataclass(slots=True)
class _Groups:
    """Entries by one known field, in the order in which they came."""

    of: Callable[[Deployment], str]
    members: dict[str, dict[str, None]] = field(default_factory=dict)

    def put(self, past: Deployment) -> None:
        if name := self.of(past):
            self.members.setdefault(name, {})[past.id] = None

    def remove(self, past: Deployment) -> None:
        self.members.get(self.of(past), {}).pop(past.id, None)

    def newest(self, name: str) -> list[str]:
        return list(self.members.get(name, {}))[-POOL:]


class Shelf:
    """The cases of one hub, in memory for words and known fields, in the index for vectors.

    Without an embedder, or while its model or the index cannot be used, words and known fields do it alone;
    `without_vectors` then says why. What an index lost is put into it again as soon as it can be.
    """

    def __init__(self, index: VectorIndex, embedder: Embedder | None = None) -> None:
        self.without_vectors = "" if embedder is not None else "no embeddings are set"
        self._index = index
        self._embedder = embedder
        self._is_behind = False
        self._cases: dict[str, Case] = {}
        self._shared: dict[str, None] = {}
        self._lexical = Lexical()
        self._groups = (
            _Groups(lambda past: bare(past.image_name)),
            _Groups(lambda past: f"{past.service_type}/{past.language}"),
            _Groups(lambda past: past.service_type),
            _Groups(lambda past: past.language),
        )

    def __len__(self) -> int:
        return len(self._cases)

    def __contains__(self, id: object) -> bool:
        return id in self._cases

    def get(self, id: str) -> Case | None:
        """One case, or None."""
        return self._cases.get(id)

    @property
    def cases(self) -> tuple[Case, ...]:
        """All of them, in the order in which they came."""
        return tuple(self._cases.values())

    async def put(self, cases: Sequence[Case]) -> None:
        """Add or replace cases."""
        await self._forget([case.id for case in cases])
        for case in cases:
            self._cases[case.id] = case
            if case.curated:
                self._shared[case.id] = None
            for group in self._groups:
                group.put(case.deployment)
        self._lexical.put(entry_of(case) for case in cases)
        await self._embed(cases)

    async def close(self) -> None:
        """Release the index."""
        await self._index.close()

    async def remove(self, ids: Sequence[str]) -> None:
        """Take cases out, their vectors too; unknown ids are no error."""
        await self._forget(ids)
        if self._embedder is not None:
            try:
                await self._index.remove(ids)
            except StoreError as error:
                self._lost(error)

    async def _forget(self, ids: Sequence[str]) -> None:
        for id in ids:
            self._shared.pop(id, None)
            if (case := self._cases.pop(id, None)) is not None:
                for group in self._groups:
                    group.remove(case.deployment)
        self._lexical.remove(ids)

    def renew(self, past: Deployment) -> Case | None:
        """Keep what has become of a deployment since (its use, kills); None where there is nothing new."""
        case = self._cases.get(past.id)
        if case is None or case.deployment == past:
            return None
        self._cases[past.id] = renewed = replace(case, deployment=past)
        return renewed

    async def nearest(self, question: Question) -> list[Hit]:
        """The `k` most alike that the question's tenant may see, the best first, from 0 to 1.

        The few that ship with the product are always among those compared, so that there is something at first.
        What its words say of purpose and language fills in what is not given.
        """
        asked = filled(question)
        asked = replace(asked, vector=asked.vector or await self._vector(asked.text))
        words = {hit.id: hit.score for hit in self._lexical.nearest(asked.text, asked.tenant, POOL)}
        meaning = above_the_last(await self._near(replace(asked, k=POOL)))
        scored = [
            Hit(id=case.id, score=self._score(case, asked, words, meaning))
            for case in self._visible({*words, *meaning, *self._alike(asked), *self._shared}, asked.tenant)
        ]
        scored.sort(key=self._rank)
        return scored[: asked.k]

    def _rank(self, hit: Hit) -> tuple[float, float, str]:
        """The most alike first, of equals the newest."""
        return -hit.score, -self._cases[hit.id].deployment.deployed_at.timestamp(), hit.id

    def _alike(self, asked: Question) -> Iterable[str]:
        names = (bare(asked.image), f"{asked.purpose}/{asked.language}", asked.purpose, asked.language)
        for group, name in zip(self._groups, names, strict=True):
            yield from group.newest(name)

    def _visible(self, ids: set[str], tenant: str) -> Iterable[Case]:
        found = (self._cases[id] for id in ids if id in self._cases)
        return (case for case in found if case.tenant in ("", tenant))

    def _score(self, case: Case, asked: Question, words: dict[str, float], meaning: dict[str, float]) -> float:
        past = case.deployment
        # Known fields are weighted by the outcome already.
        known = similarity(past, sought_of(asked)) / (_reach(asked) or 1.0)
        texts = [(WORDS, words.get(case.id, 0.0)), (MEANING, meaning.get(case.id, 0.0))]
        parts = [(KNOWN, known), *((weight, score * lesson(past)) for weight, score in texts)]
        counted = [_reach(asked) > 0, bool(asked.text), asked.vector is not None]
        used = [(weight, score) for (weight, score), counts in zip(parts, counted, strict=True) if counts]
        total = sum(weight for weight, _ in used) or 1.0
        return round(sum(weight * score for weight, score in used) / total, 4)

    async def _near(self, asked: Question) -> list[Hit]:
        if asked.vector is None or self._embedder is None:
            return await self._index.nearest(asked)
        if self._is_behind:
            await self._embed(self.cases)
        try:
            return [] if self._is_behind else await self._index.nearest(asked)
        except StoreError as error:
            self._lost(error)
            return []

    def _lost(self, error: StoreError) -> None:
        self._is_behind, self.without_vectors = True, str(error)

    async def _embed(self, cases: Sequence[Case]) -> None:
        if self._embedder is None:
            return
        try:
            await self._put_vectors(self.cases if self._is_behind else cases)
        except StoreError as error:
            self._lost(error)

    async def _put_vectors(self, cases: Sequence[Case]) -> None:
        held = await self._index.holds([case.id for case in cases])
        missing = [case for case in cases if case.id not in held]
        for place in range(0, len(missing), _BATCH):
            part = missing[place : place + _BATCH]
            vectors = await self._vectors([text_of(case) for case in part])
            if vectors is None:
                return
            await self._index.put([entry_of(case, vector) for case, vector in zip(part, vectors, strict=True)])
        self._is_behind = False

    async def _vector(self, text: str) -> Vector | None:
        vectors = await self._vectors([text]) if text else None
        return vectors[0] if vectors else None

    async def _vectors(self, texts: Sequence[str]) -> list[Vector] | None:
        if self._embedder is None:
            return None
        try:
            vectors = await self._embedder.vectors(texts)
        except ModelError as error:
            self.without_vectors = str(error)
            return None
        self.without_vectors = ""
        return vectors


def above_the_last(nearest: Sequence[Hit]) -> dict[str, float]:
    """How much nearer than the last of the nearest each is, from 0 to 1: all texts are somewhat near to each other."""
    least = nearest[-1].score if nearest else 0.0
    return {hit.id: max(0.0, hit.score - least) / ((1.0 - least) or 1.0) for hit in nearest}


def filled(question: Question) -> Question:
    """The question with the purpose and the language that its words tell of."""
    return replace(
        question,
        purpose=question.purpose or purpose_in(question.text),
        language=question.language or language_in(question.text),
    )


def sought_of(question: Question) -> Sought:
    """What is looked for, as `domain.similarity` takes it."""
    return Sought(
        image=question.image, target=question.target, purpose=question.purpose, language=question.language
    )  # fmt: skip


def _reach(asked: Question) -> float:
    """The most that likeness of known fields can come to: only what is known of the question counts."""
    known = ((asked.image, IMAGE), (asked.target, TARGET), (asked.purpose, PURPOSE), (asked.language, LANGUAGE))
    return sum(weight for value, weight in known if value)


def bare(image: str) -> str:
    """An image's own name, without registry and publisher: cousins stand together."""
    return image.rpartition("/")[2]
