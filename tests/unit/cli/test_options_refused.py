"""What the command line says of an option or argument that does not fit."""

import pytest

from opstwin.cli.exits import Exit
from opstwin.cli.main import run

CLIENTS = "'claude-desktop', 'claude-code', 'cursor', 'vscode'"


def test_a_client_that_nobody_knows_is_answered_with_those_that_are_and_where_to_look(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["mcp", "install", "bogus", "--print"]) == Exit.ERROR
    said = capsys.readouterr().err.splitlines()
    assert said[0] == f"Invalid value for 'client': 'bogus' is not one of {CLIENTS}."
    assert said[1] == "See: opstwin mcp install --help"
