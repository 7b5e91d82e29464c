"""The memory of past deployments, put together from the settings."""

from opstwin.control.ledger import Ledger
from opstwin.control.remembering import Memory
from opstwin.control.vetting import Vetting
from opstwin.knowledge.chroma import ChromaIndex
from opstwin.knowledge.embedding import SentenceEmbedder
from opstwin.knowledge.exact import ExactIndex
from opstwin.knowledge.ports import VectorIndex
from opstwin.settings import Settings


def memory_of(settings: Settings, ledger: Ledger) -> Memory:
    """The memory of this hub; nothing is opened or loaded before it is used."""
    chosen = settings.knowledge
    embedder = SentenceEmbedder(chosen.embeddings) if chosen.embeddings is not None else None
    index: VectorIndex = ExactIndex()
    if chosen.index == "chroma":
        index = ChromaIndex(settings.data_dir / "knowledge", embedder.name if embedder is not None else "")
    vetting = Vetting(registries=frozenset(chosen.registries))
    return Memory(ledger, index, embedder, k=settings.draft_examples, tenants=chosen.tenants, vetting=vetting)
