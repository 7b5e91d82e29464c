"""Files that people name are read up to a limit, whatever they are."""

import os
import threading
from pathlib import Path

import pytest

from opstwin.cli.exits import CliError
from opstwin.cli.naming import MAX_FILE, text_of


def _written(pipe: Path, size: int) -> None:
    try:
        with pipe.open("wb") as end:
            end.write(b"a" * size)
    except BrokenPipeError:
        return  # the reader has read enough


def piped(folder: Path, size: int) -> tuple[Path, threading.Thread]:
    """A pipe, which tells no size, and who writes `size` bytes into it."""
    pipe = folder / "web.yaml"
    os.mkfifo(pipe)
    writer = threading.Thread(target=_written, args=(pipe, size), daemon=True)
    writer.start()
    return pipe, writer


def test_what_tells_no_size_is_read_no_further_than_the_limit(tmp_path: Path) -> None:
    pipe, writer = piped(tmp_path, 8 * MAX_FILE)
    with pytest.raises(CliError, match=r"is larger than 1 MiB") as caught:
        text_of(pipe)
    writer.join(10)
    assert not writer.is_alive()
    assert caught.value.code == "limit_exceeded"


def test_a_pipe_is_read_like_a_file(tmp_path: Path) -> None:
    pipe, writer = piped(tmp_path, 10)
    assert text_of(pipe) == "a" * 10
    writer.join(10)


def test_lines_end_alike_whoever_wrote_them(tmp_path: Path) -> None:
    (tmp_path / "web.yaml").write_bytes(b"name: web\r\nimage: app:1\r\n")
    assert text_of(tmp_path / "web.yaml") == "name: web\nimage: app:1\n"
