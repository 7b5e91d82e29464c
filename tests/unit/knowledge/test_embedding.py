"""Embeddings: from a model that is there, and a clear word when it is not."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from opstwin.errors import ModelError
from opstwin.knowledge.embedding import Encoder, SentenceEmbedder


class Loaded:
    """A model that counts letters."""

    def __init__(self) -> None:
        self.options: list[dict[str, Any]] = []

    def encode(self, sentences: list[str], **options: Any) -> list[list[float]]:
        self.options.append(options)
        return [[float(len(text)), 1.0] for text in sentences]


@pytest.fixture(autouse=True)
def variables() -> Iterator[None]:
    before = {name: os.environ.get(name) for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")}
    yield
    for name, value in before.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


async def test_one_vector_comes_for_each_text_and_the_model_is_loaded_once(tmp_path: Path) -> None:
    loads: list[Path] = []
    model = Loaded()

    def load(folder: Path) -> Encoder:
        loads.append(folder)
        return model

    embedder = SentenceEmbedder(tmp_path, load)
    assert not loads
    assert await embedder.vectors(["ab", "abc"]) == [(2.0, 1.0), (3.0, 1.0)]
    assert await embedder.vectors([]) == []
    assert loads == [tmp_path]
    assert model.options[0] == {"normalize_embeddings": True, "show_progress_bar": False}


async def test_a_folder_that_is_not_there_is_told_with_the_way_to_a_model(tmp_path: Path) -> None:
    with pytest.raises(ModelError) as missing:
        await SentenceEmbedder(tmp_path / "model").vectors(["web"])
    assert missing.value.details["reason"] == "no_model"
    assert "knowledge.embeddings" in missing.value.next_step
    assert "opstwin[embeddings]" in missing.value.next_step


@pytest.mark.proves("L4")
async def test_a_folder_without_a_model_is_told_and_nothing_is_downloaded(tmp_path: Path) -> None:
    """With the library or without it: no socket is opened, as the whole test run forbids it."""
    with pytest.raises(ModelError) as unusable:
        await SentenceEmbedder(tmp_path).vectors(["web"])
    assert unusable.value.details["reason"] == "no_model"
    assert os.environ["HF_HUB_OFFLINE"] == "1"
