"""What only the index on disk promises."""

import shutil
import sys
from pathlib import Path

import pytest

from opstwin.errors import StoreError
from opstwin.knowledge.chroma import ChromaIndex
from opstwin.knowledge.ports import Entry, Question

ENTRY = Entry(id="a", text="", image="", tenant="shop", vector=(1.0, 0.0))
ASKED = Question(text="", k=1, tenant="shop", vector=(1.0, 0.0))


async def test_what_was_put_is_there_after_a_restart(tmp_path: Path) -> None:
    first = ChromaIndex(tmp_path)
    await first.put([ENTRY])
    await first.close()
    again = ChromaIndex(tmp_path)
    assert [hit.id for hit in await again.nearest(ASKED)] == ["a"]
    await again.close()


async def test_a_second_writer_is_refused_with_a_way_out(tmp_path: Path) -> None:
    first, second = ChromaIndex(tmp_path), ChromaIndex(tmp_path)
    await first.put([ENTRY])
    with pytest.raises(StoreError, match="Another process has the index") as refused:
        await second.put([ENTRY])
    assert "knowledge.index" in refused.value.next_step
    await first.close()
    assert await second.count() == 1
    await second.close()


async def test_vectors_of_another_embedder_are_kept_apart(tmp_path: Path) -> None:
    old = ChromaIndex(tmp_path, "model-1")
    await old.put([ENTRY])
    await old.close()
    new = ChromaIndex(tmp_path, "model-2")
    assert await new.count() == 0
    await new.close()


@pytest.mark.parametrize("kept", [0, 512, 40_000])
async def test_files_that_are_damaged_are_put_aside_and_it_begins_anew(tmp_path: Path, kept: int) -> None:
    first = ChromaIndex(tmp_path)
    await first.put([ENTRY])
    await first.close()
    file = tmp_path / "chroma.sqlite3"
    file.write_bytes(file.read_bytes()[:kept] + b"not a database")
    again = ChromaIndex(tmp_path)
    assert await again.holds(["a"]) == frozenset()
    await again.put([ENTRY])
    assert [hit.id for hit in await again.nearest(ASKED)] == ["a"]
    await again.close()
    [aside] = tmp_path.glob("damaged-*")
    assert (aside / "chroma.sqlite3").is_file()


async def test_a_folder_that_is_deleted_under_it_is_told_and_made_again(tmp_path: Path) -> None:
    index = ChromaIndex(tmp_path / "index")
    await index.put([ENTRY])
    shutil.rmtree(tmp_path / "index")
    with pytest.raises(StoreError, match="cannot be used") as told:
        await index.nearest(ASKED)
    assert "rebuild" in told.value.next_step
    await index.put([ENTRY])
    assert [hit.id for hit in await index.nearest(ASKED)] == ["a"]
    await index.close()


async def test_nothing_is_opened_before_it_is_used(tmp_path: Path) -> None:
    index = ChromaIndex(tmp_path / "index")
    await index.nearest(Question(text="", k=1))
    assert not (tmp_path / "index").exists()
    await index.close()


def test_the_parts_that_are_always_there_bring_no_heavy_library() -> None:
    import subprocess

    code = (
        "import sys, opstwin.wiring.remembering; "
        "print([name for name in ('chromadb', 'numpy', 'torch', 'sentence_transformers') if name in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"
