"""The index in an embedded Chroma: approximate, on disk, for more entries than one wants to keep in memory."""

import asyncio
import fcntl
import hashlib
import os
import tempfile
from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

from opstwin.errors import InvalidInput, StoreError
from opstwin.knowledge.exact import bounded, unit
from opstwin.knowledge.ports import Entry, Hit, Question
from opstwin.logs import logger

T = TypeVar("T")

_HNSW: Final = {"space": "cosine", "ef_construction": 200, "ef_search": 200, "max_neighbors": 32}
"""More neighbours than Chroma's 16 and a wider search than its 100: recall@5 of 0.99 and more among 10,000."""

_BATCH: Final = 1000
_LOCK: Final = "writer.lock"
_DAMAGED: Final = "damaged-"


class ChromaIndex:
    """Vectors in a folder, one collection per tenant, so that a tenant's search never touches another's vectors.

    One process writes: two on one folder see each other's writes late and without an error, so the second is refused
    with `StoreError`. Vectors come from outside; Chroma embeds nothing, downloads nothing and reports nothing.
    `version` keeps apart what different embedders made. Files that cannot be read are put aside, and it begins empty:
    it holds nothing of its own. After a failure it is opened anew.
    """

    def __init__(self, folder: Path, version: str = "") -> None:
        self._folder = folder
        self._prefix = hashlib.sha256(version.encode()).hexdigest()[:8]
        self._client: Any = None
        self._lock: int | None = None
        self._damage = ""
        self._turn = asyncio.Lock()

    async def put(self, entries: Sequence[Entry]) -> None:
        """Add or replace entries that have a vector. Raises `InvalidInput` for vectors of different lengths."""
        by_tenant: dict[str, dict[str, Sequence[float]]] = defaultdict(dict)
        for entry in entries:
            if entry.vector is not None:
                by_tenant[entry.tenant][entry.id] = unit(entry.vector)
        await self._do(lambda: self._put(by_tenant))

    async def remove(self, ids: Sequence[str]) -> None:
        """Take entries out; unknown ids are no error."""
        await self._do(lambda: self._remove(ids))

    async def nearest(self, question: Question) -> list[Hit]:
        """The nearest first. Empty when the question has no vector."""
        if question.vector is None:
            return []
        asked = unit(question.vector)
        found = await self._do(lambda: self._nearest(asked, question.tenant, question.k))
        return sorted(found, key=lambda hit: (-hit.score, hit.id))[: question.k]

    async def holds(self, ids: Collection[str]) -> frozenset[str]:
        """Which of these it has."""
        return await self._do(lambda: self._holds(list(ids)))

    async def count(self) -> int:
        """How many entries it holds."""
        return await self._do(lambda: sum(item.count() for item in self._collections()))

    async def close(self) -> None:
        """Release the folder; the index is not used afterwards."""
        async with self._turn:
            await asyncio.to_thread(self._close)

    async def _do(self, work: Callable[[], T]) -> T:
        async with self._turn:
            return await asyncio.to_thread(self._run, work)

    def _run(self, work: Callable[[], T]) -> T:
        self._import()
        from chromadb.errors import ChromaError, InvalidArgumentError, InvalidDimensionException

        try:
            if self._client is None:
                self._open()
            return work()
        except (InvalidDimensionException, InvalidArgumentError) as error:
            raise InvalidInput(
                f"The index does not take this vector: {str(error)[:200]}", field="vector",
                next_step="Build the index again: opstwin history rebuild",
            ) from error  # fmt: skip
        except (ChromaError, OSError) as error:
            self._close()
            self._damage = str(error) or type(error).__name__
            raise StoreError(
                f"The index in {self._folder} cannot be used: {self._damage[:200]}",
                next_step="It holds nothing of its own: opstwin history rebuild",
            ) from error

    def _import(self) -> None:
        try:
            import chromadb  # noqa: F401
        except ImportError as error:
            raise InvalidInput(
                "Chroma is not installed.", field="knowledge.index",
                next_step="pip install 'opstwin[chroma]', or set knowledge.index = \"exact\".",
            ) from error  # fmt: skip

    def _open(self) -> None:
        import chromadb
        from chromadb.api.shared_system_client import SharedSystemClient
        from chromadb.errors import ChromaError

        self._folder.mkdir(parents=True, exist_ok=True)
        self._take()
        if self._damage:
            self._put_aside(self._damage)
        settings = chromadb.config.Settings(anonymized_telemetry=False)
        try:
            self._client = chromadb.PersistentClient(path=str(self._folder), settings=settings)
        except ChromaError as error:
            self._put_aside(str(error))
            # Chroma keeps what it opened by half, and would give it again.
            SharedSystemClient.clear_system_cache()
            self._client = chromadb.PersistentClient(path=str(self._folder), settings=settings)

    def _put_aside(self, damage: str) -> None:
        """Make room for a new index. What was there stays for whoever wants to know what happened to it."""
        self._damage = ""
        aside = Path(tempfile.mkdtemp(prefix=_DAMAGED, dir=self._folder))
        for item in self._folder.iterdir():
            if item.name != _LOCK and not item.name.startswith(_DAMAGED):
                item.rename(aside / item.name)
        logger().warning("index_damaged", folder=str(self._folder), aside=aside.name, reason=damage[:200])

    def _take(self) -> None:
        handle = os.open(self._folder / _LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(handle)
            raise StoreError(
                f"Another process has the index in {self._folder} open.",
                next_step='One hub writes it; give the other a data_dir of its own, or knowledge.index = "exact".',
            ) from error
        self._lock = handle

    def _close(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _collection(self, tenant: str) -> Any:
        name = f"{self._prefix}-{hashlib.sha256(tenant.encode()).hexdigest()[:24]}"
        return self._client.get_or_create_collection(
            name, embedding_function=None, configuration={"hnsw": _HNSW}, metadata={"shared": not tenant}
        )

    def _collections(self) -> list[Any]:
        return [item for item in self._client.list_collections() if item.name.startswith(self._prefix)]

    def _put(self, by_tenant: dict[str, dict[str, Sequence[float]]]) -> None:
        for tenant, vectors in by_tenant.items():
            own = self._collection(tenant)
            self._remove(list(vectors), besides=own.name)
            ids = list(vectors)
            for place in range(0, len(ids), _BATCH):
                part = ids[place : place + _BATCH]
                own.upsert(ids=part, embeddings=[list(vectors[id]) for id in part])

    def _remove(self, ids: Sequence[str], besides: str = "") -> None:
        for item in self._collections():
            held = item.get(ids=list(ids), include=[])["ids"] if ids and item.name != besides else []
            if held:
                item.delete(ids=held)

    def _nearest(self, asked: Sequence[float], tenant: str, k: int) -> list[Hit]:
        hits: list[Hit] = []
        for name in dict.fromkeys(("", tenant)):
            collection = self._collection(name)
            found = collection.query(query_embeddings=[list(asked)], n_results=k, include=["distances"])
            pairs = zip(found["ids"][0], found["distances"][0], strict=True)
            hits += [Hit(id=id, score=bounded(1.0 - distance)) for id, distance in pairs]
        return hits

    def _holds(self, ids: list[str]) -> frozenset[str]:
        if not ids:
            return frozenset()
        return frozenset(id for item in self._collections() for id in item.get(ids=ids, include=[])["ids"])
