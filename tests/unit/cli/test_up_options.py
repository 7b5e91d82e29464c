"""What `opstwin up` reads by itself, and what it leaves to the option parser."""

from pathlib import Path

import pytest

from opstwin.cli.up import Options, options_of


@pytest.mark.parametrize(
    ("words", "options"),
    [
        ([], Options()),
        (["--port", "0"], Options(port=0)),
        (["--port=7400", "--host=::1"], Options(host="::1", port=7400)),
        (["--host", "0.0.0.0", "--any-port"], Options(host="0.0.0.0", any_port=True)),
        (["-c", "hub.toml"], Options(config=Path("hub.toml"))),
        (["--config=/etc/opstwin.yaml", "--port", "99999"], Options(port=99999, config=Path("/etc/opstwin.yaml"))),
    ],
)
def test_its_plain_forms_are_read_without_the_option_parser(words: list[str], options: Options) -> None:
    assert options_of(words) == options


@pytest.mark.parametrize(
    "words",
    [
        ["--help"], ["--check-config"], ["--port"], ["--port", "x"], ["--port", "-1"], ["--port", "１"], ["--port="],
        ["--host", "--port"], ["-chub.toml"], ["-c=hub.toml"], ["--any-port=yes"], ["--verbose"], ["more"], ["--", "x"],
    ],
)  # fmt: skip
def test_everything_else_is_left_to_the_option_parser(words: list[str]) -> None:
    assert options_of(words) is None
