"""Env files that a Compose file names: read beside it and sent along."""

from pathlib import Path

import pytest

from opstwin.cli.env_files import with_env_files
from opstwin.cli.exits import CliError
from opstwin.cli.requesting import Asked
from opstwin.intent.compose import read_compose

TEXT = "name: shop\nservices:\n  web:\n    image: nginx:1.27\n    env_file: [./web.env, {path: more.env}]\n"


def test_the_files_that_a_compose_file_names_go_along_with_it(tmp_path: Path) -> None:
    (tmp_path / "web.env").write_text("A='pa$$${x}'\nB=\"한국\"\n", encoding="utf-8")
    (tmp_path / "more.env").write_text("C=1\n", encoding="utf-8")
    file = tmp_path / "compose.yaml"
    file.write_text(TEXT, encoding="utf-8")
    sent = Asked(file=file).body()["file"]
    assert sent.startswith(TEXT.rstrip())
    [web] = read_compose(sent)
    assert web.env == {"A": "pa$$${x}", "B": "한국", "C": "1"}


def test_a_file_that_names_none_is_sent_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("A=1", encoding="utf-8")
    for text in ("name: web\nimage: a:1\nlabels: {env_file: x}\n", "services: [env_file, x]\n", "env_file: x: y\n"):
        assert with_env_files(text, tmp_path) == text


def test_a_file_that_is_not_there_is_left_to_the_hub(tmp_path: Path) -> None:
    assert with_env_files(TEXT, tmp_path) == TEXT


def test_what_cannot_be_sent_along_is_refused_with_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "web.env").write_bytes(b"\xff\xfe")
    with pytest.raises(CliError) as unreadable:
        with_env_files(TEXT, tmp_path)
    assert "web.env" in str(unreadable.value)
    (tmp_path / "web.env").write_text("A=1", encoding="utf-8")
    with pytest.raises(CliError) as braces:
        with_env_files('{"services": {"web": {"image": "a:1", "env_file": "web.env"}}}', tmp_path)
    assert "environment" in braces.value.next_step
