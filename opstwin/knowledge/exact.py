"""The index without an index: every vector is compared. Exact, in memory, and fast enough up to 100,000 entries."""

import asyncio
import heapq
import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from operator import mul
from typing import Any

from opstwin.errors import InvalidInput
from opstwin.knowledge.ports import Entry, Hit, Question, Vector


@dataclass(slots=True)
class _Shelf:
    """One tenant's vectors, each of length 1. `matrix` is made of them when they are next asked for."""

    vectors: dict[str, Vector] = field(default_factory=dict)
    ids: list[str] = field(default_factory=list)
    matrix: Any = None


class ExactIndex:
    """Vectors in memory, per tenant; it is rebuilt from the twin's rows at each start.

    numpy is used when it is installed (2 ms for 10,000 entries); `plain` does without it (some 200 ms, in a thread).
    It is loaded with the first question: a hub that nobody asks does without its 12 MB.
    """

    def __init__(self, *, plain: bool = False) -> None:
        self._shelves: dict[str, _Shelf] = {}
        self._tenants: dict[str, str] = {}
        self._size = 0
        self._plain = plain
        self._numpy: Any = None

    async def put(self, entries: Sequence[Entry]) -> None:
        """Add or replace entries that have a vector. Raises `InvalidInput` for vectors of different lengths."""
        for entry in entries:
            if entry.vector is None:
                continue
            self._check(entry.vector)
            await self.remove([entry.id])
            shelf = self._shelves.setdefault(entry.tenant, _Shelf())
            shelf.vectors[entry.id], shelf.matrix = unit(entry.vector), None
            self._tenants[entry.id] = entry.tenant

    async def remove(self, ids: Sequence[str]) -> None:
        """Take entries out; unknown ids are no error."""
        for id in ids:
            tenant = self._tenants.pop(id, None)
            if tenant is not None:
                shelf = self._shelves[tenant]
                del shelf.vectors[id]
                shelf.matrix = None

    async def nearest(self, question: Question) -> list[Hit]:
        """The nearest first. Empty when the question has no vector."""
        if question.vector is None or not self._tenants:
            return []
        self._check(question.vector)
        asked = unit(question.vector)
        shelves = [self._shelves[name] for name in dict.fromkeys(("", question.tenant)) if name in self._shelves]
        scored = [item for shelf in shelves for item in await self._scored(shelf, asked, question.k)]
        best = heapq.nsmallest(question.k, scored, key=lambda item: (-item[0], item[1]))
        return [Hit(id=id, score=bounded(score)) for score, id in best]

    async def holds(self, ids: Collection[str]) -> frozenset[str]:
        """Which of these it has."""
        return frozenset(id for id in ids if id in self._tenants)

    async def count(self) -> int:
        """How many entries it holds."""
        return len(self._tenants)

    async def close(self) -> None:
        """Forget everything."""
        self._shelves.clear()
        self._tenants.clear()

    def _check(self, vector: Vector) -> None:
        self._size = self._size or len(vector)
        if len(vector) != self._size:
            raise InvalidInput(
                f"A vector has {len(vector)} numbers, the index holds {self._size}.", field="vector",
                next_step="Build the index again: opstwin history rebuild",
            )  # fmt: skip

    async def _scored(self, shelf: _Shelf, asked: Vector, k: int) -> list[tuple[float, str]]:
        if not shelf.vectors:
            return []
        if self._numpy is None and not self._plain:
            self._numpy = await asyncio.to_thread(_numpy)
            self._plain = self._numpy is None
        if self._plain:
            return await asyncio.to_thread(_compared, dict(shelf.vectors), asked, k)
        np = self._numpy
        if shelf.matrix is None:
            shelf.ids = list(shelf.vectors)
            shelf.matrix = np.asarray([shelf.vectors[id] for id in shelf.ids], dtype=np.float32)
        scores = _products(np, shelf.matrix, np.asarray(asked, dtype=np.float32))
        count = min(k, len(shelf.ids))
        places = np.argpartition(scores, -count)[-count:]
        return [(float(scores[place]), shelf.ids[place]) for place in places]


def unit(vector: Vector) -> Vector:
    """The same direction with length 1; nothing stays nothing. Raises `InvalidInput` for what is no number."""
    numbers = [float(number) for number in vector]
    length = math.sqrt(math.fsum(map(mul, numbers, numbers)))
    if not math.isfinite(length):
        raise InvalidInput("A vector holds something that is no number.", field="vector")
    return tuple(number / length for number in numbers) if length else tuple(numbers)


def bounded(cosine: float) -> float:
    """A cosine as a score from 0 to 1: what points away is as far as what has nothing in common."""
    return min(1.0, max(0.0, cosine))


def _compared(vectors: dict[str, Vector], asked: Vector, k: int) -> list[tuple[float, str]]:
    scored = ((sum(map(mul, vector, asked)), id) for id, vector in vectors.items())
    return heapq.nlargest(k, scored)


def _products(np: Any, matrix: Any, asked: Any) -> Any:
    """Row by row, in this thread: BLAS with two threads takes ten times as long on a machine that is busy."""
    return np.vecdot(matrix, asked) if hasattr(np, "vecdot") else np.einsum("ij,j->i", matrix, asked)


def _numpy() -> Any:
    try:
        import numpy
    except ImportError:
        return None
    return numpy
