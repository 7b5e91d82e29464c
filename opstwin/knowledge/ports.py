"""The index of past deployments: what is put in, what is asked, what comes back."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

Vector = Sequence[float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One past deployment or curated example in the index. Words are matched with `text`; `vector` may be missing.

    `tenant` is whose it is; empty for the examples that ship with the product, which everybody sees.
    """

    id: str
    text: str
    image: str
    language: str = ""
    purpose: str = ""
    target: str = ""
    tenant: str = ""
    success: bool = True
    oom: bool = False
    curated: bool = False
    vector: Vector | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is looked for; empty fields are not known. At most `k` are found."""

    text: str
    k: int
    image: str = ""
    language: str = ""
    purpose: str = ""
    target: str = ""
    tenant: str = ""
    vector: Vector | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One found entry and how near it is, from 0 to 1."""

    id: str
    score: float


class VectorIndex(Protocol):
    """Nearest entries by cosine among those a tenant may see: its own, and those of no tenant.

    One process writes. All of it can be rebuilt. Both implementations pass `tests/contract/test_vector_index.py`.
    """

    async def put(self, entries: Sequence[Entry]) -> None:
        """Add or replace entries that have a vector."""
        ...

    async def remove(self, ids: Sequence[str]) -> None:
        """Take entries out; unknown ids are no error."""
        ...

    async def nearest(self, question: Question) -> list[Hit]:
        """The nearest first. Empty when the question has no vector."""
        ...

    async def holds(self, ids: Collection[str]) -> frozenset[str]:
        """Which of these it has, so that no text is embedded twice."""
        ...

    async def count(self) -> int:
        """How many entries it holds."""
        ...

    async def close(self) -> None:
        """Release everything; the index is not used afterwards."""
        ...


class Embedder(Protocol):
    """Texts to vectors of one fixed length; `name` changes when vectors of old and new can no longer be compared."""

    name: str

    async def vectors(self, texts: Sequence[str]) -> list[Vector]:
        """One vector for each text. Raises `ModelError` when the model is not there, with the way to get it."""
        ...
