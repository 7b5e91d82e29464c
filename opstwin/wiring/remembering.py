"""The memory of past deployments, put together from the settings."""

from dataclasses import replace

from opstwin.control.ledger import Ledger
from opstwin.control.remembering import Memory
from opstwin.control.vetting import Vetting, stricter
from opstwin.knowledge.chroma import ChromaIndex
from opstwin.knowledge.embedding import SentenceEmbedder
from opstwin.knowledge.exact import ExactIndex
from opstwin.knowledge.ports import VectorIndex
from opstwin.manifests.checks.policy import Policy
from opstwin.settings import Settings


def memory_of(settings: Settings, ledger: Ledger, rules: Policy | None = None) -> Memory:
    """The memory of this hub; it shows nothing that breaks `rules`, and opens and loads nothing before it is used."""
    chosen = settings.knowledge
    embedder = SentenceEmbedder(chosen.embeddings) if chosen.embeddings is not None else None
    index: VectorIndex = ExactIndex()
    if chosen.index == "chroma":
        index = ChromaIndex(settings.data_dir / "knowledge", embedder.name if embedder is not None else "")
    vetting = Vetting(registries=frozenset(chosen.registries))
    if rules is not None:
        vetting = replace(vetting, policy=stricter(rules))
    return Memory(ledger, index, embedder, k=settings.draft_examples, tenants=chosen.tenants, vetting=vetting)
