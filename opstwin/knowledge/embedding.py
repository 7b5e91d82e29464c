"""Vectors by sentence-transformers, from a model that is on this machine. Nothing is ever downloaded from here."""

import asyncio
import importlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

from opstwin.errors import ModelError
from opstwin.knowledge.ports import Vector

GET_IT: Final = (
    "Once, where there is a network: pip install 'opstwin[embeddings]' and hf download "
    "sentence-transformers/all-MiniLM-L6-v2 --local-dir FOLDER; then set knowledge.embeddings = FOLDER. "
    "Until then past deployments are found by their words and what is known of them."
)
"""How to get a model, in words."""


class Encoder(Protocol):
    """What a loaded model can do."""

    def encode(self, sentences: list[str], **options: Any) -> Any:
        """One row of numbers for each sentence."""
        ...


class SentenceEmbedder:
    """Embeds with the model in a folder; it is loaded at the first use, in a thread, and kept.

    Raises `ModelError` (`reason` = no_model) when the library or the model is not there, with the way to get it.
    """

    def __init__(self, folder: Path, load: Callable[[Path], Encoder] | None = None) -> None:
        self.name = f"sentence-transformers:{folder.name}"
        self._folder = folder
        self._load = load or _load
        self._encoder: Encoder | None = None
        self._turn = asyncio.Lock()

    async def vectors(self, texts: Sequence[str]) -> list[Vector]:
        """One vector for each text."""
        async with self._turn:
            return await asyncio.to_thread(self._vectors, list(texts))

    def _vectors(self, texts: list[str]) -> list[Vector]:
        if self._encoder is None:
            if not self._folder.is_dir():
                raise no_model(f"There is no model in {self._folder}.")
            self._encoder = self._load(self._folder)
        rows = self._encoder.encode(texts, normalize_embeddings=True, show_progress_bar=False)
        return [tuple(float(number) for number in row) for row in rows]


def no_model(message: str) -> ModelError:
    """For an embedding model that is not there."""
    return ModelError(message, next_step=GET_IT, details={"reason": "no_model", "provider": "embeddings"})


def _load(folder: Path) -> Encoder:
    # Read by the libraries when they are imported: whatever they think is missing, they must not fetch it.
    os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ["TRANSFORMERS_OFFLINE"] = "1"
    try:
        library = importlib.import_module("sentence_transformers")
    except ImportError as error:
        raise no_model("sentence-transformers is not installed.") from error
    try:
        encoder: Encoder = library.SentenceTransformer(str(folder), device="cpu", local_files_only=True)
    except (OSError, ValueError) as error:
        raise no_model(f"The model in {folder} cannot be loaded: {str(error)[:200]}") from error
    return encoder
